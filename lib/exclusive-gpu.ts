import type { NativeBinding } from './binding';
import { TrtError } from './errors';

/** The part of the addon that knows GPUs. */
export type GpuWitness = Pick<NativeBinding, 'gpuStates' | 'probeDriver'>;

const exclusive = ['exclusive-process', 'exclusive-thread', 'prohibited'];

/**
 * The error of a child that could not use its GPU, with the reason where the GPU's compute mode is one: it then takes a single process,
 * and the one that asked may be it. Any other error stays what it is.
 */
export async function explainExclusiveGpu(
  error: unknown,
  device: number | null,
  gpus: () => GpuWitness,
): Promise<unknown> {
  if (device === null || !(error instanceof TrtError) || error.code !== 'ERR_TRT_CUDA')
    return error;
  const state = await stateOf(device, gpus).catch(() => null);
  const { computeMode, name, otherProcesses } = state ?? {};
  if (!computeMode || !exclusive.includes(computeMode)) return error;
  const advice =
    computeMode === 'prohibited'
      ? 'No process may use it: set another mode with `nvidia-smi -c`.'
      : otherProcesses
        ? 'Another process uses it: end that one, or choose another GPU with `device`.'
        : "This process holds it, so that the child that builds cannot: build inside of this process with `isolation: 'thread'`, " +
          'close its engines and build in another process, or set another mode with `nvidia-smi -c`.';
  return new TrtError(
    'ERR_TRT_CUDA',
    `the GPU ${name ?? device} is in compute mode ${computeMode}. ${advice} The child said: ${error.message}`,
    {
      cause: error,
      log: error.log,
      details: { ...error.details, computeMode, otherProcesses: otherProcesses ?? null },
    },
  );
}

async function stateOf(device: number, gpus: () => GpuWitness) {
  const witness = gpus();
  const { gpus: visible } = await witness.probeDriver();
  const uuid = visible.find(({ index }) => index === device)?.uuid;
  return (
    (await witness.gpuStates()).find((state) => state.uuid === uuid && uuid !== undefined) ?? null
  );
}
