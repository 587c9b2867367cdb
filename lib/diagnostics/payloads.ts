import type { BuiltEngine } from '../built-engine';
import type { Engine } from '../engine';
import type { InferOptions } from '../infer-options';
import type { TensorInputs } from '../tensor';

/** What `trt-node:build` tells: one object for all events of a build. */
export interface BuildTrace {
  /** Path or URL of the model; null: it came as bytes. */
  readonly model: string | null;
  /** From `asyncEnd` on, when it succeeded. */
  result?: BuiltEngine;
  /** From `error` on, when it failed. */
  error?: unknown;
}

/** What `trt-node:load` tells: one object for all events of a load. */
export interface LoadTrace {
  /** Path or URL of the plan, or of the folder that it is chosen from; null: it came as bytes. */
  readonly plan: string | null;
  /** From `asyncEnd` on, when it succeeded. */
  result?: Engine;
  /** From `error` on, when it failed. */
  error?: unknown;
}

/** What `trt-node:infer` tells: one object for all events of an inference. Do not change what it holds: it is the caller's. */
export interface InferTrace {
  readonly engine: Engine;
  /** The method that was called; `infer(engine, …)` is `infer`. */
  readonly method: 'infer' | 'inferTimed' | 'inferSync';
  /** As given, and not checked yet. */
  readonly inputs: TensorInputs;
  readonly options: InferOptions | undefined;
  /** What the method gives, when it succeeded: from `asyncEnd` on, of `inferSync` from `end` on. */
  result?: unknown;
  /** From `error` on, when it failed. */
  error?: unknown;
}

/** What `trt-node:graph` tells: the CUDA graphs of a lane have changed. */
export interface GraphEvent {
  readonly engine: Engine;
  /**
   * `captured`: new ones were made. `dropped`: some made room for others, or lost what they were captured with (a refit, larger tensors).
   * `fallback`: an inference that should have become one will run without, for `reason`.
   */
  readonly kind: 'captured' | 'dropped' | 'fallback';
  /** From 0 on. */
  readonly lane: number;
  /** Graphs that the lane keeps now. */
  readonly held: number;
  /** Graphs that the lane has captured so far. */
  readonly captured: number;
  /** Of a `fallback`; else null. */
  readonly reason: string | null;
}
