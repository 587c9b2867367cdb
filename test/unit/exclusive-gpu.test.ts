import { describe, expect, it } from 'vitest';
import type { NativeDriver, NativeGpuState } from '../../lib/binding';
import { TrtError } from '../../lib/errors';
import { explainExclusiveGpu, type GpuWitness } from '../../lib/exclusive-gpu';

const uuid = 'GPU-0b8f7e0e-0000-0000-0000-000000000001';
const driver = {
  status: 'ok',
  gpus: [{ index: 0, name: 'A GPU', computeCapability: '9.0', uuid, memoryTotalBytes: 1 }],
} as unknown as NativeDriver;

function witness(computeMode: string | null, otherProcesses: number | null): GpuWitness {
  const state = { uuid, name: 'A GPU', computeMode, otherProcesses } as NativeGpuState;
  const another = { ...state, uuid: 'GPU-another', computeMode: 'default' };
  return {
    probeDriver: () => Promise.resolve(driver),
    gpuStates: () => Promise.resolve([another, state]),
  };
}

const refused = new TrtError(
  'ERR_TRT_CUDA',
  'cuDevicePrimaryCtxRetain: CUDA_ERROR_DEVICE_UNAVAILABLE',
  { details: { cudaError: 46 } },
);
const explain = (mode: string | null, others: number | null): Promise<unknown> =>
  explainExclusiveGpu(refused, 0, () => witness(mode, others));

describe('explainExclusiveGpu', () => {
  it.each(['exclusive-process', 'exclusive-thread'])(
    'names isolation thread where this process holds a GPU that is %s',
    async (mode) => {
      const error = (await explain(mode, 0)) as TrtError;
      expect(error).toMatchObject({
        code: 'ERR_TRT_CUDA',
        cause: refused,
        details: { cudaError: 46, computeMode: mode, otherProcesses: 0 },
      });
      expect(error.message).toContain("isolation: 'thread'");
    },
  );

  it('does not where another process holds it, or nobody may', async () => {
    for (const error of [await explain('exclusive-process', 1), await explain('prohibited', 0)]) {
      expect(error).toMatchObject({ code: 'ERR_TRT_CUDA', cause: refused });
      expect((error as TrtError).message).not.toContain("isolation: 'thread'");
    }
  });

  it('leaves any other error alone', async () => {
    expect(await explain('default', 0)).toBe(refused);
    expect(await explain(null, null)).toBe(refused);
    const broken = (): GpuWitness => ({
      ...witness('exclusive-process', 0),
      gpuStates: () => Promise.reject(new Error('no NVML')),
    });
    expect(await explainExclusiveGpu(refused, 0, broken)).toBe(refused);
    const asked = (): never => expect.unreachable('the GPU has nothing to do with it');
    const other = new TrtError('ERR_TRT_ONNX_PARSE', 'no such operator');
    expect(await explainExclusiveGpu(other, 0, asked)).toBe(other);
    expect(await explainExclusiveGpu(refused, null, asked)).toBe(refused);
    expect(await explainExclusiveGpu('a reason', 0, asked)).toBe('a reason');
  });
});
