import { performance } from 'node:perf_hooks';
import { TrtError } from '../errors';
import type { CheckedInferOptions } from '../infer-options';

/**
 * Why a request was given up. The error is made where it is thrown, so that its stack leads to the one who waits.
 */
export class GivenUp extends Error {
  constructor(readonly error: () => unknown) {
    super('given up');
  }
}

/** The signal and the deadline of one request: the first of them ends it, once. */
export class Limits {
  /** Set when it was given up. */
  ended: GivenUp | null = null;
  /** Called once, when that happens. */
  onEnd: ((reason: GivenUp) => void) | null = null;

  readonly #signal: AbortSignal | null;
  readonly #until: number;
  readonly #timer: NodeJS.Timeout | null;

  /** Limits for options that have some; null for others. The signal has not been aborted yet. */
  static of({ signal, deadlineMs }: CheckedInferOptions): Limits | null {
    return signal === null && deadlineMs === 0 ? null : new Limits(signal, deadlineMs);
  }

  private constructor(signal: AbortSignal | null, deadlineMs: number) {
    this.#signal = signal;
    this.#until = deadlineMs === 0 ? Infinity : performance.now() + deadlineMs;
    this.#timer =
      deadlineMs === 0
        ? null
        : setTimeout(() => this.#end(new GivenUp(() => missed(deadlineMs))), deadlineMs);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Milliseconds for the native side, which takes 0 for none. */
  get remainingMs(): number {
    return this.#until === Infinity ? 0 : Math.max(this.#until - performance.now(), 0.001);
  }

  throwIfEnded(): void {
    if (this.ended !== null) throw this.ended;
  }

  /** Waits for `work`, but no longer than until it is given up: then it rejects with that. */
  async until<T>(work: Promise<T>): Promise<T> {
    this.throwIfEnded();
    const ended = new Promise<never>((_, reject) => {
      this.onEnd = reject;
    });
    try {
      return await Promise.race([work, ended]);
    } finally {
      this.onEnd = null;
    }
  }

  /** The request is over: nothing may end it any more. */
  dispose(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = (): void => {
    const signal = this.#signal;
    this.#end(new GivenUp(() => signal?.reason));
  };

  #end(reason: GivenUp): void {
    this.dispose();
    this.ended = reason;
    this.onEnd?.(reason);
  }
}

function missed(deadlineMs: number): TrtError {
  return new TrtError(
    'ERR_TRT_DEADLINE',
    `the inference was not done within ${deadlineMs} ms. Send fewer requests at a time, load the engine with more \`lanes\`, or allow more.`,
    { details: { deadlineMs } },
  );
}
