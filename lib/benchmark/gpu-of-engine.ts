import { loadBinding, type NativeGpu } from '../binding';
import { stateOfGpu, type GpuState } from '../gpu-state';

/** What NVML says of a GPU; null where it has no answer. */
export async function gpuStateOf(gpu: Pick<NativeGpu, 'uuid'>): Promise<GpuState | null> {
  try {
    return await stateOfGpu(loadBinding(), gpu);
  } catch {
    return null;
  }
}
