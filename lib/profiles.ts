import { TrtError } from './errors';
import type { DimsRange, InputRange, Profile } from './manifest-schema';
import { dynamicDimsOf, filledRange, namedDimsOf } from './named-dims';
import type { DimBounds, ModelInput, OpenDim } from './named-dims';
import { suggestion } from './nearest-name';
import { invalidProfile, member, propertyKey } from './profile-error';
import type { GivenProfile, GivenProfiles, GivenRange } from './profile-option';
import { quotedNames } from './quoted-names';

/** Profiles that say everything: dims for each input that has dynamic ones or was named. */
export interface ResolvedProfiles {
  readonly profiles: readonly Profile[];
  /** In the order of `profiles`; undefined where they were given without names. */
  readonly names: readonly string[] | undefined;
}

/** TensorRT counts elements in an int64. */
const maxElements = 2n ** 63n - 1n;

/**
 * The `profiles` option held against the model: named dims fill in every input that has them, an input's own range wins over
 * them as a whole. Without `inputs` (a model whose inputs could not be listed) explicit ranges are TensorRT's to judge.
 *
 * @throws TrtError `ERR_TRT_PROFILE_INVALID`: an unknown input or dim, another rank, another size than the model's, too many
 * elements; `ERR_TRT_PROFILE_MISSING`: every dynamic dim that has no range
 */
export function resolveProfiles(
  given: GivenProfiles,
  inputs: readonly ModelInput[],
): ResolvedProfiles {
  const { list, names } = given;
  if (inputs.length === 0) return { profiles: list.map(explicitProfile), names };
  if (list.length === 0) {
    const open = inputs.flatMap(dynamicDimsOf);
    if (open.length > 0) throw missingProfile([{ profile: null, path: null, open }]);
    return { profiles: [], names };
  }
  const resolved = list.map((profile) => resolveProfile(profile, inputs));
  const incomplete = resolved.filter(({ open }) => open.length > 0);
  if (incomplete.length > 0) throw missingProfile(incomplete);
  return { profiles: resolved.map(({ ranges }) => ranges), names };
}

interface Incomplete {
  /** null: no profile was given. */
  readonly profile: number | null;
  readonly path: string | null;
  readonly open: readonly OpenDim[];
}

function resolveProfile(
  profile: GivenProfile,
  inputs: readonly ModelInput[],
): Incomplete & { readonly ranges: Profile } {
  const named = namedDims(profile, inputs);
  const open: OpenDim[] = [];
  const ranges: [string, InputRange][] = [];
  for (const input of inputs) {
    const given = profile.inputs.get(input.name);
    if (given === undefined && dynamicDimsOf(input).length === 0) continue;
    const filled = given?.dims
      ? { range: checkAgainstModel(given.dims, input, profile) }
      : filledRange(input, named);
    if ('open' in filled) {
      open.push(...filled.open);
      continue;
    }
    ranges.push([input.name, withValues(filled.range, given, input.name, profile)]);
  }
  // fromEntries: an input may be called __proto__.
  return { ...profile, open, ranges: Object.fromEntries(ranges) };
}

/** The named dims of a profile, once all of its keys are known to the model. */
function namedDims(
  profile: GivenProfile,
  inputs: readonly ModelInput[],
): ReadonlyMap<string, DimBounds> {
  const known = namedDimsOf(inputs);
  const names = inputs.map(({ name }) => name);
  const knownDims = new Set(known);
  const knownInputs = new Set(names);
  const named = new Map<string, DimBounds>();
  for (const [dim, bounds] of profile.dims) {
    if (!knownDims.has(dim)) throw unknownDim(dim, known, names, profile);
    named.set(dim, bounds);
  }
  for (const [name, range] of profile.inputs) {
    if (knownInputs.has(name)) continue;
    // The command line cannot tell `batch:1/8/32` from a range of an input with one axis.
    const bounds = knownDims.has(name) ? boundsOf(range) : null;
    if (bounds === null) throw unknownInput(name, range, known, names, profile);
    named.set(name, bounds);
  }
  return named;
}

function boundsOf({ dims, values }: GivenRange): DimBounds | null {
  if (values !== null || dims?.min.length !== 1) return null;
  const [[min], [opt], [max]] = [dims.min, dims.opt, dims.max];
  return min === undefined || opt === undefined || max === undefined ? null : { min, opt, max };
}

function checkAgainstModel(range: DimsRange, input: ModelInput, profile: GivenProfile): DimsRange {
  const { name, dims } = input;
  const inModel = `[${dims.map((dim) => dim ?? '?').join(', ')}]`;
  if (range.min.length !== dims.length) {
    const hint =
      dims.length > 1 || dynamicDimsOf(input).length > 0
        ? ''
        : ' If these are the values of a shape tensor, give them as `values` (`=` on the command line).';
    throw invalidProfile(
      `\`${profile.path}\` has ${range.min.length} dims for input ${JSON.stringify(name)}, which has ${dims.length} in the ` +
        `model: ${inModel}.${hint}`,
      profile,
      { input: name, expected: dims },
    );
  }
  for (const bound of ['min', 'opt', 'max'] as const) {
    const axis = dims.findIndex(
      (dim, index) => typeof dim === 'number' && dim >= 0 && dim !== range[bound][index],
    );
    if (axis === -1) continue;
    throw invalidProfile(
      `\`${profile.path}\` has ${range[bound][axis]} at axis ${axis} of ${bound} for input ${JSON.stringify(name)}, where the ` +
        `model is fixed to ${dims[axis]}: ${inModel}. Only dynamic dims have a choice.`,
      profile,
      { input: name, axis, expected: dims },
    );
  }
  return range;
}

function withValues(
  range: DimsRange,
  given: GivenRange | undefined,
  input: string,
  profile: GivenProfile,
): InputRange {
  const elements = range.max.reduce((product, dim) => product * BigInt(dim), 1n);
  if (elements > maxElements) {
    throw invalidProfile(
      `\`${profile.path}\` allows input ${JSON.stringify(input)} dims of [${range.max.join(', ')}], which is ${elements} ` +
        'elements: TensorRT counts them in 63 bits. Lower max.',
      profile,
      { input },
    );
  }
  const values = given?.values ?? null;
  if (values === null) return range;
  if (BigInt(values.min.length) !== elements) {
    throw invalidProfile(
      `\`${profile.path}\` has ${values.min.length} values for input ${JSON.stringify(input)}, which has dims ` +
        `[${range.max.join(', ')}]: give min, opt and max of each of its ${elements} elements.`,
      profile,
      { input },
    );
  }
  return { ...range, values };
}

/** A profile of a model whose inputs are not known: what was given, as it was given. */
function explicitProfile(profile: GivenProfile): Profile {
  const [dim] = profile.dims.keys();
  const [input] = [...profile.inputs].find(([, { dims }]) => dims === null) ?? [];
  const name = dim ?? input;
  if (name !== undefined) {
    throw invalidProfile(
      `the inputs of this model could not be listed, so \`${profile.path}\` cannot leave dims to it. Give every dynamic input ` +
        `as { min, opt, max } (see ${JSON.stringify(name)}).`,
      profile,
      dim === undefined ? { input } : { dim },
    );
  }
  return Object.fromEntries(
    [...profile.inputs].flatMap(([name, given]): [string, InputRange][] =>
      given.dims === null ? [] : [[name, withValues(given.dims, given, name, profile)]],
    ),
  );
}

function unknownDim(
  dim: string,
  known: readonly string[],
  inputs: readonly string[],
  profile: GivenProfile,
): TrtError {
  const message = inputs.includes(dim)
    ? `${JSON.stringify(dim)} in \`${profile.path}\` is an input of the model, not a named dim: give its dims as ` +
      '{ min: […], opt: […], max: […] }.'
    : `\`${profile.path}\` ranges ${JSON.stringify(dim)}, which is no named dim of the model; ` +
      (known.length === 0
        ? `none of its dims has a name. Give inputs as { min, opt, max }: ${quotedNames(inputs)}.`
        : `its named dims are ${quotedNames(known)}${suggestion(dim, known) || '.'}`);
  return invalidProfile(message, profile, { dim, dims: known });
}

function unknownInput(
  input: string,
  { values }: GivenRange,
  known: readonly string[],
  inputs: readonly string[],
  profile: GivenProfile,
): TrtError {
  const message = known.includes(input)
    ? `${JSON.stringify(input)} in \`${profile.path}\` is a named dim of the model, not an input: ` +
      (values === null
        ? 'give it as [min, opt, max] or as a single size.'
        : `write ${propertyKey(input)}: [${sizesIn(values)}] (${input}:${sizesIn(values, '/')} on the command line).`)
    : `\`${profile.path}\` ranges ${JSON.stringify(input)}, which is no input of the model; its inputs are ${quotedNames(inputs)}` +
      (known.length === 0 ? '' : ` and its named dims ${quotedNames(known)}`) +
      (suggestion(input, [...inputs, ...known]) || '.') +
      bracketsFor(input, inputs, profile);
  return invalidProfile(message, profile, { input, inputs });
}

function sizesIn({ min, opt, max }: DimsRange, separator = ', '): string {
  return [min, opt, max].map(([size = 'size']) => size).join(separator);
}

/** `{ end: { values: … } }` without brackets is a profile that is called `end`. */
function bracketsFor(input: string, inputs: readonly string[], { path }: GivenProfile): string {
  const name = inputs.find((each) => path === member('options.profiles', each));
  return input !== 'values' || name === undefined
    ? ''
    : ` For the values of an input put brackets around it: profiles: [{ ${propertyKey(name)}: { values: … } }].`;
}

function missingProfile(incomplete: readonly Incomplete[]): TrtError {
  const open = incomplete.flatMap(({ profile, open: dims }) =>
    dims.map((each) => ({ profile, ...each })),
  );
  const lists = incomplete.map(({ path, open: dims }) => {
    const list = dims.map(describeOpenDim).join(', ');
    const ranges = rangesFor(dims).join(', ');
    return path === null
      ? `these dims of the model are dynamic and have no profile: ${list}. Give each a range in \`profiles\`: ` +
          `profiles: [{ ${ranges} }].`
      : `\`${path}\` leaves dynamic dims of the model open: ${list}. Add to that profile ${ranges}.`;
  });
  return new TrtError('ERR_TRT_PROFILE_MISSING', lists.join(' '), {
    details: { inputs: [...new Set(open.map(({ input }) => input))], open },
  });
}

/** `input "ids" axis 1 (seq)` */
function describeOpenDim({ input, axis, dim }: OpenDim): string {
  return `input ${JSON.stringify(input)} axis ${axis}${dim === null ? '' : ` (${dim})`}`;
}

/** What to write for open dims: the range of an input with a nameless one, else one of each named dim. */
function rangesFor(open: readonly OpenDim[]): readonly string[] {
  const nameless = new Set(open.flatMap(({ input, dim }) => (dim === null ? [input] : [])));
  const keys = open.map(({ input, dim }) =>
    dim === null || nameless.has(input)
      ? `${propertyKey(input)}: { min: […], opt: […], max: […] }`
      : `${propertyKey(dim)}: [min, opt, max]`,
  );
  return [...new Set(keys)];
}
