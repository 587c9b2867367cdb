import type { NativeEngine } from './binding';

/** Bytes that an engine holds now. `estimateMemory` tells the same of a plan that is not loaded. */
export interface EngineMemory {
  readonly lanes: number;
  /** On the GPU: weights, and what else TensorRT holds for the engine without its execution contexts. */
  readonly weights: number;
  /**
   * On the GPU: activation memory of all lanes (with `contextMemory: 'shared'` one block) and of contexts by hand, and what TensorRT takes for each
   * execution context beside it: a lane has one for each shape that became a graph.
   */
  readonly contexts: number;
  /** What TensorRT reports for one execution context (`getDeviceMemorySizeV2`). */
  readonly contextPerLane: number;
  /** On the GPU: inputs and outputs of all lanes, as large as they were needed so far. */
  readonly bindings: number;
  /** Pinned memory of the host: in use, lent to arrays of yours, or kept for the next request. */
  readonly staging: number;
  /** On the GPU: weights, contexts and bindings. CUDA's context, the code of kernels and captured graphs are not in it. */
  readonly deviceBytes: number;
}

export function measuredMemory(native: Pick<NativeEngine, 'memory'>): EngineMemory {
  const { lanes, weights, contexts, contextPerLane, bindings, staging } = native.memory();
  const deviceBytes = weights + contexts + bindings;
  return { lanes, weights, contexts, contextPerLane, bindings, staging, deviceBytes };
}
