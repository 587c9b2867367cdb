import { createColors } from 'picocolors';
import { flavourNames } from '../gpu-support';
import type { Manifest, TensorInfo } from '../manifest-schema';

/** What was built, for a person. */
export function renderBuildSummary(
  plan: string,
  manifest: Manifest,
  options: { readonly color: boolean },
): string {
  const paint = createColors(options.color);
  const rows: (readonly [string, string])[] = [
    ...manifest.inputs.map((tensor) => ['input', describeTensor(tensor)] as const),
    ...manifest.outputs.map((tensor) => ['output', describeTensor(tensor)] as const),
    ['layers', describeLayers(manifest)],
    ['size', formatBytes(manifest.plan.sizeBytes)],
    ['build time', `${manifest.buildSeconds.toFixed(2)} s`],
    ['runs on', describeTarget(manifest)],
  ];
  return [
    `${paint.green('✓')} ${paint.bold(plan)}`,
    ...rows.map(([name, value]) => `  ${paint.dim(name.padEnd(10))}  ${value}`),
  ].join('\n');
}

/** What the plan runs on, and with what: nothing else will load it. */
export function describeTarget({ flavour, version, computeCapabilities, gpu }: Manifest): string {
  const name = `${flavourNames[flavour]} ${version}`;
  if (flavour === 'tensorrt' && gpu) {
    return `${name} on ${gpu.name} (compute capability ${gpu.computeCapability})`;
  }
  const plural = computeCapabilities.length === 1 ? 'capability' : 'capabilities';
  return `${name} on GPUs of compute ${plural} ${computeCapabilities.join(', ')}`;
}

function describeTensor({ name, type, dims }: TensorInfo): string {
  const shape = dims.map((dim) => (dim < 0 ? '?' : String(dim))).join(' × ');
  return `${name}  ${type}  ${shape || 'scalar'}`;
}

function describeLayers({ network, layers, layersReason }: Manifest): string {
  const parsed = `${network.layers.length} in the network`;
  if (layers !== null) return `${parsed}, ${layers.length} in the engine`;
  return layersReason ? `${parsed}; the engine's are not known: ${layersReason}` : parsed;
}

export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${bytes} bytes` : `${value.toFixed(1)} ${units[unit] ?? ''}`;
}
