import { describe, expect, it } from 'vitest';
import type { NativeDriver, NativeGpuState } from '../../lib/binding';
import { gpuStateThrough, stateOfGpu, type GpuStateBinding } from '../../lib/gpu-state';
import { gpuState } from './fake-evidence';

const gpu = (index: number, uuid: string): NativeDriver['gpus'][number] => ({
  index,
  name: 'A GPU',
  computeCapability: '9.0',
  uuid,
  memoryTotalBytes: 1,
});

// CUDA shows them in the other order than NVML.
const working = {
  status: 'ok',
  message: '',
  cudaError: 0,
  gpus: [gpu(0, 'GPU-b'), gpu(1, 'GPU-a')],
} as unknown as NativeDriver;
const states = [
  gpuState({ index: 0, uuid: 'GPU-a', powerDrawWatts: 71.5 }),
  gpuState({ index: 1, uuid: 'GPU-b', powerDrawWatts: null }),
];

function binding(
  driver: NativeDriver = working,
  known: readonly NativeGpuState[] = states,
): () => GpuStateBinding {
  return () => ({
    probeDriver: () => Promise.resolve(driver),
    gpuStates: () => Promise.resolve(known),
  });
}

function code(expected: string): unknown {
  return expect.objectContaining({ name: 'TrtError', code: expected });
}

describe('gpuState', () => {
  it('is of the GPU that CUDA counts so, whatever place NVML gives it', async () => {
    expect(await gpuStateThrough(binding(), 1)).toBe(states[0]);
    expect(await gpuStateThrough(binding(), 0)).toBe(states[1]);
    expect(await gpuStateThrough(binding())).toBe(states[1]);
  });

  it('is null where NVML is missing or does not show the GPU', async () => {
    expect(await gpuStateThrough(binding(working, []), 0)).toBeNull();
    expect(await gpuStateThrough(binding(working, states.slice(0, 1)), 0)).toBeNull();
    const nameless = [gpuState({ uuid: null })];
    expect(await stateOfGpu(binding(working, nameless)(), { uuid: 'GPU-a' })).toBeNull();
  });

  it.each([[-1], [0.5], ['0'], [null], [NaN]])('refuses the device %j unasked', async (device) => {
    const unasked = (): never => expect.unreachable('the argument was not checked first');
    await expect(gpuStateThrough(unasked, device)).rejects.toEqual(code('ERR_TRT_INVALID_ARG'));
  });

  it('refuses a device that is not there, naming the argument', async () => {
    await expect(gpuStateThrough(binding(), 2)).rejects.toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
      details: { argument: 'device' },
    });
  });

  it.each([
    ['ERR_TRT_NO_DRIVER', { ...working, status: 'not-found', cudaError: null, gpus: [] }],
    ['ERR_TRT_NO_GPU', { ...working, gpus: [] }],
  ] as const)('fails with %s as everything that needs a GPU does', async (expected, driver) => {
    await expect(gpuStateThrough(binding(driver))).rejects.toEqual(code(expected));
  });

  it('passes on what the addon fails with', async () => {
    const broken = (): GpuStateBinding => ({
      ...binding()(),
      gpuStates: () =>
        Promise.reject(Object.assign(new Error('no thread'), { code: 'ERR_TRT_OUT_OF_MEMORY' })),
    });
    await expect(gpuStateThrough(broken)).rejects.toEqual(code('ERR_TRT_OUT_OF_MEMORY'));
  });
});
