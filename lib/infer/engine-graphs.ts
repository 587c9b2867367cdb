import type { NativeGraphState } from '../binding';

/** What became of CUDA graphs in an engine. */
export interface EngineGraphs {
  /** `LoadOptions.graphs` */
  readonly mode: 'auto' | 'on' | 'off';
  /** Graphs that the lanes keep now: each lane its own, one for each profile, set of dims, of values of shape tensors and of addresses of device tensors. */
  readonly held: number;
  /** Graphs that were captured so far. */
  readonly captured: number;
  /** Inferences that ran as a graph. */
  readonly replays: number;
  /** Inferences that TensorRT enqueued: those before the capture, and all where there is a `reason`. */
  readonly eager: number;
  /** Why the last inference that should have become a graph did not; null: there was none. */
  readonly reason: string | null;
}

export function engineGraphs({ mode, lanes }: NativeGraphState): EngineGraphs {
  const sum = (count: (lane: NativeGraphState['lanes'][number]) => number): number =>
    lanes.reduce((total, lane) => total + count(lane), 0);
  return {
    mode,
    held: sum(({ held }) => held),
    captured: sum(({ captured }) => captured),
    replays: sum(({ replays }) => replays),
    eager: sum(({ eager }) => eager),
    reason: lanes.find(({ reason }) => reason !== null)?.reason ?? null,
  };
}
