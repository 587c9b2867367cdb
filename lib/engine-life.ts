import type { NativeEngine } from './binding';
import { checkedCloseOptions } from './infer/close-options';
import type { CheckedCloseOptions, CloseOptions } from './infer/close-options';
import { engineClosed } from './infer/engine-closed';
import type { Inferences } from './infer/inferences';
import { nativeCall } from './native-call';

/** Whether an engine is open, and how it is closed. */
export class EngineLife {
  readonly #native: Pick<NativeEngine, 'close'>;
  readonly #inferences: Pick<Inferences, 'stop' | 'settleCompleted'>;
  #running = 0;
  #idle: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  constructor(
    native: Pick<NativeEngine, 'close'>,
    inferences: Pick<Inferences, 'stop' | 'settleCompleted'>,
  ) {
    this.#native = native;
    this.#inferences = inferences;
  }

  /** @throws TrtError `ERR_TRT_ENGINE_CLOSED` */
  assertOpen(): void {
    if (this.#closing !== null) throw engineClosed();
  }

  /** Runs `work`, which closing then waits for. @throws TrtError (as a rejection) `ERR_TRT_ENGINE_CLOSED` */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.assertOpen();
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#idle?.();
    }
  }

  /** The body of `Engine.close`. */
  close(options: CloseOptions | undefined): Promise<void> {
    if (this.#closing === null) {
      let checked: CheckedCloseOptions;
      try {
        checked = checkedCloseOptions(options);
      } catch (error) {
        return Promise.reject(error);
      }
      this.#closing = this.#finish(checked);
    }
    return this.#closing;
  }

  async #finish(options: CheckedCloseOptions): Promise<void> {
    await this.#inferences.stop(options);
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    await nativeCall(() => this.#native.close());
    this.#inferences.settleCompleted();
  }
}
