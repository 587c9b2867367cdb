import { viewAs, type TensorType } from '../data-types';
import { Tensor, type TensorLike, type Tensors } from '../tensor';
import { bytesOf } from './values';

/** A tensor that can be sent to another process: not every Node.js serializes every typed array. */
export interface PlainTensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  /** The bytes of `data`, in parts of at most 1 GiB. */
  readonly parts: readonly Uint8Array[];
}

export type PlainTensors = Readonly<Record<string, PlainTensor>>;

/** Nothing is copied. */
export function toPlainTensor({ type, dims, data }: TensorLike): PlainTensor {
  return { type, dims, parts: [bytesOf(data)] };
}

export function toPlainTensors(tensors: Readonly<Record<string, TensorLike>>): PlainTensors {
  return mapped(tensors, toPlainTensor);
}

/** Copies the bytes: what came from another process lies anywhere in a message. */
export function fromPlainTensor({ type, dims, parts }: PlainTensor): Tensor {
  const bytes = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return new Tensor(type, viewAs(type, bytes.buffer), dims);
}

export function fromPlainTensors(tensors: PlainTensors): Tensors {
  return mapped(tensors, fromPlainTensor) as Tensors;
}

function mapped<A, B>(
  record: Readonly<Record<string, A>>,
  map: (value: A) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}
