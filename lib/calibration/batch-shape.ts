import type { NativeCalibrationBatches } from '../binding';
import { bitsPerElement, byteLengthOf, isTensorType, type TensorType } from '../data-types';
import type { DimsRange, InputRange, Profile } from '../manifest-schema';
import type { ModelInput } from '../named-dims';
import type { OnnxInput } from '../onnx/value-info';
import { invalidProfile } from '../profile-error';
import type { GivenProfile, GivenRange } from '../profile-option';
import { resolveProfiles } from '../profiles';
import { elementCount } from '../tensor';
import { calibrationDataError } from './data-error';

/** One input of every calibration batch. */
export interface BatchInput {
  readonly name: string;
  readonly type: TensorType;
  /** Of a whole batch. */
  readonly dims: readonly number[];
  /** As the model has them, -1 where they are dynamic. */
  readonly modelDims: readonly number[];
  readonly sizeBytes: number;
  /** In a batch's file. */
  readonly offsetBytes: number;
}

/** What every calibration batch looks like. */
export interface BatchShape {
  readonly inputs: readonly BatchInput[];
  /** Axis 0 of all inputs, along which samples are cut and joined; null where inputs do not have it in common. */
  readonly samples: number | null;
  /** For IBuilderConfig::setCalibrationProfile: of every input, with min = opt = max. */
  readonly profile: Profile;
}

/** What a GPU's copies like. */
const alignment = 256;

/**
 * The dims of calibration batches: those of `calibration.profile`, and `opt` of the first profile where it says nothing.
 *
 * @throws TrtError `ERR_TRT_PROFILE_INVALID`, `ERR_TRT_PROFILE_MISSING`; `ERR_TRT_CALIBRATION_DATA` for inputs that are no tensors
 */
export function batchShapeOf(
  given: GivenProfile | null,
  profiles: readonly Profile[],
  modelInputs: readonly OnnxInput[],
): BatchShape {
  const listed = modelInputs.map(listedInput);
  const place = given ?? { path: 'options.profiles', profile: 0 };
  const profile = calibrationProfile(given, profiles[0] ?? {}, listed);
  const fixed = listed.map(({ name, dims }): [string, InputRange] => {
    const { opt = dims.map(Number), values } =
      (Object.hasOwn(profile, name) ? profile[name] : undefined) ?? {};
    return [name, { ...always(opt), ...(values && { values: always(values.opt) }) }];
  });
  let end = 0;
  const inputs = listed.map(({ name, type, dims }, index): BatchInput => {
    const batch = fixed[index]?.[1].opt ?? [];
    const elements = elementCount(batch);
    const sizeBytes = byteLengthOf(type, elements);
    if (elements === 0 || !Number.isSafeInteger(sizeBytes)) {
      throw invalidProfile(
        `expected batches of at least one element, and of less than 2^53 bytes, for calibration but received dims ` +
          `[${batch.join(', ')}] for input ${JSON.stringify(name)}. Give \`calibration.profile\` other dims.`,
        place,
        { input: name },
      );
    }
    const offsetBytes = Math.ceil(end / alignment) * alignment;
    end = offsetBytes + sizeBytes;
    const modelDims = dims.map((dim) => (typeof dim === 'number' ? dim : -1));
    return { name, type, dims: batch, modelDims, sizeBytes, offsetBytes };
  });
  return { inputs, samples: samplesOf(inputs), profile: Object.fromEntries(fixed) };
}

function always(list: readonly number[]): DimsRange {
  return { min: list, opt: list, max: list };
}

/** Where each input lies in the file of a batch. */
export function batchLayout({ inputs }: BatchShape): NativeCalibrationBatches['inputs'] {
  return inputs.map(({ name, offsetBytes, sizeBytes }) => ({ name, offsetBytes, sizeBytes }));
}

type ListedInput = ModelInput & { readonly type: TensorType };

function listedInput({ name, type, dims }: OnnxInput): ListedInput {
  if (dims !== null && isTensorType(type)) return { name, type, dims };
  throw calibrationDataError(
    `input ${JSON.stringify(name)} of the model is of type ${type ?? 'unknown'}, which no tensor here has`,
    'Export the model with an input of another type.',
    { input: name },
  );
}

/** Of each input that has dynamic dims, or that a profile names; `opt` counts. */
function calibrationProfile(
  given: GivenProfile | null,
  first: Profile,
  inputs: readonly ModelInput[],
): Profile {
  const merged = new Map<string, GivenRange>();
  for (const input of inputs) {
    const range = Object.hasOwn(first, input.name) ? first[input.name] : undefined;
    if (range === undefined) continue;
    const opt = input.dims.map((dim, axis) => {
      const named = typeof dim === 'string' ? given?.dims.get(dim) : undefined;
      return named?.opt ?? range.opt[axis] ?? 0;
    });
    const values = range.values ?? null;
    merged.set(input.name, { dims: always(opt), values });
  }
  for (const [name, range] of given?.inputs ?? []) merged.set(name, range);
  const whole = {
    path: given?.path ?? 'options.calibration.profile',
    profile: 0,
    inputs: merged,
    dims: given?.dims ?? new Map<string, never>(),
  };
  // Without one, the model's dims are all fixed, and nothing is missing.
  const list = merged.size === 0 && whole.dims.size === 0 ? [] : [whole];
  const [resolved = {}] = resolveProfiles({ list, names: undefined }, inputs).profiles;
  return resolved;
}

function samplesOf(inputs: readonly BatchInput[]): number | null {
  const [first] = inputs;
  const samples = first?.dims[0];
  if (samples === undefined) return null;
  const isCommon = inputs.every(
    // Packed types have no row that starts at a byte.
    ({ dims, type }) => dims[0] === samples && bitsPerElement(type) >= 8,
  );
  return isCommon ? samples : null;
}
