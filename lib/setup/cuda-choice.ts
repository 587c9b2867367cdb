import type { NativeDriver } from '../binding';
import type { CudaMajor } from './pins';

export interface CudaChoice {
  readonly cuda: CudaMajor;
  /** Why this one, for a person. */
  readonly reason: string;
}

/**
 * Picks the build of TensorRT-RTX that this machine's driver can run: CUDA 13 from driver 580 on, CUDA 12 below.
 *
 * Without a driver it is CUDA 12's. Such a machine only builds engines, for which either serves (their plans of `digits` were
 * the same to the byte), but what it sets up may be an image that runs elsewhere: drivers run software made for an older CUDA
 * and refuse that made for a newer one, so CUDA 12's is the one that runs on most.
 */
export async function chooseCuda(probe: () => Promise<NativeDriver>): Promise<CudaChoice> {
  let driver: NativeDriver;
  try {
    driver = await probe();
  } catch {
    // Fetching a runtime does not need the addon: a machine where it cannot load is told so by `doctor`.
    return { cuda: '12', reason: 'the driver could not be asked; CUDA 13 needs driver 580' };
  }
  if (driver.status !== 'ok' || driver.cudaVersion === null) {
    return { cuda: '12', reason: 'no driver here; CUDA 13 needs driver 580' };
  }
  const name =
    driver.driverVersion === null ? 'the driver' : `the driver (${driver.driverVersion})`;
  const major = Number.parseInt(driver.cudaVersion, 10);
  return {
    cuda: major >= 13 ? '13' : '12',
    reason: `${name} supports CUDA ${driver.cudaVersion}`,
  };
}
