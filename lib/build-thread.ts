import { rm } from 'node:fs/promises';
import path from 'node:path';
import {
  loadBinding,
  type NativeBinding,
  type NativeBuildRequest,
  type NativeBuildResult,
  type NativeProgress,
} from './binding';
import { TrtError } from './errors';
import { nativeCall } from './native-call';

export interface BuildThreadOptions {
  readonly signal?: AbortSignal | null;
  /** Throwing ends the build; the promise then rejects with what was thrown. */
  readonly onProgress?: (event: NativeProgress) => void;
  /**
   * Called once the build has begun, with what is fulfilled when it has really ended. After an abort that is later than
   * `buildInThread` settles: until TensorRT's next step the build may write into the folders of its request.
   */
  readonly onStart?: (gone: Promise<void>) => void;
  /** Default: the addon. */
  readonly binding?: Pick<NativeBinding, 'build'>;
}

/**
 * Builds inside of this process, on a thread of the addon's own. A crash inside of TensorRT ends this process. After an abort, or
 * when `onProgress` throws, the promise rejects at once, and the build ends at TensorRT's next step.
 *
 * Rejects with what the build rejected with, and `signal.reason` after an abort. No plan is left once the build has ended.
 * `ERR_TRT_BUILDER_MISSING` names LD_LIBRARY_PATH: libraries that cannot be told their folder find their builder through it alone.
 */
export async function buildInThread(
  request: NativeBuildRequest,
  options: BuildThreadOptions = {},
): Promise<NativeBuildResult> {
  const { signal = null, binding = loadBinding() } = options;
  signal?.throwIfAborted();
  let cancel = (): void => undefined;
  let giveUp = (_error: unknown): void => undefined;
  const givenUp = new Promise<never>((_, reject) => {
    giveUp = (error) => {
      cancel();
      reject(error);
    };
  });
  givenUp.catch(() => undefined);
  const onAbort = (): void => giveUp(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });

  const onProgress = (event: NativeProgress): void => {
    if (signal?.aborted) return;
    try {
      options.onProgress?.(event);
    } catch (error) {
      giveUp(error);
    }
  };
  const building = nativeCall(() => binding.build(request, onProgress, (way) => (cancel = way)));
  const gone = building.then(
    () => undefined,
    () => undefined,
  );
  options.onStart?.(gone);
  try {
    return await Promise.race([building, givenUp]);
  } catch (error) {
    void gone.then(() => removePlan(request.planPath));
    await removePlan(request.planPath);
    throw error instanceof TrtError ? explained(error, request.library.core) : error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** The error with the variable that a build inside of this process needs, where its builder was not found. */
function explained(error: TrtError, library: string): TrtError {
  // Without a line of TensorRT's it was not asked: that library has no builder at all.
  if (error.code !== 'ERR_TRT_BUILDER_MISSING' || error.log.length === 0) return error;
  const folder = path.dirname(library);
  return new TrtError(
    error.code,
    `${error.message}. A build with \`isolation: 'thread'\` finds it only where this process was started with ` +
      `LD_LIBRARY_PATH=${folder} (setting it later has no effect); \`isolation: 'process'\`, the default, needs no such thing.`,
    {
      cause: error,
      log: error.log,
      details: { ...error.details, variable: 'LD_LIBRARY_PATH', folder },
    },
  );
}

async function removePlan(planPath: string): Promise<void> {
  await rm(planPath, { force: true }).catch(() => undefined);
}
