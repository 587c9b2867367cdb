import { DeviceTensor, isDeviceTensor } from '../device-tensor';
import type { Engine } from '../engine';
import { Tensor, type TensorInputs, type TensorLike } from '../tensor';
import type { LoopRequest } from '../benchmark/measure-loops';

/** Inputs and outputs that stay on the GPU, so that nothing is copied: trtexec's `--noDataTransfers`. */
export interface DeviceIo {
  readonly request: (slot: number) => LoopRequest;
  close(): Promise<void>;
}

/**
 * Inputs on the GPU for all slots, and outputs for each: one memory takes one output at a time. Runs the engine once, for the dims of the outputs.
 * Shape tensors stay on the host, where TensorRT reads them.
 */
export async function deviceIo(
  engine: Pick<Engine, 'infer' | 'inputs' | 'device'>,
  inputs: TensorInputs,
  options: {
    readonly profile: number;
    readonly slots: number;
    readonly idleMs?: number | undefined;
  },
): Promise<DeviceIo> {
  const { profile, slots, idleMs } = options;
  const device = engine.device.index;
  const made: DeviceTensor[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(made.map((tensor) => tensor.close()));
  };
  try {
    const onDevice: Record<string, TensorLike | DeviceTensor> = {};
    for (const { name, isShapeTensor } of engine.inputs) {
      const given = inputs[name] as TensorLike;
      if (isShapeTensor) {
        onDevice[name] = given;
        continue;
      }
      const tensor = await DeviceTensor.from(given, { device });
      made.push(tensor);
      onDevice[name] = tensor;
    }
    const first = await engine.infer(onDevice, { profile });
    const targets: Record<string, DeviceTensor>[] = [];
    for (let slot = 0; slot < slots; ++slot) {
      const ofSlot: Record<string, DeviceTensor> = {};
      for (const [name, output] of Object.entries(first)) {
        const tensor = await DeviceTensor.allocate(output.type, output.dims, { device });
        made.push(tensor);
        ofSlot[name] = tensor;
      }
      targets.push(ofSlot);
    }
    for (const output of Object.values(first)) {
      if (!isDeviceTensor(output) && output instanceof Tensor) output.close();
    }
    const requests = targets.map((outputs): LoopRequest => ({
      inputs: onDevice,
      infer: { profile, outputs },
      idleMs,
    }));
    return {
      request: (slot) => requests[slot] as LoopRequest,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
