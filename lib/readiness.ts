import type { NativeDriver } from './binding';
import { isUsable, type Discovery, type UsableLibrary } from './discovery/found-library';
import {
  builderMissing,
  libraryNotFound,
  requestedFileProblem,
  unusableLibraries,
} from './discovery/refusals';
import { TrtError } from './errors';
import { gpuUnsupported } from './gpu-support';
import { flavours } from './manifest-schema';

/** What a machine has, as far as jobs depend on it. */
export interface Equipment {
  readonly found: Discovery;
  readonly driver: NativeDriver;
  /** What to do about a driver or GPU that is not there, where it is known what keeps it away; general advice otherwise. */
  readonly advice?: string | undefined;
}

/** Why nothing can be built here; empty when something can (by TensorRT-RTX for named GPUs, if nothing else). */
export function missingForBuild({ found, driver, advice }: Equipment): TrtError[] {
  const nothingUsable = missingLibrary(found);
  if (nothingUsable) return [nothingUsable];
  const usable = found.libraries.filter(isUsable);
  const builders = usable.filter(({ hasBuilder }) => hasBuilder);
  const first = usable[0];
  if (builders.length === 0 && first) return [builderMissing(first)];
  if (builders.some(({ flavour }) => flavour === 'tensorrt-rtx')) return [];
  const missing = missingGpu(driver, 'TensorRT builds on the GPU that shall run the plan', advice);
  return missing.length > 0 ? missing : missingSupport(builders, driver);
}

/** Why no plan can run here; empty when a TensorRT is here that supports a GPU that is here. */
export function missingForInfer({ found, driver, advice }: Equipment): TrtError[] {
  const missing = missingLibrary(found);
  const gpus = missingGpu(driver, 'inference runs on a GPU', advice);
  if (missing || gpus.length > 0) return [...(missing ? [missing] : []), ...gpus];
  const runtimes = found.libraries.filter(isUsable).filter(({ hasRuntime }) => hasRuntime);
  if (runtimes.length === 0) return [libraryNotFound(found, flavours)];
  return missingSupport(runtimes, driver);
}

/** Empty when any of the libraries supports any of the GPUs. */
function missingSupport(libraries: readonly UsableLibrary[], driver: NativeDriver): TrtError[] {
  const refusals = libraries.flatMap(({ flavour, version }) =>
    driver.gpus.map((gpu) => gpuUnsupported(flavour, gpu, version)),
  );
  if (refusals.includes(null)) return [];
  return refusals[0] ? [refusals[0]] : [];
}

function missingLibrary(found: Discovery): TrtError | null {
  if (found.libraries.some(isUsable)) return null;
  return (
    requestedFileProblem(found) ??
    unusableLibraries(found.libraries) ??
    libraryNotFound(found, flavours)
  );
}

function missingGpu(driver: NativeDriver, because: string, advice?: string): TrtError[] {
  if (driver.status !== 'ok') {
    return [
      new TrtError(
        'ERR_TRT_NO_DRIVER',
        `${because}, and no NVIDIA driver works here: ${driver.message || driver.status}. ` +
          (advice ??
            'Install the driver; in a container, start it with the GPUs (docker run --gpus all).'),
      ),
    ];
  }
  if (driver.gpus.length > 0) return [];
  return [
    new TrtError(
      'ERR_TRT_NO_GPU',
      `${because}, and the driver shows none. ` +
        (advice ?? 'Look at CUDA_VISIBLE_DEVICES, which can hide them, and at nvidia-smi.'),
    ),
  ];
}
