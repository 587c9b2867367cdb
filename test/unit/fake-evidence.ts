import type { NativeGpuState } from '../../lib/binding';
import type { Evidence } from '../../lib/doctor/evidence';
import type { HostReport } from '../../lib/doctor/host-report';
import type { LibraryReport } from '../../lib/runtime-report';
import { driverWith, gpu, noDriver } from './fake-discovery';

/** What NVML tells of a healthy, idle H100, as far as tests look at it. */
export function gpuState(changes: Partial<NativeGpuState> = {}): NativeGpuState {
  return {
    index: 0,
    name: 'NVIDIA H100',
    uuid: 'GPU-0',
    pciBusId: '00000000:01:00.0',
    computeCapability: '9.0',
    persistenceMode: true,
    mig: { enabled: false, pending: false, instances: 0 },
    smClockMhz: 345,
    smClockMaxMhz: 1980,
    smClockApplicationMhz: 1980,
    memoryClockMhz: 2619,
    memoryClockMaxMhz: 2619,
    memoryClockApplicationMhz: 2619,
    powerDrawWatts: 70,
    powerLimitWatts: 700,
    powerLimitDefaultWatts: 700,
    temperatureCelsius: 30,
    gpuUtilizationPercent: 0,
    memoryUtilizationPercent: 0,
    memoryTotalBytes: 80 * 2 ** 30,
    memoryUsedBytes: 0,
    pcieGeneration: 5,
    pcieGenerationMax: 5,
    pcieWidth: 16,
    pcieWidthMax: 16,
    eccEnabled: true,
    computeMode: 'default',
    clockEventReasons: ['gpu-idle'],
    otherProcesses: 0,
    ...changes,
  };
}

export function libraryReport(changes: Partial<LibraryReport> = {}): LibraryReport {
  return {
    flavour: 'tensorrt',
    version: '10.6.0',
    path: '/opt/trt/lib/libnvinfer.so.10',
    parser: '/opt/trt/lib/libnvonnxparser.so.10',
    source: 'TENSORRT_ROOT',
    canBuild: true,
    canLoad: true,
    problem: null,
    ...changes,
  };
}

export const host: HostReport = {
  os: 'Debian GNU/Linux 12 (bookworm)',
  kernel: '6.1.0',
  container: null,
  wsl: false,
  cpu: 'Some CPU',
  cpuCount: 16,
  cpuGovernor: 'performance',
  memoryBytes: 64 * 2 ** 30,
};

export const module580 =
  'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64 580.95.05 Release Build (dvs-builder)';

export function nodes(...names: string[]): Evidence['deviceNodes'] {
  return names.map((name) => ({ path: `/dev/${name}`, accessible: true }));
}

export const allNodes = nodes('nvidia0', 'nvidiactl', 'nvidia-uvm');

/** A machine on which everything works. */
export const healthy: Evidence = {
  platform: 'linux',
  env: {},
  kernelModule: module580,
  deviceNodes: allNodes,
  pciGpus: ['0000:01:00.0'],
  container: null,
  wsl: null,
  driverLibraries: [
    { path: '/lib/libcuda.so.1', file: '/lib/libcuda.so.580.95.05' },
    { path: '/lib/libnvidia-ml.so.1', file: '/lib/libnvidia-ml.so.580.95.05' },
  ],
  driver: driverWith(gpu('9.0')),
  gpuStates: [gpuState()],
  libraries: [libraryReport()],
  libraryCuda: {},
};

/** A machine that has nothing of NVIDIA's. */
export const bare: Evidence = {
  ...healthy,
  kernelModule: null,
  deviceNodes: [],
  pciGpus: [],
  driverLibraries: [],
  driver: {
    ...noDriver,
    message: 'libcuda.so.1: cannot open shared object file: No such file or directory',
  },
  gpuStates: [],
};

/** libcuda is there and cuInit returns `cudaError`. */
export function failing(cudaError: number, name: string): Evidence['driver'] {
  return {
    ...noDriver,
    status: 'init-failed',
    message: `cuInit: ${name} (words)`,
    path: '/lib/libcuda.so.1',
    cudaError,
  };
}
