import type { NativeDriver, NativeGpu } from '../../lib/binding';
import type { Discovery, FoundLibrary, UsableLibrary } from '../../lib/discovery';
import { TrtError, type TrtErrorCode } from '../../lib/errors';
import type { Flavour } from '../../lib/manifest-schema';

/** What discovery would have found, for tests of what follows from it. */
export function usable(
  flavour: Flavour,
  version: string,
  changes: Partial<UsableLibrary> = {},
): UsableLibrary {
  return {
    flavour,
    version,
    abi: flavour === 'tensorrt-rtx' ? 'rtx' : version.startsWith('11.') ? 'v11' : 'v10',
    files: { core: `/lib/${flavour}-${version}.so`, parser: '/lib/parser.so' },
    source: 'test',
    hasBuilder: true,
    hasRuntime: true,
    parserVersion: version,
    problem: null,
    ...changes,
  };
}

export function unusable(
  flavour: Flavour,
  version: string | null,
  code: TrtErrorCode,
  details: Record<string, unknown> = {},
): FoundLibrary {
  return {
    flavour,
    version,
    files: { core: `/lib/${flavour}-${version ?? 'unknown'}.so`, parser: null },
    source: 'test',
    problem: new TrtError(code, `refused with ${code}`, { details }),
  };
}

export function discovery(
  libraries: readonly FoundLibrary[],
  changes: Partial<Discovery> = {},
): Discovery {
  const places = [
    { path: '/lib', source: 'system folder', exists: true },
    { path: '/opt/nowhere', source: 'TENSORRT_ROOT', exists: false },
  ];
  return { libraries, places, requested: null, ...changes };
}

export function gpu(computeCapability: string, changes: Partial<NativeGpu> = {}): NativeGpu {
  return {
    index: 0,
    name: `GPU of ${computeCapability}`,
    computeCapability,
    uuid: 'GPU-0',
    memoryTotalBytes: 24 * 2 ** 30,
    ...changes,
  };
}

export function driverWith(...gpus: NativeGpu[]): NativeDriver {
  return {
    status: 'ok',
    message: '',
    path: '/lib/libcuda.so.1',
    cudaError: 0,
    cudaVersion: '13.0',
    driverVersion: '580.1',
    gpus,
  };
}

export const noDriver: NativeDriver = {
  status: 'not-found',
  message: 'libcuda.so.1: cannot open shared object file',
  path: null,
  cudaError: null,
  cudaVersion: null,
  driverVersion: null,
  gpus: [],
};
