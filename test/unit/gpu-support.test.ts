import { describe, expect, it } from 'vitest';
import {
  describeSupport,
  gpuUnsupported,
  planRunsOn,
  runtimeSupportsGpu,
} from '../../lib/gpu-support';

describe('runtimeSupportsGpu', () => {
  // Compute capabilities: V100 7.0, T4 7.5, A100 8.0, A10 8.6, Orin 8.7, L4 8.9, H200 9.0, B200 10.0, B300 10.3,
  // RTX 50 12.0, GB10 12.1.
  it.each([
    ['6.1', false, false],
    ['7.0', true, false],
    ['7.5', true, true],
    ['8.0', true, true],
    ['8.6', true, true],
    ['8.7', true, false],
    ['8.9', true, true],
    ['9.0', true, false],
    ['10.0', true, false],
    ['10.3', true, false],
    ['12.0', true, true],
    ['12.1', true, true],
  ])('compute capability %s: TensorRT %s, TensorRT-RTX %s', (capability, tensorrt, rtx) => {
    expect(runtimeSupportsGpu('tensorrt', capability)).toBe(tensorrt);
    expect(runtimeSupportsGpu('tensorrt-rtx', capability)).toBe(rtx);
  });
});

describe('the release of TensorRT', () => {
  // NVIDIA's release notes: 10.5 removes Volta, 10.8 adds Blackwell.
  it.each([
    ['7.0', '10.0.1', true],
    ['7.0', '10.4.0', true],
    ['7.0', '10.5.0', false],
    ['7.0', '11.0.0', false],
    ['7.5', '10.0.1', true],
    ['9.0', '10.0.1', true],
    ['10.0', '10.7.0', false],
    ['10.0', '10.8.0', true],
    ['12.0', '10.7.0.23', false],
    ['12.0', '10.15.1', true],
    ['12.0', '11.2.0', true],
  ])('compute capability %s, TensorRT %s: %s', (computeCapability, version, runs) => {
    expect(runtimeSupportsGpu('tensorrt', computeCapability, version)).toBe(runs);
    const refusal = gpuUnsupported('tensorrt', { name: 'a GPU', computeCapability }, version);
    expect(refusal?.code ?? null).toBe(runs ? null : 'ERR_TRT_GPU_UNSUPPORTED');
  });

  it('is named where another one is needed', () => {
    expect(describeSupport('tensorrt', '7.0')).toContain('10.5');
    expect(describeSupport('tensorrt', '10.0')).toContain('10.8');
    expect(describeSupport('tensorrt', '9.0')).toBe('TensorRT');
    expect(describeSupport('tensorrt-rtx', '9.0')).toBeNull();
    const b200 = { name: 'NVIDIA B200', computeCapability: '10.0' };
    const refusal = gpuUnsupported('tensorrt', b200, '10.6.0');
    expect(refusal?.message).toContain('TensorRT 10.8 and newer');
    expect(refusal?.details).toMatchObject({ version: '10.6.0' });
  });

  it('of a plan decides, too', () => {
    const v100 = { name: 'Tesla V100', computeCapability: '7.0' };
    const plan = { flavour: 'tensorrt', computeCapabilities: ['7.0'], gpu: v100 } as const;
    expect(planRunsOn({ ...plan, version: '10.3.0' }, v100)).toBeNull();
    expect(planRunsOn({ ...plan, version: '10.6.0' }, v100)?.code).toBe('ERR_TRT_GPU_UNSUPPORTED');
  });
});

describe('planRunsOn', () => {
  const h200 = { name: 'NVIDIA H200', computeCapability: '9.0' };
  const a100 = { name: 'NVIDIA A100', computeCapability: '8.0' };
  const t4 = { name: 'Tesla T4', computeCapability: '7.5' };

  it('lets a TensorRT plan run on the compute capability that it was built on, and on no other', () => {
    const plan = { flavour: 'tensorrt', computeCapabilities: ['9.0'], gpu: h200 } as const;
    expect(planRunsOn(plan, h200)).toBeNull();
    expect(planRunsOn(plan, a100)?.code).toBe('ERR_TRT_ENGINE_GPU');
  });

  it.each([
    ['amperePlus', { a100: true, t4: false, rtx5090: true }],
    ['sameComputeCapability', { a100: false, t4: false, rtx5090: false }],
    ['none', { a100: false, t4: false, rtx5090: false }],
  ])('lets a plan with hardwareCompatibilityLevel %s run on %j', (level, runs) => {
    const plan = {
      flavour: 'tensorrt',
      computeCapabilities: ['9.0'],
      gpu: h200,
      options: { hardwareCompatibilityLevel: level },
    } as const;
    const gpus = { a100, t4, rtx5090: { name: 'RTX 5090', computeCapability: '12.0' } };
    expect(planRunsOn(plan, h200)).toBeNull();
    for (const [name, expected] of Object.entries(runs)) {
      const error = planRunsOn(plan, gpus[name as keyof typeof gpus]);
      expect(error?.code, name).toBe(expected ? undefined : 'ERR_TRT_ENGINE_GPU');
    }
  });

  it('lets a TensorRT-RTX plan run on those that it lists', () => {
    const plan = {
      flavour: 'tensorrt-rtx',
      computeCapabilities: ['8.0', '8.9'],
      gpu: null,
    } as const;
    expect(planRunsOn(plan, a100)).toBeNull();
    expect(planRunsOn(plan, t4)?.code).toBe('ERR_TRT_ENGINE_GPU');
    expect(planRunsOn({ ...plan, computeCapabilities: ['7.5'] }, t4)).toBeNull();
  });

  it('names the runtime first when it cannot use the GPU at all', () => {
    const plan = { flavour: 'tensorrt-rtx', computeCapabilities: ['8.0'], gpu: null } as const;
    const error = planRunsOn(plan, h200);
    expect(error?.code).toBe('ERR_TRT_GPU_UNSUPPORTED');
    expect(error?.details).toMatchObject({ flavour: 'tensorrt-rtx', computeCapability: '9.0' });
  });

  it('says nothing against a GPU that the runtime supports', () => {
    expect(gpuUnsupported('tensorrt', h200)).toBeNull();
    expect(gpuUnsupported('tensorrt-rtx', t4)).toBeNull();
  });
});
