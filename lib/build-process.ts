import { rm } from 'node:fs/promises';
import { loadBinding, type NativeBuildRequest, type NativeBuildResult } from './binding';
import type { ChildResults, NativeInspectRequest } from './build-messages';
import { runInChild, type ChildTaskOptions } from './child-task';
import { explainExclusiveGpu, type GpuWitness } from './exclusive-gpu';

export interface BuildProcessOptions extends ChildTaskOptions {
  /** Asked about a GPU that a child could not use. Default: the addon. */
  readonly gpus?: () => GpuWitness;
}

/**
 * Builds in a child process, as `runInChild` describes. A GPU in exclusive mode that this process holds itself is an
 * `ERR_TRT_CUDA` that names `isolation: 'thread'`. No plan is left after a rejection.
 */
export async function buildInChild(
  request: NativeBuildRequest,
  options: BuildProcessOptions = {},
): Promise<NativeBuildResult> {
  let gone = Promise.resolve();
  const onStart = (ended: Promise<void>): void => {
    gone = ended;
    options.onStart?.(ended);
  };
  try {
    return await runInChild({ kind: 'build', request }, { ...options, onStart });
  } catch (error) {
    // A dying process may still hold the file open and write; it is removed for good when the process is gone.
    void gone.then(() => removePlan(request.planPath));
    await removePlan(request.planPath);
    if (options.signal?.aborted) throw error;
    throw await explainExclusiveGpu(error, request.device, options.gpus ?? loadBinding);
  }
}

/** Asks a library's parser about a model, in a child process as `runInChild` describes. */
export async function inspectInChild(
  request: NativeInspectRequest,
  options: ChildTaskOptions = {},
): Promise<ChildResults['inspect']> {
  return await runInChild({ kind: 'inspect', request }, options);
}

async function removePlan(planPath: string): Promise<void> {
  await rm(planPath, { force: true }).catch(() => undefined);
}
