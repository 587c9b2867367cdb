import { loadBinding } from './binding';
import type { NativeDeviceMemory } from './binding';
import { bitsPerElement, byteLengthOf, isTensorType, tensorTypes, viewAs } from './data-types';
import type { TensorData, TensorDataByType, TensorType } from './data-types';
import { arrayFor, expectedSource } from './device-source';
import { openDeviceTensors } from './device-tensor-internals';
import { writeArray } from './device-write';
import { checkedAddress, checkedDevice } from './device-options';
import type { DeviceOptions } from './device-options';
import { invalidArgument, notConstructible, TrtError } from './errors';
import { lendOutput } from './infer/lent-buffers';
import { nativeCall, nativeCallSync } from './native-call';
import { Tensor } from './tensor';
import type { TensorLike } from './tensor';
import { checkedDims, elementCount } from './tensor/dims';

/** A tensor in memory of the CPU or of a GPU; `location` tells which. */
export type AnyTensor = Tensor | DeviceTensor;

/** Handles that a DeviceTensor has. */
const taken = new WeakSet<NativeDeviceMemory>();

/** TensorRT wants the addresses of tensors to be multiples of it. */
const alignmentBytes = 256;

/**
 * A tensor in memory of a GPU: an input or output of `infer` and of execution contexts that is not copied over the host. `close()` it
 * (or declare it with `await using`), as device memory is not the garbage collector's to see.
 *
 * Work on the GPU that uses it is put in order by itself, whichever streams it is on: who reads it waits for the last write, who writes
 * it for the last write and all reads since, and the event loop waits for neither. {@link DeviceTensor.copyFrom} has the exceptions.
 *
 * Every method of a closed one fails with `ERR_TRT_INVALID_ARG`.
 */
export class DeviceTensor<T extends TensorType = TensorType> {
  readonly type: T;
  /** Elements per axis; `[]` is a scalar. */
  readonly dims: readonly number[];
  /** CUDA's index of the GPU. */
  readonly device: number;
  /** Bytes of its elements. */
  readonly byteLength: number;

  readonly #memory: NativeDeviceMemory;
  #closing: Promise<void> | null = null;

  /** @internal `DeviceTensor.allocate`, `from` and `fromPointer` are the ways to get one. */
  constructor(type: T, dims: readonly number[], memory: NativeDeviceMemory) {
    if (arguments.length < 3) throw notConstructible('DeviceTensor', 'DeviceTensor.allocate()');
    this.type = type;
    this.dims = Object.freeze([...dims]);
    this.device = memory.device;
    this.byteLength = byteLengthOf(type, elementCount(dims));
    this.#memory = memory;
    taken.add(memory);
  }

  /**
   * New memory, filled with zeros (`cuMemAlloc`).
   *
   * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`, `ERR_TRT_OUT_OF_MEMORY`, `ERR_TRT_NO_DRIVER`, `ERR_TRT_NO_GPU`, `ERR_TRT_CUDA`,
   * `ERR_TRT_CUDA_CONTEXT_LOST`
   */
  static async allocate<T extends TensorType>(
    type: T,
    dims: readonly number[],
    options?: DeviceOptions,
  ): Promise<DeviceTensor<T>> {
    const shape = checkedShape(type, dims);
    const device = checkedDevice(options);
    const size = byteLengthOf(type, elementCount(shape));
    const memory = await nativeCall(() => loadBinding().allocateDevice(device, size));
    return new DeviceTensor(type, shape, memory);
  }

  /**
   * A copy of a tensor on the CPU in new memory of a GPU. Leave a large one's data alone until the promise is settled.
   *
   * @throws TrtError (as a rejection) the codes of {@link allocate} and {@link copyFrom}
   */
  static async from<T extends TensorType>(
    tensor: TensorLike & { readonly type: T },
    options?: DeviceOptions,
  ): Promise<DeviceTensor<T>> {
    if (typeof tensor !== 'object' || tensor === null || tensor instanceof DeviceTensor) {
      throw invalidArgument('tensor', 'a tensor { type, data, dims } on the CPU', tensor);
    }
    const checked = new Tensor(tensor.type, tensor.data as TensorDataByType[T], tensor.dims);
    const made = await DeviceTensor.allocate(checked.type, checked.dims, options);
    try {
      await made.copyFrom(checked);
      return made;
    } catch (error) {
      await made.close();
      throw error;
    }
  }

  /**
   * Memory of other CUDA code in this process, of the device's primary context. It stays that code's: it must live until the
   * promise of {@link close} is settled, is never freed here, and what that code does with it is ordered by a {@link CudaStream} and
   * {@link CudaEvent}s, or not at all.
   *
   * An address that is none makes the GPU fail with `ERR_TRT_CUDA_CONTEXT_LOST`, for good: nobody can check it.
   *
   * @param pointer a `CUdeviceptr`; a multiple of 256, or execution contexts refuse it and `infer` copies it once more
   * @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_NO_DRIVER`, `ERR_TRT_NO_GPU`, `ERR_TRT_CUDA`
   */
  static fromPointer<T extends TensorType>(
    pointer: bigint,
    type: T,
    dims: readonly number[],
    options?: DeviceOptions,
  ): DeviceTensor<T> {
    const address = checkedAddress('pointer', pointer);
    if (address === 0n) throw invalidArgument('pointer', 'an address that is not 0n', pointer);
    const shape = checkedShape(type, dims);
    const device = checkedDevice(options);
    const size = byteLengthOf(type, elementCount(shape));
    const memory = nativeCallSync(() => loadBinding().adoptDevice(device, address, size));
    return new DeviceTensor(type, shape, memory);
  }

  /** Where the elements lie. */
  get location(): 'cuda' {
    return 'cuda';
  }

  /** Number of elements. */
  get size(): number {
    return elementCount(this.dims);
  }

  /**
   * The address on the GPU (`CUdeviceptr`), for other CUDA code in this process. What that code puts on streams is not known here: let it
   * wait for an event that was recorded behind the work that this tensor needs.
   *
   * @throws TrtError `ERR_TRT_INVALID_ARG` (closed)
   */
  get pointer(): bigint {
    return this.#open().address;
  }

  /**
   * A copy of the elements, in the typed array that belongs to the type, once what was put on streams before has written them. The event
   * loop stays free. From 64 KiB on the array lies in pinned memory, as outputs of `infer` do.
   *
   * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG` (closed), `ERR_TRT_UNSUPPORTED` (larger than Node's typed arrays),
   * `ERR_TRT_OUT_OF_MEMORY`, `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`
   */
  async getData(): Promise<TensorDataByType[T]> {
    const memory = this.#open();
    const buffer = await nativeCall(() => memory.read(0, this.byteLength));
    lendOutput(buffer);
    try {
      return viewAs(this.type, buffer) as TensorDataByType[T];
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new TrtError(
        'ERR_TRT_UNSUPPORTED',
        `${this.byteLength} bytes are more than a typed array of this Node.js holds. Read views of the tensor: view(dims, offset).`,
        { cause },
      );
    }
  }

  /**
   * Overwrites the elements. From a `DeviceTensor` of the same GPU the copy stays on it.
   *
   * The copy is in order with other work that uses the tensor from when this returns its promise on, so `infer` and `enqueue` need not be
   * kept waiting for it. Two exceptions: ordinary arrays beyond 1 MiB are copied in slices with a turn of the event loop between
   * them; and a request to `infer` comes into this order when a lane puts it on its stream, not when it is called. Await its promise where it matters
   * what comes first. Only an abort or a deadline settles that before the GPU is done: then {@link close} of the tensor waits for it.
   *
   * @param source a tensor of the same type and number of elements, or the typed array of one
   * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`, `ERR_TRT_INPUT_DETACHED` (the array's buffer was transferred or resized meanwhile),
   * `ERR_TRT_OUT_OF_MEMORY`, `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`
   */
  async copyFrom(source: DeviceTensor | TensorLike | TensorData): Promise<void> {
    const memory = this.#open();
    if (source instanceof DeviceTensor) {
      await this.#copyOnDevice(memory, source);
      return;
    }
    await writeArray(memory, arrayFor(this, source));
  }

  /**
   * Other dims on the same memory, or on a part of it: a key/value cache that grows is one allocation and a view for each step. Nothing
   * is copied. It is closed on its own; the memory is freed when all that lie on it are.
   *
   * @param offset elements before its first one; so many that they take a multiple of 256 bytes
   * @throws TrtError `ERR_TRT_INVALID_ARG`
   */
  view(dims: readonly number[], offset = 0): DeviceTensor<T> {
    const memory = this.#open();
    const shape = checkedDims(dims);
    const bits = bitsPerElement(this.type);
    if (
      !Number.isSafeInteger(offset) ||
      offset < 0 ||
      ((offset * bits) / 8) % alignmentBytes !== 0
    ) {
      const elements = (alignmentBytes * 8) / bits;
      throw invalidArgument(
        'offset',
        `a multiple of ${elements} (256 bytes of ${this.type})`,
        offset,
      );
    }
    const start = (offset * bits) / 8;
    const size = byteLengthOf(this.type, elementCount(shape));
    if (start + size > this.byteLength) {
      const expected = `dims of at most ${this.size - offset} elements, as the tensor has ${this.size},`;
      throw invalidArgument('dims', expected, dims);
    }
    return new DeviceTensor(
      this.type,
      shape,
      nativeCallSync(() => memory.part(start, size)),
    );
  }

  /**
   * Frees the memory, but for what `fromPointer` took. Work under way on it and requests that wait for a lane finish first, and contexts that have it bound keep it as long.
   * Resolves when it is back. Further calls give the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= nativeCall(() => this.#memory.release());
    return this.#closing;
  }

  /** `using tensor`: starts {@link close} and does not wait. */
  [Symbol.dispose](): void {
    this.close().catch(() => undefined);
  }

  /** `await using tensor`: {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(): NativeDeviceMemory {
    if (this.#closing === null) return this.#memory;
    throw new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected a device tensor that is open, but this one (${this.type} [${this.dims.join(', ')}]) is closed. Close it after its last use.`,
      { details: { argument: 'this' } },
    );
  }

  async #copyOnDevice(memory: NativeDeviceMemory, source: DeviceTensor): Promise<void> {
    if (source.type !== this.type || source.size !== this.size) {
      throw invalidArgument(
        'source',
        expectedSource(this),
        `${source.type} [${source.dims.join(', ')}]`,
      );
    }
    if (source.device !== this.device) {
      throw invalidArgument(
        'source',
        `a tensor of GPU ${this.device} (or of the CPU: copyFrom(await source.getData()))`,
        `one of GPU ${source.device}`,
      );
    }
    const from = source.#open();
    await nativeCall(() => memory.copyFrom(from, this.byteLength));
  }

  static {
    openDeviceTensors({
      nativeMemoryOf: (value) => (value instanceof DeviceTensor ? value.#open() : undefined),
      deviceTensorOf: (type, dims, memory) => {
        // Two tensors on one handle would close each other.
        const own = taken.has(memory)
          ? memory.part(0, byteLengthOf(type, elementCount(dims)))
          : memory;
        return new DeviceTensor(type, dims, own);
      },
    });
  }
}

export function isDeviceTensor(value: unknown): value is DeviceTensor {
  return value instanceof DeviceTensor;
}

function checkedShape(type: unknown, dims: unknown): readonly number[] {
  if (!isTensorType(type)) {
    throw invalidArgument('type', `one of ${tensorTypes.join(', ')}`, type);
  }
  return checkedDims(dims);
}
