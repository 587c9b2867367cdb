import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NativeBinding, NativeBuildRequest, NativeBuildResult } from './binding';
import type { Isolation } from './build-options';
import { requestOf, type Preparation } from './build-preparation';
import type { BuildProcessOptions } from './build-process';
import { timingCacheFor } from './cache/timing-cache';
import { prepareCalibration, type PreparedCalibration } from './calibration/prepare';
import { optionsForManifest, type CheckedBuildOptions } from './checked-build-options';
import { TrtError } from './errors';
import type { FileWork } from './file-work';
import { manifestOf } from './manifest-of-build';
import type { Manifest } from './manifest-schema';
import { checkPluginFiles } from './plugin-files';
import type { ProgressTracker } from './progress/tracker';
import type { StagedModel } from './staged-model';

/** Builds, in whatever process. */
export type RunBuild = (
  request: NativeBuildRequest,
  options: Pick<BuildProcessOptions, 'signal' | 'onProgress' | 'onStart'>,
  isolation: Isolation,
) => Promise<NativeBuildResult>;

/** What may still write into a build's folders after it was given up: its child while it dies. */
export class Writers {
  gone: Promise<void> | undefined;
}

export interface BuildTask {
  readonly build: RunBuild;
  readonly binding: Pick<NativeBinding, 'hashFile'>;
  readonly options: CheckedBuildOptions;
  readonly preparation: Preparation;
  readonly staged: StagedModel;
  readonly tracker: ProgressTracker;
  readonly work: FileWork;
  readonly writers: Writers;
}

/** All that TensorRT is asked for, but where the plan goes. */
export interface BuildOrder {
  readonly request: Omit<NativeBuildRequest, 'planPath'>;
  readonly calibration: PreparedCalibration | null;
}

/** Reads calibration data, and finds the timing cache. */
export async function orderOf(task: BuildTask): Promise<BuildOrder> {
  const { options, preparation, staged, tracker, work } = task;
  const { library, gpu, model, profiles } = preparation;
  const timingCache = await timingCacheFor(options.timingCache, library, gpu, (message) =>
    tracker.log({ severity: 'warning', message }),
  );
  const calibration =
    options.calibration === null
      ? null
      : await prepareCalibration(options.calibration, {
          model,
          modelPath: staged.path,
          profiles: profiles.profiles,
          library,
          folder: staged.folder,
          signal: options.signal,
          progress: tracker,
          work,
        });
  const request = {
    ...requestOf(preparation, options),
    model: staged.path,
    stage: staged.stage,
    calibration: calibration?.native ?? null,
    timingCache,
  };
  return { request, calibration };
}

/** Writes the plan to `planPath`, where no file is yet. The manifest is neither verified nor signed. */
export async function buildPlan(
  task: BuildTask,
  { request, calibration }: BuildOrder,
  planPath: string,
): Promise<Manifest> {
  const { options, preparation, tracker } = task;
  const { gpu, driver, model, profiles, plugins, precision } = preparation;
  // Of a build before this one, whose plan could not be written into the engine cache: TensorRT's must be a new file.
  const { cacheOut = null } = request.calibration ?? {};
  if (cacheOut !== null) await rm(cacheOut, { force: true });
  const result = await run(task, { ...request, planPath }).catch((error: unknown) => {
    throw atCallersCache(error, task.options.calibration?.cache ?? null);
  });
  // Of one that was replaced meanwhile, nobody can say which of the two TensorRT opened.
  await checkPluginFiles(plugins, options.plugins, task.work);
  if (result.timingCache?.warning) {
    tracker.log({ severity: 'warning', message: result.timingCache.warning });
  }
  return manifestOf({
    result,
    model: model.identity,
    gpu,
    driver: driver.driverVersion,
    computeCapabilities: options.computeCapabilities,
    profiles: profiles.profiles,
    profileNames: profiles.names,
    options: optionsOf(task),
    labels: options.labels,
    precisions: precision.precisions,
    plugins,
    tuning: options.tuning,
    reproducible: request.timingCache?.reproducible ?? false,
    calibration: (await calibration?.finish()) ?? null,
  });
}

/** The options as the manifest has them. */
export function optionsOf({ options, preparation }: BuildTask): Record<string, unknown> {
  return { ...optionsForManifest(options), device: preparation.gpu?.index ?? null };
}

/** The same build in the model's own types: what a narrower one is compared with. Resolves to the plan's path. */
export async function buildUnquantized(task: BuildTask, order: BuildOrder): Promise<string> {
  const planPath = join(task.staged.folder, 'unquantized');
  const { timingCache } = order.request;
  await run(task, {
    ...order.request,
    // A cache that fixes the kernels of the narrow build need not have those of this one, and must stay as it is.
    timingCache: timingCache?.reproducible ? null : timingCache,
    typing: 'strong',
    precisions: [],
    // As exact as the model is.
    tf32: false,
    calibration: null,
    planPath,
  });
  return planPath;
}

async function run(task: BuildTask, request: NativeBuildRequest): Promise<NativeBuildResult> {
  const { options, tracker, writers } = task;
  const { signal, isolation } = options;
  const result = await task.build(
    request,
    {
      signal,
      onStart: (gone) => {
        writers.gone = gone;
      },
      onProgress: (event) => tracker.native(event),
    },
    isolation,
  );
  signal?.throwIfAborted();
  return result;
}

/** TensorRT reads a copy of the calibration cache; the error is about the caller's. */
function atCallersCache(error: unknown, cache: string | null): unknown {
  if (cache === null || !(error instanceof TrtError)) return error;
  if (error.code !== 'ERR_TRT_CALIBRATION_CACHE') return error;
  const { message, log, details } = error;
  return new TrtError(error.code, message, {
    cause: error,
    log,
    details: { ...details, path: cache },
  });
}
