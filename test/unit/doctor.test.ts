import { describe, expect, it } from 'vitest';
import { canRun, renderReport } from '../../lib/doctor';
import type { RuntimeReport } from '../../lib/runtime-report';
import { driverWith, gpu } from './fake-discovery';
import { gpuState, host } from './fake-evidence';

const driver = driverWith();

const healthy: RuntimeReport = {
  version: '0.1.0',
  node: 'v20.19.0',
  platform: 'linux-x64',
  libc: { name: 'glibc', version: '2.35' },
  addon: { abis: { v10: '10.16.0', rtx: '1.7.0' }, problem: null },
  driver,
  gpus: [
    { ...gpu('9.0', { name: 'NVIDIA H200' }), runtimes: ['tensorrt'], supportedBy: ['TensorRT'] },
    {
      ...gpu('8.9', { index: 1, name: 'NVIDIA L4', uuid: 'GPU-1' }),
      runtimes: ['tensorrt', 'tensorrt-rtx'],
      supportedBy: ['TensorRT', 'TensorRT-RTX'],
    },
  ],
  gpuStates: [gpuState({ uuid: 'GPU-1', smClockMhz: 210, powerDrawWatts: null })],
  host,
  variables: {},
  libraries: [
    {
      flavour: 'tensorrt',
      version: '10.6.0',
      path: '/opt/trt/lib/libnvinfer.so.10',
      parser: '/opt/trt/lib/libnvonnxparser.so.10',
      source: 'TENSORRT_ROOT',
      canBuild: true,
      canLoad: true,
      problem: null,
    },
  ],
  places: [{ path: '/opt/trt/lib', source: 'TENSORRT_ROOT', exists: true }],
  missing: { build: [], infer: [] },
  findings: [],
};

const bare: RuntimeReport = {
  ...healthy,
  driver: { ...driver, status: 'not-found', message: 'libcuda.so.1: not there' },
  gpus: [],
  libraries: [],
  missing: {
    build: [{ code: 'ERR_TRT_LIBRARY_NOT_FOUND', message: 'none\nnpx trt-node setup' }],
    infer: [{ code: 'ERR_TRT_NO_DRIVER', message: 'install a driver' }],
  },
};

describe('renderReport', () => {
  it('shows what is there', () => {
    const text = renderReport(healthy, ['build', 'infer'], { color: false });
    for (const fact of [
      'trt-node 0.1.0',
      'glibc 2.35',
      'CUDA 13.0',
      'NVIDIA H200',
      'TensorRT 10.6.0',
      '/opt/trt/lib/libnvinfer.so.10',
      'TENSORRT_ROOT',
    ]) {
      expect(text).toContain(fact);
    }
    expect(text).not.toContain('✗');
  });

  it('aligns the GPUs', () => {
    const lines = renderReport(healthy, ['infer'], { color: false }).split('\n');
    const columns = lines
      .filter((line) => line.includes('compute capability'))
      .map((line) => line.indexOf('compute capability'));
    expect(columns).toHaveLength(2);
    expect(columns[0]).toBe(columns[1]);
  });

  it('shows what is missing with code and next step, for the asked job alone', () => {
    const text = renderReport(bare, ['build'], { color: false });
    expect(text).toContain('libcuda.so.1: not there');
    expect(text).toContain('✗ [ERR_TRT_LIBRARY_NOT_FOUND]');
    expect(text).toContain('npx trt-node setup');
    expect(text).not.toContain('ERR_TRT_NO_DRIVER');
  });

  it('shows the problem of a library that cannot be used', () => {
    const [library] = healthy.libraries;
    const problem = { code: 'ERR_TRT_LIBRARY_UNSUPPORTED', message: 'too old' } as const;
    const libraries = library
      ? [{ ...library, version: null, problem, canBuild: false, canLoad: false }]
      : [];
    const text = renderReport({ ...healthy, libraries }, ['build'], { color: false });
    expect(text).toMatch(/✗ TensorRT \?[^]*\[ERR_TRT_LIBRARY_UNSUPPORTED\] too old/);
  });

  it('names the option without which nothing is built where no GPU is', () => {
    const [library] = healthy.libraries;
    const libraries = library ? [{ ...library, flavour: 'tensorrt-rtx' as const }] : [];
    const report = { ...bare, libraries, missing: { ...bare.missing, build: [] } };
    const text = renderReport(report, ['build'], { color: false });
    expect(text).toContain('--compute-capability');
  });

  it('asks for no GPUs to be named where TensorRT-RTX builds for the one that is there', () => {
    const [library] = healthy.libraries;
    const libraries = library
      ? [{ ...library, flavour: 'tensorrt-rtx' as const, version: '1.7.1' }]
      : [];
    const report = { ...healthy, libraries };
    const text = renderReport(report, ['build'], { color: false });
    expect(text).not.toContain('--compute-capability');
    const h200 = renderReport({ ...report, gpus: report.gpus.slice(0, 1) }, ['build'], {
      color: false,
    });
    expect(h200).toContain('--compute-capability');
  });

  it('says at length once what both jobs lack', () => {
    const missing = { build: bare.missing.build, infer: bare.missing.build };
    const text = renderReport({ ...bare, missing }, ['build', 'infer'], { color: false });
    expect(text.match(/npx trt-node setup/g)).toHaveLength(1);
    expect(text.match(/✗ \[ERR_TRT_LIBRARY_NOT_FOUND\]/g)).toHaveLength(2);
  });

  it('survives a report without an addon', () => {
    const problem = { code: 'ERR_TRT_UNSUPPORTED_PLATFORM', message: 'linux only' } as const;
    const text = renderReport(
      {
        ...bare,
        addon: { abis: {}, problem },
        driver: null,
        libc: null,
        missing: { build: [problem], infer: [problem] },
      },
      ['build', 'infer'],
      { color: false },
    );
    expect(text).toContain('[ERR_TRT_UNSUPPORTED_PLATFORM] linux only');
  });

  it('shows clocks and power below the GPU that they are of', () => {
    const lines = renderReport(healthy, ['infer'], { color: false }).split('\n');
    const l4 = lines.findIndex((line) => line.includes('NVIDIA L4'));
    expect(lines[l4 + 1]).toContain('SM 210 of 1980 MHz');
    expect(lines.filter((line) => line.includes('MHz'))).toHaveLength(1);
  });

  it('shows findings with evidence and next step, which the job then leaves to them', () => {
    const nextStep = 'Start it with --gpus all.';
    const text = renderReport(
      {
        ...bare,
        missing: {
          build: [],
          infer: [{ code: 'ERR_TRT_NO_DRIVER', message: `no driver. ${nextStep}` }],
        },
        findings: [
          {
            id: 'container-started-without-gpus',
            severity: 'problem',
            title: 'No GPUs in here',
            evidence: ['NVIDIA_VISIBLE_DEVICES=void'],
            nextStep,
          },
        ],
      },
      ['infer'],
      { color: false },
    );
    expect(text).toMatch(/No GPUs in here \[container-started-without-gpus\]\n.*=void\n.*Start it/);
    expect(text.match(/--gpus all/g)).toHaveLength(1);
    expect(text).toContain('See [container-started-without-gpus] above');
  });

  it('shows the places that cannot be read', () => {
    const places = [
      { path: '/root/lib', source: 'LD_LIBRARY_PATH', exists: false, unreadable: 'EACCES' },
    ];
    const text = renderReport({ ...healthy, places }, ['build'], { color: false });
    expect(text).toMatch(/\/root\/lib.*EACCES/);
  });

  it('colours only when asked to', () => {
    const escape = String.fromCharCode(27);
    expect(renderReport(healthy, ['build'], { color: true })).toContain(escape);
    expect(renderReport(healthy, ['build'], { color: false })).not.toContain(escape);
  });
});

describe('canRun', () => {
  it('is about the asked jobs', () => {
    const inferOnly = { ...healthy, missing: { build: bare.missing.build, infer: [] } };
    expect(canRun(healthy, ['build', 'infer'])).toBe(true);
    expect(canRun(inferOnly, ['infer'])).toBe(true);
    expect(canRun(inferOnly, ['build'])).toBe(false);
    expect(canRun(inferOnly, ['build', 'infer'])).toBe(false);
  });
});
