import { typedArrayName } from '../data-types';
import { TrtError } from '../errors';
import { checkInputs, type InputBytes } from '../input-validation';
import type { TensorInfo } from '../manifest-schema';
import type { BatchInput, BatchShape } from './batch-shape';
import { calibrationDataError } from './data-error';

/** Where an item comes from, for errors. */
export interface ItemPlace {
  /** From 0. */
  readonly index: number;
  /** null: it was given from JavaScript. */
  readonly file: string | null;
}

/** What an item of calibration data brings. */
export interface CalibrationItem {
  /** Along axis 0; 1 where every item is a whole batch. */
  readonly samples: number;
  /** In the order of the batch's inputs; views of the caller's arrays. */
  readonly bytes: readonly InputBytes[];
}

/**
 * Whether `value` is what the model takes, by infer's own checks. Its dims are a batch's, but for axis 0 where samples can be
 * joined.
 *
 * @throws TrtError `ERR_TRT_CALIBRATION_DATA`: `details.item` is its position, and `cause` says what is wrong in infer's words
 */
export function checkedItem(shape: BatchShape, value: unknown, place: ItemPlace): CalibrationItem {
  try {
    // Read once: getters are not asked again.
    const given: unknown = isPlainEnough(value) ? { ...value } : value;
    const inputs = shape.inputs.map((input) => contractOf(input, shape, given));
    const { dims, bytes } = checkInputs({ inputs, profiles: [] }, given, null);
    return { samples: shape.samples === null ? 1 : commonSamples(shape, dims, place), bytes };
  } catch (error) {
    throw unfitItem(error, place);
  }
}

/** What is wrong with an item, in infer's words, as ERR_TRT_CALIBRATION_DATA; any other error as it is. */
export function unfitItem(error: unknown, place: ItemPlace): unknown {
  if (!(error instanceof TrtError) || !/^ERR_TRT_IN(PUT_|VALID_ARG)/.test(error.code)) return error;
  return calibrationDataError(
    `${describeItem(place)} does not fit the model: ${error.message.replace(/\.$/, '')}`,
    'Each item holds a tensor for every input of the model.',
    { ...error.details, item: place.index, file: place.file, reason: error.code },
    error,
  );
}

function describeItem({ index, file }: ItemPlace): string {
  return `item ${index} of the calibration data${file === null ? '' : ` (in ${file})`}`;
}

function isPlainEnough(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && typedArrayName(value) === undefined;
}

function contractOf(input: BatchInput, { samples }: BatchShape, given: unknown): TensorInfo {
  const { name, type, dims, modelDims } = input;
  const isBare =
    isPlainEnough(given) && Object.hasOwn(given, name) && typedArrayName(given[name]) !== undefined;
  const expected = samples === null ? dims : [-1, ...dims.slice(1)];
  return { name, type, dims: isBare ? modelDims : expected, isShapeTensor: false };
}

function commonSamples(
  { inputs }: BatchShape,
  dims: readonly (readonly number[])[],
  place: ItemPlace,
): number {
  const counts = dims.map(([samples = 0]) => samples);
  const [first = 0] = counts;
  const other = counts.findIndex((samples) => samples !== first);
  if (other === -1) return first;
  throw calibrationDataError(
    `${describeItem(place)} has ${first} samples for input ${JSON.stringify(inputs[0]?.name)} but ` +
      `${counts[other]} for ${JSON.stringify(inputs[other]?.name)}`,
    'Give the same number for every input: axis 0 counts them.',
    { item: place.index, file: place.file, samples: counts },
  );
}
