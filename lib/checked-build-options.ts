import { nativeMemoryPools, type NativeMemoryPool, type NativeTuning } from './binding';
import type { BuildProgress } from './build-progress';
import { checkedTuning, defaultTuning, tuningOptionNames } from './builder-tuning';
import { invalidArgument } from './errors';
import {
  checkedCache,
  checkedTimingCache,
  type CheckedCache,
  type CheckedTimingCache,
} from './cache/option';
import { checkedCalibration, type CheckedCalibration } from './calibration/option';
import { filePathOf } from './file-path';
import { checkedOptions } from './known-keys';
import { checkedExternalDataOption, type GivenExternalData } from './model-source';
import { checkedPlainObject } from './plain-object';
import { checkedPluginPaths } from './plugin-files';
import { checkedPrecision, type CheckedPrecision } from './precision';
import { checkedProfiles, type GivenProfiles } from './profile-option';
import { checkedSigningKey, type SigningKey } from './signature/sign';
import { checkedVerify, type CheckedVerify } from './verify/option';
import {
  isolations,
  runtimes,
  type BuildOptions,
  type BuildRuntime,
  type Isolation,
} from './build-options';

/** BuildOptions after validation, with defaults filled in and null for "TensorRT's own". */
export interface CheckedBuildOptions {
  readonly runtime: BuildRuntime;
  readonly library: string | null;
  readonly output: string | null;
  readonly precision: CheckedPrecision;
  readonly tuning: NativeTuning;
  readonly timingCache: CheckedTimingCache | null;
  readonly cache: CheckedCache | null;
  readonly calibration: CheckedCalibration | null;
  readonly verify: CheckedVerify | null;
  readonly signingKey: SigningKey | null;
  readonly isolation: Isolation;
  /** Absolute paths. */
  readonly plugins: readonly string[];
  readonly standardPlugins: boolean;
  /** For `resolveProfiles`, once the model's inputs are known. */
  readonly profiles: GivenProfiles;
  readonly optimizationLevel: number | null;
  readonly memoryPools: Readonly<Partial<Record<NativeMemoryPool, number>>>;
  readonly computeCapabilities: readonly string[];
  /** null: not given, which is 0 where a GPU is needed */
  readonly device: number | null;
  /** By normal location; empty: none was given. */
  readonly externalData: GivenExternalData;
  readonly labels: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | null;
  readonly onProgress: ((progress: BuildProgress) => void) | null;
}

/** Every option of `buildEngine`. */
export const buildOptionNames = [
  'runtime',
  'library',
  'output',
  'precision',
  'typing',
  'plugins',
  'standardPlugins',
  ...tuningOptionNames,
  'profiles',
  'optimizationLevel',
  'memoryPools',
  'computeCapabilities',
  'device',
  'externalData',
  'timingCache',
  'reproducible',
  'cache',
  'calibration',
  'verify',
  'signingKey',
  'isolation',
  'labels',
  'signal',
  'onProgress',
] as const satisfies readonly (keyof BuildOptions)[];

/** @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_PROFILE_INVALID` */
export function checkedBuildOptions(given: BuildOptions | undefined): CheckedBuildOptions {
  const options = checkedOptions(given, 'options', buildOptionNames);
  return {
    runtime: oneOf(options.runtime, 'options.runtime', runtimes) ?? 'auto',
    library: optionalPath(options.library, 'options.library'),
    output: outputPath(options.output),
    precision: checkedPrecision(options.precision, options.typing),
    tuning: checkedTuning(options),
    timingCache: checkedTimingCache(options.timingCache, options.reproducible),
    cache: checkedCache(options.cache),
    calibration: checkedCalibration(options.calibration),
    verify: checkedVerify(options.verify),
    signingKey: checkedSigningKey(options.signingKey),
    isolation: oneOf(options.isolation, 'options.isolation', isolations) ?? 'process',
    plugins: checkedPluginPaths(options.plugins),
    standardPlugins: optionalFlag(options.standardPlugins, 'options.standardPlugins'),
    profiles: checkedProfiles(options.profiles),
    optimizationLevel: integer(options.optimizationLevel, 'options.optimizationLevel', 5),
    memoryPools: checkedMemoryPools(options.memoryPools),
    computeCapabilities: checkedComputeCapabilities(options.computeCapabilities),
    device: integer(options.device, 'options.device', 1023),
    externalData: checkedExternalDataOption(options.externalData),
    labels: checkedLabels(options.labels),
    signal: checkedSignal(options.signal),
    onProgress: checkedCallback(options.onProgress),
  };
}

/** The options as the manifest keeps them: what shaped the plan, without paths and callbacks of the building machine. */
export function optionsForManifest(options: CheckedBuildOptions): Record<string, unknown> {
  const { runtime, precision, optimizationLevel, memoryPools, computeCapabilities } = options;
  const { standardPlugins, tuning } = options;
  const set = Object.entries(tuning).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(defaultTuning[name as 'refit']),
  );
  return {
    runtime,
    precision: precision.list.length > 1 ? precision.list : (precision.list[0] ?? null),
    typing: precision.typing,
    optimizationLevel,
    memoryPools,
    computeCapabilities,
    standardPlugins,
    ...Object.fromEntries(set),
  };
}

function oneOf<T extends string>(value: unknown, name: string, accepted: readonly T[]): T | null {
  if (value === undefined) return null;
  const match = accepted.find((candidate) => candidate === value);
  if (match === undefined) {
    const list = accepted.map((candidate) => `'${candidate}'`).join(', ');
    throw invalidArgument(name, `one of ${list}, or nothing,`, value);
  }
  return match;
}

function integer(value: unknown, name: string, max: number): number | null {
  if (value === undefined) return null;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
    throw invalidArgument(name, `an integer from 0 to ${max}`, value);
  }
  return value;
}

function optionalPath(value: unknown, name: string): string | null {
  return value === undefined ? null : filePathOf(value, name);
}

function outputPath(value: unknown): string | null {
  const output = optionalPath(value, 'options.output');
  if (output?.endsWith('/')) {
    throw invalidArgument('options.output', 'the path of a file, not of a folder,', output);
  }
  return output;
}

function checkedMemoryPools(value: unknown): CheckedBuildOptions['memoryPools'] {
  if (value === undefined) return {};
  const pools = checkedPlainObject(
    value,
    'options.memoryPools',
    'a plain object of pool names and bytes',
  );
  const entries = Object.entries(pools).map(([name, bytes]): [NativeMemoryPool, number] => {
    const pool = nativeMemoryPools.find((candidate) => candidate === name);
    if (pool === undefined) {
      const expected = `only ${nativeMemoryPools.join(', ')} as names`;
      throw invalidArgument('options.memoryPools', expected, name);
    }
    if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0) {
      throw invalidArgument(`options.memoryPools.${name}`, 'a number of bytes', bytes);
    }
    return [pool, bytes];
  });
  return Object.fromEntries(entries);
}

function checkedComputeCapabilities(value: unknown): readonly string[] {
  if (value === undefined) return [];
  const expected = "an array of compute capabilities such as '8.6'";
  if (!Array.isArray(value) || value.length === 0) {
    throw invalidArgument('options.computeCapabilities', expected, value);
  }
  const list = Array.from(value as readonly unknown[], (item, index) => {
    if (typeof item !== 'string' || !/^[1-9]\d?\.\d$/.test(item)) {
      const name = `options.computeCapabilities[${index}]`;
      throw invalidArgument(name, "a compute capability such as '8.6'", item);
    }
    return item;
  });
  return [...new Set(list)];
}

function optionalFlag(value: unknown, name: string): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw invalidArgument(name, 'true or false', value);
  return value;
}

function checkedLabels(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  const labels = checkedPlainObject(value, 'options.labels', 'a plain object of strings');
  return Object.fromEntries(
    Object.entries(labels).map(([name, label]): [string, string] => {
      if (typeof label !== 'string') {
        throw invalidArgument(`options.labels.${name}`, 'a string', label);
      }
      return [name, label];
    }),
  );
}

function checkedSignal(value: unknown): AbortSignal | null {
  if (value === undefined) return null;
  if (!(value instanceof AbortSignal)) {
    throw invalidArgument('options.signal', 'an AbortSignal', value);
  }
  return value;
}

function checkedCallback(value: unknown): CheckedBuildOptions['onProgress'] {
  if (value === undefined) return null;
  if (typeof value !== 'function') throw invalidArgument('options.onProgress', 'a function', value);
  return value as (progress: BuildProgress) => void;
}
