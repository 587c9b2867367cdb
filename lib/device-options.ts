import { invalidArgument } from './errors';
import { checkedOptions } from './known-keys';

export interface DeviceOptions {
  /** CUDA's index of the GPU; 0 when left out. An engine's is `engine.device.index`. */
  readonly device?: number | undefined;
}

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function checkedDevice(options: DeviceOptions | undefined): number {
  const { device = 0 } = checkedOptions<DeviceOptions>(options, 'options', ['device']);
  if (!Number.isSafeInteger(device) || device < 0 || device >= 2 ** 31) {
    throw invalidArgument('options.device', "CUDA's index of a GPU (0, 1, …)", device);
  }
  return device;
}

/**
 * An address or a handle of other CUDA code's.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function checkedAddress(name: string, value: unknown): bigint {
  if (typeof value === 'bigint' && value >= 0n && value < 2n ** 64n) return value;
  throw invalidArgument(name, 'a bigint of 64 bits', value);
}
