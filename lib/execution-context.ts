import type { NativeContext, NativeEngine } from './binding';
import { CapturedGraph } from './captured-graph';
import {
  contextBusy,
  inputsMissing,
  unknownTensor,
  wrongOutput,
  wrongTensor,
} from './context-errors';
import { nativeStreamOf } from './cuda-handles';
import type { CudaStream } from './cuda-stream';
import type { TensorData } from './data-types';
import { isDeviceTensor } from './device-tensor';
import type { DeviceTensor } from './device-tensor';
import { nativeMemoryOf } from './device-tensor-internals';
import type { Engine } from './engine';
import { describeValue, invalidArgument, notConstructible } from './errors';
import { checkProfile } from './infer-options';
import { checkDims, profilesForDims } from './input-dims';
import { checkInputs } from './input-validation';
import { checkedOptions } from './known-keys';
import type { TensorInfo } from './manifest-schema';
import { nativeCall, nativeCallSync } from './native-call';
import type { TensorLike } from './tensor';

export interface ContextOptions {
  /** The optimization profile, by index, or by name where the plan's manifest has names; the first when left out. */
  readonly profile?: number | string | undefined;
}

/** What a context needs to know of its engine. */
export type ContextEngine = Pick<Engine, 'inputs' | 'outputs' | 'profiles' | 'device' | 'manifest'>;

/**
 * One `IExecutionContext`, driven by hand: its inputs and outputs are device tensors of yours, and its work goes onto streams of yours.
 * `infer` is made of such contexts; this is for what it does not do, like caches that stay on the GPU and networks that follow one
 * another without the host. `engine.createContext()` makes one; `close()` it (or declare it with `await using`).
 *
 * What a context puts on streams runs one after the other, on several streams too: it has one activation memory. For work at the same
 * time make several contexts. Two tensors swap roles between two calls of {@link enqueue} by `setInput` and `setOutput`: nothing is
 * copied. An input and an output may be one tensor only where the network allows it (TensorRT: `getAliasedInputTensor`).
 *
 * After `engine.close()` every method fails with `ERR_TRT_ENGINE_CLOSED`, and after an `engine.refit()` that failed halfway `enqueue` and
 * `capture` with `ERR_TRT_REFIT`. While `capture()` or `engine.refit()` is under way the methods fail with `ERR_TRT_INVALID_ARG` instead of waiting.
 */
export class ExecutionContext {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Index of the optimization profile. */
  readonly profile: number;

  // It also keeps the engine from the garbage collector, which would close it.
  readonly #engine: ContextEngine;
  readonly #native: NativeContext;
  readonly #bound: {
    readonly inputs: (DeviceTensor | null)[];
    readonly outputs: (DeviceTensor | null)[];
  };
  readonly #dims: (readonly number[] | null)[];
  /** Nothing was set since the outputs were looked at. */
  #checked = false;
  /** The native side knows of a capture only once its thread has begun. */
  #capturing = false;
  #closing: Promise<void> | null = null;

  /** @internal `engine.createContext()` is the way to get one. */
  constructor(engine: ContextEngine, native: NativeContext, profile: number) {
    if (arguments.length < 3) throw notConstructible('ExecutionContext', 'engine.createContext()');
    this.#engine = engine;
    this.#native = native;
    this.inputs = engine.inputs;
    this.outputs = engine.outputs;
    this.profile = profile;
    this.#bound = {
      inputs: engine.inputs.map(() => null),
      outputs: engine.outputs.map(() => null),
    };
    this.#dims = engine.inputs.map(() => null);
  }

  /**
   * What the next `enqueue` reads as input `name`. Its dims become the input's. The context keeps the memory until it is given another,
   * also when the tensor is closed.
   *
   * @param value a DeviceTensor on the engine's GPU at an address that is a multiple of 256; of a shape tensor, whose values TensorRT needs on
   * the host, a tensor on the CPU or its array, which is copied
   * @throws TrtError `ERR_TRT_INPUT_UNKNOWN`, `ERR_TRT_INPUT_TYPE`, `ERR_TRT_INPUT_DIMS`, `ERR_TRT_INPUT_LENGTH`, `ERR_TRT_INPUT_VALUES`,
   * `ERR_TRT_INVALID_ARG` (a closed tensor or context), `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_INFER_FAILED`, `ERR_TRT_CUDA`,
   * `ERR_TRT_CUDA_CONTEXT_LOST`
   */
  setInput(name: string, value: DeviceTensor | TensorLike | TensorData): void {
    this.#requireIdle();
    const index = this.inputs.findIndex((info) => info.name === name);
    const info = this.inputs[index];
    if (info === undefined) throw unknownTensor('input', name, this.inputs);
    this.#checked = false;
    if (info.isShapeTensor) {
      this.#setValues(index, info, value);
      return;
    }
    const tensor = this.#checkedTensor('input', info, value);
    this.#setDims(index, info, tensor.dims);
    this.#bind('input', index, tensor);
  }

  /**
   * Where the next `enqueue` writes output `name`. The context keeps the memory until it is given another, also when the tensor is closed.
   *
   * @param tensor on the engine's GPU, with the dims that the output has for the inputs' dims (see {@link outputDims}), at an address
   * that is a multiple of 256
   * @throws TrtError `ERR_TRT_OUTPUT_UNKNOWN`, `ERR_TRT_INVALID_ARG` (no such tensor; a closed tensor or context), `ERR_TRT_ENGINE_CLOSED`,
   * `ERR_TRT_INFER_FAILED`, `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`
   */
  setOutput(name: string, tensor: DeviceTensor): void {
    this.#requireIdle();
    const index = this.outputs.findIndex((info) => info.name === name);
    const info = this.outputs[index];
    if (info === undefined) throw unknownTensor('output', name, this.outputs);
    this.#checked = false;
    this.#bind('output', index, this.#checkedTensor('output', info, tensor));
  }

  /**
   * The dims of output `name` for the inputs that are set; -1 where an input is still to be set, or the data decides (`getTensorShape`).
   *
   * @throws TrtError `ERR_TRT_OUTPUT_UNKNOWN`, `ERR_TRT_INVALID_ARG`, `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_INFER_FAILED`
   */
  outputDims(name: string): readonly number[] {
    this.#requireIdle();
    const index = this.outputs.findIndex((info) => info.name === name);
    if (index === -1) throw unknownTensor('output', name, this.outputs);
    return nativeCallSync(() => this.#native.outputDims(index));
  }

  /**
   * Puts the network on `stream` once (`enqueueV3`) and returns, before it has run. It runs on the calling thread: microseconds, more
   * at dims that are new to the context. What it needs is waited for on the GPU: the writes of its inputs, the uses of its outputs.
   *
   * @throws TrtError `ERR_TRT_INPUT_MISSING`, `ERR_TRT_INVALID_ARG` (an output is not set, or has other dims; not a stream; closed),
   * `ERR_TRT_UNSUPPORTED` (the dims of an output depend on the data: use `infer`), `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_REFIT`,
   * `ERR_TRT_INFER_FAILED`, `ERR_TRT_OUT_OF_MEMORY`, `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`
   */
  enqueue(stream: CudaStream): void {
    this.#requireIdle();
    const on = nativeStreamOf(stream);
    this.#requireDevice(on.device);
    this.#check();
    nativeCallSync(() => this.#native.enqueue(on));
  }

  /**
   * Records what {@link enqueue} would put on a stream now, with these dims and addresses, as a CUDA graph: launching it costs less than
   * enqueueing. The context may be given others afterwards, and captured again: a pair of tensors that swap roles is two graphs.
   *
   * Where the dims are new to the context it runs the network once before, on what the tensors hold then: the outputs are overwritten,
   * and so is a cache that is an input and an output at once.
   *
   * @param stream what `graph.launch()` uses unless it is given another
   * @throws TrtError (as a rejection) the codes of {@link enqueue}; `ERR_TRT_UNSUPPORTED` also where TensorRT
   * waits for the GPU while it enqueues
   */
  async capture(stream: CudaStream): Promise<CapturedGraph> {
    this.#requireIdle();
    this.#requireDevice(nativeStreamOf(stream).device);
    this.#check();
    const inputs = namedTensors(this.inputs, this.#bound.inputs);
    const outputs = namedTensors(this.outputs, this.#bound.outputs);
    this.#capturing = true;
    try {
      const native = await nativeCall(() => this.#native.capture());
      return new CapturedGraph(native, { inputs, outputs, stream, context: this });
    } finally {
      this.#capturing = false;
    }
  }

  /**
   * Waits for what was enqueued and launched, then frees the context; its graphs cannot be launched any more. The tensors stay. Further
   * calls give the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= nativeCall(() => this.#native.close());
    return this.#closing;
  }

  /** `using context`: starts {@link close} and does not wait. */
  [Symbol.dispose](): void {
    this.close().catch(() => undefined);
  }

  /** `await using context`: {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #setDims(index: number, info: TensorInfo, dims: readonly number[]): void {
    const known = this.#dims[index];
    if (known?.length === dims.length && known.every((dim, axis) => dim === dims[axis])) return;
    const { profiles } = this.#engine;
    const checked = checkDims(info, dims, profiles);
    profilesForDims([{ info, dims: checked }], profiles, this.profile);
    this.#dims[index] = null;
    nativeCallSync(() => this.#native.setInputDims(index, checked));
    this.#dims[index] = checked;
  }

  #bind(kind: 'input' | 'output', index: number, tensor: DeviceTensor): void {
    const memory = nativeMemoryOf(tensor);
    if (memory === undefined) return;
    nativeCallSync(() => this.#native.bind(kind, index, memory));
    this.#bound[`${kind}s`][index] = tensor;
  }

  #setValues(index: number, info: TensorInfo, value: unknown): void {
    const contract = { inputs: [info], profiles: this.#engine.profiles };
    const inputs = Object.fromEntries([[info.name, value]]);
    const { dims, bytes } = checkInputs(contract, inputs, this.profile);
    this.#setDims(index, info, dims[0] ?? []);
    const copy = bytes[0]?.parts[0] ?? new Uint8Array(0);
    nativeCallSync(() => this.#native.setInputValues(index, copy));
  }

  #checkedTensor(kind: 'input' | 'output', info: TensorInfo, value: unknown): DeviceTensor {
    if (!isDeviceTensor(value)) {
      const expected = 'a DeviceTensor (await DeviceTensor.from(tensor) makes one)';
      throw wrongTensor(kind, info, expected, describeValue(value));
    }
    if (value.type !== info.type) throw wrongTensor(kind, info, info.type, value.type);
    const { index } = this.#engine.device;
    if (value.device === index) return value;
    throw wrongTensor(kind, info, `a tensor of GPU ${index}`, `one of GPU ${value.device}`);
  }

  #requireIdle(): void {
    // Of a closed one the native side says so.
    if (this.#capturing && this.#closing === null) throw contextBusy();
  }

  #requireDevice(device: number): void {
    const { index } = this.#engine.device;
    if (device === index) return;
    throw invalidArgument(
      'stream',
      `a stream of the engine's GPU ${index}`,
      `one of GPU ${device}`,
    );
  }

  /** Whether everything is set, and the outputs are as large as TensorRT will make them. */
  #check(): void {
    if (this.#checked || this.#closing !== null) return;
    const missing = this.inputs.filter((_, index) => this.#dims[index] === null);
    if (missing.length > 0) throw inputsMissing(missing);
    for (const [index, info] of this.outputs.entries()) {
      const tensor = this.#bound.outputs[index];
      const dims = nativeCallSync(() => this.#native.outputDims(index));
      // What the data decides is refused natively.
      if (dims.includes(-1)) continue;
      if (tensor?.dims.length === dims.length && tensor.dims.every((dim, i) => dim === dims[i])) {
        continue;
      }
      throw wrongOutput(info, dims, tensor ?? null);
    }
    this.#checked = true;
  }
}

/** The body of `engine.createContext`. */
export async function createContext(
  engine: ContextEngine,
  native: NativeEngine,
  options: ContextOptions | undefined,
): Promise<ExecutionContext> {
  const { profile } = checkedOptions<ContextOptions>(options, 'options', ['profile']);
  const count = Math.max(1, engine.profiles.length);
  const index = checkProfile(profile, count, engine.manifest?.profileNames ?? []) ?? 0;
  const context = await nativeCall(() => native.createContext(index));
  return new ExecutionContext(engine, context, index);
}

function namedTensors(
  infos: readonly TensorInfo[],
  tensors: readonly (DeviceTensor | null)[],
): Readonly<Record<string, DeviceTensor>> {
  const named = infos.flatMap(({ name }, index) => {
    const tensor = tensors[index] ?? null;
    return tensor === null ? [] : [[name, tensor] as const];
  });
  return Object.freeze(Object.fromEntries(named));
}
