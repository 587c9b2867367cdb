import type { NativeDeviceMemory, NativeInferResult } from '../binding';
import type { TensorData } from '../data-types';
import type { CheckedInferOptions } from '../infer-options';
import type { Call } from './call-cache';
import type { Limits } from './limits';
import { unclaim } from './memory-claims';
import type { Claim } from './memory-claims';

/** What an inference came to, with the dims of all outputs. */
export interface Outcome {
  readonly result: NativeInferResult;
  readonly dims: readonly (readonly number[])[];
}

/** A request whose arguments were checked. */
export interface Prepared {
  readonly call: Call;
  /** One for each of the engine's inputs: arrays of exactly their bytes, or memory on the engine's GPU of at least these. */
  readonly sources: readonly (TensorData | NativeDeviceMemory)[];
  readonly options: CheckedInferOptions;
}

/** One request under way, and its promise. */
export class Request implements Prepared {
  readonly call: Call;
  readonly sources: Prepared['sources'];
  readonly options: CheckedInferOptions;
  readonly timed: boolean;
  readonly claim: Claim | null;
  readonly limits: Limits | null;
  readonly promise: Promise<Outcome>;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
  /** Its promise is settled, but the GPU is still at it. */
  abandoned = false;

  constructor(
    { call, sources, options }: Prepared,
    timed: boolean,
    claim: Claim | null,
    limits: Limits | null,
  ) {
    this.call = call;
    this.sources = sources;
    this.options = options;
    this.timed = timed;
    this.claim = claim;
    this.limits = limits;
    this.promise = new Promise(keepFunctions);
    this.resolve = kept.resolve;
    this.reject = kept.reject;
    // They know the promise, and it the outputs: nothing of a module may keep these from the garbage collector.
    keepFunctions(ignore, ignore);
  }

  /** Gives back what it took. Once. */
  end(): void {
    this.limits?.dispose();
    if (this.claim !== null) unclaim(this.claim);
  }
}

/** One executor for all promises: a closure for each would be one more object per inference. */
const kept = {
  resolve: ignore as (outcome: Outcome) => void,
  reject: ignore as (error: unknown) => void,
};

function ignore(): void {
  // Nobody waits.
}

function keepFunctions(resolve: typeof kept.resolve, reject: typeof kept.reject): void {
  kept.resolve = resolve;
  kept.reject = reject;
}
