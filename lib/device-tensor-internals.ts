/**
 * How the runtime reaches into a DeviceTensor without a public door: lib/device-tensor.ts registers itself here, so that engine.ts and
 * it do not import one another.
 */
import type { NativeDeviceMemory } from './binding';
import type { TensorType } from './data-types';
import type { DeviceTensor } from './device-tensor';

export interface DeviceTensorDoor {
  /** The memory behind a DeviceTensor; undefined for anything else. @throws TrtError for a closed one */
  readonly nativeMemoryOf: (value: unknown) => NativeDeviceMemory | undefined;
  readonly deviceTensorOf: (
    type: TensorType,
    dims: readonly number[],
    memory: NativeDeviceMemory,
  ) => DeviceTensor;
}

let door: DeviceTensorDoor | null = null;

export function openDeviceTensors(opened: DeviceTensorDoor): void {
  door = opened;
}

export function nativeMemoryOf(value: unknown): NativeDeviceMemory | undefined {
  // Before lib/device-tensor.ts was loaded nobody has one.
  return door?.nativeMemoryOf(value);
}

export function deviceTensorOf(
  type: TensorType,
  dims: readonly number[],
  memory: NativeDeviceMemory,
): DeviceTensor {
  if (door === null) throw new Error('lib/device-tensor.ts was not loaded');
  return door.deviceTensorOf(type, dims, memory);
}
