import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { TrtError } from '../errors';
import type { ExaminedModel } from '../examined-model';
import { quotedNames } from '../quoted-names';
import { calibrationCacheError } from './cache-error';
import { isSameModel, parseSidecar, sidecarPathOf, type CacheSidecar } from './cache-sidecar';
import { isAlgorithm, parseCacheText, versionInCache, type CacheText } from './cache-text';
import type { CheckedCalibration } from './option';
import { tensorsOfModel } from './tensor-names';

/** A calibration cache that is for this build. */
export interface FoundCache {
  readonly bytes: Buffer;
  readonly sha256: string;
  /** What it was made from; null: another program made it. */
  readonly sidecar: CacheSidecar | null;
}

/** What a cache must fit. */
export interface CacheUse {
  readonly calibration: CheckedCalibration;
  readonly model: Pick<ExaminedModel, 'identity' | 'inputs'>;
  /** Where the model's file is, for the names of its tensors. */
  readonly modelPath: string;
  /** TensorRT's. */
  readonly version: string;
  readonly signal: AbortSignal | null;
}

/** Scales of a million tensors are half of this. */
const maxCacheBytes = 256 * 1024 * 1024;

/** Share of a cache's names that must be tensors of the model. Fusion and constants give TensorRT some of its own. */
const leastKnown = 0.5;

/**
 * The cache at `path`, null where there is none. TensorRT itself takes any text with scales, and a tensor that is not in it stays
 * in a wider type without an error. Rejects with ERR_TRT_CALIBRATION_CACHE.
 */
export async function readCache(path: string, use: CacheUse): Promise<FoundCache | null> {
  const bytes = await readBounded(path);
  if (bytes === null) return null;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const sidecar = await readSidecar(path);
  if (sidecar === null) await checkText(path, bytes, use);
  else checkSidecar(path, sidecar, sha256, use);
  return { bytes, sha256, sidecar };
}

/** null: there is none, or a file of somebody else's. */
async function readSidecar(path: string): Promise<CacheSidecar | null> {
  const bytes = await readBounded(sidecarPathOf(path));
  return bytes === null ? null : parseSidecar(bytes.toString('utf8'));
}

async function readBounded(path: string): Promise<Buffer | null> {
  try {
    // Without O_NONBLOCK, opening a FIFO would wait for its writer; a device may have no end.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) {
        throw calibrationCacheError(path, 'malformed', 'it is not a regular file');
      }
      const { size } = stats;
      if (size > maxCacheBytes) {
        const problem = `it has ${size} bytes, more than any calibration cache`;
        throw calibrationCacheError(path, 'malformed', problem);
      }
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof TrtError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw calibrationCacheError(path, 'malformed', message, error);
  }
}

function checkSidecar(path: string, sidecar: CacheSidecar, sha256: string, use: CacheUse): void {
  const { calibration, model, version } = use;
  const { algorithm, quantile, regressionCutoff } = calibration;
  const where = sidecarPathOf(path);
  if (sidecar.cache.sha256 !== sha256) {
    throw calibrationCacheError(
      path,
      'malformed',
      `it is not the file that ${where} describes: it was damaged, or made by another program, for which remove ${where} alone`,
    );
  }
  if (!isSameModel(sidecar.model, model.identity)) {
    throw calibrationCacheError(
      path,
      'model',
      `${where} says that it was made for another model (SHA-256 ${sidecar.model.sha256.slice(0, 12)}…, and this one's is ` +
        `${model.identity.sha256.slice(0, 12)}…)`,
    );
  }
  const isOfAlgorithm =
    sidecar.algorithm === algorithm &&
    (algorithm !== 'percentile' ||
      (sidecar.quantile === quantile && sidecar.regressionCutoff === regressionCutoff));
  if (!isOfAlgorithm) {
    const settings = (one: Partial<CheckedCalibration> | CacheSidecar): string =>
      one.algorithm === 'percentile'
        ? `'percentile' with quantile ${one.quantile} and regressionCutoff ${one.regressionCutoff}`
        : `'${one.algorithm}'`;
    const problem = `it was made by ${settings(sidecar)}, and \`calibration\` asks for ${settings(calibration)}`;
    throw calibrationCacheError(path, 'algorithm', problem);
  }
  if (sidecar.version !== version) throw otherVersion(path, sidecar.version, version);
}

/** Without a sidecar, the text says what it is of: trtexec's and Polygraphy's. */
async function checkText(path: string, bytes: Buffer, use: CacheUse): Promise<void> {
  const { algorithm } = use.calibration;
  const text = parseCacheText(bytes.toString('utf8'));
  if (text === null) {
    const problem =
      "it is no calibration cache of TensorRT, which is text: `TRT-100600-EntropyCalibration2`, then a tensor's name and scale a line";
    throw calibrationCacheError(path, 'malformed', problem);
  }
  if (!isAlgorithm(text.algorithm, algorithm)) {
    const problem = `it was made by TensorRT's ${text.algorithm}, and \`calibration.algorithm\` is '${algorithm}'`;
    throw calibrationCacheError(path, 'algorithm', problem);
  }
  if (text.version !== versionInCache(use.version)) {
    throw otherVersion(path, text.version, use.version);
  }
  await checkTensors(path, text, use);
}

async function checkTensors(path: string, text: CacheText, use: CacheUse): Promise<void> {
  const { tensors } = text;
  const missing = use.model.inputs.filter(
    ({ name, type }) => type === 'float32' && !tensors.has(name),
  );
  if (missing.length > 0) {
    const names = quotedNames(missing.map(({ name }) => name));
    const problem = `it has no scale for the model's input ${names}, so it is of another model, or not whole`;
    throw calibrationCacheError(path, 'model', problem);
  }
  const known = await tensorsOfModel(use.modelPath, tensors, use.signal);
  if (known.size >= leastKnown * tensors.size) return;
  const stranger = [...tensors].find((name) => !known.has(name));
  throw calibrationCacheError(
    path,
    'model',
    `only ${known.size} of the ${tensors.size} tensors in it are tensors of this model, and ${JSON.stringify(stranger)} is none`,
  );
}

function otherVersion(path: string, found: string, expected: string): TrtError {
  const problem = `it was made by TensorRT ${found}, and this is ${expected} (${versionInCache(expected)}): scales differ between versions`;
  return calibrationCacheError(path, 'version', problem);
}
