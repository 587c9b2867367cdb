import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { NativeCalibration, NativeCalibrationBatches } from '../binding';
import { TrtError } from '../errors';
import type { ExaminedModel } from '../examined-model';
import type { FileWork } from '../file-work';
import type { CalibrationRecord, Profile } from '../manifest-schema';
import { packageVersion } from '../package-version';
import type { ProgressTracker } from '../progress/tracker';
import { inTempFolder } from '../temp-folders';
import { batchLayout, batchShapeOf, type BatchShape } from './batch-shape';
import { sidecarText } from './cache-sidecar';
import type { CheckedCalibration } from './option';
import { checkPlaceForCache, publishCache } from './publish-cache';
import { readBatches } from './read-batches';
import { readCache, type FoundCache } from './read-cache';
import type { SpooledBatches } from './spool';

/** What a build knows when it prepares calibration. */
export interface CalibrationFacts {
  readonly model: Pick<ExaminedModel, 'identity' | 'inputs'>;
  /** Where the model's file is now. */
  readonly modelPath: string;
  /** Resolved; may be empty where the model's dims are all static. */
  readonly profiles: readonly Profile[];
  /** The TensorRT that builds. */
  readonly library: { readonly version: string };
  /** A private temporary folder, there until the build has ended: the batches go into it. */
  readonly folder: string;
  readonly signal: AbortSignal | null;
  readonly progress: Pick<ProgressTracker, 'phase'>;
  readonly work: Pick<FileWork, 'lockFolder'>;
}

export interface PreparedCalibration {
  /** For the build request. */
  readonly native: NativeCalibration;
  /** For the engine cache: equal for equal scales, whether they are yet to be found or come from a cache that was made so. */
  readonly key: string;
  /** After a good build: publishes a new calibration cache, and tells what was done. Rejects with ERR_TRT_WRITE, or the signal's reason. */
  finish(): Promise<CalibrationRecord>;
}

/**
 * Everything that calibration needs before TensorRT is asked: a cache that fits, or batches on disk.
 *
 * Rejects with `ERR_TRT_CALIBRATION_REQUIRED`, `ERR_TRT_CALIBRATION_DATA`, `ERR_TRT_CALIBRATION_CACHE`, `ERR_TRT_DATA_FILE`,
 * `ERR_TRT_PROFILE_INVALID`, `ERR_TRT_PROFILE_MISSING`, `ERR_TRT_WRITE`, or the signal's reason.
 */
export async function prepareCalibration(
  option: CheckedCalibration,
  facts: CalibrationFacts,
): Promise<PreparedCalibration> {
  const { model, modelPath, profiles, library, folder, signal, progress } = facts;
  const shape = batchShapeOf(option.profile, profiles, model.inputs);
  const use = { calibration: option, model, modelPath, version: library.version, signal };
  const found = option.cache === null ? null : await readCache(option.cache, use);
  if (found !== null) return await fromCache(found, option, shape, folder);
  if (option.data === null) throw noCache(option.cache ?? '');
  if (option.cache !== null) await checkPlaceForCache(option.cache);
  const batchFolder = path.join(folder, 'calibration');
  await inTempFolder('make a temporary folder', () => mkdir(batchFolder), signal);
  const read = { folder: batchFolder, signal, progress };
  const batches = await readBatches(option.data, shape, read);
  return fromBatches(batches, batchFolder, { option, facts, shape });
}

async function fromCache(
  { bytes, sha256, sidecar }: FoundCache,
  option: CheckedCalibration,
  shape: BatchShape,
  folder: string,
): Promise<PreparedCalibration> {
  // A copy: what was checked is what TensorRT reads.
  const copy = path.join(folder, 'calibration-cache');
  await inTempFolder('copy the calibration cache', () => writeFile(copy, bytes, { flag: 'wx' }));
  const source = sidecar ? { data: sidecar.dataSha256, inputs: sidecar.inputs } : { cache: sha256 };
  return {
    native: { ...settingsOf(option, shape), batches: null, cacheIn: copy, cacheOut: null },
    key: keyOf(option, { ...source, ...valuesOf(shape) }),
    finish: () =>
      Promise.resolve({
        algorithm: option.algorithm,
        batches: 0,
        droppedSamples: 0,
        dataSha256: null,
        cacheSha256: sha256,
      }),
  };
}

interface Made {
  readonly option: CheckedCalibration;
  readonly facts: CalibrationFacts;
  readonly shape: BatchShape;
}

function fromBatches(
  spooled: SpooledBatches,
  batchFolder: string,
  { option, facts, shape }: Made,
): PreparedCalibration {
  const { count, droppedSamples, sha256: dataSha256 } = spooled;
  const cacheOut = path.join(facts.folder, 'calibration-cache');
  const inputs = shape.inputs.map(({ name, type, dims }) => ({ name, type, dims }));
  const batches: NativeCalibrationBatches = {
    folder: batchFolder,
    count,
    inputs: batchLayout(shape),
  };
  const record = { algorithm: option.algorithm, batches: count, droppedSamples, dataSha256 };
  return {
    native: { ...settingsOf(option, shape), batches, cacheIn: null, cacheOut },
    key: keyOf(option, { data: dataSha256, inputs, ...valuesOf(shape) }),
    async finish() {
      const bytes = await readMade(cacheOut);
      if (bytes === null) return { ...record, cacheSha256: null };
      const cache = { sha256: digestOf(bytes), sizeBytes: bytes.length };
      if (option.cache !== null) {
        const { sha256, externalData } = facts.model.identity;
        const sidecar = sidecarText({
          writer: packageVersion(),
          cache,
          model: { sha256, ...(externalData && { externalData }) },
          ...algorithmOf(option),
          version: facts.library.version,
          inputs,
          batches: count,
          dataSha256,
        });
        await publishCache(option.cache, bytes, sidecar, facts.work, facts.signal);
      }
      return { ...record, cacheSha256: cache.sha256 };
    },
  };
}

function settingsOf(
  { algorithm, quantile, regressionCutoff }: CheckedCalibration,
  { profile }: BatchShape,
): Pick<NativeCalibration, 'algorithm' | 'quantile' | 'regressionCutoff' | 'profile'> {
  return { algorithm, quantile, regressionCutoff, profile };
}

function algorithmOf({
  algorithm,
  quantile,
  regressionCutoff,
}: CheckedCalibration): Pick<CheckedCalibration, 'algorithm'> &
  Partial<Pick<CheckedCalibration, 'quantile' | 'regressionCutoff'>> {
  return algorithm === 'percentile' ? { algorithm, quantile, regressionCutoff } : { algorithm };
}

/** Of shape tensors in the calibration profile: the dims inside of the network follow them. */
function valuesOf({ profile }: BatchShape): { values?: readonly unknown[] } {
  const values = Object.entries(profile).flatMap(([name, { values: range }]) =>
    range === undefined ? [] : [[name, range.opt]],
  );
  return values.length === 0 ? {} : { values };
}

function keyOf(option: CheckedCalibration, source: Readonly<Record<string, unknown>>): string {
  return digestOf(JSON.stringify({ ...algorithmOf(option), ...source }));
}

function digestOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** TensorRT gives none when nothing needed a scale. */
async function readMade(cacheOut: string): Promise<Buffer | null> {
  return await inTempFolder('read the calibration cache', () =>
    readFile(cacheOut).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }),
  );
}

function noCache(cache: string): TrtError {
  return new TrtError(
    'ERR_TRT_CALIBRATION_REQUIRED',
    `expected a calibration cache at ${cache}, or \`calibration.data\` to make it from, but that file is not there and there is ` +
      'no data. Check the path, or give `data`.',
    { details: { path: cache } },
  );
}
