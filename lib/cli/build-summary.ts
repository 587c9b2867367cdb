import { createColors } from 'picocolors';
import { flavourNames } from '../gpu-support';
import type {
  CalibrationRecord,
  Manifest,
  TensorInfo,
  VerificationRecord,
} from '../manifest-schema';
import { printable } from './printable';

export type Row = readonly [name: string, value: string];

/** What was built, for a person. */
export function renderBuildSummary(
  plan: string,
  manifest: Manifest,
  options: { readonly color: boolean },
): string {
  const paint = createColors(options.color);
  const rows: Row[] = [
    ...manifest.inputs.map((tensor) => ['input', describeTensor(tensor)] as const),
    ...manifest.outputs.map((tensor) => ['output', describeTensor(tensor)] as const),
    ...factRows(manifest),
  ];
  return [`${paint.green('✓')} ${paint.bold(printable(plan))}`, ...renderRows(rows, options)].join(
    '\n',
  );
}

/** What is told of a build beside its inputs and outputs. */
export function factRows(manifest: Manifest): readonly Row[] {
  return [
    ['layers', describeLayers(manifest)],
    ...chosenRows(manifest),
    ...proofRows(manifest),
    ['size', formatBytes(manifest.plan.sizeBytes)],
    ['build time', `${manifest.buildSeconds.toFixed(2)} s`],
    ['runs on', describeTarget(manifest)],
  ];
}

/** Facts in two columns. Names in them are a model's: whatever they hold, a line at the margin is not theirs. */
export function renderRows(
  rows: readonly Row[],
  { color }: { readonly color: boolean },
): readonly string[] {
  const paint = createColors(color);
  const width = Math.max(...rows.map(([name]) => name.length));
  const margin = ' '.repeat(width + 4);
  return rows.map(
    ([name, value]) =>
      `  ${paint.dim(name.padEnd(width))}  ${printable(value).replaceAll('\n', `\n${margin}`)}`,
  );
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

/** What TensorRT chose of what it was allowed to. */
function chosenRows({ layerSummary }: Manifest): Row[] {
  if (!layerSummary) return [];
  const { byType, fused, reformat, tactics, wider } = layerSummary;
  const types = Object.entries(byType).sort(([, a], [, b]) => b - a);
  const rows: Row[] = [
    ['types', types.map(([type, count]) => `${count} ${type}`).join(', ')],
    ['chosen', `${fused} fused, ${reformat} reformat, ${counted(tactics, 'kernel')}`],
  ];
  if (wider.length > 0) rows.push(['wider', describeWider(wider)]);
  return rows;
}

/** How many names a line has room for. */
const shownNames = 3;

function describeWider(names: readonly string[]): string {
  const shown = names.slice(0, shownNames).join(', ');
  const rest = names.length - shownNames;
  const list = rest > 0 ? `${shown} and ${rest} more` : shown;
  return `${counted(names.length, 'layer')} in a wider type than asked: ${list}`;
}

/** Where it came from and what speaks for it. */
function proofRows(manifest: Manifest): Row[] {
  const { calibration, timingCache, cacheKey, verification, plugins, unproven, signature } =
    manifest;
  const rows: Row[] = [];
  if (calibration) rows.push(['calibrated', describeCalibration(calibration)]);
  if (timingCache) {
    const how = timingCache.reproducible ? 'alone (reproducible)' : 'read';
    rows.push(['timing cache', `${timingCache.sha256.slice(0, 12)} ${how}`]);
  }
  if (cacheKey !== undefined) rows.push(['engine cache', cacheKey.slice(0, 12)]);
  if (verification) rows.push(['verified', describeVerification(verification)]);
  if (plugins && plugins.length > 0) {
    rows.push(['plugins', plugins.map(({ name }) => name).join(', ')]);
  }
  if (unproven && unproven.length > 0) {
    rows.push(['unproven', `${unproven.join(', ')}: passed to TensorRT, effect not seen`]);
  }
  if (signature) {
    const key = signature.keyId === undefined ? '' : ` with ${signature.keyId}`;
    rows.push(['signed', `${signature.algorithm}${key}`]);
  }
  return rows;
}

function describeCalibration(record: CalibrationRecord): string {
  const { algorithm, batches, droppedSamples } = record;
  const source = batches === 0 ? 'from a cache' : `on ${counted(batches, 'batch', 'batches')}`;
  const dropped =
    droppedSamples === 0
      ? ''
      : `; ${counted(droppedSamples, 'sample')} that filled no batch left out`;
  return `${algorithm}, ${source}${dropped}`;
}

const references = {
  given: 'given outputs',
  onnxruntime: 'ONNX Runtime',
  unquantized: 'the unquantized engine',
} as const;

function describeVerification({ cases, reference, outputs, metric }: VerificationRecord): string {
  const against = reference === 'none' ? '' : ` against ${references[reference]}`;
  const worst = Object.entries(outputs).map(([name, metrics]) => {
    const values = Object.entries(metrics).map(([key, value]) => `${key} ${rounded(value)}`);
    return `${name} ${values.join(', ')}`;
  });
  const whole =
    metric === undefined
      ? []
      : [
          `${metric.name} ${rounded(metric.value)}` +
            (metric.baseline === undefined ? '' : ` (unquantized ${rounded(metric.baseline)})`),
        ];
  return [`${counted(cases, 'case')}${against}`, ...whole, ...worst].join('; ');
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** `1 case`, `3 cases` */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
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
