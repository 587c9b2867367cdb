import { mkdir, open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { invalidArgument } from './errors';
import { sliceBytes } from './input-copy';
import type { LentBytes } from './lent-bytes';
import type { GivenExternalData, ModelSource } from './model-source';
import { describeTensor, externalDataError, type ExternalData } from './onnx/external-data';
import { normalLocation } from './onnx/external-location';
import { checkModelSize } from './onnx/model-file';
import { quotedNames } from './quoted-names';
import { inTempFolder, makeTempFolder, removeTempFolder } from './temp-folders';

/** A model as a file, with a private folder (mode 0700) for the time of its build. */
export interface StagedModel {
  readonly path: string;
  /** For the manifest. */
  readonly name: string;
  /** For errors: null for bytes. */
  readonly where: string | null;
  /** The folder that the model's external data lies in. */
  readonly dataFolder: string;
  /** An empty private folder, for TensorRT's parser. */
  readonly stage: string;
  /** The private folder itself, for whatever else the build writes. */
  readonly folder: string;
  /**
   * Brings external data that was given as bytes into `dataFolder`: all that the model names, and no more. Rejects with
   * ERR_TRT_EXTERNAL_DATA (reason `missing`), ERR_TRT_INVALID_ARG, ERR_TRT_WRITE. Files lie where they are already.
   */
  bringData(data: ExternalData): Promise<void>;
  /**
   * Removes what was written; in the background once more when `writersGone` is fulfilled (see `BuildProcessOptions.onStart`).
   * Never rejects.
   */
  remove(writersGone?: Promise<void>): Promise<void>;
}

/** Rejects with `ERR_TRT_WRITE`, `ERR_TRT_ONNX_INVALID` (reason `too-large`), `ERR_TRT_INVALID_ARG`, or the signal's reason. */
export async function stageModel(
  source: ModelSource,
  signal: AbortSignal | null,
): Promise<StagedModel> {
  const where = 'path' in source ? source.path : null;
  if ('bytes' in source) checkModelSize(where, source.bytes.byteLength);
  const folder = await makeTempFolder();
  let writing: Promise<void> = Promise.resolve();
  const remove = async (writersGone?: Promise<void>): Promise<void> => {
    await writing.catch(() => undefined);
    await removeTempFolder(folder, writersGone);
  };
  try {
    const stage = path.join(folder, 'stage');
    await inTempFolder('make a temporary folder', () => mkdir(stage));
    if ('path' in source) {
      const { dir: dataFolder, base: name } = path.parse(source.path);
      const bringData = (): Promise<void> => Promise.resolve();
      return { path: source.path, name, where, dataFolder, stage, folder, bringData, remove };
    }
    // Beside its data, where onnxruntime-node looks for it too.
    const dataFolder = path.join(folder, 'model');
    const file = path.join(dataFolder, freeName(source.externalData));
    await inTempFolder('make a temporary folder', () => mkdir(dataFolder));
    await writeSlices(file, source.bytes, signal);
    return {
      path: file,
      name: 'model.onnx',
      where,
      dataFolder,
      stage,
      folder,
      remove,
      bringData(data) {
        writing = writeData(dataFolder, data, source.externalData, signal);
        return writing;
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** A name in the folder of external data that no file of it has, nor a folder. */
function freeName(data: GivenExternalData): string {
  const taken = new Set([...data.keys()].map((location) => location.split('/')[0]));
  let name = 'model.onnx';
  while (taken.has(name)) name = `_${name}`;
  return name;
}

async function writeData(
  folder: string,
  data: ExternalData,
  given: GivenExternalData,
  signal: AbortSignal | null,
): Promise<void> {
  const files = new Set(data.files);
  const unknown = [...given.keys()].find((location) => !files.has(location));
  if (unknown !== undefined) {
    const expected =
      files.size === 0
        ? 'no locations (the model has no external data)'
        : `only the locations that the model names (${quotedNames(data.files.slice(0, 10))})`;
    throw invalidArgument('options.externalData', expected, unknown);
  }
  for (const { tensor } of data.extents) {
    if (given.has(normalLocation(tensor.location))) continue;
    throw externalDataError(
      tensor,
      'missing',
      `expected the data of ${describeTensor(tensor)} in \`options.externalData\`, but it is not there: a model that is ` +
        "given as bytes has no folder to read files from. Add that file's bytes, or pass the model's path.",
    );
  }
  for (const [location, bytes] of given) {
    const file = path.join(folder, location);
    signal?.throwIfAborted();
    await inTempFolder('make a temporary folder', () =>
      mkdir(path.dirname(file), { recursive: true }),
    );
    await writeSlices(file, bytes, signal);
  }
}

/**
 * Copies bytes that JavaScript may take away at any time: each slice is copied here, on the JS thread, and only the copy goes
 * to the threads that write files.
 */
async function writeSlices(
  file: string,
  bytes: LentBytes,
  signal: AbortSignal | null,
): Promise<void> {
  const { byteLength } = bytes;
  const slice = Buffer.allocUnsafe(Math.min(sliceBytes, byteLength));
  const copy = async (): Promise<void> => {
    const handle = await open(file, 'wx', 0o600);
    try {
      for (let offset = 0; offset < byteLength; offset += slice.length) {
        signal?.throwIfAborted();
        const part = bytes.part(offset, Math.min(offset + slice.length, byteLength));
        slice.set(part);
        await writeWhole(handle, slice, part.length);
      }
      bytes.check();
    } finally {
      await handle.close();
    }
  };
  await inTempFolder('write a copy of the model', copy, signal);
}

async function writeWhole(handle: FileHandle, slice: Buffer, length: number): Promise<void> {
  for (let written = 0; written < length;) {
    const { bytesWritten } = await handle.write(slice, written, length - written);
    written += bytesWritten;
  }
}
