import path from 'node:path';
import type { NativeBinding, NativeBuildRequest, NativeDriver, NativeGpu } from './binding';
import type { CheckedBuildOptions } from './checked-build-options';
import {
  chooseForBuild,
  goalOfBuild,
  type Discovery,
  type FindLibrariesOptions,
  type UsableLibrary,
} from './discovery';
import { invalidArgument } from './errors';
import { examineModel, type ExaminedModel } from './examined-model';
import type { FileWork } from './file-work';
import type { Manifest } from './manifest-schema';
import { nativeCall } from './native-call';
import type { OnnxInput } from './onnx/value-info';
import { pluginDigest } from './plugin-files';
import { resolvePrecision, type ResolvedPrecision } from './precision';
import { resolveProfiles, type ResolvedProfiles } from './profiles';
import type { StagedModel } from './staged-model';

/** What a look at a model needs of the machine. */
export interface PreparationMachine {
  readonly binding: Pick<NativeBinding, 'hashExternalFile' | 'probeDriver'>;
  readonly findLibraries: (options: FindLibrariesOptions) => Promise<Discovery>;
}

/** All that is known before TensorRT starts. */
export interface Preparation {
  readonly model: ExaminedModel;
  readonly profiles: ResolvedProfiles;
  readonly library: UsableLibrary;
  readonly driver: NativeDriver;
  /** The GPU to build on; null builds without one. */
  readonly gpu: NativeGpu | null;
  readonly precision: ResolvedPrecision;
  readonly plugins: NonNullable<Manifest['plugins']>;
}

/** Looks at the model, the libraries and the driver at once; a bad model is reported first. */
export async function prepareBuild(
  machine: PreparationMachine,
  staged: StagedModel,
  options: CheckedBuildOptions,
  work: FileWork,
): Promise<Preparation> {
  const { runtime, library, computeCapabilities, device, isolation, signal } = options;
  const probing = nativeCall(() => machine.binding.probeDriver());
  const target = { runtime, computeCapabilities, device: device ?? undefined };
  const finding = machine.findLibraries({
    library: library ?? undefined,
    flavour: runtime === 'auto' ? undefined : runtime,
    goal: goalOfBuild({ ...target, driver: probing }),
    isolation,
  });
  // When the model is bad, nobody awaits these two.
  finding.catch(() => undefined);
  probing.catch(() => undefined);

  const model = await examineModel(staged, machine.binding, work, signal);
  const profiles = resolveProfiles(options.profiles, listedInputs(model.inputs));
  const driver = await probing;
  const chosen = chooseForBuild({ ...target, driver, found: await finding });
  const gpu = gpuFor(chosen, options, driver);
  const precision = resolvePrecision(options.precision, {
    library: chosen,
    gpu,
    quantized: model.quantized,
    calibrated: options.calibration !== null,
  });
  if (options.tuning.weightStreaming && precision.typing === 'weak') {
    const expected =
      'nothing beside a weakly typed precision (weights stream in strongly typed engines alone)';
    throw invalidArgument('options.weightStreaming', expected, true);
  }
  const plugins = await pluginDigests(options.plugins, work);
  return { model, profiles, library: chosen, driver, gpu, precision, plugins };
}

type ListedInput = OnnxInput & { readonly dims: NonNullable<OnnxInput['dims']> };

/** None when an input is no tensor, or of a type unknown here: profiles are then TensorRT's to judge. */
function listedInputs(inputs: readonly OnnxInput[]): readonly ListedInput[] {
  const listed = inputs.filter((input): input is ListedInput => input.dims !== null);
  return listed.length === inputs.length ? listed : [];
}

async function pluginDigests(
  plugins: readonly string[],
  work: FileWork,
): Promise<NonNullable<Manifest['plugins']>> {
  return await Promise.all(
    plugins.map(async (file) => {
      const { sha256, sizeBytes } = await pluginDigest(file, work);
      return { name: path.basename(file), sha256, sizeBytes };
    }),
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
    driver.gpus.length === 0
      ? 'nothing (leave `device` out: no GPU is here, so nothing is built on one)'
      : gpu === null
        ? `the index of one of this machine's ${driver.gpus.length} GPUs, or nothing,`
        : `a GPU among the \`computeCapabilities\` ${computeCapabilities.join(', ')} (${gpu.name} is ${gpu.computeCapability}), or nothing,`;
  throw invalidArgument('options.device', expected, device);
}

/** What TensorRT is asked for, without what changes from run to run: paths of this build's own files. */
export function requestOf(
  preparation: Preparation,
  options: CheckedBuildOptions,
): Omit<NativeBuildRequest, 'model' | 'stage' | 'planPath' | 'calibration' | 'timingCache'> {
  const { model, profiles, library, gpu, precision } = preparation;
  return {
    library: library.files,
    modelSha256: model.identity.sha256,
    externalData: model.externalData,
    device: gpu?.index ?? null,
    ...precision,
    profiles: profiles.profiles,
    computeCapabilities: options.computeCapabilities,
    optimizationLevel: options.optimizationLevel,
    memoryPools: options.memoryPools,
    plugins: options.plugins,
    standardPlugins: options.standardPlugins,
    tuning: options.tuning,
  };
}
