import path from 'node:path';

import { invalidArgument, TrtError } from '../errors';
import { trtNodeHome } from '../home';
import type { SetupOptions, SetupProgress } from '../setup';
import { cudaMajors, oldestGlibc, type CudaMajor } from './pins';
import { redactText } from './redact';
import type { Surroundings } from './surroundings';

export interface CheckedOptions {
  /** null: the driver decides. */
  readonly cuda: CudaMajor | null;
  /** Absolute. */
  readonly root: string;
  readonly index: URL | null;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (progress: SetupProgress) => void;
}

export function checkOptions(options: SetupOptions, surroundings: Surroundings): CheckedOptions {
  if (typeof options !== 'object' || options === null) {
    throw invalidArgument('options', 'an object', options);
  }
  // What plain JavaScript hands over may be anything.
  const given: Readonly<Record<keyof SetupOptions, unknown>> = { ...absent, ...options };
  checkRuntime(given.runtime);
  const { cuda, dir, indexUrl, signal, onProgress } = given;
  if (cuda !== undefined && !cudaMajors.some((major) => major === cuda)) {
    throw invalidArgument('cuda', "'12' or '13'", cuda);
  }
  if (dir !== undefined && (typeof dir !== 'string' || dir === '')) {
    throw invalidArgument('dir', 'the path of a folder', dir);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgument('signal', 'an AbortSignal', signal);
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw invalidArgument('onProgress', 'a function', onProgress);
  }
  return {
    cuda: (cuda as CudaMajor | undefined) ?? null,
    root: dir === undefined ? homeOrThrow(surroundings.env) : path.resolve(dir),
    index: indexUrl === undefined ? null : parseIndexUrl('indexUrl', indexUrl),
    dryRun: checkBoolean('dryRun', given.dryRun),
    force: checkBoolean('force', given.force),
    signal,
    onProgress: (onProgress as SetupOptions['onProgress']) ?? (() => undefined),
  };
}

function homeOrThrow(env: NodeJS.ProcessEnv): string {
  const home = trtNodeHome(env);
  if (home !== null) return home;
  throw new TrtError(
    'ERR_TRT_INVALID_ARG',
    'expected `dir`, or an absolute path in HOME, to install under, but this user has no home folder. Name a folder in ' +
      '`dir` or in the environment variable TRT_NODE_HOME.',
    { details: { argument: 'dir' } },
  );
}

const absent: Readonly<Record<keyof SetupOptions, undefined>> = {
  runtime: undefined,
  cuda: undefined,
  dir: undefined,
  indexUrl: undefined,
  dryRun: undefined,
  force: undefined,
  signal: undefined,
  onProgress: undefined,
};

export function parseIndexUrl(name: string, value: unknown): URL {
  if (typeof value === 'string' && URL.canParse(value)) {
    const url = new URL(value);
    if (url.protocol === 'https:' || url.protocol === 'http:') return url;
  }
  const shown = typeof value === 'string' ? redactText(value) : value;
  throw invalidArgument(name, 'the http(s) URL of a package index', shown);
}

/** Throws ERR_TRT_SETUP_UNSUPPORTED where the fetched libraries could not be opened. */
export function checkPlatform({ platform, arch, glibc }: Surroundings): void {
  const [oldestMajor, oldestMinor] = oldestGlibc;
  const [major = 0, minor = 0] = (glibc ?? '').split('.').map(Number);
  const recent = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
  if (platform === 'linux' && arch === 'x64' && recent) return;
  const libc = glibc === null ? 'a C library other than glibc' : `glibc ${glibc}`;
  const found = platform === 'linux' ? `${platform} ${arch} with ${libc}` : `${platform} ${arch}`;
  throw new TrtError(
    'ERR_TRT_SETUP_UNSUPPORTED',
    `expected Linux on x64 with glibc ${oldestMajor}.${oldestMinor} or newer, for which TensorRT-RTX is fetched, but found ${found}. ` +
      'Run setup on such a machine or in such a container (Debian, Ubuntu, RHEL 8 or newer; not Alpine).',
    { details: { platform, arch, glibc } },
  );
}

function checkRuntime(runtime: unknown): void {
  if (runtime === undefined || runtime === 'tensorrt-rtx') return;
  if (runtime !== 'tensorrt') throw invalidArgument('runtime', "'tensorrt-rtx'", runtime);
  throw new TrtError(
    'ERR_TRT_SETUP_UNSUPPORTED',
    "expected 'tensorrt-rtx' for `runtime` but received 'tensorrt', which setup does not fetch. TensorRT itself comes " +
      "by NVIDIA's apt repository (apt-get install tensorrt), in NVIDIA's TensorRT container on NGC, or by pip " +
      '(pip install tensorrt-cu12 or tensorrt-cu13); trt-node finds each of them.',
    { details: { runtime } },
  );
}

function checkBoolean(name: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw invalidArgument(name, 'a boolean', value);
  return value;
}
