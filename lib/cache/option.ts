import path from 'node:path';
import { invalidArgument } from '../errors';
import { filePathOf } from '../file-path';
import { checkedOptions } from '../known-keys';

/** How `buildEngine` keeps the engines that it built, to give them out again. */
export interface EngineCacheOptions {
  /**
   * Where the engines are kept. It must belong to this user (or to root), and nobody else may write to it: engines are
   * executable code. Default: `engines` in trt-node's own folder (`TRT_NODE_HOME`, else `~/.cache/trt-node`).
   */
  readonly folder?: string | URL | undefined;
  /**
   * Bytes that the engines in the folder may have together. Beyond it those that were not used for the longest time go, but
   * none that is being built or was used in the last five minutes. Default: 20 GiB.
   */
  readonly maxBytes?: number | undefined;
  /**
   * `true`: whatever keeps the cache from being used (a folder that cannot be written, an engine in it that is damaged,
   * unsigned or somebody else's) is `ERR_TRT_CACHE`. Default `false`: a warning, and the engine is built.
   */
  readonly strict?: boolean | undefined;
}

export interface CheckedCache {
  /** Absolute; null: the default one. */
  readonly folder: string | null;
  readonly maxBytes: number;
  readonly strict: boolean;
}

const defaultMaxBytes = 20 * 2 ** 30;

/**
 * The option `cache`: false (the default) is null.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function checkedCache(value: unknown): CheckedCache | null {
  if (value === undefined || value === false) return null;
  if (value === true) return { folder: null, maxBytes: defaultMaxBytes, strict: false };
  if (typeof value === 'string' || value instanceof URL) {
    return { folder: folderOf(value, 'options.cache'), maxBytes: defaultMaxBytes, strict: false };
  }
  if (typeof value !== 'object' || value === null) {
    throw invalidArgument('options.cache', 'true, false, a folder or an object', value);
  }
  const { folder, maxBytes, strict } = checkedOptions<EngineCacheOptions>(value, 'options.cache', [
    'folder',
    'maxBytes',
    'strict',
  ]);
  return {
    folder: folder === undefined ? null : folderOf(folder, 'options.cache.folder'),
    maxBytes: checkedMaxBytes(maxBytes),
    strict: flag(strict, 'options.cache.strict'),
  };
}

export interface CheckedTimingCache {
  /** `default`: the file of this TensorRT and GPU in trt-node's own folder. */
  readonly file: 'default' | { readonly path: string };
  readonly reproducible: boolean;
}

/**
 * The options `timingCache` and `reproducible`; null: no timing cache.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function checkedTimingCache(
  timingCache: unknown,
  reproducible: unknown,
): CheckedTimingCache | null {
  const fixed = flag(reproducible, 'options.reproducible');
  if (timingCache === false) {
    if (!fixed) return null;
    const expected = 'no `reproducible` beside `timingCache: false` (it fixes what the file says)';
    throw invalidArgument('options.reproducible', expected, reproducible);
  }
  if (timingCache === undefined || timingCache === true) {
    return { file: 'default', reproducible: fixed };
  }
  if (typeof timingCache !== 'string' && !(timingCache instanceof URL)) {
    throw invalidArgument('options.timingCache', 'true, false, a path or a file: URL', timingCache);
  }
  const file = filePathOf(timingCache, 'options.timingCache');
  if (file.endsWith('/')) {
    throw invalidArgument('options.timingCache', 'the path of a file, not of a folder,', file);
  }
  return { file: { path: path.resolve(file) }, reproducible: fixed };
}

function folderOf(value: unknown, name: string): string {
  return path.resolve(filePathOf(value, name));
}

function checkedMaxBytes(value: unknown): number {
  if (value === undefined) return defaultMaxBytes;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw invalidArgument('options.cache.maxBytes', 'a number of bytes', value);
  }
  return value;
}

function flag(value: unknown, name: string): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw invalidArgument(name, 'true or false', value);
  return value;
}
