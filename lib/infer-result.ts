import type { NativeDeviceMemory, NativeInferResult } from './binding';
import { arrayLength, viewAs } from './data-types';
import type { TensorData } from './data-types';
import './device-tensor'; // deviceTensorOf needs it
import type { DeviceTensor } from './device-tensor';
import { deviceTensorOf } from './device-tensor-internals';
import type { InferTiming } from './engine-facts';
import { TrtError } from './errors';
import type { CheckedInferOptions } from './infer-options';
import { lendOutput } from './infer/lent-buffers';
import type { Destination } from './infer/outputs-option';
import type { Outcome } from './infer/request';
import type { TensorInfo } from './manifest-schema';
import { elementCount, Tensor } from './tensor';

/** The outputs that were asked for, by name. `infos` are the engine's, in its order. */
export function tensorsOf(
  infos: readonly TensorInfo[],
  { targets, destinations }: CheckedInferOptions,
  { result, dims }: Outcome,
): Record<string, Tensor | DeviceTensor> {
  const tensors: Record<string, Tensor | DeviceTensor> = {};
  for (let i = 0; i < infos.length; i += 1) {
    if (targets[i] === 0) continue;
    const info = infos[i] as TensorInfo;
    // Its own: what the caller changes shall not be the next inference's.
    const own = (dims[i] ?? []).slice();
    const destination = destinations?.[i] ?? null;
    const tensor =
      destination === null ? newTensor(info, result[i], own) : filled(info, destination, own);
    if (info.name === '__proto__') define(tensors, tensor);
    else tensors[info.name] = tensor;
  }
  return tensors;
}

export function timingOf({ timing }: NativeInferResult): InferTiming {
  if (timing !== undefined) return timing;
  throw new TrtError('ERR_TRT_INTERNAL', 'the addon returned no timing for a timed inference');
}

/**
 * The values of debug tensors, by name, as new tensors.
 *
 * @throws TrtError `ERR_TRT_UNSUPPORTED` (larger than Node's typed arrays)
 */
export function debugTensorsOf(
  names: readonly string[],
  { debug = [] }: NativeInferResult,
): Record<string, Tensor> {
  const entries = names.map((name, i): [string, Tensor] => {
    const value = debug[i];
    if (value === undefined) {
      throw new TrtError(
        'ERR_TRT_INTERNAL',
        `the addon returned nothing for debug tensor ${JSON.stringify(name)}`,
      );
    }
    const { type, dims, data } = value;
    lendOutput(data);
    return [name, new Tensor(type, viewOf({ name, type }, data, dims), dims)];
  });
  return Object.fromEntries(entries);
}

function define(tensors: object, tensor: Tensor | DeviceTensor): void {
  const property = { value: tensor, enumerable: true, configurable: true, writable: true };
  Object.defineProperty(tensors, '__proto__', property);
}

function newTensor(
  info: TensorInfo,
  value: ArrayBuffer | NativeDeviceMemory | null | undefined,
  dims: readonly number[],
): Tensor | DeviceTensor {
  if (value instanceof ArrayBuffer) {
    lendOutput(value);
    return new Tensor(info.type, viewOf(info, value, dims), dims);
  }
  if (value !== null && value !== undefined) return deviceTensorOf(info.type, dims, value);
  throw new TrtError(
    'ERR_TRT_INTERNAL',
    `the addon returned nothing for output ${JSON.stringify(info.name)}`,
  );
}

function viewOf(
  { name, type }: Pick<TensorInfo, 'name' | 'type'>,
  data: ArrayBuffer,
  dims: readonly number[],
): TensorData {
  try {
    return viewAs(type, data);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new TrtError(
      'ERR_TRT_UNSUPPORTED',
      `output ${JSON.stringify(name)} has ${data.byteLength} bytes (${type} [${dims.join(', ')}]), and this Node.js has no typed ` +
        'array of so many elements. Leave it out through `options.outputs`, infer with smaller dims, or use a newer Node.js.',
      { cause, details: { output: name, dims, sizeBytes: data.byteLength } },
    );
  }
}

/** What the caller gave, where it has the output's dims already; else a tensor on the same memory. */
function filled(
  { type }: TensorInfo,
  destination: Destination,
  dims: readonly number[],
): Tensor | DeviceTensor {
  if ('memory' in destination) {
    const { tensor, memory } = destination;
    return areEqual(tensor.dims, dims) ? tensor : deviceTensorOf(type, dims, memory);
  }
  const { tensor, data } = destination;
  const length = arrayLength(type, elementCount(dims));
  if (data.length !== length) {
    // Never of Float16Array alone: every typed array has it.
    return new Tensor(type, (data as Uint8Array).subarray(0, length), dims);
  }
  if (tensor instanceof Tensor && areEqual((tensor as Tensor).dims, dims)) return tensor;
  return new Tensor(type, data, dims);
}

function areEqual(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((dim, i) => dim === other[i]);
}
