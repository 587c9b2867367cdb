import type { NativeEngine } from '../binding';
import { isInferTraced, traceInfer, traceInferSync } from '../diagnostics/channels';
import { GraphWatch } from '../diagnostics/graph-watch';
import type { Engine } from '../engine';
import type { DebugOf, TimedResult } from '../engine-facts';
import type { InferOptions, OutputsOf, OutputsOption, TimedInferOptions } from '../infer-options';
import { debugTensorsOf, tensorsOf, timingOf } from '../infer-result';
import type { TensorInputs } from '../tensor';
import { isSettledWithin } from './close-options';
import type { CheckedCloseOptions } from './close-options';
import type { DebugContract } from './debug-option';
import type { Outcome, Prepared } from './request';
import { inferError, InferRunner } from './runner';
import { warmupInputs } from './warmup';
import type { WarmupShapes } from './warmup';

/** The inferences of one engine, of each kind; `node:diagnostics_channel` hears of them. */
export class Inferences {
  readonly #engine: Engine;
  readonly #native: NativeEngine;
  readonly #runner: InferRunner;
  readonly #debugging: DebugContract;
  readonly #graphWatch = new GraphWatch();

  constructor(engine: Engine, native: NativeEngine) {
    this.#engine = engine;
    this.#native = native;
    this.#runner = new InferRunner(native, {
      inputs: engine.inputs,
      outputs: engine.outputs,
      profiles: engine.profiles,
      profileNames: engine.manifest?.profileNames,
      device: engine.device.index,
    });
    this.#debugging = { debugTensors: engine.debugTensors, native };
  }

  /** The body of `Engine.infer`. */
  infer<O extends OutputsOption | undefined>(
    inputs: TensorInputs,
    options: InferOptions<O> | undefined,
  ): Promise<OutputsOf<O>> {
    if (!isInferTraced()) return this.#infer(inputs, options);
    const trace = { engine: this.#engine, method: 'infer', inputs, options } as const;
    return traceInfer(trace, () => this.#infer(inputs, options));
  }

  async #infer<O extends OutputsOption | undefined>(
    inputs: TensorInputs,
    options: InferOptions<O> | undefined,
  ): Promise<OutputsOf<O>> {
    const prepared = this.#runner.prepare(inputs, options);
    let outcome: Outcome;
    try {
      outcome = await this.#runner.run(prepared, false);
    } catch (error) {
      throw inferError(error);
    }
    return this.#outputsOf<O>(prepared, outcome);
  }

  /** The body of `Engine.inferTimed`. */
  inferTimed<O extends OutputsOption | undefined, D extends readonly string[] | undefined>(
    inputs: TensorInputs,
    options: TimedInferOptions<O, D> | undefined,
  ): Promise<TimedResult<OutputsOf<O>> & DebugOf<D>> {
    if (!isInferTraced()) return this.#inferTimed(inputs, options);
    const trace = { engine: this.#engine, method: 'inferTimed', inputs, options } as const;
    return traceInfer(trace, () => this.#inferTimed(inputs, options));
  }

  async #inferTimed<O extends OutputsOption | undefined, D extends readonly string[] | undefined>(
    inputs: TensorInputs,
    options: TimedInferOptions<O, D> | undefined,
  ): Promise<TimedResult<OutputsOf<O>> & DebugOf<D>> {
    const prepared = this.#runner.prepare(inputs, options, this.#debugging);
    let outcome: Outcome;
    try {
      outcome = await this.#runner.run(prepared, true);
    } catch (error) {
      throw inferError(error);
    }
    const outputs = this.#outputsOf<O>(prepared, outcome);
    const timed = { outputs, timing: timingOf(outcome.result) };
    const { debug } = prepared.options;
    const result =
      debug === null ? timed : { ...timed, debug: debugTensorsOf(debug, outcome.result) };
    return result as TimedResult<OutputsOf<O>> & DebugOf<D>;
  }

  /** The body of `Engine.inferSync`. */
  inferSync<O extends OutputsOption | undefined>(
    inputs: TensorInputs,
    options: InferOptions<O> | undefined,
  ): OutputsOf<O> {
    if (!isInferTraced()) return this.#inferSync(inputs, options);
    const trace = { engine: this.#engine, method: 'inferSync', inputs, options } as const;
    return traceInferSync(trace, () => this.#inferSync(inputs, options));
  }

  #inferSync<O extends OutputsOption | undefined>(
    inputs: TensorInputs,
    options: InferOptions<O> | undefined,
  ): OutputsOf<O> {
    const prepared = this.#runner.prepare(inputs, options);
    return this.#outputsOf<O>(prepared, this.#runner.runSync(prepared, false));
  }

  /** The body of `Engine.warmup`. */
  async warmup(shapes: WarmupShapes | undefined): Promise<void> {
    for (const warmup of warmupInputs(this.#engine, shapes)) {
      await this.#runner.warm(warmup);
      this.tellGraphs();
    }
  }

  /** What became of CUDA graphs since the last look goes to whoever listens. */
  tellGraphs(): void {
    this.#graphWatch.look(this.#engine, this.#native);
  }

  /**
   * No new ones. Those that are queued or being copied fail at once; with `drain` only when `timeoutMs` are over. What is on the GPU goes
   * on.
   */
  async stop({ drain, timeoutMs }: CheckedCloseOptions): Promise<void> {
    this.#runner.stop(drain);
    if (drain) await isSettledWithin(this.#runner.whenIdle(), timeoutMs);
    this.#runner.stop(false);
    this.#native.discardQueued();
  }

  /** Settles what is complete by now, without waiting to be told. */
  settleCompleted(): void {
    this.#runner.settleCompleted();
  }

  #outputsOf<O extends OutputsOption | undefined>(
    { options }: Prepared,
    outcome: Outcome,
  ): OutputsOf<O> {
    this.tellGraphs();
    return tensorsOf(this.#engine.outputs, options, outcome) as OutputsOf<O>;
  }
}
