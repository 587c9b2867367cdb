import { loadBinding, type NativeBinding, type NativeGpu, type NativeGpuState } from './binding';
import { invalidArgument } from './errors';
import { requireGpu } from './load-device';
import { nativeCall } from './native-call';

/**
 * What NVML says of one GPU at this moment: clocks, power, temperature, utilization, memory, and what it is set to. The unit of each is in
 * its name; null where this driver, GPU or user has no answer.
 */
export type GpuState = NativeGpuState;

/** What it needs of the addon. */
export type GpuStateBinding = Pick<NativeBinding, 'gpuStates' | 'probeDriver'>;

/**
 * What a GPU does now, from NVIDIA's management library (NVML). CUDA and NVML number GPUs differently, so it is found by its UUID. Of a
 * MIG instance it is the whole GPU's state.
 *
 * Each call opens NVML, asks and closes it, on a thread of its own: for a look every second, not for every inference. Utilization is the
 * driver's mean of a period up to a second long, and so says nothing of a shorter burst.
 *
 * @param device CUDA's device index, as in `LoadOptions.device`; 0 when left out
 * @returns null where there is no NVML, or it does not show this GPU
 * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG` (no such GPU), `ERR_TRT_NO_DRIVER`, `ERR_TRT_NO_GPU`, `ERR_TRT_ADDON_LOAD`,
 * `ERR_TRT_UNSUPPORTED_PLATFORM`
 */
export async function gpuState(device?: number): Promise<GpuState | null> {
  return await gpuStateThrough(loadBinding, device);
}

/** `gpuState` through a given addon, which is opened once the argument is checked. */
export async function gpuStateThrough(
  open: () => GpuStateBinding,
  device: unknown = 0,
): Promise<GpuState | null> {
  if (!Number.isSafeInteger(device) || (device as number) < 0) {
    throw invalidArgument('device', 'a non-negative integer (a CUDA device index)', device);
  }
  const binding = open();
  const driver = await nativeCall(() => binding.probeDriver());
  const gpu = requireGpu(driver, device as number, { asker: 'gpuState', argument: 'device' });
  return await stateOfGpu(binding, gpu);
}

/** The state of a GPU that CUDA named; null where NVML does not show it. */
export async function stateOfGpu(
  binding: Pick<NativeBinding, 'gpuStates'>,
  { uuid }: Pick<NativeGpu, 'uuid'>,
): Promise<GpuState | null> {
  const states = await nativeCall(() => binding.gpuStates());
  return states.find((state) => state.uuid === uuid) ?? null;
}
