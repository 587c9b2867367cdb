import type { NativeDriver, NativeGpu } from './binding';
import { invalidArgument, TrtError } from './errors';

/** CUDA_ERROR_NO_DEVICE: the driver is there and works, but shows no GPU. */
const cudaErrorNoDevice = 100;

/** Who asks for a GPU, for messages. */
export interface GpuAsker {
  readonly asker: string;
  /** The argument that the index came in. */
  readonly argument: string;
}

const engine: GpuAsker = { asker: 'an engine', argument: 'options.device' };

/**
 * The GPU that an engine is loaded onto.
 *
 * @throws TrtError `ERR_TRT_NO_DRIVER`, `ERR_TRT_NO_GPU`; `ERR_TRT_INVALID_ARG` for an index that no GPU has
 */
export function requireGpu(
  driver: NativeDriver,
  device: number,
  { asker, argument }: GpuAsker = engine,
): NativeGpu {
  const details = {
    status: driver.status,
    path: driver.path,
    cudaError: driver.cudaError,
    driverVersion: driver.driverVersion,
  };
  if (driver.status !== 'ok' && driver.cudaError !== cudaErrorNoDevice) {
    const found = driver.message === '' ? driver.status : driver.message;
    throw new TrtError(
      'ERR_TRT_NO_DRIVER',
      `${asker} needs an NVIDIA driver, and none works here: ${found}. Install the driver; in a container, ` +
        'start it with the GPUs (docker run --gpus all). `npx trt-node doctor` shows what is missing.',
      { details },
    );
  }
  if (driver.gpus.length === 0) {
    throw new TrtError(
      'ERR_TRT_NO_GPU',
      `${asker} needs an NVIDIA GPU, and the driver shows none. Look at nvidia-smi, and at CUDA_VISIBLE_DEVICES, ` +
        'which can hide them.',
      { details },
    );
  }
  const gpu = driver.gpus.find(({ index }) => index === device);
  if (gpu === undefined) {
    const indices = driver.gpus.map(({ index, name }) => `${index} (${name})`).join(', ');
    throw invalidArgument(argument, `the index of a GPU that is here: ${indices}`, device);
  }
  return gpu;
}
