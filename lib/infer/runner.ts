import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  NativeArray,
  NativeDeviceMemory,
  NativeEngine,
  NativeInferResult,
  NativeStaging,
} from '../binding';
import { nativeMemoryOf } from '../device-tensor-internals';
import { invalidArgument } from '../errors';
import { checkInferOptions, defaultInferOptions } from '../infer-options';
import type { CheckedInferOptions, OptionsContract, TimedInferOptions } from '../infer-options';
import { copySlices, sliceBytes } from '../input-copy';
import { isArray, readInputs } from '../input-reading';
import type { DeviceInputs } from '../input-reading';
import { partsOf } from '../input-validation';
import type { InputBytes } from '../input-validation';
import type { TensorInfo } from '../manifest-schema';
import { asTrtError, nativeCall } from '../native-call';
import { CallCache } from './call-cache';
import type { DebugContract } from './debug-option';
import { engineClosed } from './engine-closed';
import { InFlight } from './in-flight';
import { GivenUp, Limits } from './limits';
import { checkMemory, claimMemory, needsCheck, needsClaim, unclaimCopied } from './memory-claims';
import type { MemoryUse } from './memory-claims';
import { Repeat } from './repeat';
import { Request } from './request';
import type { Outcome, Prepared } from './request';
import type { Warmup } from './warmup';

/** What the runner needs to know of an engine. */
export interface RunnerContract extends OptionsContract {
  readonly inputs: readonly TensorInfo[];
}

/** What `runAgain` says by nothing: all outputs are where the caller wanted them. */
const inCallersArrays: NativeInferResult = [];

type NativeSources = readonly (NativeArray | NativeDeviceMemory | null)[];

/** Runs the inferences of one engine. */
export class InferRunner {
  readonly #native: NativeEngine;
  readonly #engine: RunnerContract;
  readonly #defaults: CheckedInferOptions;
  readonly #gpu: DeviceInputs;
  readonly #calls: CallCache;
  readonly #inFlight: InFlight;
  readonly #repeat = new Repeat();
  #state: 'open' | 'draining' | 'closed' = 'open';
  /** Requests whose inputs are being copied: the native side does not know of them yet. */
  #copying = 0;
  readonly #waiters: (() => void)[] = [];

  constructor(native: NativeEngine, engine: RunnerContract) {
    this.#native = native;
    this.#engine = engine;
    this.#defaults = defaultInferOptions(engine);
    this.#gpu = { device: engine.device, memoryOf: nativeMemoryOf };
    this.#calls = new CallCache(native, engine);
    this.#inFlight = new InFlight(native);
  }

  /**
   * Checks a request, and registers what is new about it.
   *
   * @param debugging of `inferTimed` alone
   * @throws TrtError the codes of `infer` about arguments; what the caller's own getters throw; the reason of an aborted signal
   */
  prepare(
    inputs: unknown,
    options: TimedInferOptions | undefined,
    debugging: DebugContract | null = null,
  ): Prepared {
    this.assertOpen();
    const checked =
      options === undefined
        ? this.#defaults
        : checkInferOptions(options, this.#engine, this.#defaults, debugging);
    const given = readInputs(this.#engine.inputs, inputs, this.#gpu);
    const { profile, targets, signal } = checked;
    const { call, sources } = this.#calls.resolve(given, profile, targets, this.assertOpen);
    signal?.throwIfAborted();
    return { call, sources, options: checked };
  }

  /** Runs it on the calling thread. */
  runSync(prepared: Prepared, timed: boolean): Outcome {
    const { call, sources, options } = prepared;
    if (options.deadlineMs !== 0) {
      const expected = 'no deadline for inferSync, which nothing can interrupt,';
      throw invalidArgument('options.deadlineMs', expected, options.deadlineMs);
    }
    if (needsCheck(options)) checkMemory(this.#memoryOf(sources, options, null));
    try {
      const result = this.#repeat.fits(prepared, timed)
        ? (this.#native.runAgain() ?? inCallersArrays)
        : this.#runNew(prepared, timed);
      if (result.dims !== undefined) call.outputDims = result.dims;
      return { result, dims: call.outputDims };
    } catch (error) {
      this.#repeat.forget();
      throw asTrtError(error);
    }
  }

  #runNew(prepared: Prepared, timed: boolean): NativeInferResult {
    const { call, sources, options } = prepared;
    const inputs = sources as NativeSources;
    const result = this.#native.runSync(call.id, inputs, null, options.memory, timed);
    this.#repeat.keep(prepared, result);
    return result;
  }

  /**
   * Runs it on a lane. Up to 1 MiB of ordinary inputs are copied before this returns.
   *
   * @returns a promise that rejects with what the addon threw, or with `GivenUp`: the caller makes an error of it, with a stack of his own
   */
  run(prepared: Prepared, timed: boolean): Promise<Outcome> {
    // Whoever has gone on to this may have dropped those tensors.
    this.#repeat.forget();
    const { call, sources, options } = prepared;
    const large = call.totalBytes > sliceBytes ? this.#unpinned(prepared) : null;
    const claim = needsClaim(sources, options, large)
      ? claimMemory(this.#memoryOf(sources, options, large))
      : null;
    const request = new Request(prepared, timed, claim, Limits.of(options));
    if (large !== null) return this.#runCopied(request, large);
    try {
      this.#submit(request, sources, null);
      return request.promise;
    } catch (error) {
      request.end();
      throw asTrtError(error);
    }
  }

  /** Runs zeros on each lane. */
  async warm({ inputs, profile }: Warmup): Promise<void> {
    const { call, sources } = this.prepare(inputs, { profile });
    const values = sources.map((source, index) =>
      this.#engine.inputs[index]?.isShapeTensor === true ? (source as Uint8Array) : null,
    );
    call.pins += 1;
    try {
      await nativeCall(() => this.#native.warm(call.id, values));
    } finally {
      call.pins -= 1;
    }
  }

  readonly assertOpen = (): void => {
    if (this.#state !== 'open') throw engineClosed();
  };

  /** No new requests. Those whose inputs are being copied go on with `drain`, and fail without. */
  stop(drain: boolean): void {
    this.#state = drain ? 'draining' : 'closed';
    this.#repeat.forget();
  }

  /** Resolves when no request is under way. */
  async whenIdle(): Promise<void> {
    if (this.#copying > 0) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    await this.#inFlight.whenIdle();
  }

  settleCompleted(): void {
    this.#inFlight.settleCompleted();
  }

  #memoryOf(
    sources: Prepared['sources'],
    { destinations }: CheckedInferOptions,
    copied: MemoryUse['copied'],
  ): MemoryUse {
    const { inputs, outputs } = this.#engine;
    return { inputs, sources, copied, outputs, destinations };
  }

  #submit(request: Request, inputs: NativeSources, staging: NativeStaging | null): void {
    const { call, options, timed, limits } = request;
    const deadlineMs = limits === null ? 0 : limits.remainingMs;
    const { memory, debug } = options;
    // An argument more is time more, for everyone who does not debug.
    const slot =
      debug === null || debug.length === 0
        ? this.#native.submit(call.id, inputs, staging, memory, timed, deadlineMs)
        : this.#native.submit(call.id, inputs, staging, memory, timed, deadlineMs, debug);
    this.#inFlight.add(slot, request);
  }

  /**
   * Of each input of a large request the bytes that are to be copied, null for those that the GPU reads where they are; null when the native
   * side may copy all of them at once.
   */
  #unpinned({ call, sources }: Prepared): (InputBytes | null)[] | null {
    const inputs = sources.map((source, index) => {
      if (!isArray(source) || this.#native.isPinned(source)) return null;
      const byteLength = call.byteLengths[index] as number;
      const name = (this.#engine.inputs[index] as TensorInfo).name;
      return { name, parts: partsOf(source, byteLength), byteLength };
    });
    const bytes = inputs.reduce((sum, input) => sum + (input?.byteLength ?? 0), 0);
    return bytes > sliceBytes ? inputs : null;
  }

  /**
   * Copies in slices, with a turn of the event loop between them, then submits. What is thrown here has the caller's stack, as he awaits
   * this.
   */
  async #runCopied(request: Request, inputs: readonly (InputBytes | null)[]): Promise<Outcome> {
    const { call, limits, sources } = request;
    let staging: NativeStaging | null = null;
    this.#copying += 1;
    // Until it is submitted, nobody may take the number of its call away.
    call.pins += 1;
    try {
      staging = this.#native.stage(call.id);
      const prepared = staging.prepare();
      await (limits === null ? prepared : limits.until(prepared));
      const slices = copySlices(staging, inputs);
      for (;;) {
        limits?.throwIfEnded();
        if (this.#state === 'closed') throw engineClosed();
        if (slices.next().done === true) break;
        await nextTurn();
      }
      const direct = sources.map((source, index) => (inputs[index] === null ? source : null));
      this.#submit(request, direct, staging);
      if (request.claim !== null) unclaimCopied(request.claim);
    } catch (error) {
      staging?.release();
      request.end();
      throw error instanceof GivenUp ? error : asTrtError(error);
    } finally {
      call.pins -= 1;
      this.#copying -= 1;
      if (this.#copying === 0) for (const resolve of this.#waiters.splice(0)) resolve();
    }
    return await request.promise;
  }
}

/** The error of a request that `InferRunner.run` rejected with `reason`. Call it after the await, for the caller's stack. */
export function inferError(reason: unknown): unknown {
  return reason instanceof GivenUp ? reason.error() : asTrtError(reason);
}
