import { describeValue, TrtError } from '../errors';
import type { FileDigest } from '../manifest-schema';
import { elementTypeName, tensorBytes } from './element-types';
import {
  fileAndFolder,
  locationProblem,
  locationProblems,
  normalLocation,
  type LocationProblem,
} from './external-location';
import type { ExternalTensor } from './tensor';

/**
 * `details.reason` of ERR_TRT_EXTERNAL_DATA, beside those of `NativeBinding.hashExternalFile`. bad-number: offset or length
 * is no decimal number of bytes. bad-size: dims and type give no size. length: the model's two statements of a tensor's size
 * differ. too-short: the file ends before the tensor does. missing: bytes that were not given.
 */
export type ExternalDataReason =
  LocationProblem | 'bad-number' | 'bad-size' | 'length' | 'too-short' | 'missing';

/** The bytes of a tensor in its file. */
interface Extent {
  readonly tensor: ExternalTensor;
  readonly offset: number;
  readonly length: number;
}

/** What a model says about its external data, found to be sound before any file is opened. */
export interface ExternalData {
  /** Every location, as it stands in the model, in the model's order. */
  readonly locations: readonly string[];
  /** The same files, each once. */
  readonly files: readonly string[];
  readonly extents: readonly Extent[];
}

/** @throws TrtError `ERR_TRT_EXTERNAL_DATA` with `details` { reason, tensor, location, … } */
export function checkedExternalData(tensors: readonly ExternalTensor[]): ExternalData {
  const extents = tensors.map(extentOf);
  const locations = [...new Set(tensors.map(({ location }) => location))];
  const files = [...new Set(locations.map(normalLocation))];
  checkNoFileIsAFolder(files, tensors);
  return { locations, files, extents };
}

/**
 * Hashes each file once, and finds out whether every tensor lies inside of its file. Resolves to the digests by the
 * locations of the model.
 *
 * @throws TrtError (as a rejection) `ERR_TRT_EXTERNAL_DATA`, that of `hash` with the name of a tensor in that file
 */
export async function digestExternalData(
  { locations, extents }: ExternalData,
  hash: (file: string) => Promise<FileDigest>,
): Promise<Readonly<Record<string, FileDigest>>> {
  const digests = new Map<string, FileDigest>();
  for (const { tensor, offset, length } of extents) {
    const file = normalLocation(tensor.location);
    let digest = digests.get(file);
    if (digest === undefined) {
      const { sha256, sizeBytes } = await hash(file).catch((error: unknown) => {
        throw withTensor(error, tensor);
      });
      digest = { sha256, sizeBytes };
      digests.set(file, digest);
    }
    checkInside(tensor, offset, length, digest.sizeBytes);
  }
  // fromEntries: a file may be called __proto__.
  return Object.fromEntries(
    locations.flatMap((location) => {
      const digest = digests.get(normalLocation(location));
      return digest === undefined ? [] : [[location, digest]];
    }),
  );
}

/** @throws TrtError `ERR_TRT_EXTERNAL_DATA` */
export function externalDataError(
  tensor: ExternalTensor,
  reason: ExternalDataReason,
  message: string,
  facts: Readonly<Record<string, unknown>> = {},
): TrtError {
  const { name, location } = tensor;
  return new TrtError('ERR_TRT_EXTERNAL_DATA', message, {
    details: { reason, tensor: name, location, ...facts },
  });
}

/** `tensor "w" in the file "weights.bin"` */
export function describeTensor({ name, location }: ExternalTensor): string {
  return `tensor ${describeValue(name)} in the file ${describeValue(location)}`;
}

function extentOf(tensor: ExternalTensor): Extent {
  const { name, location } = tensor;
  const problem = locationProblem(location);
  if (problem !== null) {
    throw externalDataError(
      tensor,
      problem,
      `expected a path below the model's folder for the data of tensor ${describeValue(name)} but received ` +
        `${describeValue(location)}, which ${locationProblems[problem]}. Save the model again with its external data ` +
        'beside it. If you did not make this model, do not trust it.',
    );
  }
  const offset = byteCount(tensor, 'offset') ?? 0;
  const length = byteCount(tensor, 'length');
  const expected = expectedLength(tensor);
  if (expected === null) {
    if (length !== null) return { tensor, offset, length };
    throw sizeless(tensor);
  }
  if (length === null || BigInt(length) === expected) {
    // Beyond 2^53 it is inexact, and beyond every file.
    return { tensor, offset, length: Number(expected) };
  }
  throw externalDataError(
    tensor,
    'length',
    `expected ${expected} bytes for ${describeTensor(tensor)}, as its type and dims ${shapeOf(tensor)} say, but the model says ` +
      `that its data has ${length}. Save the model again; onnx.checker.check_model tells more.`,
    { expected: exact(expected), found: length },
  );
}

function checkNoFileIsAFolder(files: readonly string[], tensors: readonly ExternalTensor[]): void {
  const both = fileAndFolder(files);
  if (both === null) return;
  const tensor = tensors.find(({ location }) => normalLocation(location) === both.file);
  if (tensor === undefined) return;
  throw externalDataError(
    tensor,
    'folder',
    `expected a file for ${describeTensor(tensor)}, but the model also keeps data in ${describeValue(both.inside)}, which makes ` +
      'a folder of it. Save the model again with its external data beside it. If you did not make this model, do not trust it.',
    { inside: both.inside },
  );
}

/** A number of the model's external_data; null where it is missing. */
function byteCount(tensor: ExternalTensor, key: 'offset' | 'length'): number | null {
  const text = tensor[key];
  if (text === null) return null;
  const value = /^\d{1,20}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw externalDataError(
    tensor,
    'bad-number',
    `expected a number of bytes as the ${key} of ${describeTensor(tensor)} but received ${describeValue(text)}. Save the ` +
      'model again. If you did not make this model, do not trust it.',
    { [key]: text.slice(0, 80) },
  );
}

/** null where neither type nor dims say it and the model must. */
function expectedLength(tensor: ExternalTensor): bigint | null {
  if (tensor.dims.some((dim) => dim < 0)) throw sizeless(tensor);
  return tensorBytes(tensor.dataType, tensor.dims);
}

function sizeless(tensor: ExternalTensor): TrtError {
  return externalDataError(
    tensor,
    'bad-size',
    `expected a type and dims that say how many bytes ${describeTensor(tensor)} has, but received ${shapeOf(tensor)}. Save ` +
      'the model again; onnx.checker.check_model tells more.',
  );
}

function checkInside(
  tensor: ExternalTensor,
  offset: number,
  length: number,
  sizeBytes: number,
): void {
  if (offset + length <= sizeBytes) return;
  throw externalDataError(
    tensor,
    'too-short',
    `expected ${length} bytes at offset ${offset} for ${describeTensor(tensor)}, but that file has ${sizeBytes} bytes. It is ` +
      'cut short or belongs to another model: copy it again along with the model.',
    { offset, expected: offset + length, found: sizeBytes },
  );
}

/** What hashing the file failed with, told about the tensor that needs it. */
function withTensor(error: unknown, tensor: ExternalTensor): unknown {
  if (!(error instanceof TrtError)) return error;
  const { code, message, details, log } = error;
  return new TrtError(code, `the data of ${describeTensor(tensor)} cannot be used: ${message}`, {
    cause: error,
    log,
    details: { ...details, tensor: tensor.name, location: tensor.location },
  });
}

function shapeOf({ dims, dataType }: ExternalTensor): string {
  return `${elementTypeName(dataType) ?? `(type ${dataType})`} [${dims.join(', ')}]`;
}

function exact(bytes: bigint): number | string {
  return bytes <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(bytes) : bytes.toString();
}
