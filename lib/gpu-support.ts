import { compareVersions } from './discovery/versions';
import { TrtError } from './errors';
import type { Flavour, GpuIdentity, Manifest } from './manifest-schema';

/** How NVIDIA writes each flavour's name. */
export const flavourNames: Readonly<Record<Flavour, string>> = {
  tensorrt: 'TensorRT',
  'tensorrt-rtx': 'TensorRT-RTX',
};

/** A range of compute capabilities (as ten times themselves: 8.6 is 86) and the releases that run on it. */
interface GpuSupport {
  readonly from: number;
  /** The last one; open when omitted. */
  readonly to?: number;
  /** The first release; all that trt-node drives when omitted. */
  readonly since?: string;
  /** The first release without it; none when omitted. */
  readonly until?: string;
}

/**
 * Flavour × compute capability × release. TensorRT: 7.0 and higher in the 10.1 support matrix; the 10.5 release notes remove
 * Volta (7.0), those of 10.8 add Blackwell (10.0 and up). TensorRT-RTX: its 1.5 support matrix; 8.0 is a target of 1.7's headers.
 */
const gpuSupport: Readonly<Record<Flavour, readonly GpuSupport[]>> = {
  tensorrt: [
    { from: 70, to: 74, until: '10.5' },
    { from: 75, to: 99 },
    { from: 100, since: '10.8' },
  ],
  'tensorrt-rtx': [
    { from: 75, to: 75 },
    { from: 80, to: 80 },
    { from: 86, to: 86 },
    { from: 89, to: 89 },
    { from: 120 },
  ],
};

const described: Readonly<Record<Flavour, string>> = {
  tensorrt: '7.5 and newer (7.0 until 10.4; 10.0 and newer from 10.8 on)',
  'tensorrt-rtx': '8.0, 8.6, 8.9, 12.0 and newer, and 7.5 when the plan was built for it',
};

function supportOf(flavour: Flavour, computeCapability: string): GpuSupport | undefined {
  const tenfold = Math.round(Number(computeCapability) * 10);
  return gpuSupport[flavour].find(({ from, to = Infinity }) => tenfold >= from && tenfold <= to);
}

/**
 * Whether a runtime of this flavour can use GPUs of this compute capability, e.g. `9.0`, at all: TensorRT-RTX needs a plan that
 * names 7.5 there. Without `version` (`10.6.0`) the answer is about any version that trt-node drives.
 */
export function runtimeSupportsGpu(
  flavour: Flavour,
  computeCapability: string,
  version?: string | null,
): boolean {
  const support = supportOf(flavour, computeCapability);
  if (support === undefined) return false;
  if (version === undefined || version === null) return true;
  const { since, until } = support;
  return (
    (since === undefined || compareVersions(version, since) >= 0) &&
    (until === undefined || compareVersions(version, until) < 0)
  );
}

/** The releases of a flavour that run on a compute capability: `TensorRT before 10.5`; null where none does. */
export function describeSupport(flavour: Flavour, computeCapability: string): string | null {
  const support = supportOf(flavour, computeCapability);
  if (support === undefined) return null;
  const name = flavourNames[flavour];
  if (support.since !== undefined) return `${name} ${support.since} and newer`;
  return support.until === undefined ? name : `${name} before ${support.until}`;
}

/** ERR_TRT_GPU_UNSUPPORTED when a runtime of this flavour, and release where it is known, cannot use the GPU; null when it can. */
export function gpuUnsupported(
  flavour: Flavour,
  gpu: GpuIdentity,
  version?: string | null,
): TrtError | null {
  if (runtimeSupportsGpu(flavour, gpu.computeCapability, version)) return null;
  const other = flavour === 'tensorrt-rtx' ? 'tensorrt' : 'tensorrt-rtx';
  const remedies = [
    // Right flavour, wrong release: the nearest way out.
    describeSupport(flavour, gpu.computeCapability),
    describeSupport(other, gpu.computeCapability),
  ].filter((name) => name !== null);
  const remedy =
    remedies.length > 0
      ? `use ${remedies.join(' or ')}, which runs on this GPU (plans must be built with it again), or use another GPU`
      : 'use another GPU';
  return new TrtError(
    'ERR_TRT_GPU_UNSUPPORTED',
    `${flavourNames[flavour]}${version ? ` ${version}` : ''} does not run on ${gpu.name}, which has compute capability ` +
      `${gpu.computeCapability}. ${flavourNames[flavour]} runs on ${described[flavour]}. Next step: ${remedy}.`,
    {
      details: {
        flavour,
        version: version ?? null,
        gpu: gpu.name,
        computeCapability: gpu.computeCapability,
      },
    },
  );
}

/**
 * Whether the plan that `manifest` describes runs on `gpu`: null when it does, else the reason.
 *
 * ERR_TRT_GPU_UNSUPPORTED: its runtime cannot use this GPU. ERR_TRT_ENGINE_GPU: the plan was built for other compute
 * capabilities (a TensorRT plan runs on that of the GPU it was built on and, built with `hardwareCompatibilityLevel:
 * 'amperePlus'`, on 8.0 and everything newer; a TensorRT-RTX plan on those it lists).
 */
export function planRunsOn(
  manifest: Pick<Manifest, 'flavour' | 'computeCapabilities' | 'gpu'> &
    Partial<Pick<Manifest, 'version' | 'options'>>,
  gpu: GpuIdentity,
): TrtError | null {
  const unsupported = gpuUnsupported(manifest.flavour, gpu, manifest.version);
  if (unsupported !== null) return unsupported;
  if (manifest.computeCapabilities.includes(gpu.computeCapability)) return null;
  const amperePlus = manifest.options?.['hardwareCompatibilityLevel'] === 'amperePlus';
  if (amperePlus && compareVersions(gpu.computeCapability, '8.0') >= 0) return null;
  const builtOn = manifest.gpu === null ? '' : ` (built on ${manifest.gpu.name})`;
  const runsOn = amperePlus
    ? '8.0 and newer'
    : manifest.computeCapabilities.join(', ') || '(none listed)';
  const remedy =
    manifest.flavour === 'tensorrt'
      ? 'build the model again on a GPU of that kind'
      : `build the model again with computeCapabilities that include '${gpu.computeCapability}'`;
  return new TrtError(
    'ERR_TRT_ENGINE_GPU',
    `the plan runs on compute capability ${runsOn}${builtOn}, but ` +
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
