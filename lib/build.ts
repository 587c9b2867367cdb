import path from 'node:path';
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
import type { BuiltEngine } from './built-engine';
import {
  chooseForBuild,
  findLibraries,
  type Discovery,
  type FindLibrariesOptions,
  type UsableLibrary,
} from './discovery';
import { invalidArgument, TrtError } from './errors';
import { filePathOf } from './file-path';
import { fileWorkOf, type FileWork } from './file-work';
import { manifestOf } from './manifest-of-build';
import type { FileDigest } from './manifest-schema';
import { nativeCall } from './native-call';
import { checkOnnxFile } from './onnx-file';
import { untilAborted } from './until-aborted';

/**
 * Builds a TensorRT engine from an ONNX model.
 *
 * TensorRT runs in a child process, so nothing here blocks, a crash inside of it is an error and an abort is immediate. With
 * `output` the plan and its manifest (`<output>.json`) appear there together, complete or not at all.
 *
 * @param model path or `file:` URL of an ONNX file
 * @returns the plan with its manifest: inputs, outputs, layers, and what it runs on
 * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`, `ERR_TRT_UNSUPPORTED`, `ERR_TRT_ONNX_NOT_FOUND`,
 * `ERR_TRT_ONNX_INVALID`, `ERR_TRT_ONNX_PARSE`, `ERR_TRT_PROFILE_MISSING`, `ERR_TRT_PROFILE_INVALID`,
 * `ERR_TRT_PRECISION_UNSUPPORTED`, `ERR_TRT_TARGET_REQUIRED`, `ERR_TRT_LIBRARY_NOT_FOUND`, `ERR_TRT_LIBRARY_LOAD`,
 * `ERR_TRT_LIBRARY_UNSUPPORTED`, `ERR_TRT_BUILDER_MISSING`, `ERR_TRT_NO_DRIVER`, `ERR_TRT_NO_GPU`, `ERR_TRT_GPU_UNSUPPORTED`,
 * `ERR_TRT_BUILD_FAILED`, `ERR_TRT_BUILD_CRASHED`, `ERR_TRT_OUT_OF_MEMORY`, `ERR_TRT_WRITE`, `ERR_TRT_ADDON_LOAD`,
 * `ERR_TRT_UNSUPPORTED_PLATFORM`; after an abort `signal.reason`, whatever that is
 */
export async function buildEngine(
  model: string | URL | Uint8Array,
  options?: BuildOptions,
): Promise<BuiltEngine> {
  const checked = checkedBuildOptions(options);
  const modelPath = modelPathOf(model);
  const machine = { binding: loadBinding(), findLibraries, build: buildInChild };
  return buildThrough(machine, modelPath, checked);
}

/** What a build needs of the machine. */
export interface BuildMachine {
  readonly binding: Pick<NativeBinding, 'hashFile' | 'lockFolder' | 'probeDriver'>;
  readonly findLibraries: (options: FindLibrariesOptions) => Promise<Discovery>;
  readonly build: typeof buildInChild;
}

/** `buildEngine` once its arguments are checked, on a given machine. */
export async function buildThrough(
  machine: BuildMachine,
  modelPath: string,
  options: CheckedBuildOptions,
): Promise<BuiltEngine> {
  const started = performance.now();
  const { binding, build } = machine;
  const { signal, onProgress } = options;
  const work = fileWorkOf(binding);
  signal?.throwIfAborted();

  const target = await prepareTarget(options.output, modelPath, work);
  try {
    const { model, library, driver } = await untilAborted(
      signal,
      prepare(machine, modelPath, options, work),
    );
    const gpu = gpuFor(library, options, driver);
    const request = requestFor(library, modelPath, target.tempPlan, gpu, options);
    const result = await build(request, {
      signal,
      onProgress: (event) => onProgress?.({ ...event, elapsedMs: performance.now() - started }),
    });
    signal?.throwIfAborted();
    const manifest = manifestOf({
      result,
      model: { name: path.basename(modelPath), ...model },
      gpu,
      driver: driver.driverVersion,
      computeCapabilities: options.computeCapabilities,
      profiles: options.profiles,
      options: { ...optionsForManifest(options), device: gpu?.index ?? null },
      labels: options.labels,
    });
    return await target.finish(manifest);
  } catch (error) {
    await target.discard();
    throw error;
  }
}

interface Preparation {
  readonly model: FileDigest;
  readonly library: UsableLibrary;
  readonly driver: NativeDriver;
}

/** Looks at the model, the libraries and the driver at once; a bad model is reported first. */
async function prepare(
  machine: BuildMachine,
  modelPath: string,
  options: CheckedBuildOptions,
  work: FileWork,
): Promise<Preparation> {
  const { runtime, library, computeCapabilities, device, precision } = options;
  const finding = machine.findLibraries({
    library: library ?? undefined,
    flavour: runtime === 'auto' ? undefined : runtime,
  });
  const probing = nativeCall(() => machine.binding.probeDriver());
  // When the model is bad, nobody awaits these two.
  finding.catch(() => undefined);
  probing.catch(() => undefined);

  await checkOnnxFile(modelPath);
  const model = await work.hashFile(modelPath);
  const driver = await probing;
  const chosen = chooseForBuild({
    found: await finding,
    runtime,
    computeCapabilities,
    driver,
    device: device ?? undefined,
  });
  checkTargets(chosen, computeCapabilities);
  checkPrecision(precision, chosen);
  return { model: { sha256: model.sha256, sizeBytes: model.sizeBytes }, library: chosen, driver };
}

/** `computeCapabilities` would be ignored in silence by TensorRT, which builds for its own GPU. */
function checkTargets(library: UsableLibrary, computeCapabilities: readonly string[]): void {
  if (library.flavour === 'tensorrt-rtx' || computeCapabilities.length === 0) return;
  throw new TrtError(
    'ERR_TRT_UNSUPPORTED',
    `expected no \`computeCapabilities\` for TensorRT ${library.version} but received ${computeCapabilities.join(', ')}: ` +
      "it builds for the GPU it runs on. Leave them out, or choose runtime: 'tensorrt-rtx'.",
    { details: { option: 'computeCapabilities', flavour: library.flavour } },
  );
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
    gpu === null
      ? `the index of one of this machine's ${driver.gpus.length} GPUs, or nothing,`
      : `a GPU among the \`computeCapabilities\` ${computeCapabilities.join(', ')} (${gpu.name} is ${gpu.computeCapability}), or nothing,`;
  throw invalidArgument('options.device', expected, device);
}

function requestFor(
  library: UsableLibrary,
  model: string,
  planPath: string,
  gpu: NativeGpu | null,
  options: CheckedBuildOptions,
): NativeBuildRequest {
  const { precision, profiles, computeCapabilities, optimizationLevel, memoryPools } = options;
  return {
    library: library.files,
    model,
    externalData: null,
    planPath,
    device: gpu?.index ?? null,
    tf32: precision === 'fp32' ? false : precision === 'tf32' ? true : null,
    fp16: precision === 'fp16',
    profiles,
    computeCapabilities,
    optimizationLevel,
    memoryPools,
  };
}

function modelPathOf(model: unknown): string {
  if (model instanceof Uint8Array) {
    throw new TrtError(
      'ERR_TRT_UNSUPPORTED',
      'expected a path or a file: URL for `model` but received bytes, which this version does not build from. ' +
        'Write them to a file and pass its path.',
      { details: { argument: 'model' } },
    );
  }
  if (typeof model !== 'string' && !(model instanceof URL)) {
    throw invalidArgument('model', 'a path or a file: URL', model);
  }
  // Absolute from here on: the working directory may change while a build runs.
  return path.resolve(filePathOf(model, 'model'));
}
