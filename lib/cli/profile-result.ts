import { createColors } from 'picocolors';
import type { Engine } from '../engine';
import { flavourNames } from '../gpu-support';
import type { EngineLayer } from '../inspect-onnx/engine-layers';
import type { GpuTimes, LayerProfile } from '../layer-profile';
import type { ReportDocument } from '../report/document';
import type { MadeInputs } from './make-inputs';
import { printable } from './printable';
import { reportOf } from './report-frame';
import { renderTable } from './text-table';

/** What `trt-node profile --json` prints. */
export interface ProfileResult {
  readonly schema: 'trt-node/profile';
  readonly schemaVersion: 1;
  readonly plan: string;
  readonly runtime: { readonly flavour: Engine['flavour']; readonly version: string };
  readonly device: Engine['device'];
  readonly inputs: {
    readonly source: 'random' | 'files';
    readonly shapes: Readonly<Record<string, readonly number[]>>;
    /** Index of the optimization profile. */
    readonly profile: number;
  };
  readonly warmup: number;
  readonly iterations: number;
  /** Whether the runs were replays of a CUDA graph. */
  readonly graph: boolean;
  /** Milliseconds of the whole network, with the events around each layer. */
  readonly compute: GpuTimes;
  /** In the order in which they run; milliseconds. */
  readonly layers: readonly ProfiledLayer[];
}

export interface ProfiledLayer extends GpuTimes {
  readonly name: string;
  readonly type: string | null;
  readonly precision: string | null;
  /** Of the sum of all layers' means; 0 to 1. */
  readonly share: number;
}

interface Measured {
  readonly plan: string;
  readonly engine: Pick<Engine, 'flavour' | 'version' | 'device'>;
  readonly made: Pick<MadeInputs, 'source' | 'shapes' | 'profile'>;
  readonly warmup: number;
  readonly profile: LayerProfile;
  readonly layers: readonly EngineLayer[];
}

export function profileResult({
  plan,
  engine,
  made,
  warmup,
  profile,
  layers,
}: Measured): ProfileResult {
  const known = new Map(layers.map((layer) => [layer.name, layer]));
  const { flavour, version, device } = engine;
  return {
    schema: 'trt-node/profile',
    schemaVersion: 1,
    plan,
    runtime: { flavour, version },
    device,
    inputs: { source: made.source, shapes: made.shapes, profile: made.profile },
    warmup,
    iterations: profile.iterations,
    graph: profile.graph,
    compute: profile.compute,
    layers: profile.layers.map(({ name, meanMs, medianMs, minMs, share }) => {
      const { type = null, precision = null } = known.get(name) ?? {};
      return { name, type, precision, meanMs, medianMs, minMs, share };
    }),
  };
}

export interface ProfileView {
  readonly sort: 'time' | 'order' | 'name';
  /** Layers that are shown. */
  readonly top: number;
}

export function renderProfile(
  result: ProfileResult,
  { sort, top }: ProfileView,
  style: { readonly color: boolean },
): string {
  const paint = createColors(style.color);
  const { layers, compute } = result;
  // The slowest are those that are shown, whatever their order.
  const shown = new Set(byTime(layers).slice(0, top));
  const rows = sorted(layers, sort).filter((layer) => shown.has(layer));
  const rest = layers.length - rows.length;
  const restMs = layers
    .filter((layer) => !shown.has(layer))
    .reduce((sum, { meanMs }) => sum + meanMs, 0);
  const table = renderTable(
    [
      { title: 'layer' },
      { title: 'type' },
      { title: 'precision' },
      ...['mean ms', 'median', 'min', 'share'].map((title) => ({ title, align: 'right' as const })),
    ],
    rows.map(({ name, type, precision, meanMs, medianMs, minMs, share }) => [
      name,
      type ?? '',
      precision ?? '',
      ...[meanMs, medianMs, minMs].map((value) => value.toFixed(4)),
      percent(share),
    ]),
    style,
  );
  return [
    `${paint.bold(printable(result.plan))}  ${describeRun(result)}`,
    ...table,
    ...(rest > 0 ? [`  and ${rest} more with ${restMs.toFixed(4)} ms (--all shows them)`] : []),
    `  sum of the layers ${sumOf(layers).toFixed(4)} ms; whole network ${compute.medianMs.toFixed(4)} ms (median), with the events around each layer`,
  ].join('\n');
}

export function profileReport(result: ProfileResult): ReportDocument {
  const { layers, compute, runtime, device, inputs } = result;
  return reportOf({
    title: `Layers of ${result.plan}`,
    highlights: [
      { name: 'sum of the layers', value: rounded(sumOf(layers)), unit: 'ms' },
      { name: 'layers', value: layers.length },
    ],
    sections: [
      {
        kind: 'layers',
        id: 'layers',
        title: 'Time per layer',
        text: `Mean of ${result.iterations} runs, ${howRun(result)}, between CUDA events around each layer.`,
        layers: layers.map(({ name, type, precision, meanMs, share }) => ({
          ...{ name, type, precision, meanMs, share },
        })),
      },
      {
        kind: 'table',
        id: 'types',
        title: 'Time per type of layer',
        columns: [
          { title: 'type' },
          { title: 'precision' },
          { title: 'layers' },
          { title: 'mean', unit: 'ms' },
        ],
        rows: byKind(layers),
      },
      {
        kind: 'facts',
        id: 'run',
        title: 'Run',
        facts: [
          { name: 'plan', value: result.plan },
          { name: 'TensorRT', value: `${flavourNames[runtime.flavour]} ${runtime.version}` },
          { name: 'GPU', value: `${device.name} (compute capability ${device.computeCapability})` },
          ...Object.entries(inputs.shapes).map(([name, dims]) => ({
            name: `input ${name}`,
            value: dims.join(' × ') || 'scalar',
          })),
          { name: 'values', value: inputs.source },
          { name: 'optimization profile', value: inputs.profile },
          { name: 'warm-up runs', value: result.warmup },
          { name: 'runs', value: result.iterations },
          { name: 'whole network, median', value: rounded(compute.medianMs), unit: 'ms' },
        ],
      },
    ],
    data: result,
  });
}

function byKind(layers: readonly ProfiledLayer[]): (string | number)[][] {
  const kinds = new Map<string, { type: string; precision: string; count: number; ms: number }>();
  for (const { type, precision, meanMs } of layers) {
    const key = JSON.stringify([type, precision]);
    const kind = kinds.get(key) ?? {
      type: type ?? '?',
      precision: precision ?? '?',
      count: 0,
      ms: 0,
    };
    kinds.set(key, { ...kind, count: kind.count + 1, ms: kind.ms + meanMs });
  }
  return [...kinds.values()]
    .sort((a, b) => b.ms - a.ms)
    .map(({ type, precision, count, ms }) => [type, precision, count, rounded(ms)]);
}

function describeRun(result: ProfileResult): string {
  const { runtime, device, layers, iterations } = result;
  return printable(
    `${flavourNames[runtime.flavour]} ${runtime.version} on ${device.name}: ${layers.length} layers, ${iterations} runs, ${howRun(result)}`,
  );
}

const howRun = ({ graph }: ProfileResult): string =>
  graph ? 'replays of a CUDA graph' : 'enqueued without a CUDA graph';

const byTime = (layers: readonly ProfiledLayer[]): readonly ProfiledLayer[] =>
  layers.toSorted((a, b) => b.meanMs - a.meanMs);

function sorted(
  layers: readonly ProfiledLayer[],
  sort: ProfileView['sort'],
): readonly ProfiledLayer[] {
  if (sort === 'order') return layers;
  if (sort === 'time') return byTime(layers);
  return layers.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const sumOf = (layers: readonly ProfiledLayer[]): number =>
  layers.reduce((sum, { meanMs }) => sum + meanMs, 0);

const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;

const rounded = (milliseconds: number): number => Number(milliseconds.toFixed(4));
