import { loadBinding } from './binding';
import type { NativeStream } from './binding';
import { CudaEvent } from './cuda-event';
import { keepStream, nativeEventOf } from './cuda-handles';
import { checkedAddress, checkedDevice } from './device-options';
import type { DeviceOptions } from './device-options';
import { invalidArgument, notConstructible } from './errors';
import { nativeCall, nativeCallSync } from './native-call';

/**
 * A queue of work on a GPU, which does it in order (`CUstream`). Work on two streams runs in any order, or at once, unless one waits
 * for an event of the other; what uses the same {@link DeviceTensor} is put in order by itself.
 */
export class CudaStream {
  /** CUDA's index of the GPU. */
  readonly device: number;
  /** The `CUstream` (`cudaStream_t`), for other CUDA code in this process. */
  readonly handle: bigint;

  readonly #native: NativeStream;

  /** @internal `CudaStream.create` and `CudaStream.fromHandle` are the ways to get one. */
  constructor(native: NativeStream) {
    if (arguments.length === 0) throw notConstructible('CudaStream', 'CudaStream.create()');
    this.#native = native;
    this.device = native.device;
    this.handle = native.handle;
    keepStream(this, native);
  }

  /**
   * A new stream that does not wait for the default stream (`cuStreamCreate` with `CU_STREAM_NON_BLOCKING`).
   *
   * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`, `ERR_TRT_NO_DRIVER`, `ERR_TRT_NO_GPU`, `ERR_TRT_CUDA`,
   * `ERR_TRT_CUDA_CONTEXT_LOST`, `ERR_TRT_OUT_OF_MEMORY`
   */
  static async create(options?: DeviceOptions): Promise<CudaStream> {
    const device = checkedDevice(options);
    return new CudaStream(await nativeCall(() => loadBinding().createStream(device)));
  }

  /**
   * A stream of other CUDA code in this process, of the device's primary context. It stays that code's: `close()` does not destroy it,
   * and it must live as long as work is put on it here. 0n is the default stream.
   *
   * A handle that is none crashes the process or fails with `ERR_TRT_CUDA`: nobody can check it.
   *
   * @throws TrtError the codes of {@link create}
   */
  static fromHandle(handle: bigint, options?: DeviceOptions): CudaStream {
    const checked = checkedAddress('handle', handle);
    const device = checkedDevice(options);
    return new CudaStream(nativeCallSync(() => loadBinding().streamFromHandle(device, checked)));
  }

  /**
   * Resolves when all that was put on the stream before this call is done (`cuStreamSynchronize`). The event loop stays free.
   *
   * @throws TrtError (as a rejection) what that work failed with: `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`; `ERR_TRT_INVALID_ARG` (closed)
   */
  async synchronize(): Promise<void> {
    await nativeCall(() => this.#native.synchronize());
  }

  /**
   * What is put on the stream after this call waits, on the GPU, for what `event` was last recorded behind (`cuStreamWaitEvent`). The
   * event may be of another GPU. One that was never recorded is not waited for.
   *
   * @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`
   */
  wait(event: CudaEvent): void {
    if (!(event instanceof CudaEvent)) throw invalidArgument('event', 'a CudaEvent', event);
    const native = nativeEventOf(event);
    if (native !== undefined) nativeCallSync(() => this.#native.wait(native));
  }

  /** Lets go of the stream; what is on it still runs. Idempotent. */
  close(): void {
    nativeCallSync(() => this.#native.close());
  }

  /** `using stream`: {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
