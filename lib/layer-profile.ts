import { mean, median } from './benchmark/statistics';
import type { NativeEngine, NativeLayerTimes } from './binding';
import { checkShapes, type Shapes } from './engine-shapes';
import { invalidArgument } from './errors';
import { checkProfile } from './infer-options';
import { checkInputs } from './input-validation';
import { checkedOptions } from './known-keys';
import type { Profile, TensorInfo } from './manifest-schema';
import { nativeCall } from './native-call';
import type { TensorInputs } from './tensor';

export interface LayerProfileOptions {
  /** What the network computes on, in memory of the host. Zeros when left out: layers whose time depends on the data then show it not. */
  readonly inputs?: TensorInputs | undefined;
  /** Dims by input name; those of the profile's `opt` for inputs that are left out. Not together with `inputs`. */
  readonly shapes?: Shapes | undefined;
  /** Index or name of the optimization profile; the first that takes the dims when left out. */
  readonly profile?: number | string | undefined;
  /** Inferences before the first that counts; 10 when left out. */
  readonly warmup?: number | undefined;
  /** Inferences that count; 50 when left out. */
  readonly iterations?: number | undefined;
}

/** Milliseconds between two CUDA events. */
export interface GpuTimes {
  readonly meanMs: number;
  readonly medianMs: number;
  readonly minMs: number;
}

export interface LayerTime extends GpuTimes {
  /** As `engine.inspect()` has it; its index in the engine, where the plan was built with `profilingVerbosity` none. */
  readonly name: string;
  /** Of the sum of all layers' means; 0 to 1. */
  readonly share: number;
}

/** How long each layer of an engine takes on the GPU, by TensorRT's IProfiler. `JSON.stringify` takes it. */
export interface LayerProfile {
  /** In the order in which they run. */
  readonly layers: readonly LayerTime[];
  /** The whole network in the same runs. The events around each layer take some of it, so an inference is faster. */
  readonly compute: GpuTimes;
  readonly iterations: number;
  /**
   * The runs were replays of a CUDA graph, as inferences are. false: each was enqueued anew, so that in networks of many short layers
   * the times tell how fast the host is.
   */
  readonly graph: boolean;
  /** A table for people, the slowest layer first. */
  toTable(): string;
}

/** What is profiled. */
export interface ProfiledEngine {
  readonly inputs: readonly TensorInfo[];
  readonly profiles: readonly Profile[];
  readonly profileNames: readonly string[] | undefined;
}

/** @throws TrtError (as a rejection) the codes of `Engine.profile` */
export async function profileEngine(
  native: Pick<NativeEngine, 'profileLayers'>,
  engine: ProfiledEngine,
  options: LayerProfileOptions | undefined,
): Promise<LayerProfile> {
  const given = checkedOptions(options, 'options', [
    ...(['inputs', 'shapes', 'profile', 'warmup', 'iterations'] as const),
  ]);
  const profile = checkProfile(
    given.profile,
    Math.max(1, engine.profiles.length),
    engine.profileNames ?? [],
  );
  const warmup = countOf('warmup', given.warmup ?? 10, 0);
  const iterations = countOf('iterations', given.iterations ?? 50, 1);
  const run = runOf(engine, given, profile);
  const times = await nativeCall(() =>
    native.profileLayers(run.profile, run.dims, run.values, warmup, iterations),
  );
  return layerProfileOf(times);
}

interface Run {
  readonly profile: number;
  readonly dims: readonly (readonly number[])[];
  readonly values: readonly (Uint8Array | null)[];
}

function runOf(
  engine: ProfiledEngine,
  { inputs, shapes }: LayerProfileOptions,
  profile: number | null,
): Run {
  if (inputs === undefined) return checkShapes(engine, shapes ?? {}, profile);
  if (shapes !== undefined) {
    throw invalidArgument('options.shapes', 'nothing beside `inputs`, which have dims', shapes);
  }
  const checked = checkInputs(engine, inputs, profile);
  return {
    profile: checked.profile,
    dims: checked.dims,
    values: checked.bytes.map(({ parts }) => joined(parts)),
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  return parts.length === 1 && first ? first : Buffer.concat(parts);
}

/** GpuTimes in memory: one number for each layer and iteration. */
const mostIterations = 100_000;

function countOf(name: string, value: unknown, least: number): number {
  const count = Number.isSafeInteger(value) ? (value as number) : NaN;
  if (count >= least && count <= mostIterations) return count;
  throw invalidArgument(`options.${name}`, `an integer from ${least} to ${mostIterations}`, value);
}

export function layerProfileOf({ layers, compute, graph }: NativeLayerTimes): LayerProfile {
  const times = layers.map(({ name, milliseconds }) => ({ name, ...timesOf(milliseconds) }));
  const total = times.reduce((sum, { meanMs }) => sum + meanMs, 0);
  const profile = {
    layers: times.map((time) => ({ ...time, share: total === 0 ? 0 : time.meanMs / total })),
    compute: timesOf(compute),
    iterations: compute.length,
    graph,
  };
  return { ...profile, toTable: () => tableOf(profile) };
}

const timesOf = (milliseconds: readonly number[]): GpuTimes => ({
  meanMs: mean(milliseconds),
  medianMs: median(milliseconds),
  minMs: milliseconds.reduce((least, value) => Math.min(least, value), Infinity),
});

/** A name longer than this is cut: TensorRT joins those of all fused layers. */
const widestName = 60;

function tableOf({ layers, compute, iterations, graph }: Omit<LayerProfile, 'toTable'>): string {
  const slowest = [...layers].sort((a, b) => b.meanMs - a.meanMs);
  const total = layers.reduce((sum, { meanMs }) => sum + meanMs, 0);
  const width = Math.max(5, ...layers.map(({ name }) => shortened(name).length));
  const row = (name: string, cells: readonly string[]): string =>
    name.padEnd(width) + cells.map((cell) => cell.padStart(10)).join('');
  const times = ({ meanMs, medianMs, minMs }: GpuTimes): string[] =>
    [meanMs, medianMs, minMs].map((value) => value.toFixed(4));
  const how = graph ? 'replays of a CUDA graph' : 'enqueued without a CUDA graph';
  return [
    `${layers.length} layers, ${iterations} runs, ${how}; milliseconds of the GPU`,
    row('layer', ['mean', 'median', 'min', 'share']),
    ...slowest.map((layer) =>
      row(shortened(layer.name), [...times(layer), `${(layer.share * 100).toFixed(1)}%`]),
    ),
    row('sum', [total.toFixed(4)]),
    row('whole network', times(compute)),
  ].join('\n');
}

function shortened(name: string): string {
  // Names are the model's: a control character would move the table.
  // eslint-disable-next-line no-control-regex -- these are what is looked for
  const printable = name.replace(/[\0-\x1f\x7f]/g, '?');
  return printable.length <= widestName ? printable : `${printable.slice(0, widestName - 1)}…`;
}
