import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { NativeDriver } from '../../lib/binding';
import type { RuntimePin } from '../../lib/setup/pins';
import type { Surroundings } from '../../lib/setup/surroundings';

/** A Linux machine with a current glibc, a driver for CUDA 13 and no pip, on which `pin` is what there is to fetch. */
export function machineWith(pin: RuntimePin, overrides: Partial<Surroundings> = {}): Surroundings {
  return {
    env: { PATH: '/nonexistent' },
    platform: 'linux',
    arch: 'x64',
    glibc: '2.36',
    pins: { '12': { ...pin, cuda: '12' }, '13': pin },
    retryDelays: [1, 1, 1],
    stallTimeout: 10_000,
    probeDriver: async () => driver('13.0'),
    ...overrides,
  };
}

/** What the addon's `probeDriver` tells; null: of a machine without a driver. */
export function driver(cudaVersion: string | null): NativeDriver {
  return {
    status: cudaVersion === null ? 'not-found' : 'ok',
    message: cudaVersion === null ? 'libcuda.so.1: cannot open shared object file' : '',
    path: null,
    cudaError: null,
    cudaVersion,
    driverVersion: null,
    gpus: [],
  };
}

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

export async function temporaryFolder(): Promise<TemporaryFolder> {
  const folder = await mkdtemp(path.join(tmpdir(), 'trt-node-setup-'));
  return {
    path: folder,
    [Symbol.asyncDispose]: async () => rm(folder, { recursive: true, force: true }),
  };
}

/** Every file and folder below, relative; hidden ones too. */
export async function everythingIn(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).sort();
}
