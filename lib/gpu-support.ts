import { TrtError } from './errors';
import type { Flavour, GpuIdentity, Manifest } from './manifest-schema';

/** How NVIDIA writes each flavour's name. */
export const flavourNames: Readonly<Record<Flavour, string>> = {
  tensorrt: 'TensorRT',
  'tensorrt-rtx': 'TensorRT-RTX',
};

interface GpuSupport {
  /** For messages. */
  readonly described: string;
  readonly supports: (computeCapability: number) => boolean;
}

/** Flavour × compute capability (as ten times itself: 8.6 is 86), for TensorRT 10 and 11 and for TensorRT-RTX 1.x. */
const gpuSupport: Readonly<Record<Flavour, GpuSupport>> = {
  tensorrt: {
    described: '7.5 and newer',
    supports: (computeCapability) => computeCapability >= 75,
  },
  'tensorrt-rtx': {
    described: '8.0, 8.6, 8.9, 12.0 and newer, and 7.5 when the plan was built for it',
    supports: (computeCapability) =>
      [75, 80, 86, 89].includes(computeCapability) || computeCapability >= 120,
  },
};

/** Whether a runtime of this flavour can use GPUs of this compute capability, e.g. `9.0`, at all: TensorRT-RTX needs a plan that names 7.5 there. */
export function runtimeSupportsGpu(flavour: Flavour, computeCapability: string): boolean {
  return gpuSupport[flavour].supports(Math.round(Number(computeCapability) * 10));
}

/** ERR_TRT_GPU_UNSUPPORTED when a runtime of this flavour cannot use the GPU; null when it can. */
export function gpuUnsupported(flavour: Flavour, gpu: GpuIdentity): TrtError | null {
  if (runtimeSupportsGpu(flavour, gpu.computeCapability)) return null;
  const other = flavour === 'tensorrt-rtx' ? 'tensorrt' : 'tensorrt-rtx';
  const remedy = runtimeSupportsGpu(other, gpu.computeCapability)
    ? `build the plan with ${flavourNames[other]}, which runs on this GPU, or use another GPU`
    : 'use another GPU';
  return new TrtError(
    'ERR_TRT_GPU_UNSUPPORTED',
    `${flavourNames[flavour]} runs on GPUs of compute capability ${gpuSupport[flavour].described}, but ` +
      `${gpu.name} has ${gpu.computeCapability}. Next step: ${remedy}.`,
    { details: { flavour, gpu: gpu.name, computeCapability: gpu.computeCapability } },
  );
}

/**
 * Whether the plan that `manifest` describes runs on `gpu`: null when it does, else the reason.
 *
 * ERR_TRT_GPU_UNSUPPORTED: its runtime cannot use this GPU. ERR_TRT_ENGINE_GPU: the plan was built for other compute
 * capabilities (a TensorRT plan runs on that of the GPU it was built on, a TensorRT-RTX plan on those it lists).
 */
export function planRunsOn(
  manifest: Pick<Manifest, 'flavour' | 'computeCapabilities' | 'gpu'>,
  gpu: GpuIdentity,
): TrtError | null {
  const unsupported = gpuUnsupported(manifest.flavour, gpu);
  if (unsupported !== null) return unsupported;
  if (manifest.computeCapabilities.includes(gpu.computeCapability)) return null;
  const builtOn = manifest.gpu === null ? '' : ` (built on ${manifest.gpu.name})`;
  const remedy =
    manifest.flavour === 'tensorrt'
      ? 'build the model again on a GPU of that kind'
      : `build the model again with computeCapabilities that include '${gpu.computeCapability}'`;
  return new TrtError(
    'ERR_TRT_ENGINE_GPU',
    `the plan runs on compute capability ${manifest.computeCapabilities.join(', ') || '(none listed)'}${builtOn}, but ` +
      `${gpu.name} has ${gpu.computeCapability}. Next step: ${remedy}.`,
    {
      details: {
        flavour: manifest.flavour,
        planComputeCapabilities: manifest.computeCapabilities,
        gpu: gpu.name,
        computeCapability: gpu.computeCapability,
      },
    },
  );
}
