import { describeValue, invalidArgument } from './errors';
import { checkedOptions } from './known-keys';
import type { DimsRange, InputRange } from './manifest-schema';
import type { DimBounds } from './named-dims';
import { invalidProfile, member, propertyKey, type ProfilePlace } from './profile-error';

/** What a named dim may be: the smallest, the most frequent and the largest size, or the one that it always has. */
export type DimRange = number | readonly [min: number, opt: number, max: number];

/** What an input may have: dims, for a shape tensor also values (its dims may be left out where the model fixes them). */
export type InputProfile = InputRange | { readonly values: DimsRange };

/** One profile of the `profiles` option. Objects are ranges of inputs; numbers and arrays those of named dims. */
export type ProfileOption = Readonly<Record<string, InputProfile | DimRange>>;

/** A range of an input as it was given: null is what was left out. */
export interface GivenRange {
  readonly dims: DimsRange | null;
  readonly values: DimsRange | null;
}

export interface GivenProfile extends ProfilePlace {
  readonly inputs: ReadonlyMap<string, GivenRange>;
  readonly dims: ReadonlyMap<string, DimBounds>;
}

/** The `profiles` option, checked as far as that goes without the model. */
export interface GivenProfiles {
  readonly list: readonly GivenProfile[];
  readonly names: readonly string[] | undefined;
}

/** TensorRT's `Dims::MAX_DIMS`. */
const maxDims = 8;

/** TensorRT refuses a larger dim, and its parser keeps 32 bits of one. */
const maxDim = 2 ** 31 - 1;

/** TensorRT's limit for the elements of a shape tensor. */
const maxValues = 64;

const bounds = ['min', 'opt', 'max'] as const;
const rangeKeys = ['min', 'opt', 'max', 'values'] as const;

const advice =
  'Correct the profile: opt is what TensorRT tunes for, min and max what inference may ask for.';

/**
 * The `profiles` option, copied. What is no profile at all is `ERR_TRT_INVALID_ARG`; a range that TensorRT would refuse is
 * `ERR_TRT_PROFILE_INVALID` with `details` naming profile and input or dim.
 */
export function checkedProfiles(value: unknown): GivenProfiles {
  if (value === undefined) return { list: [], names: undefined };
  if (Array.isArray(value)) {
    const list = Array.from(value as readonly unknown[], (profile, index) =>
      checkedProfile(profile, { path: `options.profiles[${index}]`, profile: index }),
    );
    return { list, names: undefined };
  }
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (entries.length === 0) {
    const expected = 'an array of profiles, or an object that names them,';
    throw invalidArgument('options.profiles', expected, value);
  }
  const list = entries.map(([name, profile], index) => {
    checkName(name, profile);
    return checkedProfile(profile, { path: member('options.profiles', name), profile: index });
  });
  return { list, names: entries.map(([name]) => name) };
}

function checkName(name: string, profile: unknown): void {
  if (Array.isArray(profile) && profile.some(isPlainObject)) {
    const path = member('options.profiles', name);
    const expected = `one profile and no array, as in { ${propertyKey(name)}: { … } },`;
    throw invalidArgument(path, expected, profile);
  }
  if (isRange(profile)) {
    const expected = `an array of profiles ([{ ${propertyKey(name)}: … }], with the brackets), or an object that names them,`;
    throw invalidArgument('options.profiles', expected, { [name]: profile });
  }
  // JavaScript sorts such keys to the front, and infer() takes a number for an index.
  if (name !== '' && !/^\d+$/.test(name)) return;
  const expected = 'names that are neither empty nor whole numbers (an array needs no names)';
  throw invalidArgument('options.profiles', expected, name);
}

/** Whether `value` is what belongs into a profile: somebody left out the brackets around their only one. */
function isRange(value: unknown): boolean {
  if (typeof value === 'number' || Array.isArray(value)) return true;
  return typeof value === 'object' && value !== null && bounds.every((key) => key in value);
}

function isPlainObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether `value`, given as a range, is a whole profile: somebody put brackets around named ones. */
function isProfile(value: object): boolean {
  const entries = Object.entries(value);
  return (
    entries.length > 0 && entries.every(([name, range]) => !isRangeKey(name) && isRange(range))
  );
}

function isRangeKey(name: string): boolean {
  return (rangeKeys as readonly string[]).includes(name);
}

export function checkedProfile(value: unknown, place: ProfilePlace): GivenProfile {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const expected =
      'an object that maps inputs to { min, opt, max } or named dims to [min, opt, max]';
    throw invalidArgument(place.path, expected, value);
  }
  const entries = Object.entries(value);
  if (entries.length === 0) {
    throw invalidProfile(
      `expected at least one input or named dim in \`${place.path}\` but received none. Leave \`profiles\` out for a model ` +
        'without dynamic dims; else cover every one of them.',
      place,
      {},
    );
  }
  const inputs = new Map<string, GivenRange>();
  const dims = new Map<string, DimBounds>();
  for (const [name, range] of entries) {
    if (typeof range === 'number' || Array.isArray(range)) {
      dims.set(name, checkedDimBounds(range, name, place));
    } else {
      inputs.set(name, checkedInput(range, name, place));
    }
  }
  return { ...place, inputs, dims };
}

function checkedDimBounds(value: unknown, dim: string, place: ProfilePlace): DimBounds {
  const name = member(place.path, dim);
  const list = typeof value === 'number' ? [value, value, value] : (value as readonly unknown[]);
  const [min, opt, max] = Array.from(list);
  if (list.some((item) => typeof item === 'object' && item !== null)) {
    throw invalidProfile(
      `expected [min, opt, max] of sizes for \`${name}\` if it is a named dim, but received ${describeValue(value)}. For the ` +
        `dims of an input write ${propertyKey(dim)}: { min: […], opt: […], max: […] }.`,
      place,
      { dim },
    );
  }
  if (list.length !== 3 || !isSize(min) || !isSize(opt) || !isSize(max)) {
    throw invalidProfile(
      `expected [min, opt, max] or a single size for \`${name}\`, of integers from 0 to ${maxDim}, but received ` +
        `${describeValue(value)}. ${advice}`,
      place,
      { dim },
    );
  }
  if (min > opt || opt > max) {
    throw invalidProfile(
      `expected min ≤ opt ≤ max in \`${name}\` but received ${min}, ${opt} and ${max}. ${advice}`,
      place,
      { dim },
    );
  }
  return { min, opt, max };
}

function checkedInput(value: unknown, input: string, place: ProfilePlace): GivenRange {
  const name = member(place.path, input);
  if (typeof value !== 'object' || value === null) {
    const expected = 'an object { min, opt, max }, or [min, opt, max] of a named dim,';
    throw invalidArgument(name, expected, value);
  }
  if (isProfile(value)) {
    const expected = `an object { min, opt, max } (named profiles go into an object, without the brackets: { ${propertyKey(input)}: { … } })`;
    throw invalidArgument(name, expected, value);
  }
  const { min, opt, max, values } = checkedOptions(
    value as Partial<Record<(typeof rangeKeys)[number], unknown>>,
    name,
    rangeKeys,
  );
  const where = { name, input, place };
  const hasDims = min !== undefined || opt !== undefined || max !== undefined;
  if (!hasDims && values === undefined) {
    throw invalidArgument(name, 'an object { min, opt, max }', value);
  }
  if (isSize(min) && isSize(opt) && isSize(max)) {
    const expected = `arrays as min, opt and max (for a named dim write ${propertyKey(input)}: [${min}, ${opt}, ${max}])`;
    throw invalidArgument(name, expected, [min, opt, max]);
  }
  return {
    dims: hasDims ? checkedRange({ min, opt, max }, where, dimsKind) : null,
    values: values === undefined ? null : checkedValues(values, where),
  };
}

function checkedValues(values: unknown, where: RangePlace): DimsRange {
  const name = `${where.name}.values`;
  if (typeof values !== 'object' || values === null) {
    throw invalidArgument(name, 'an object { min, opt, max }', values);
  }
  const range = checkedOptions(values as Partial<Record<keyof DimsRange, unknown>>, name, bounds);
  return checkedRange(range, { ...where, name }, valuesKind);
}

interface RangePlace {
  readonly name: string;
  readonly input: string;
  readonly place: ProfilePlace;
}

/** What dims and values have apart. */
interface RangeKind {
  readonly noun: string;
  readonly most: number;
  readonly element: string;
  readonly accepts: (value: unknown) => value is number;
}

const dimsKind: RangeKind = {
  noun: 'dims',
  most: maxDims,
  element: `an integer from 0 to ${maxDim}`,
  accepts: isSize,
};

/** Values may be negative: -1 is Reshape's wildcard. */
const valuesKind: RangeKind = {
  noun: 'values',
  most: maxValues,
  element: 'an integer',
  accepts: (value): value is number => Number.isSafeInteger(value),
};

function checkedRange(
  given: Partial<Record<keyof DimsRange, unknown>>,
  { name, input, place }: RangePlace,
  kind: RangeKind,
): DimsRange {
  const listOf = (bound: keyof DimsRange): readonly number[] =>
    checkedList(given[bound], { name: `${name}.${bound}`, input, place }, kind);
  const range = { min: listOf('min'), opt: listOf('opt'), max: listOf('max') };
  const { min, opt, max } = range;
  if (min.length !== opt.length || opt.length !== max.length) {
    throw invalidProfile(
      `expected as many ${kind.noun} in min as in opt and max of \`${name}\` but received ${min.length}, ${opt.length} and ` +
        `${max.length}. ${advice}`,
      place,
      { input },
    );
  }
  min.forEach((low, axis) => {
    const middle = opt[axis] ?? low;
    const high = max[axis] ?? low;
    if (low <= middle && middle <= high) return;
    throw invalidProfile(
      `expected min ≤ opt ≤ max at every index of \`${name}\` but received ${low}, ${middle} and ${high} at ${axis}. ${advice}`,
      place,
      { input, axis },
    );
  });
  return range;
}

function checkedList(
  value: unknown,
  { name, input, place }: RangePlace,
  { noun, most, element, accepts }: RangeKind,
): readonly number[] {
  if (!Array.isArray(value)) throw invalidArgument(name, `an array of ${noun}`, value);
  if (value.length > most) {
    throw invalidProfile(
      `expected at most ${most} ${noun} in \`${name}\` but received ${value.length}: TensorRT takes no more.`,
      place,
      { input },
    );
  }
  return Array.from(value as readonly unknown[], (item, axis) => {
    if (accepts(item)) return item + 0; // -0 becomes 0
    throw invalidProfile(
      `expected ${element} at index ${axis} of \`${name}\` but received ${describeValue(item)}. ${advice}`,
      place,
      { input, axis },
    );
  });
}

function isSize(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maxDim;
}
