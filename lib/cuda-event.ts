import { loadBinding } from './binding';
import type { NativeEvent } from './binding';
import { keepEvent, nativeStreamOf } from './cuda-handles';
import type { CudaStream } from './cuda-stream';
import { invalidArgument, TrtError } from './errors';
import { checkedOptions } from './known-keys';
import { nativeCall, nativeCallSync } from './native-call';

export interface CudaEventOptions {
  /** Whether {@link CudaEvent.elapsedTime} can read it; true when left out. Without (`CU_EVENT_DISABLE_TIMING`) it is cheaper to wait for. */
  readonly timing?: boolean | undefined;
}

/**
 * A mark in a stream (`CUevent`): it tells when the work before it is done, makes other streams wait for that, and measures the time
 * on the GPU between two of its kind.
 */
export class CudaEvent {
  readonly timing: boolean;

  #device: number | null = null;
  #native: NativeEvent | null = null;
  #closed = false;

  /** @throws TrtError `ERR_TRT_INVALID_ARG` */
  constructor(options?: CudaEventOptions) {
    const { timing = true } = checkedOptions<CudaEventOptions>(options, 'options', ['timing']);
    if (typeof timing !== 'boolean') throw invalidArgument('options.timing', 'a boolean', timing);
    this.timing = timing;
  }

  /**
   * Marks the end of what is on `stream` now (`cuEventRecord`). The first time binds the event to the stream's GPU; each time moves it.
   *
   * @throws TrtError `ERR_TRT_INVALID_ARG` (a stream of another GPU; closed), `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`
   */
  record(stream: CudaStream): void {
    const on = nativeStreamOf(stream);
    if (this.#closed) throw closed();
    this.#device ??= on.device;
    if (on.device !== this.#device) {
      throw invalidArgument(
        'stream',
        `a stream of GPU ${this.#device}, which the event was recorded on first,`,
        `one of GPU ${on.device}`,
      );
    }
    nativeCallSync(() => {
      this.#native ??= this.#create(on.device);
      on.record(this.#native);
    });
  }

  /**
   * Whether what it was recorded behind is done (`cuEventQuery`); true for an event that was never recorded.
   *
   * @throws TrtError what that work failed with: `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`; `ERR_TRT_INVALID_ARG` (closed)
   */
  query(): boolean {
    if (this.#closed) throw closed();
    return nativeCallSync(() => this.#native?.query() ?? true);
  }

  /**
   * Resolves when what it was recorded behind is done (`cuEventSynchronize`), at once for an event that was never recorded. The event
   * loop stays free. Where it is recorded again meanwhile, it waits for that too.
   *
   * @throws TrtError (as a rejection) the codes of {@link query}
   */
  async synchronize(): Promise<void> {
    if (this.#closed) throw closed();
    const native = this.#native;
    if (native !== null) await nativeCall(() => native.synchronize());
  }

  /**
   * Milliseconds on the GPU between two marks, with a resolution of about half a microsecond (`cuEventElapsedTime`). Both must be of one
   * GPU, recorded with timing, and done: `await end.synchronize()` first.
   *
   * @throws TrtError `ERR_TRT_INVALID_ARG` (any of that is not so), `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`
   */
  static elapsedTime(start: CudaEvent, end: CudaEvent): number {
    const from = CudaEvent.#measured(start, 'start');
    const to = CudaEvent.#measured(end, 'end');
    if (start.#device !== end.#device) {
      throw invalidArgument('end', `an event of GPU ${start.#device}`, `one of GPU ${end.#device}`);
    }
    return nativeCallSync(() => to.elapsedSince(from));
  }

  /** Frees the event; streams that wait for it still do. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    nativeCallSync(() => this.#native?.close());
  }

  /** `using event`: {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #create(device: number): NativeEvent {
    const native = loadBinding().createEvent(device, this.timing);
    keepEvent(this, native);
    return native;
  }

  static #measured(event: unknown, name: string): NativeEvent {
    if (!(event instanceof CudaEvent)) throw invalidArgument(name, 'a CudaEvent', event);
    if (!event.timing) {
      throw invalidArgument(name, 'an event with timing', 'one made with { timing: false }');
    }
    const native = event.#native;
    if (native === null) throw invalidArgument(name, 'a recorded event', 'one that never was');
    if (!event.query()) {
      throw invalidArgument(
        name,
        'an event whose work is done (await its synchronize() first)',
        'one that is not',
      );
    }
    return native;
  }
}

function closed(): TrtError {
  return new TrtError('ERR_TRT_INVALID_ARG', 'this event is closed. Make another one.', {
    details: { argument: 'this' },
  });
}
