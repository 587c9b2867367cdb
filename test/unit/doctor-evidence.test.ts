import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kernelModuleVersion, libcudaVersion } from '../../lib/doctor/evidence';
import { cudaOfLibraries, gatherTraces } from '../../lib/doctor/gather-evidence';
import { gatherHost, recordedVariables } from '../../lib/doctor/host-report';
import { bare, healthy, libraryReport } from './fake-evidence';

let root: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'trt-node-evidence-')));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

const gather = (env: NodeJS.ProcessEnv = {}) => gatherTraces(env, { root, platform: 'linux' });

describe('gatherTraces', () => {
  it('finds nothing on an empty machine', async () => {
    expect(await gather()).toEqual({
      platform: 'linux',
      env: {},
      kernelModule: null,
      deviceNodes: [],
      pciGpus: null,
      container: null,
      wsl: null,
      driverLibraries: [],
    });
  });

  it('reads the driver’s traces', async () => {
    put({
      'proc/driver/nvidia/version':
        'NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.133.20  Sun Mar 30\nGCC version: 12\n',
      'dev/nvidia0': '',
      'dev/nvidiactl': '',
      'dev/nvme0': '',
      'sys/bus/pci/devices/0000:01:00.0/vendor': '0x10de\n',
      'sys/bus/pci/devices/0000:01:00.0/class': '0x030200\n',
      // The GPU's sound device, and another vendor's GPU.
      'sys/bus/pci/devices/0000:01:00.1/vendor': '0x10de\n',
      'sys/bus/pci/devices/0000:01:00.1/class': '0x040300\n',
      'sys/bus/pci/devices/0000:02:00.0/vendor': '0x1002\n',
      'sys/bus/pci/devices/0000:02:00.0/class': '0x030000\n',
      'usr/lib/x86_64-linux-gnu/libcuda.so.570.133.20': '',
    });
    const library = path.join(root, 'usr/lib/x86_64-linux-gnu/libcuda.so.1');
    symlinkSync('libcuda.so.570.133.20', library);
    const traces = await gather();
    expect(traces.deviceNodes.map(({ path: node }) => node)).toEqual([
      '/dev/nvidia0',
      '/dev/nvidiactl',
    ]);
    expect(traces.pciGpus).toEqual(['0000:01:00.0']);
    expect(traces.driverLibraries).toEqual([
      { path: library, file: library.replace('.so.1', '.so.570.133.20') },
    ]);
    const evidence = { ...bare, ...traces };
    expect(kernelModuleVersion(evidence)).toBe('570.133.20');
    expect(libcudaVersion(evidence)).toBe('570.133.20');
  });

  it('finds libraries in LD_LIBRARY_PATH, stubs too', async () => {
    put({ 'cuda/stubs/libcuda.so': '' });
    const { driverLibraries } = await gather({ LD_LIBRARY_PATH: path.join(root, 'cuda/stubs') });
    expect(driverLibraries.map(({ path: file }) => path.relative(root, file))).toEqual([
      'cuda/stubs/libcuda.so',
    ]);
  });

  it.each([
    ['Docker', { '.dockerenv': '' }, {}, '/.dockerenv'],
    ['Podman', { 'run/.containerenv': '' }, {}, '/run/.containerenv'],
    ['Kubernetes', {}, { KUBERNETES_SERVICE_HOST: '10.0.0.1' }, 'KUBERNETES'],
    ['systemd’s variable', {}, { container: 'lxc' }, 'lxc'],
    ['cgroup 1', { 'proc/1/cgroup': '1:cpu:/kubepods/burstable/x\n' }, {}, 'kubepods'],
    [
      'an overlay as root',
      { 'proc/self/mountinfo': '1 0 0:1 / / rw,relatime - overlay overlay rw\n' },
      {},
      'overlay',
    ],
  ])('knows a container by %s', async (_name, files, env, sign) => {
    put(files);
    expect((await gather(env)).container).toContain(sign);
  });

  it('does not take an ordinary machine for a container', async () => {
    put({
      'proc/1/cgroup': '0::/init.scope\n',
      'proc/self/mountinfo': '1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:9 / /x rw - overlay o rw\n',
    });
    expect((await gather()).container).toBeNull();
  });

  it('knows WSL by its kernel', async () => {
    put({ 'proc/sys/kernel/osrelease': '5.15.153.1-microsoft-standard-WSL2\n' });
    expect((await gather()).wsl).toContain('microsoft');
  });
});

describe('versions in names', () => {
  it('reads those of the open and the other kernel module', () => {
    expect(kernelModuleVersion(healthy)).toBe('580.95.05');
    expect(kernelModuleVersion({ ...healthy, kernelModule: null })).toBeNull();
  });

  it('knows none for a stub', () => {
    const stub = { path: '/stubs/libcuda.so', file: '/stubs/libcuda.so' };
    expect(libcudaVersion({ ...healthy, driverLibraries: [stub] })).toBeNull();
  });
});

describe('cudaOfLibraries', () => {
  it('reads it from the names of setup’s folders and of pip’s packages', async () => {
    put({
      'site/tensorrt_rtx_libs/libtensorrt_rtx.so.1': '',
      'site/tensorrt_rtx_cu13_libs-1.7.1.116.dist-info/METADATA': '',
      'site/tensorrt_libs/libnvinfer.so.10': '',
      'site/tensorrt_cu12_libs-10.6.0.dist-info/METADATA': '',
    });
    const at = (file: string) => path.join(root, file);
    const files = [
      '/runtimes/tensorrt-rtx-1.7.1.116-cu13/libtensorrt_rtx.so.1',
      at('site/tensorrt_rtx_libs/libtensorrt_rtx.so.1'),
      at('site/tensorrt_libs/libnvinfer.so.10'),
      '/usr/lib/libnvinfer.so.10',
    ];
    const majors = await cudaOfLibraries(files.map((file) => libraryReport({ path: file })));
    expect(files.map((file) => majors[file])).toEqual([13, 13, 12, undefined]);
  });
});

describe('gatherHost', () => {
  it('tells system, governor and container', async () => {
    put({
      'etc/os-release': 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\n',
      'sys/devices/system/cpu/cpu0/cpufreq/scaling_governor': 'powersave\n',
    });
    expect(await gatherHost({ container: 'a sign', wsl: null }, root)).toMatchObject({
      os: 'Ubuntu 24.04.1 LTS',
      cpuGovernor: 'powersave',
      container: 'a sign',
      wsl: false,
    });
  });
});

describe('recordedVariables', () => {
  it('keeps what matters and nothing private', () => {
    const env = {
      CUDA_VISIBLE_DEVICES: '',
      NVIDIA_DRIVER_CAPABILITIES: 'all',
      LD_LIBRARY_PATH: '/a',
      PIP_INDEX_URL: 'https://user:secret@host',
      NVIDIA_API_KEY: 'secret',
      HOME: '/home/me',
    };
    expect(recordedVariables(env)).toEqual({
      CUDA_VISIBLE_DEVICES: '',
      LD_LIBRARY_PATH: '/a',
      NVIDIA_DRIVER_CAPABILITIES: 'all',
    });
  });
});
