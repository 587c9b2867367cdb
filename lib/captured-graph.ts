import type { NativeGraph } from './binding';
import { nativeStreamOf } from './cuda-handles';
import type { CudaStream } from './cuda-stream';
import type { DeviceTensor } from './device-tensor';
import { invalidArgument, notConstructible } from './errors';
import { nativeCallSync } from './native-call';

/** What a graph was captured with. */
export interface GraphParts {
  readonly inputs: Readonly<Record<string, DeviceTensor>>;
  readonly outputs: Readonly<Record<string, DeviceTensor>>;
  readonly stream: CudaStream;
  readonly context: object;
}

/** As long as there is a graph, the garbage collector, which would close them, leaves its context and engine alone. */
const contexts = new WeakMap<CapturedGraph, object>();

let setParts: (graph: CapturedGraph, closeParts: () => Promise<void>) => void;

/** `graph.close()` calls `closeParts` too: what it closes is the graph's alone. */
export function closeWith(graph: CapturedGraph, closeParts: () => Promise<void>): CapturedGraph {
  setParts(graph, closeParts);
  return graph;
}

/**
 * One run of a network as a CUDA graph: fixed dims, fixed tensors. What they hold may change between two launches.
 * `engine.capture()` makes one with tensors of its own, `context.capture()` one on tensors of yours.
 *
 * `engine.refit()` outdates it, as the weights may lie in it: `launch()` is `ERR_TRT_REFIT` (`details.reason`: `graph`) from then on, and it has
 * to be captured again.
 */
export class CapturedGraph {
  /** The tensors that it reads, by input name; without shape tensors, whose values are part of it. */
  readonly inputs: Readonly<Record<string, DeviceTensor>>;
  /** The tensors that it writes, by output name. */
  readonly outputs: Readonly<Record<string, DeviceTensor>>;
  /** Where {@link launch} puts it unless it is given another. */
  readonly stream: CudaStream;

  readonly #native: NativeGraph;
  #closeParts: (() => Promise<void>) | null = null;
  #lastStream: CudaStream;
  #closing: Promise<void> | null = null;

  /** @internal `engine.capture()` and `context.capture()` are the ways to get one. */
  constructor(native: NativeGraph, parts: GraphParts) {
    if (arguments.length < 2) throw notConstructible('CapturedGraph', 'engine.capture()');
    this.#native = native;
    contexts.set(this, parts.context);
    this.inputs = parts.inputs;
    this.outputs = parts.outputs;
    this.stream = parts.stream;
    this.#lastStream = parts.stream;
  }

  /**
   * Puts it on `stream` once (`cuGraphLaunch`) and returns, before it has run. It waits on the GPU for the writes of its inputs, the uses of its
   * outputs, and what else its context was enqueued.
   *
   * @throws TrtError `ERR_TRT_INVALID_ARG` (closed, or its context is; not a stream of the GPU), `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_REFIT`,
   * `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`
   */
  launch(stream: CudaStream = this.stream): void {
    const on = nativeStreamOf(stream);
    if (on.device !== this.stream.device) {
      throw invalidArgument('stream', `a stream of GPU ${this.stream.device}`, on.device);
    }
    nativeCallSync(() => this.#native.launch(on));
    this.#lastStream = stream;
  }

  /**
   * Resolves when what was put on the stream of the last {@link launch} is done. The event loop stays free. `getData()` of an output needs no
   * such call: it waits by itself.
   *
   * @throws TrtError (as a rejection) what that work failed with: `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`; `ERR_TRT_INVALID_ARG` (closed)
   */
  async synchronize(): Promise<void> {
    await this.#lastStream.synchronize();
  }

  /** Frees it; of `engine.capture()`, its tensors, context and stream too. Further calls give the same promise. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** `using graph`: starts {@link close} and does not wait. */
  [Symbol.dispose](): void {
    this.close().catch(() => undefined);
  }

  /** `await using graph`: {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    nativeCallSync(() => this.#native.close());
    await this.#closeParts?.();
  }

  static {
    setParts = (graph, closeParts) => {
      graph.#closeParts = closeParts;
    };
  }
}
