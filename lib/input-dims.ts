import { describeValue, TrtError } from './errors';
import type { Profile, TensorInfo } from './manifest-schema';
import { firstInvalidDim } from './tensor';

/** The dims that the caller gave for one input. */
export interface InputDims {
  readonly info: TensorInfo;
  readonly dims: readonly number[];
}

/**
 * A copy of what a caller gave as the dims of `info`, once it is as long as the engine's and agrees in every static axis.
 *
 * @throws TrtError `ERR_TRT_INPUT_DIMS`
 */
export function checkDims(
  info: TensorInfo,
  dims: unknown,
  profiles: readonly Profile[],
): readonly number[] {
  if (!Array.isArray(dims)) {
    const reason = `dims are ${describeValue(dims)}: expected an array of integers`;
    throw dimsError(info, [], reason, profiles);
  }
  const rank = info.dims.length;
  if (dims.length !== rank) {
    const reason = `it has ${dims.length} axes: expected ${rank}`;
    throw dimsError(info, dims.slice(0, 8), reason, profiles);
  }
  const given = Array.from({ length: rank }, (_, axis) => dims[axis] as unknown);
  const invalid = firstInvalidDim(given);
  if (invalid !== -1) {
    const reason = `dims[${invalid}] is ${describeValue(given[invalid])}: expected a non-negative safe integer`;
    throw dimsError(info, given, reason, profiles);
  }
  const copy = (given as number[]).map((dim) => dim + 0); // -0 becomes 0
  const axis = info.dims.findIndex((dim, i) => dim !== -1 && dim !== copy[i]);
  if (axis !== -1) {
    const reason = `axis ${axis} is ${copy[axis]}: expected ${info.dims[axis]}`;
    throw dimsError(info, copy, reason, profiles);
  }
  return copy;
}

/**
 * The profiles, of all or of `wanted` alone, whose ranges take the dims of all inputs; at least one.
 *
 * @throws TrtError `ERR_TRT_INPUT_DIMS`
 */
export function profilesForDims(
  inputs: readonly InputDims[],
  profiles: readonly Profile[],
  wanted: number | null,
): readonly number[] {
  // An engine without dynamic inputs may come with no profile at all: TensorRT then runs in its profile 0.
  if (profiles.length === 0) return [0];
  const fitting: number[] = [];
  let first: ProfileMisfit | null = null;
  for (const [index, profile] of profiles.entries()) {
    if (wanted !== null && wanted !== index) continue;
    const misfit = findMisfit(inputs, profile);
    if (misfit === null) fitting.push(index);
    else first ??= misfit;
  }
  if (fitting.length > 0 || first === null) return fitting;
  const { input, axis } = first;
  const scope = wanted === null ? profiles : profiles.slice(wanted, wanted + 1);
  const reason =
    scope.length === 1
      ? `axis ${axis} is ${input.dims[axis]}, outside of profile ${wanted ?? 0}`
      : 'no profile takes it together with the other inputs';
  throw dimsError(input.info, input.dims, reason, scope);
}

interface ProfileMisfit {
  readonly input: InputDims;
  readonly axis: number;
}

function findMisfit(inputs: readonly InputDims[], profile: Profile): ProfileMisfit | null {
  for (const input of inputs) {
    const range = rangeOf(profile, input.info.name);
    if (range === undefined) continue;
    const axis = input.dims.findIndex(
      (dim, i) => dim < (range.min[i] ?? 0) || dim > (range.max[i] ?? Infinity),
    );
    if (axis !== -1) return { input, axis };
  }
  return null;
}

/** ERR_TRT_INPUT_DIMS, with what `profiles` take on each axis. */
export function dimsError(
  info: TensorInfo,
  got: readonly unknown[],
  reason: string,
  profiles: readonly Profile[],
): TrtError {
  const expected = [...new Set(profiles.map((profile) => describeRange(info, profile)))];
  if (expected.length === 0) expected.push(`[${info.dims.join(', ')}]`);
  return new TrtError(
    'ERR_TRT_INPUT_DIMS',
    `input ${JSON.stringify(info.name)} cannot have dims [${got.map(describeValue).join(', ')}]: ${reason}. ` +
      `The engine takes ${expected.join(' or ')}.`,
    {
      details: {
        tensor: info.name,
        expected: info.dims,
        got,
        ranges: profiles.map((profile) => rangeOf(profile, info.name) ?? null),
      },
    },
  );
}

/** `[1..32, 1, 8, 8]` */
function describeRange(info: TensorInfo, profile: Profile): string {
  const range = rangeOf(profile, info.name);
  const axes = info.dims.map((dim, axis) => {
    if (dim !== -1 || range === undefined) return String(dim);
    return `${range.min[axis]}..${range.max[axis]}`;
  });
  return `[${axes.join(', ')}]`;
}

/** An input may be called `constructor`: only the profile's own entries count. */
export function rangeOf(profile: Profile, name: string): Profile[string] | undefined {
  return Object.hasOwn(profile, name) ? profile[name] : undefined;
}
