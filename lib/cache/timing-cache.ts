import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import type { NativeGpu, NativeTimingCache } from '../binding';
import { TrtError } from '../errors';
import { flavourNames } from '../gpu-support';
import type { Flavour, Manifest } from '../manifest-schema';
import { timingFolder } from './folders';
import { makePrivateFolder } from './private-folder';
import type { CheckedTimingCache } from './option';

/** Told what kept the default timing cache from being used. */
export type OnTimingCacheWarning = (message: string) => void;

/**
 * The timing cache of a build; null: none. Its path tells TensorRT and GPU apart, as timings of one are of no use to the other;
 * NVIDIA names device, CUDA and TensorRT version as what they depend on, so the driver is not in it. TensorRT itself
 * looks at a file's header, and refuses one that does not fit.
 *
 * A default file that cannot be had is a warning, as nobody asked for it by name.
 *
 * @throws TrtError (as a rejection) `ERR_TRT_UNSUPPORTED` for one that was asked for on TensorRT-RTX, which has none;
 * `ERR_TRT_TIMING_CACHE` when the file of a reproducible build is missing, or when the file that was named can never be one
 */
export async function timingCacheFor(
  option: CheckedTimingCache | null,
  library: { readonly flavour: Flavour; readonly version: string },
  gpu: Pick<NativeGpu, 'name' | 'computeCapability'> | null,
  onWarning: OnTimingCacheWarning = () => undefined,
): Promise<NativeTimingCache | null> {
  if (option === null) return null;
  const { file, reproducible } = option;
  if (library.flavour === 'tensorrt-rtx') {
    if (file === 'default' && !reproducible) return null;
    throw unsupported(library.version, file === 'default' ? 'reproducible' : 'timingCache');
  }
  if (file !== 'default') {
    await checkNamedFile(file.path, reproducible);
    return { path: file.path, reproducible };
  }
  const found = gpu === null ? null : await defaultFile(library, gpu, reproducible, onWarning);
  if (found !== null) return { path: found, reproducible };
  if (!reproducible) return null;
  throw timingCacheError(
    'missing',
    null,
    'expected a timing cache for `reproducible`, but there is no folder for the default one. Name the file of an earlier build ' +
      'in `timingCache`.',
  );
}

/** `tensorrt-10.6.0-nvidia-h200-sm90.cache` */
export function timingCacheName(
  library: { readonly flavour: Flavour; readonly version: string },
  gpu: Pick<NativeGpu, 'name' | 'computeCapability'>,
): string {
  const name = gpu.name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const trimmed = name.replace(/^-|-$/g, '') || 'gpu';
  const sm = gpu.computeCapability.replace('.', '');
  return `${library.flavour}-${library.version}-${trimmed}-sm${sm}.cache`;
}

async function defaultFile(
  library: { readonly flavour: Flavour; readonly version: string },
  gpu: Pick<NativeGpu, 'name' | 'computeCapability'>,
  reproducible: boolean,
  onWarning: OnTimingCacheWarning,
): Promise<string | null> {
  const folder = timingFolder();
  if (folder === null) return null;
  const file = path.join(folder, timingCacheName(library, gpu));
  if (reproducible) {
    await checkNamedFile(file, true);
    return file;
  }
  try {
    const finding = await makePrivateFolder(folder);
    if (finding !== null) {
      onWarning(unused(folder, finding.text));
      return null;
    }
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return file;
  } catch (error) {
    onWarning(unused(folder, (error as Error).message));
    return null;
  }
}

function unused(folder: string, why: string): string {
  return (
    `no timing cache is used, and a build of the same layers will take as long again: ${folder} cannot be used (${why}). ` +
    'Name a file in `timingCache`, or pass false to be asked no more.'
  );
}

async function checkNamedFile(file: string, mustExist: boolean): Promise<void> {
  try {
    const stats = await stat(file);
    if (!stats.isFile()) {
      const what = stats.isDirectory() ? 'a folder' : 'no regular file';
      throw timingCacheError(
        'not-a-file',
        file,
        `expected a timing cache's file at ${file}, but it is ${what}. Name a file in \`timingCache\`.`,
      );
    }
    await access(file, constants.R_OK);
  } catch (error) {
    if (error instanceof TrtError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') {
      throw timingCacheError(
        'unreadable',
        file,
        `expected to read the timing cache ${file}, but: ${message}. Make it readable, or name another file.`,
        error,
      );
    }
    if (mustExist) {
      throw timingCacheError(
        'missing',
        file,
        `expected a timing cache at ${file}, as \`reproducible\` takes every kernel from it, but there is no file. Build once ` +
          'without `reproducible`, and keep what that wrote.',
        error,
      );
    }
    await checkFolder(file);
  }
}

async function checkFolder(file: string): Promise<void> {
  const folder = path.dirname(file);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw timingCacheError(
      'folder',
      file,
      `expected to write a timing cache to ${file}, but: ${(error as Error).message}. Create its folder, or name another file.`,
      error,
    );
  }
}

/**
 * Whether a reproducible build read the timings that its key in the engine cache names.
 *
 * @throws TrtError `ERR_TRT_TIMING_CACHE` (`details.reason`: `changed`)
 */
export function checkSameTimings(
  { timingCache }: Pick<Manifest, 'timingCache'>,
  sha256: string,
  { path: file }: NativeTimingCache,
): void {
  if (timingCache?.sha256 === sha256) return;
  throw timingCacheError(
    'changed',
    file,
    `expected the timing cache ${file} to stay as it is during a \`reproducible\` build, but another build wrote to it meanwhile. ` +
      'Build again, with a copy of it in `timingCache` where others go on writing.',
  );
}

function timingCacheError(
  reason: 'missing' | 'not-a-file' | 'unreadable' | 'folder' | 'changed',
  file: string | null,
  message: string,
  cause?: unknown,
): TrtError {
  return new TrtError('ERR_TRT_TIMING_CACHE', message, {
    details: { path: file, reason },
    ...(cause === undefined ? {} : { cause }),
  });
}

function unsupported(version: string, option: 'timingCache' | 'reproducible'): TrtError {
  return new TrtError(
    'ERR_TRT_UNSUPPORTED',
    `expected no \`${option}\` for ${flavourNames['tensorrt-rtx']} ${version}: it times no kernels when it builds, so it has no ` +
      'timing cache, and equal models with equal options give equal plans. Leave it out, or build with TensorRT.',
    { details: { option, flavour: 'tensorrt-rtx', version } },
  );
}
