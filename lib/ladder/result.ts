import type { Summary } from '../benchmark/statistics';

/** What `trt-node ladder --json` prints: schemas/ladder.schema.json. Times are milliseconds unless the name says otherwise. */
export interface LadderResult {
  readonly schema: 'trt-node/ladder';
  readonly schemaVersion: 1;
  readonly model: { readonly path: string; readonly sha256: string | null };
  /** Where it was built and measured; null: no rung was built. */
  readonly machine: LadderMachineFacts | null;
  readonly settings: LadderSettings;
  readonly rungs: readonly RungResult[];
  /** The rung that the others were compared with, or whose metric `maxDrop` starts from; null: none, as where every case has outputs. */
  readonly referenceRung: string | null;
  /** null: no rung was measured whose accuracy holds. */
  readonly recommendation: Recommendation | null;
}

export interface LadderMachineFacts {
  readonly flavour: string;
  readonly version: string;
  readonly gpu: string | null;
  readonly driver: string | null;
}

/** Everything is measured at each of these together. */
export interface LadderSettings {
  readonly graphs: readonly ('off' | 'on')[];
  readonly lanes: readonly number[];
  /** null: the dims that `--shapes` or the profile's `opt` gives. */
  readonly batches: readonly (number | null)[];
  readonly warmup: number;
  readonly iterations: number;
  readonly goal: Goal;
  /** What outputs are compared with. */
  readonly cases: 'files' | 'random';
}

export type Goal = 'latency' | 'throughput';

export type RungResult = MeasuredRung | SkippedRung;

/** A rung that this TensorRT, GPU or model does not have, or whose build failed. */
export interface SkippedRung {
  readonly rung: string;
  readonly precision: readonly string[];
  readonly status: 'skipped' | 'failed';
  readonly error: { readonly code: string | null; readonly message: string };
}

export interface MeasuredRung {
  readonly rung: string;
  readonly precision: readonly string[];
  readonly status: 'measured';
  /** TensorRT's build, whether it was now or the engine came from the cache. */
  readonly buildSeconds: number;
  /** From the call of buildEngine to the engine: short where it came from the cache. */
  readonly callSeconds: number;
  readonly planBytes: number;
  /** null: it was kept nowhere. */
  readonly planPath: string | null;
  /** Layers by the type of their first output; null: the engine could not be inspected. */
  readonly layerTypes: Readonly<Record<string, number>> | null;
  /** null: there was nothing to compare with. */
  readonly accuracy: RungAccuracy | null;
  readonly points: readonly RungPoint[];
}

export interface RungAccuracy {
  readonly holds: boolean;
  /** Why it does not; null where it does. */
  readonly failure: string | null;
  readonly cases: number;
  /** `rung`: the outputs of `referenceRung`. */
  readonly reference: 'given' | 'rung';
  /** The rung that it was compared with, or whose metric `maxDrop` starts from; null: none. */
  readonly referenceRung: string | null;
  /** The worst of each measure over all cases, by output. */
  readonly outputs: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly metric: { readonly name: string; readonly value: number } | null;
}

/** What one way to run a rung gave. */
export interface RungPoint extends RungWay {
  /** Wall clock of one inference in JavaScript. */
  readonly endToEnd: Summary;
  /** The network on the GPU, between CUDA events. */
  readonly compute: Summary;
  readonly inferencesPerSecond: number;
  /** null where the batch is not known. */
  readonly samplesPerSecond: number | null;
  /** Whether a CUDA graph was replayed: `graphs: 'on'` may have found no way to capture one. */
  readonly replayed: boolean;
}

export interface RungWay {
  readonly graphs: 'off' | 'on';
  /** As many inferences were under way. */
  readonly lanes: number;
  readonly batch: number | null;
}

export interface Recommendation extends RungWay {
  readonly rung: string;
  /** In a sentence or two. */
  readonly reason: string;
}
