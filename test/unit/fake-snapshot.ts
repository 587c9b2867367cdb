import type { EnvironmentSnapshot, SnapshotGpu } from '../../lib/doctor/environment-snapshot';
import { gpu } from './fake-discovery';
import { gpuState, host, libraryReport } from './fake-evidence';

const { flavour, version, path, parser, source, canBuild, canLoad } = libraryReport();

export const h100: SnapshotGpu = {
  ...gpu('9.0', { name: 'NVIDIA H100' }),
  state: gpuState(),
};

/** A machine with one H100 and TensorRT 10.6. */
export const snapshot: EnvironmentSnapshot = {
  schemaVersion: 1,
  kind: 'trt-node-environment',
  createdAt: '2026-01-01T00:00:00.000Z',
  trtNode: '0.1.0',
  node: 'v20.19.0',
  platform: 'linux-x64',
  libc: { name: 'glibc', version: '2.35' },
  host,
  variables: {},
  driver: {
    status: 'ok',
    driverVersion: '580.95.05',
    cudaVersion: '13.0',
    path: '/lib/libcuda.so.1',
  },
  gpus: [h100],
  libraries: [
    {
      ...{ flavour, version, path, parser, source, canBuild, canLoad },
      sha256: 'a'.repeat(64),
      parserSha256: 'b'.repeat(64),
    },
  ],
};

export function withState(changes: Parameters<typeof gpuState>[0]): EnvironmentSnapshot {
  return { ...snapshot, gpus: [{ ...h100, state: gpuState(changes) }] };
}
