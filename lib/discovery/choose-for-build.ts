import type { NativeDriver } from '../binding';
import { TrtError } from '../errors';
import { gpuUnsupported } from '../gpu-support';
import { flavours, type Flavour } from '../manifest-schema';
import { isUsable, type Discovery, type UsableLibrary } from './found-library';
import type { SearchGoal } from './search-goal';
import {
  builderMissing,
  libraryNotFound,
  requestedFileProblem,
  unusableLibraries,
} from './refusals';

export interface BuildChoice {
  readonly found: Discovery;
  readonly runtime: 'auto' | Flavour;
  /** Empty: the GPU's own. */
  readonly computeCapabilities: readonly string[];
  readonly driver: NativeDriver;
  /** CUDA device index; 0 when omitted. */
  readonly device?: number | undefined;
}

/**
 * The first library that can build for the target: TensorRT where a GPU is there, TensorRT-RTX otherwise or when
 * `computeCapabilities`, which only it honours, are given. Throws a TrtError that says what is missing.
 */
export function chooseForBuild(choice: BuildChoice): UsableLibrary {
  const { found, runtime } = choice;
  if (found.libraries.length === 0) {
    throw libraryNotFound(found, runtime === 'auto' ? flavours : [runtime]);
  }
  const given = requestedFileProblem(found);
  if (given) throw given;
  const [flavour, ...others] = flavoursFor(choice);
  return others.length === 0 ? chooseOf(flavour, choice) : chooseAutomatically(choice);
}

type Target = Pick<BuildChoice, 'runtime' | 'computeCapabilities'>;

/** What may build, preferred first. */
function flavoursFor({ runtime, computeCapabilities }: Target): readonly [Flavour, ...Flavour[]] {
  if (runtime !== 'auto') return [runtime];
  return computeCapabilities.length > 0 ? ['tensorrt-rtx'] : flavours;
}

/** The search that a build needs. `driver` is awaited once a library was opened. */
export function goalOfBuild({
  driver,
  ...wanted
}: Omit<BuildChoice, 'found' | 'driver'> & { readonly driver: Promise<NativeDriver> }): SearchGoal {
  const preferred = flavoursFor(wanted);
  return {
    rank: ({ flavour }) =>
      preferred.includes(flavour) ? preferred.indexOf(flavour) : preferred.length,
    isMetBy: async (library) => {
      const choice = { ...wanted, driver: await driver };
      return (
        preferred.includes(library.flavour) &&
        library.hasBuilder &&
        targetMissing(library.flavour, choice) === null &&
        gpuProblem(library, choice) === null
      );
    },
  };
}

function chooseOf(flavour: Flavour, choice: BuildChoice): UsableLibrary {
  const missing = targetMissing(flavour, choice);
  if (missing) throw missing;
  const { builder, problem } = optionOf(flavour, choice);
  if (builder instanceof TrtError) throw builder;
  if (problem) throw problem;
  return builder;
}

function chooseAutomatically(choice: BuildChoice): UsableLibrary {
  const options = flavoursFor(choice).map((flavour) => optionOf(flavour, choice));
  for (const { builder, problem } of options) {
    if (problem === null && !(builder instanceof TrtError)) return builder;
  }
  const blocked = options.filter(({ builder }) => !(builder instanceof TrtError));
  // RTX's "name a target" can be followed on this very machine; TensorRT's "needs a GPU" cannot.
  const reachable =
    blocked.find(({ problem }) => problem?.code === 'ERR_TRT_TARGET_REQUIRED') ?? blocked[0];
  if (reachable?.problem) throw reachable.problem;
  throw mostTelling(choice.found);
}

function mostTelling(found: Discovery): TrtError {
  const without = found.libraries.find(isUsable);
  if (without) return builderMissing(without);
  return unusableLibraries(found.libraries) ?? libraryNotFound(found, flavours);
}

interface BuildOption {
  readonly builder: UsableLibrary | TrtError;
  /** Why the builder cannot build for the target; null when it can. */
  readonly problem: TrtError | null;
}

/** The first library of a flavour that can build for the target; failing that, the first that can build. */
function optionOf(flavour: Flavour, choice: BuildChoice): BuildOption {
  const missing = targetMissing(flavour, choice);
  const libraries = choice.found.libraries.filter((library) => library.flavour === flavour);
  const usable = libraries.filter(isUsable);
  const options = usable
    .filter(({ hasBuilder }) => hasBuilder)
    .map((builder) => ({ builder, problem: missing ?? gpuProblem(builder, choice) }));
  const option = options.find(({ problem }) => problem === null) ?? options[0];
  if (option) return option;
  const builder = usable[0]
    ? builderMissing(usable[0])
    : (unusableLibraries(libraries) ?? libraryNotFound(choice.found, [flavour]));
  return { builder, problem: missing };
}

/** Why no library of `flavour` can build for the wanted target on this machine, whichever release it is. */
function targetMissing(flavour: Flavour, choice: Omit<BuildChoice, 'found'>): TrtError | null {
  const { computeCapabilities, driver, device = 0 } = choice;
  const gpu = driver.gpus[device];
  if (flavour === 'tensorrt') {
    if (computeCapabilities.length > 0) return targetsNeedRtx();
    return gpu ? null : noGpu(driver, device);
  }
  if (computeCapabilities.length > 0) return null;
  return gpu ? null : targetRequired(driver, device);
}

/** ERR_TRT_GPU_UNSUPPORTED where the release does not run on the GPU to build for. */
function gpuProblem(library: UsableLibrary, choice: Omit<BuildChoice, 'found'>): TrtError | null {
  const { computeCapabilities, driver, device = 0 } = choice;
  const gpu = driver.gpus[device];
  if (computeCapabilities.length > 0 || !gpu) return null;
  return gpuUnsupported(library.flavour, gpu, library.version);
}

function noGpu(driver: NativeDriver, device: number): TrtError {
  const alternative =
    'TensorRT builds on the GPU that shall run the plan; without one, TensorRT-RTX builds for the GPUs named in `computeCapabilities` (--compute-capability), runtime `tensorrt-rtx`.';
  if (driver.status !== 'ok') {
    return new TrtError(
      'ERR_TRT_NO_DRIVER',
      `TensorRT needs an NVIDIA driver to build, and this machine has none that works: ${driver.message || driver.status}. ${alternative}`,
      { details: { status: driver.status, cudaError: driver.cudaError } },
    );
  }
  return new TrtError(
    'ERR_TRT_NO_GPU',
    `TensorRT needs a GPU to build: device ${device} was wanted and the driver shows ${driver.gpus.length} GPUs (CUDA_VISIBLE_DEVICES can hide them). ${alternative}`,
    { details: { device, gpus: driver.gpus.length } },
  );
}

function targetRequired(driver: NativeDriver, device: number): TrtError {
  const seen =
    driver.status === 'ok'
      ? `the driver shows no GPU ${device}`
      : `this machine has no working NVIDIA driver (${driver.message || driver.status})`;
  return new TrtError(
    'ERR_TRT_TARGET_REQUIRED',
    `${seen}, so the GPUs that shall run the plan must be named: give \`computeCapabilities: ['8.6', '8.9']\` ` +
      '(--compute-capability 8.6,8.9), for example. The plan is then TensorRT-RTX’s and runs on those GPUs with TensorRT-RTX alone.',
    { details: { option: 'computeCapabilities' } },
  );
}

function targetsNeedRtx(): TrtError {
  return new TrtError(
    'ERR_TRT_UNSUPPORTED',
    'expected no `computeCapabilities` (--compute-capability) for runtime `tensorrt`: TensorRT builds for the GPU it runs on. ' +
      'Leave them out, or choose runtime `tensorrt-rtx`.',
    { details: { option: 'computeCapabilities', flavour: 'tensorrt' } },
  );
}
