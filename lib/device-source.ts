import { acceptedArrays, arrayLength, holds, typedArrayName } from './data-types';
import type { TensorData, TensorType } from './data-types';
import { invalidArgument } from './errors';
import type { TensorLike } from './tensor';

/** What a source is copied to. */
interface Target {
  readonly type: TensorType;
  /** Number of elements. */
  readonly size: number;
}

/**
 * The array of `source`, a tensor on the CPU or its array, with the type and number of elements of `target`.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function arrayFor(target: Target, source: unknown): TensorData {
  const { type, size } = target;
  let data: unknown = source;
  if (typedArrayName(source) === undefined) {
    if (typeof source !== 'object' || source === null) {
      throw invalidArgument('source', expectedSource(target), source);
    }
    const given = source as Partial<TensorLike>;
    if (given.type !== type) throw invalidArgument('source.type', `'${type}'`, given.type);
    data = given.data;
  }
  if (!holds(type, data)) {
    const arrays = acceptedArrays(type).join(' or ');
    throw invalidArgument('source', `a ${arrays} (type ${type})`, data);
  }
  const length = arrayLength(type, size);
  if (data.length !== length) throw invalidArgument('source.length', String(length), data.length);
  return data;
}

export function expectedSource({ type, size }: Target): string {
  return `a tensor of type ${type} with ${size} elements`;
}
