import { performance } from 'node:perf_hooks';
import { loadBinding, type NativeBinding } from './binding';
import type { BuildOptions } from './build-options';
import {
  buildPlan,
  buildUnquantized,
  optionsOf,
  orderOf,
  Writers,
  type BuildOrder,
  type BuildTask,
  type RunBuild,
} from './build-plan';
import { prepareBuild } from './build-preparation';
import { buildInChild } from './build-process';
import { prepareTarget, type BuildTarget } from './build-target';
import { buildInThread } from './build-thread';
import { BuiltEngine } from './built-engine';
import { openEngineCache, type CacheOutcome, type EngineCache } from './cache/engine-cache';
import { engineKeyParts } from './cache/engine-key';
import { checkSameTimings } from './cache/timing-cache';
import { checkedBuildOptions, type CheckedBuildOptions } from './checked-build-options';
import { traceBuild } from './diagnostics/channels';
import { findLibraries, type Discovery, type FindLibrariesOptions } from './discovery';
import { fileWorkOf } from './file-work';
import type { FileDigest, Manifest } from './manifest-schema';
import { modelSourceOf, type ModelSource } from './model-source';
import type { AnyModel, ModelTypes } from './model-types/model-types';
import { nativeCall } from './native-call';
import { changedModel } from './onnx/model-error';
import { ProgressTracker } from './progress/tracker';
import { signManifest } from './signature/sign';
import { signatureProblem } from './signature/verify';
import { stageModel, type StagedModel } from './staged-model';
import { untilAborted } from './until-aborted';
import { precheckVerify } from './verify/precheck';
import { verifyPlan } from './verify/verify';

/**
 * Builds a TensorRT engine from an ONNX model.
 *
 * TensorRT runs in a child process (`isolation`), so nothing here blocks, a crash inside of it is an error and an abort is immediate. With
 * `output` the plan and its manifest (`<output>.json`) appear there together, complete or not at all, and not before `verify` is
 * satisfied.
 *
 * External data is read from files in the folder of the model's file or below it: nothing outside of it, and no link that
 * leads out. A model given as bytes has no folder: `externalData` brings its files. Its bytes are copied to a private
 * temporary folder, which is gone when the promise is settled; leave them alone until then. An ONNX file ends at 2 GiB, so
 * larger models keep their weights in external data.
 *
 * @param model path or `file:` URL of an ONNX file, or its bytes
 * @typeParam M the model's inputs and outputs as `trt-node types` writes them, for the engine that is loaded from it
 * @returns the plan with its manifest: inputs, outputs, layers, what was chosen, and what it runs on
 * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`, `ERR_TRT_UNSUPPORTED`, `ERR_TRT_ONNX_NOT_FOUND`,
 * `ERR_TRT_ONNX_INVALID`, `ERR_TRT_EXTERNAL_DATA`, `ERR_TRT_ONNX_PARSE`, `ERR_TRT_PROFILE_MISSING`,
 * `ERR_TRT_PROFILE_INVALID`, `ERR_TRT_PRECISION_UNSUPPORTED`, `ERR_TRT_CALIBRATION_REQUIRED`, `ERR_TRT_CALIBRATION_DATA`,
 * `ERR_TRT_CALIBRATION_CACHE`, `ERR_TRT_DATA_FILE`, `ERR_TRT_TIMING_CACHE`, `ERR_TRT_PLUGIN`, `ERR_TRT_CACHE`, `ERR_TRT_VERIFY_FAILED`,
 * `ERR_TRT_TARGET_REQUIRED`, `ERR_TRT_LIBRARY_NOT_FOUND`, `ERR_TRT_LIBRARY_LOAD`, `ERR_TRT_LIBRARY_UNSUPPORTED`,
 * `ERR_TRT_BUILDER_MISSING`, `ERR_TRT_NO_DRIVER`, `ERR_TRT_NO_GPU`, `ERR_TRT_GPU_UNSUPPORTED`, `ERR_TRT_BUILD_FAILED`,
 * `ERR_TRT_BUILD_CRASHED`, `ERR_TRT_CUDA`, `ERR_TRT_OUT_OF_MEMORY`, `ERR_TRT_WRITE`, `ERR_TRT_ADDON_LOAD`,
 * `ERR_TRT_UNSUPPORTED_PLATFORM`; with `verify` also `ERR_TRT_INPUT_…` of a case and what loading and inference reject with; after an abort `signal.reason`, whatever that is
 */
export async function buildEngine<M extends ModelTypes = AnyModel>(
  model: string | URL | Uint8Array,
  options?: BuildOptions,
): Promise<BuiltEngine<M>> {
  const built = await traceBuild(model, async () => {
    const checked = checkedBuildOptions(options);
    const source = modelSourceOf(model, checked.externalData);
    return await buildThrough({ binding: loadBinding(), findLibraries, build }, source, checked);
  });
  return built as BuiltEngine<M>;
}

const build: RunBuild = (request, options, isolation) =>
  isolation === 'thread' ? buildInThread(request, options) : buildInChild(request, options);

/** What a build needs of the machine. */
export interface BuildMachine {
  readonly binding: Pick<
    NativeBinding,
    'hashExternalFile' | 'hashFile' | 'lockFolder' | 'probeDriver'
  >;
  readonly findLibraries: (options: FindLibrariesOptions) => Promise<Discovery>;
  readonly build: RunBuild;
}

/** `buildEngine` once its arguments are checked, on a given machine. */
export async function buildThrough(
  machine: BuildMachine,
  source: ModelSource,
  options: CheckedBuildOptions,
): Promise<BuiltEngine> {
  const tracker = new ProgressTracker(options.onProgress, performance.now());
  const { signal, verify } = options;
  const work = fileWorkOf(machine.binding);
  signal?.throwIfAborted();

  const target = await prepareTarget(options.output, 'path' in source ? source.path : null, work);
  let staged: StagedModel | null = null;
  const writers = new Writers();
  try {
    const cache = await cacheOf(machine, options, tracker);
    const binding = { ...machine.binding, ...cache?.hashing };
    staged = await stageModel(source, signal);
    const examining = tracker.phase('Examining the model', 0);
    const preparation = await untilAborted(
      signal,
      prepareBuild({ ...machine, binding }, staged, options, fileWorkOf(binding)),
    );
    examining.end();
    const { model, gpu } = preparation;
    await target.checkData(model.externalData);
    if (verify !== null) {
      const outputs = model.outputs.map(({ name }) => name);
      const stripped = options.tuning.stripPlan;
      await untilAborted(
        signal,
        precheckVerify(verify, { hasGpu: gpu !== null, stripped, outputs }),
      );
    }
    const task = { ...machine, binding, options, preparation, staged, tracker, work, writers };
    const order = await orderOf(task);
    const outcome = await planOf(task, order, target, cache);
    const planPath = outcome.path ?? target.tempPlan;
    const manifest = signed(await verified(task, order, planPath, outcome.manifest), options);
    if (outcome.path === null) return await target.finish(manifest, signal);
    await target.discard();
    return new BuiltEngine({ path: outcome.path }, manifest);
  } catch (error) {
    await target.discard(writers.gone);
    throw error;
  } finally {
    await staged?.remove(writers.gone);
  }
}

async function cacheOf(
  { binding }: BuildMachine,
  { cache }: CheckedBuildOptions,
  tracker: ProgressTracker,
): Promise<EngineCache | null> {
  if (cache === null) return null;
  return await openEngineCache(cache, binding, (severity, message) =>
    tracker.log({ severity, message }),
  );
}

async function planOf(
  task: BuildTask,
  order: BuildOrder,
  target: BuildTarget,
  cache: EngineCache | null,
): Promise<Pick<CacheOutcome, 'manifest' | 'path'>> {
  const { options, preparation } = task;
  const { tempPlan } = target;
  if (cache === null) return { manifest: await buildPlan(task, order, tempPlan), path: null };
  const { model, library, gpu, driver, profiles, plugins } = preparation;
  const { timingCache } = order.request;
  const reproducible = timingCache?.reproducible
    ? (await task.work.hashFile(timingCache.path)).sha256
    : null;
  const facts = {
    model: model.identity,
    library,
    gpu,
    // Where NVML is missing, the newest CUDA of the driver tells branches apart.
    driverVersion: driver.driverVersion ?? driver.cudaVersion,
    request: order.request,
    profileNames: profiles.names,
    plugins,
    calibration: order.calibration?.key ?? null,
    reproducible,
  };
  const hashFile = (file: string): Promise<FileDigest> =>
    nativeCall(() => task.binding.hashFile(file));
  const parts = await engineKeyParts(facts, hashFile);
  const { signingKey, signal } = options;
  return await cache.through(parts, {
    signal,
    tempPlan,
    output: options.output !== null,
    build: async (planPath, cacheKey) => {
      const manifest = await buildPlan(task, order, planPath);
      if (timingCache && reproducible !== null)
        checkSameTimings(manifest, reproducible, timingCache);
      return signed({ ...manifest, cacheKey }, options);
    },
    describe: ({ verification: _, signature: __, ...manifest }) => ({
      ...manifest,
      model: model.identity,
      options: optionsOf(task),
      labels: options.labels,
    }),
    trust: (manifest) => (signingKey === null ? null : signatureProblem(manifest, [signingKey])),
  });
}

/** The manifest with what verification measured, where it was asked for. */
async function verified(
  task: BuildTask,
  order: BuildOrder,
  planPath: string,
  manifest: Manifest,
): Promise<Manifest> {
  const { options, preparation, staged, tracker } = task;
  const { verify, plugins, standardPlugins, isolation, signal } = options;
  if (verify === null) return manifest;
  const { library, gpu, precision } = preparation;
  const verification = await verifyPlan(verify, {
    planPath,
    manifest,
    modelPath: staged.path,
    checkModel: () => checkSameModel(task),
    library,
    device: gpu?.index ?? 0,
    unquantized: precision.typing === 'weak' ? () => buildUnquantized(task, order) : null,
    plugins,
    standardPlugins,
    isolation,
    signal,
    onProgress: (event) => tracker.native(event),
  });
  return { ...manifest, verification };
}

/** The reference is computed from the file, minutes after that was built. */
async function checkSameModel({ binding, preparation, staged }: BuildTask): Promise<void> {
  const { sha256 } = await nativeCall(() => binding.hashFile(staged.path));
  if (sha256 !== preparation.model.identity.sha256) throw changedModel(staged.where);
}

function signed(manifest: Manifest, { signingKey }: CheckedBuildOptions): Manifest {
  if (signingKey === null) return manifest;
  return signManifest(manifest, signingKey);
}
