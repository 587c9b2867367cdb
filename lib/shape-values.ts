import { viewAs } from './data-types';
import { TrtError } from './errors';
import { rangeOf } from './input-dims';
import type { DimsRange, Profile, TensorInfo } from './manifest-schema';

/** What is read of one input's bytes: a private copy of a shape tensor's, which is one part. */
interface Bytes {
  readonly parts: readonly Uint8Array[];
}

type Value = number | bigint;

/** The values of a shape tensor, which TensorRT computes other tensors' dims from. */
interface ShapeValues {
  readonly info: TensorInfo;
  readonly values: ArrayLike<Value>;
}

interface Misfit {
  readonly input: ShapeValues;
  readonly element: number;
}

/**
 * The first of the profiles `fitting` (indices into `profiles`; at least one) whose ranges of values take every shape tensor.
 *
 * @param bytes one for each of `inputs`; of shape tensors it must be a buffer of its own, as it is read as elements
 * @throws TrtError `ERR_TRT_INPUT_VALUES`
 */
export function profileForValues(
  inputs: readonly TensorInfo[],
  bytes: readonly Bytes[],
  profiles: readonly Profile[],
  fitting: readonly number[],
): number {
  const shapeTensors = inputs.flatMap((info, index) => {
    const copy = bytes[index]?.parts[0] ?? new Uint8Array(0);
    return info.isShapeTensor ? [{ info, values: elementsOf(info, copy) }] : [];
  });
  let first: Misfit | null = null;
  for (const index of fitting) {
    const misfit = findMisfit(shapeTensors, profiles[index]);
    if (misfit === null) return index;
    first ??= misfit;
  }
  if (first === null) return 0;
  throw valuesError(first, profiles, fitting);
}

function elementsOf(info: TensorInfo, { buffer }: Uint8Array): ArrayLike<Value> {
  return viewAs(info.type, buffer as ArrayBuffer);
}

function findMisfit(inputs: readonly ShapeValues[], profile: Profile | undefined): Misfit | null {
  for (const input of inputs) {
    const range = profile && rangeOf(profile, input.info.name)?.values;
    if (range === undefined) continue;
    const element = Array.from(input.values).findIndex((value, i) => !isWithin(value, range, i));
    if (element !== -1) return { input, element };
  }
  return null;
}

/** NaN is within nothing. */
function isWithin(value: Value, { min, max }: DimsRange, element: number): boolean {
  const low = min[element];
  const high = max[element];
  return low === undefined || high === undefined || (value >= low && value <= high);
}

function valuesError(
  { input, element }: Misfit,
  profiles: readonly Profile[],
  fitting: readonly number[],
): TrtError {
  const { info, values } = input;
  const got = plainNumber(values[element]);
  const ranges = fitting.flatMap((profile) => {
    const range = rangeOf(profiles[profile] ?? {}, info.name)?.values;
    const min = range?.min[element];
    const max = range?.max[element];
    return min === undefined || max === undefined ? [] : [{ profile, min, max }];
  });
  const allowed = ranges.map(({ profile, min, max }) => `${min}..${max} (profile ${profile})`);
  const reason =
    fitting.length === 1 ? '' : ', and no profile that takes the dims takes all values together';
  return new TrtError(
    'ERR_TRT_INPUT_VALUES',
    `element ${element} of input ${JSON.stringify(info.name)}, a shape tensor, is ${got}${reason}: expected ` +
      `${allowed.join(' or ')}. Stay inside of it, or build with a wider range of \`values\`.`,
    { details: { tensor: info.name, element, got, ranges } },
  );
}

/** Text where a number would lose digits: `details` shall survive JSON, which has no bigint. */
function plainNumber(value: Value | undefined): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) || typeof value === 'number' ? number : String(value);
}
