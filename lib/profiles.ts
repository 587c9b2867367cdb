import { describeValue, invalidArgument, TrtError } from './errors';
import { checkedOptions } from './known-keys';
import type { DimsRange, Profile } from './manifest-schema';

/** TensorRT's `Dims::MAX_DIMS`. */
const maxDims = 8;

const bounds = ['min', 'opt', 'max'] as const;

/**
 * The `profiles` option, copied. What is no array of profiles is `ERR_TRT_INVALID_ARG`; a range that TensorRT would refuse is
 * `ERR_TRT_PROFILE_INVALID` with `details` naming profile, input and axis.
 */
export function checkedProfiles(value: unknown): readonly Profile[] {
  if (value === undefined) return [];
  if (!Array.isArray(value))
    throw invalidArgument('options.profiles', 'an array of profiles', value);
  const profiles = Array.from(value as readonly unknown[], checkedProfile);
  const first = profiles[0];
  if (first) {
    profiles.forEach((profile, index) => checkSameInputs(first, profile, index));
  }
  return profiles;
}

function checkedProfile(value: unknown, index: number): Profile {
  const name = `options.profiles[${index}]`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument(name, 'an object that maps input names to { min, opt, max }', value);
  }
  const entries = Object.entries(value);
  if (entries.length === 0) {
    throw new TrtError(
      'ERR_TRT_PROFILE_INVALID',
      `expected at least one input in \`${name}\` but received none. Name every dynamic input of the model in it.`,
      { details: { profile: index } },
    );
  }
  return Object.fromEntries(
    entries.map(([input, range]): [string, DimsRange] => [
      input,
      checkedRange(range, { profile: index, input }),
    ]),
  );
}

interface Place {
  readonly profile: number;
  readonly input: string;
}

function checkedRange(value: unknown, place: Place): DimsRange {
  const name = `options.profiles[${place.profile}][${JSON.stringify(place.input)}]`;
  if (typeof value !== 'object' || value === null) {
    throw invalidArgument(name, 'an object { min, opt, max }', value);
  }
  const range = checkedOptions<DimsRange>(value as DimsRange, name, bounds);
  const [min, opt, max] = bounds.map((bound) =>
    checkedDims(range[bound], `${name}.${bound}`, place),
  );
  if (!min || !opt || !max) throw invalidArgument(name, 'an object { min, opt, max }', value);
  if (min.length !== opt.length || opt.length !== max.length) {
    throw invalidProfile(
      `the same rank in min, opt and max of \`${name}\` but received ranks ${min.length}, ${opt.length} and ${max.length}`,
      { ...place },
    );
  }
  min.forEach((low, axis) => {
    const middle = opt[axis] ?? low;
    const high = max[axis] ?? low;
    if (low <= middle && middle <= high) return;
    throw invalidProfile(
      `min ≤ opt ≤ max in every dim of \`${name}\` but received ${low}, ${middle} and ${high} at axis ${axis}`,
      { ...place, axis },
    );
  });
  return { min, opt, max };
}

function checkedDims(value: unknown, name: string, place: Place): readonly number[] {
  if (!Array.isArray(value)) throw invalidArgument(name, 'an array of dims', value);
  if (value.length > maxDims) {
    throw invalidProfile(`at most ${maxDims} dims in \`${name}\` but received ${value.length}`, {
      ...place,
    });
  }
  return Array.from(value as readonly unknown[], (dim, axis) => {
    if (typeof dim === 'number' && Number.isSafeInteger(dim) && dim >= 0) return dim;
    throw invalidProfile(
      `an integer of at least 0 at axis ${axis} of \`${name}\` but received ${describeValue(dim)}`,
      { ...place, axis },
    );
  });
}

/** TensorRT wants all dynamic inputs in each profile, and which these are is the same for all of them. */
function checkSameInputs(first: Profile, profile: Profile, index: number): void {
  const missing = Object.keys(first).filter((input) => !Object.hasOwn(profile, input));
  const extra = Object.keys(profile).filter((input) => !Object.hasOwn(first, input));
  const input = missing[0] ?? extra[0];
  if (input === undefined) return;
  const finding =
    missing.length > 0
      ? `options.profiles[${index}] lacks ${missing.join(', ')}`
      : `options.profiles[0] lacks ${extra.join(', ')}, which options.profiles[${index}] names`;
  throw invalidProfile(`the same inputs in every profile, but ${finding}`, {
    profile: index,
    input,
  });
}

function invalidProfile(finding: string, details: Readonly<Record<string, unknown>>): TrtError {
  return new TrtError(
    'ERR_TRT_PROFILE_INVALID',
    `expected ${finding}. Correct the profile: opt is what TensorRT tunes for, min and max what inference may ask for.`,
    { details },
  );
}
