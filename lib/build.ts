import { performance } from 'node:perf_hooks';
import {
  loadBinding,
  type NativeBinding,
  type NativeBuildRequest,
  type NativeDriver,
  type NativeGpu,
} from './binding';
import {
  checkedBuildOptions,
  checkPrecision,
  optionsForManifest,
  type BuildOptions,
  type CheckedBuildOptions,
} from './build-options';
import { buildInChild } from './build-process';
import { prepareTarget } from './build-target';
import { defaultTuning } from './builder-tuning';
import type { BuiltEngine } from './built-engine';
import {
  chooseForBuild,
  findLibraries,
  goalOfBuild,
  type Discovery,
  type FindLibrariesOptions,
  type UsableLibrary,
} from './discovery';
import { invalidArgument } from './errors';
import { examineModel, type ExaminedModel } from './examined-model';
import { fileWorkOf, type FileWork } from './file-work';
import { manifestOf } from './manifest-of-build';
import { modelSourceOf, type ModelSource } from './model-source';
import { nativeCall } from './native-call';
import type { OnnxInput } from './onnx/value-info';
import { resolveProfiles, type ResolvedProfiles } from './profiles';
import { stageModel, type StagedModel } from './staged-model';
import { untilAborted } from './until-aborted';

/**
 * Builds a TensorRT engine from an ONNX model.
 *
 * TensorRT runs in a child process, so nothing here blocks, a crash inside of it is an error and an abort is immediate. With
 * `output` the plan and its manifest (`<output>.json`) appear there together, complete or not at all.
 *
 * External data is read from files in the folder of the model's file or below it: nothing outside of it, and no link that
 * leads out. A model given as bytes has no folder: `externalData` brings its files. Its bytes are copied to a private
 * temporary folder, which is gone when the promise is settled; leave them alone until then. An ONNX file ends at 2 GiB, so
 * larger models keep their weights in external data.
 *
 * @param model path or `file:` URL of an ONNX file, or its bytes
 * @returns the plan with its manifest: inputs, outputs, layers, and what it runs on
 * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`, `ERR_TRT_UNSUPPORTED`, `ERR_TRT_ONNX_NOT_FOUND`,
 * `ERR_TRT_ONNX_INVALID`, `ERR_TRT_EXTERNAL_DATA`, `ERR_TRT_ONNX_PARSE`, `ERR_TRT_PROFILE_MISSING`,
 * `ERR_TRT_PROFILE_INVALID`, `ERR_TRT_PRECISION_UNSUPPORTED`, `ERR_TRT_TARGET_REQUIRED`, `ERR_TRT_LIBRARY_NOT_FOUND`,
 * `ERR_TRT_LIBRARY_LOAD`, `ERR_TRT_LIBRARY_UNSUPPORTED`, `ERR_TRT_BUILDER_MISSING`, `ERR_TRT_NO_DRIVER`, `ERR_TRT_NO_GPU`,
 * `ERR_TRT_GPU_UNSUPPORTED`, `ERR_TRT_BUILD_FAILED`, `ERR_TRT_BUILD_CRASHED`, `ERR_TRT_CUDA`, `ERR_TRT_OUT_OF_MEMORY`, `ERR_TRT_WRITE`,
 * `ERR_TRT_ADDON_LOAD`, `ERR_TRT_UNSUPPORTED_PLATFORM`; after an abort `signal.reason`, whatever that is
 */
export async function buildEngine(
  model: string | URL | Uint8Array,
  options?: BuildOptions,
): Promise<BuiltEngine> {
  const checked = checkedBuildOptions(options);
  const source = modelSourceOf(model, checked.externalData);
  const machine = { binding: loadBinding(), findLibraries, build: buildInChild };
  return await buildThrough(machine, source, checked);
}

/** What a build needs of the machine. */
export interface BuildMachine {
  readonly binding: Pick<
    NativeBinding,
    'hashExternalFile' | 'hashFile' | 'lockFolder' | 'probeDriver'
  >;
  readonly findLibraries: (options: FindLibrariesOptions) => Promise<Discovery>;
  readonly build: typeof buildInChild;
}

/** `buildEngine` once its arguments are checked, on a given machine. */
export async function buildThrough(
  machine: BuildMachine,
  source: ModelSource,
  options: CheckedBuildOptions,
): Promise<BuiltEngine> {
  const started = performance.now();
  const { signal, onProgress } = options;
  const work = fileWorkOf(machine.binding);
  signal?.throwIfAborted();

  const target = await prepareTarget(options.output, 'path' in source ? source.path : null, work);
  let staged: StagedModel | null = null;
  let gone: Promise<void> | undefined; // of the child: it may still write while it dies
  try {
    staged = await stageModel(source, signal);
    const preparation = await untilAborted(signal, prepare(machine, staged, options, work));
    const { model, profiles, library, driver } = preparation;
    await target.checkData(model.externalData);
    const gpu = gpuFor(library, options, driver);
    const request = requestFor({ ...preparation, staged, gpu, planPath: target.tempPlan }, options);
    const result = await machine.build(request, {
      signal,
      onStart: (ended) => {
        gone = ended;
      },
      onProgress: (event) => onProgress?.({ ...event, elapsedMs: performance.now() - started }),
    });
    signal?.throwIfAborted();
    const manifest = manifestOf({
      result,
      model: model.identity,
      gpu,
      driver: driver.driverVersion,
      computeCapabilities: options.computeCapabilities,
      profiles: profiles.profiles,
      profileNames: profiles.names,
      options: { ...optionsForManifest(options), device: gpu?.index ?? null },
      labels: options.labels,
    });
    return await target.finish(manifest);
  } catch (error) {
    await target.discard(gone);
    throw error;
  } finally {
    await staged?.remove(gone);
  }
}

interface Preparation {
  readonly model: ExaminedModel;
  readonly profiles: ResolvedProfiles;
  readonly library: UsableLibrary;
  readonly driver: NativeDriver;
}

/** Looks at the model, the libraries and the driver at once; a bad model is reported first. */
async function prepare(
  machine: BuildMachine,
  staged: StagedModel,
  options: CheckedBuildOptions,
  work: FileWork,
): Promise<Preparation> {
  const { runtime, library, computeCapabilities, device, precision, signal } = options;
  const probing = nativeCall(() => machine.binding.probeDriver());
  const target = { runtime, computeCapabilities, device: device ?? undefined };
  const finding = machine.findLibraries({
    library: library ?? undefined,
    flavour: runtime === 'auto' ? undefined : runtime,
    goal: goalOfBuild({ ...target, driver: probing }),
  });
  // When the model is bad, nobody awaits these two.
  finding.catch(() => undefined);
  probing.catch(() => undefined);

  const model = await examineModel(staged, machine.binding, work, signal);
  const profiles = resolveProfiles(options.profiles, listedInputs(model.inputs));
  const driver = await probing;
  const chosen = chooseForBuild({ ...target, driver, found: await finding });
  checkPrecision(precision, chosen);
  return { model, profiles, library: chosen, driver };
}

type ListedInput = OnnxInput & { readonly dims: NonNullable<OnnxInput['dims']> };

/** None when an input is no tensor, or of a type unknown here: profiles are then TensorRT's to judge. */
function listedInputs(inputs: readonly OnnxInput[]): readonly ListedInput[] {
  const listed = inputs.filter((input): input is ListedInput => input.dims !== null);
  return listed.length === inputs.length ? listed : [];
}

/** The GPU to build on; null builds without one, which TensorRT-RTX does for GPUs that this machine does not have. */
function gpuFor(
  library: UsableLibrary,
  { computeCapabilities, device }: CheckedBuildOptions,
  driver: NativeDriver,
): NativeGpu | null {
  const gpu = driver.gpus.find(({ index }) => index === (device ?? 0)) ?? null;
  if (library.flavour === 'tensorrt') return gpu;
  const { length } = computeCapabilities;
  if (gpu !== null && (length === 0 || computeCapabilities.includes(gpu.computeCapability))) {
    return gpu;
  }
  if (device === null) return null;
  const expected =
    driver.gpus.length === 0
      ? 'nothing (leave `device` out: no GPU is here, so nothing is built on one)'
      : gpu === null
        ? `the index of one of this machine's ${driver.gpus.length} GPUs, or nothing,`
        : `a GPU among the \`computeCapabilities\` ${computeCapabilities.join(', ')} (${gpu.name} is ${gpu.computeCapability}), or nothing,`;
  throw invalidArgument('options.device', expected, device);
}

interface Order extends Preparation {
  readonly staged: StagedModel;
  readonly gpu: NativeGpu | null;
  readonly planPath: string;
}

function requestFor(order: Order, options: CheckedBuildOptions): NativeBuildRequest {
  const { precision, computeCapabilities, optimizationLevel, memoryPools } = options;
  const { model, profiles, library, staged, gpu, planPath } = order;
  return {
    library: library.files,
    model: staged.path,
    modelSha256: model.identity.sha256,
    externalData: model.externalData,
    stage: staged.stage,
    planPath,
    device: gpu?.index ?? null,
    tf32: precision === 'fp32' ? false : precision === 'tf32' ? true : null,
    typing: precision === 'fp16' ? 'weak' : 'strong',
    precisions: precision === 'fp16' ? ['fp16'] : [],
    calibration: null,
    profiles: profiles.profiles,
    computeCapabilities,
    optimizationLevel,
    memoryPools,
    timingCache: null,
    plugins: [],
    standardPlugins: true,
    tuning: defaultTuning,
  };
}
