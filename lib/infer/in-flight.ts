import { setImmediate } from 'node:timers';
import type { NativeEngine } from '../binding';
import type { GivenUp } from './limits';
import type { Request } from './request';

type InFlightNative = Pick<
  NativeEngine,
  'cancel' | 'collect' | 'completed' | 'discard' | 'poll' | 'setOnComplete' | 'waiting'
>;

/** Node's own, whatever a test runner's fake timers put in its place later. */
const nextTurn = setImmediate;

/**
 * The requests that the native side has, by their slots. Completions come as lists of slots: all promises of a list are settled in one pass,
 * before any code that awaits them runs.
 */
export class InFlight {
  readonly #native: InFlightNative;
  readonly #requests: (Request | undefined)[] = [];
  /** Waking an event loop that sleeps takes a system call and a switch of threads: one that turns sees completions sooner. */
  readonly #polls: boolean;
  readonly #waiters: (() => void)[] = [];
  #count = 0;
  #polling = false;

  constructor(native: InFlightNative) {
    this.#native = native;
    this.#polls = native.waiting !== 'block';
    native.setOnComplete((slots) => {
      this.#settle(slots);
      this.#startPolling();
    });
  }

  add(slot: number, request: Request): void {
    this.#requests[slot] = request;
    this.#count += 1;
    if (request.limits !== null) {
      request.limits.onEnd = (reason) => this.#giveUp(slot, request, reason);
    }
    this.#startPolling();
  }

  /** Settles what is complete by now, without waiting to be told. */
  settleCompleted(): void {
    const slots = this.#native.completed();
    if (slots !== null) this.#settle(slots);
  }

  /** Resolves when there are none. */
  async whenIdle(): Promise<void> {
    if (this.#count > 0) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  #startPolling(): void {
    if (!this.#polls || this.#polling || this.#count === 0) return;
    this.#polling = true;
    nextTurn(this.#poll);
  }

  /** Once in a turn of the event loop, which goes on with everything else between two of them. */
  readonly #poll = (): void => {
    const slots = this.#native.poll();
    this.#polling = slots !== false;
    if (slots) this.#settle(slots);
    if (this.#count === 0) this.#polling = false;
    if (this.#polling) nextTurn(this.#poll);
  };

  #settle(slots: readonly number[]): void {
    for (const slot of slots) {
      const request = this.#requests[slot];
      if (request === undefined) continue;
      this.#remove(slot, request);
      if (request.abandoned) {
        this.#native.discard(slot);
        continue;
      }
      const { call, options } = request;
      try {
        const result = this.#native.collect(slot, options.memory);
        if (result.dims !== undefined) call.outputDims = result.dims;
        request.resolve({ result, dims: call.outputDims });
      } catch (error) {
        request.reject(error);
      }
    }
  }

  #giveUp(slot: number, request: Request, reason: GivenUp): void {
    if (this.#native.cancel(slot)) this.#remove(slot, request);
    else request.abandoned = true;
    request.reject(reason);
  }

  #remove(slot: number, request: Request): void {
    this.#requests[slot] = undefined;
    this.#count -= 1;
    request.end();
    if (this.#count === 0) for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
