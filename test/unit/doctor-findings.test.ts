import { describe, expect, it } from 'vitest';
import { diagnose } from '../../lib/doctor/diagnose';
import type { Evidence } from '../../lib/doctor/evidence';
import type { FindingId } from '../../lib/doctor/finding';
import { driverWith, gpu, noDriver } from './fake-discovery';
import {
  allNodes,
  bare,
  failing,
  gpuState,
  healthy,
  libraryReport,
  module580,
  nodes,
} from './fake-evidence';

function ids(base: Evidence, changes: Partial<Evidence>): FindingId[] {
  return diagnose({ ...base, ...changes }).map(({ id }) => id);
}

function only(base: Evidence, changes: Partial<Evidence>): ReturnType<typeof diagnose>[number] {
  const findings = diagnose({ ...base, ...changes });
  expect(findings).toHaveLength(1);
  return findings[0]!;
}

const noDevice = failing(100, 'CUDA_ERROR_NO_DEVICE');
const container = '/.dockerenv exists';

/** Every finding as the machine that it is about; the evidence must show `shows`. */
const cases: readonly (readonly [
  name: string,
  id: FindingId,
  base: Evidence,
  changes: Partial<Evidence>,
  shows: string,
])[] = [
  ['nothing of NVIDIA’s', 'driver-missing', bare, {}, 'no NVIDIA kernel module'],
  ['a GPU without driver', 'driver-missing', bare, { pciGpus: ['0000:01:00.0'] }, '0000:01:00.0'],
  [
    'a module without libraries',
    'driver-library-missing',
    bare,
    { kernelModule: module580, deviceNodes: allNodes },
    '580.95.05',
  ],
  [
    'a libcuda for another processor',
    'driver-library-broken',
    bare,
    { driver: { ...noDriver, message: 'libcuda.so.1: wrong ELF class: ELFCLASS32' } },
    'ELFCLASS32',
  ],
  [
    'a container on a host without driver',
    'container-host-without-driver',
    bare,
    { container },
    container,
  ],
  [
    'a container without --gpus',
    'container-started-without-gpus',
    bare,
    { container, kernelModule: module580 },
    'NVIDIA_VISIBLE_DEVICES is not set',
  ],
  ...['void', 'none', ''].map(
    (value) =>
      [
        `NVIDIA_VISIBLE_DEVICES=${value}`,
        'container-started-without-gpus',
        bare,
        { container, kernelModule: module580, env: { NVIDIA_VISIBLE_DEVICES: value } },
        `NVIDIA_VISIBLE_DEVICES=${value === '' ? '(empty)' : value}`,
      ] as const,
  ),
  [
    'the driver’s libraries without a GPU (NVIDIA_VISIBLE_DEVICES=none)',
    'container-started-without-gpus',
    healthy,
    {
      container,
      driver: noDevice,
      deviceNodes: nodes('nvidiactl'),
      env: { NVIDIA_VISIBLE_DEVICES: 'none' },
    },
    'no /dev/nvidia0',
  ],
  [
    'GPUs asked for, no toolkit',
    'container-without-toolkit',
    bare,
    { container, kernelModule: module580, env: { NVIDIA_VISIBLE_DEVICES: 'all' } },
    'NVIDIA_VISIBLE_DEVICES=all',
  ],
  [
    'device files passed by hand',
    'container-without-toolkit',
    bare,
    { container, kernelModule: module580, deviceNodes: allNodes },
    '/dev/nvidia0',
  ],
  [
    'capabilities without compute',
    'driver-capabilities-without-compute',
    bare,
    {
      container,
      kernelModule: module580,
      deviceNodes: allNodes,
      env: { NVIDIA_DRIVER_CAPABILITIES: 'utility' },
    },
    'NVIDIA_DRIVER_CAPABILITIES=utility',
  ],
  [
    'NVML and no libcuda in a container',
    'driver-capabilities-without-compute',
    bare,
    {
      container,
      kernelModule: module580,
      deviceNodes: allNodes,
      driverLibraries: [{ path: '/lib/libnvidia-ml.so.1', file: '/lib/libnvidia-ml.so.580' }],
    },
    'libcuda.so.1 is not',
  ],
  [
    'capabilities without utility',
    'driver-capabilities-without-utility',
    healthy,
    {
      container,
      env: { NVIDIA_DRIVER_CAPABILITIES: 'compute' },
      driver: { ...driverWith(gpu('9.0')), driverVersion: null },
      gpuStates: [],
    },
    'NVIDIA_DRIVER_CAPABILITIES=compute',
  ],
  [
    'a stub by its answer',
    'stub-libcuda',
    healthy,
    { driver: failing(34, 'CUDA_ERROR_STUB_LIBRARY') },
    'CUDA_ERROR_STUB_LIBRARY',
  ],
  [
    'a stub by its path',
    'stub-libcuda',
    healthy,
    {
      driver: { ...noDevice!, path: '/usr/local/cuda/lib64/stubs/libcuda.so.1' },
      env: { LD_LIBRARY_PATH: '/usr/local/cuda/lib64/stubs' },
    },
    '/stubs',
  ],
  [
    'stubs on the path of a driver that works',
    'stub-libcuda',
    healthy,
    { env: { LD_LIBRARY_PATH: '/a:/usr/local/cuda/lib64/stubs/' } },
    'stubs',
  ],
  [
    '#15 cuInit 35',
    'driver-too-old',
    healthy,
    { driver: failing(35, 'CUDA_ERROR_INSUFFICIENT_DRIVER') },
    '580.95.05',
  ],
  [
    '#15 a libcuda that lacks functions',
    'driver-too-old',
    healthy,
    { driver: { ...failing(0, '')!, message: 'cuMemGetInfo_v2 is missing from it' } },
    'cuMemGetInfo_v2',
  ],
  [
    '#15 a package for CUDA 13 on a driver for CUDA 12',
    'driver-too-old',
    healthy,
    {
      driver: { ...driverWith(gpu('9.0')), cudaVersion: '12.4', driverVersion: '550.1' },
      libraryCuda: { '/opt/trt/lib/libnvinfer.so.10': 13 },
    },
    'CUDA 12.4',
  ],
  [
    'cuInit 803',
    'driver-mismatch',
    healthy,
    { driver: failing(803, 'CUDA_ERROR_SYSTEM_DRIVER_MISMATCH') },
    '580.95.05',
  ],
  [
    'an updated library under an old module',
    'driver-mismatch',
    healthy,
    {
      driver: failing(999, 'CUDA_ERROR_UNKNOWN'),
      kernelModule: module580.replace('580.95.05', '570.1.2'),
    },
    '570.1.2',
  ],
  [
    'forward compatibility on a GeForce',
    'driver-mismatch',
    healthy,
    { driver: failing(804, 'CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE') },
    'COMPAT_NOT_SUPPORTED',
  ],
  [
    'NVSwitch without fabric manager',
    'fabric-manager-missing',
    healthy,
    { driver: failing(802, 'CUDA_ERROR_SYSTEM_NOT_READY') },
    'SYSTEM_NOT_READY',
  ],
  [
    'libraries without a module',
    'kernel-module-missing',
    healthy,
    { driver: noDevice, kernelModule: null, deviceNodes: [], gpuStates: [] },
    'no NVIDIA kernel module',
  ],
  [
    'a module without device files',
    'device-nodes-missing',
    healthy,
    { driver: failing(999, 'CUDA_ERROR_UNKNOWN'), deviceNodes: nodes('nvidia0', 'nvidiactl') },
    'nvidiactl',
  ],
  [
    'device files that are not ours',
    'device-nodes-denied',
    healthy,
    {
      driver: noDevice,
      deviceNodes: allNodes.map((node) => ({ ...node, accessible: false })),
    },
    'not accessible',
  ],
  [
    'what nothing explains',
    'driver-init-failed',
    healthy,
    { driver: failing(999, 'CUDA_ERROR_UNKNOWN') },
    'CUDA_ERROR_UNKNOWN',
  ],
  [
    'WSL without Windows’ driver',
    'wsl-without-driver',
    bare,
    { wsl: 'kernel 5.15-microsoft-standard-WSL2', deviceNodes: nodes('dxg') },
    'no libcuda in /usr/lib/wsl/lib',
  ],
  [
    'a Linux driver in WSL',
    'wsl-linux-driver',
    healthy,
    { wsl: 'kernel 5.15-microsoft-standard-WSL2', driver: noDevice, deviceNodes: nodes('dxg') },
    '/lib/libcuda.so.580.95.05',
  ],
  [
    'a WSL that works',
    'wsl',
    healthy,
    { wsl: 'kernel microsoft', driver: wslDriver() },
    'microsoft',
  ],
  [
    'MIG without instances',
    'mig-without-instances',
    healthy,
    {
      driver: noDevice,
      gpuStates: [gpuState({ mig: { enabled: true, pending: true, instances: 0 } })],
    },
    '0 MIG devices',
  ],
  [
    'MIG with instances',
    'mig',
    healthy,
    { gpuStates: [gpuState({ mig: { enabled: true, pending: true, instances: 3 } })] },
    '3 MIG devices',
  ],
  [
    'a second TensorRT',
    'several-tensorrt',
    healthy,
    { libraries: [libraryReport(), libraryReport({ version: '10.8.0', path: '/usr/lib/b.so' })] },
    '/usr/lib/b.so',
  ],
  [
    '#15 a library without its libcudart',
    'library-dependency-missing',
    healthy,
    {
      libraries: [
        libraryReport({
          canBuild: false,
          canLoad: false,
          problem: {
            code: 'ERR_TRT_LIBRARY_LOAD',
            message: 'libcudart.so.12: cannot open shared object file: No such file',
          },
        }),
      ],
    },
    'libcudart.so.12',
  ],
  [
    'CUDA_LAUNCH_BLOCKING',
    'cuda-launch-blocking',
    healthy,
    { env: { CUDA_LAUNCH_BLOCKING: '1' } },
    'CUDA_LAUNCH_BLOCKING=1',
  ],
  [
    'a hot GPU',
    'gpu-throttled',
    healthy,
    {
      gpuStates: [
        gpuState({ clockEventReasons: ['hardware-thermal-slowdown'], temperatureCelsius: 91 }),
      ],
    },
    '91 °C',
  ],
  [
    'a used GPU',
    'gpu-busy',
    healthy,
    { gpuStates: [gpuState({ otherProcesses: 2 })] },
    'utilization',
  ],
  [
    'a narrow slot',
    'pcie-link-reduced',
    healthy,
    { gpuStates: [gpuState({ pcieWidth: 4 })] },
    'x4',
  ],
  [
    'a lowered power limit',
    'power-limit-reduced',
    healthy,
    { gpuStates: [gpuState({ powerLimitWatts: 350 })] },
    '350 W',
  ],
  [
    'compute prohibited',
    'compute-mode-prohibited',
    healthy,
    { gpuStates: [gpuState({ computeMode: 'prohibited' })] },
    'prohibited',
  ],
  [
    'one process alone',
    'compute-mode-exclusive',
    healthy,
    { gpuStates: [gpuState({ computeMode: 'exclusive-process' })] },
    'exclusive-process',
  ],
];

function wslDriver(): Evidence['driver'] {
  return { ...driverWith(gpu('8.9')), path: '/usr/lib/wsl/lib/libcuda.so.1' };
}

describe('diagnose', () => {
  it('finds nothing on a machine that works, container or not', () => {
    expect(ids(healthy, {})).toEqual([]);
    // The toolkit's CDI mode sets `void` where GPUs are.
    expect(ids(healthy, { container, env: { NVIDIA_VISIBLE_DEVICES: 'void' } })).toEqual([]);
    expect(
      ids(healthy, { container, env: { NVIDIA_DRIVER_CAPABILITIES: 'compute,utility' } }),
    ).toEqual([]);
  });

  it.each(cases)('%s: %s', (_name, id, base, changes, shows) => {
    const finding = only(base, changes);
    expect(finding.id).toBe(id);
    expect(finding.evidence.join('\n')).toContain(shows);
    expect(finding.title).not.toBe('');
    expect(finding.nextStep).not.toBe('');
  });

  it('says nothing where nothing can be said: another platform, no addon, an unknown reason', () => {
    expect(ids(bare, { platform: 'darwin' })).toEqual([]);
    expect(ids(bare, { driver: null })).toEqual([]);
    const gpuStates = [gpuState({ clockEventReasons: ['constructor'] })];
    expect(ids(healthy, { gpuStates })).toEqual([]);
  });

  it('tells problems before warnings before notes', () => {
    const findings = diagnose({
      ...healthy,
      env: { CUDA_LAUNCH_BLOCKING: '1' },
      gpuStates: [gpuState({ computeMode: 'prohibited', otherProcesses: 1 })],
    });
    expect(findings.map(({ severity }) => severity)).toEqual(['problem', 'warning', 'note']);
  });

  it('names the driver that a package for CUDA 13 needs', () => {
    const { nextStep } = only(healthy, {
      driver: { ...driverWith(gpu('9.0')), cudaVersion: '12.4' },
      libraryCuda: { '/opt/trt/lib/libnvinfer.so.10': 13 },
    });
    // CUDA 13.x needs driver 580: NVIDIA's table of minor version compatibility.
    expect(nextStep).toContain('580');
  });

  it('tells which of two TensorRTs builds', () => {
    const first = libraryReport({ canBuild: false, path: '/a/libnvinfer.so.10' });
    const second = libraryReport({ path: '/b/libnvinfer.so.10' });
    const { evidence } = only(healthy, { libraries: [first, second] });
    expect(evidence.at(-1)).toContain('/b/libnvinfer.so.10');
    // 10.6 does not run on compute capability 10.0; 10.8 does.
    const newer = libraryReport({ version: '10.8.0', path: '/c/libnvinfer.so.10' });
    const onB200 = only(healthy, { libraries: [second, newer], driver: driverWith(gpu('10.0')) });
    expect(onB200.evidence.at(-1)).toContain('/c/libnvinfer.so.10');
  });

  it('does not count lean and dispatch runtimes, or another flavour, as a second TensorRT', () => {
    const lean = libraryReport({ path: '/opt/trt/lib/libnvinfer_lean.so.10' });
    const rtx = libraryReport({ flavour: 'tensorrt-rtx', path: '/opt/rtx/libtensorrt_rtx.so.1' });
    expect(ids(healthy, { libraries: [libraryReport(), lean, rtx] })).toEqual([]);
  });
});

describe('#77 CUDA_VISIBLE_DEVICES', () => {
  const two = [gpuState({ uuid: 'GPU-aaaa-1' }), gpuState({ index: 1, uuid: 'GPU-bbbb-2' })];
  const hidden = (value: string, gpuStates = two): Partial<Evidence> => ({
    env: { CUDA_VISIBLE_DEVICES: value },
    driver: noDevice,
    gpuStates,
  });

  it.each(['', '-1', 'NoDevFiles'])('%j hides every GPU', (value) => {
    expect(only(healthy, hidden(value)).id).toBe('cuda-visible-devices-empty');
  });

  it.each([
    ['an index that is too large', '2'],
    ['an unknown UUID', 'GPU-cccc'],
    ['a MIG device without MIG', 'MIG-1234'],
    ['a name', 'first'],
  ])('%s: %s', (_name, value) => {
    const finding = only(healthy, hidden(value));
    expect(finding.id).toBe('cuda-visible-devices-invalid');
    expect(finding.severity).toBe('problem');
    expect(finding.evidence.join('\n')).toContain(value);
  });

  it.each(['0', '1,0', 'GPU-aaaa', 'gpu-BBBB-2'])('%s names GPUs that are there', (value) => {
    // It is then not the cause of what else is wrong.
    expect(only(healthy, hidden(value)).id).toBe('driver-init-failed');
  });

  it('warns when the GPUs after a wrong entry are lost', () => {
    const finding = only(healthy, {
      env: { CUDA_VISIBLE_DEVICES: '0,7,1' },
      gpuStates: two,
    });
    expect(finding).toMatchObject({ id: 'cuda-visible-devices-invalid', severity: 'warning' });
    expect(finding.evidence.join('\n')).toContain('"7"');
  });

  it('takes a MIG device where MIG is on', () => {
    const mig = [gpuState({ mig: { enabled: true, pending: true, instances: 1 } })];
    expect(ids(healthy, { env: { CUDA_VISIBLE_DEVICES: 'MIG-1234' }, gpuStates: mig })).toEqual([
      'mig',
    ]);
  });

  it('judges indices only where NVML tells how many GPUs there are', () => {
    expect(only(healthy, hidden('7', [])).id).toBe('driver-init-failed');
  });
});
