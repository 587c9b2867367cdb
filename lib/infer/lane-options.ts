import type { NativeLoadRequest } from '../binding';
import { invalidArgument } from '../errors';
import { filePathOf } from '../file-path';
import { checkedOptions } from '../known-keys';

/** How an engine runs what is asked of it. */
export interface LaneOptions {
  /**
   * How many inferences are on the GPU at a time, 1 to 64: each lane has a thread, a stream, an execution context with its activation memory,
   * and its CUDA graphs. A second one lets copies and launches of one request overlap with the network of another; more help where
   * the network leaves the GPU idle. When left out: two where the activation memory of two contexts is a tenth of the GPU's at most, else
   * one. `engine.lanes` tells.
   */
  readonly lanes?: number | undefined;
  /**
   * How a lane waits for work and for the GPU; what an inference costs beside the GPU's own time depends on it more than on anything else.
   * `'auto'`, the default: it spins for up to 200 µs after the last request and up to 1 ms for the GPU, then sleeps. While an inference is
   * under way, JavaScript's event loop turns without rest for up to 1 ms after the last submission or completion, then it sleeps and
   * is woken (at once on less than four processors). An idle engine takes no processor time. `'spin'`: it spins for the GPU always, and for work until there was none for 100 ms; the event loop turns
   * as long as an inference is under way. The lowest latency, for whole processors. `'block'`: all sleep at once.
   */
  readonly waiting?: 'auto' | 'spin' | 'block' | undefined;
  /**
   * CUDA graphs: a shape's kernels are captured once, and from then on launched with one call. `'auto'`, the default: captured behind the second
   * inference of a shape; `'on'`: behind the first; `'off'`: TensorRT enqueues each time. Each lane keeps the `max` (16 when left out) that it used
   * last, for different dims, values of shape tensors, profiles and device tensors. A network that cannot be captured runs without: `engine.graphs` says why.
   */
  readonly graphs?: GraphMode | GraphOptions | undefined;
  /** How many requests may wait for a lane; one more rejects with `ERR_TRT_QUEUE_FULL`, at once. 1024 when left out. */
  readonly queueLimit?: number | undefined;
  /**
   * Activation memory of the lanes' contexts. `'separate'`, the default: each has its own. `'shared'`: one block for all, so that more lanes
   * fit; their networks then run one after the other, and only copies overlap.
   */
  readonly contextMemory?: 'separate' | 'shared' | undefined;
  /**
   * Inputs of up to 1 KiB and outputs of up to 4 KiB stay in pinned memory of the host, which the network's kernels read and write over the
   * bus: that takes less time than a copy of however little. `false`: they are copied as larger ones are, for a network that adds up in an
   * output, or reads one again. `true` when left out.
   */
  readonly directTensors?: boolean | undefined;
  /**
   * NVTX ranges for Nsight Systems: `trt-node:infer` around each inference, and TensorRT's own around each layer (`setNvtxVerbosity`), which
   * replays of a graph do not have. `false` when left out.
   */
  readonly nvtx?: boolean | undefined;
  /**
   * A file in which TensorRT-RTX keeps the kernels that it compiles (`IRuntimeCache`), so that the next process need not: read when the
   * engine is loaded, replaced after `warmup` and when the engine is closed, each time as a whole. It is for one model of GPU and one
   * version of TensorRT-RTX: another's is not used (a warning), and replaced. Of a folder, or a path that ends with `/`, the file in it that is
   * named after GPU and version, so that different machines can share it. None when left out. `ERR_TRT_WRITE` where a folder
   * cannot be made. A plan of TensorRT has no such cache: `ERR_TRT_UNSUPPORTED`.
   */
  readonly runtimeCache?: string | URL | undefined;
}

export type GraphMode = 'auto' | 'on' | 'off';

export interface GraphOptions {
  /** `'auto'` when left out. */
  readonly mode?: GraphMode | undefined;
  /** Graphs that each lane keeps, 1 to 1024; 16 when left out. The one that was not used for longest makes room. */
  readonly max?: number | undefined;
}

/** The part of a load request that they become. */
export type LaneRequest = Pick<
  NativeLoadRequest,
  | 'lanes'
  | 'waiting'
  | 'graphs'
  | 'maxGraphs'
  | 'queueLimit'
  | 'contextMemory'
  | 'directTensors'
  | 'nvtx'
  | 'runtimeCache'
>;

export const laneOptionNames = [
  'lanes',
  'waiting',
  'graphs',
  'queueLimit',
  'contextMemory',
  'directTensors',
  'nvtx',
  'runtimeCache',
] as const satisfies readonly (keyof LaneOptions)[];

/** What options that are left out come to. */
export const defaultLaneRequest: LaneRequest = {
  lanes: 0,
  waiting: 'auto',
  graphs: 'auto',
  maxGraphs: 16,
  queueLimit: 1024,
  contextMemory: 'separate',
  directTensors: true,
  nvtx: false,
  runtimeCache: null,
};

const maxLanes = 64;
const maxGraphs = 1024;
const maxQueueLimit = 2 ** 20;

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function checkedLaneOptions(options: LaneOptions): LaneRequest {
  const { lanes, waiting, graphs, queueLimit, contextMemory, directTensors, nvtx, runtimeCache } =
    options;
  const { mode, max } =
    typeof graphs === 'object' && graphs !== null
      ? checkedOptions<GraphOptions>(graphs, 'options.graphs', ['mode', 'max'])
      : { mode: graphs, max: undefined };
  const modeName = mode === graphs ? 'graphs' : 'graphs.mode';
  const defaults = defaultLaneRequest;
  return {
    lanes: count(lanes, 'lanes', 1, maxLanes) ?? defaults.lanes,
    waiting: oneOf(waiting, 'waiting', ['auto', 'spin', 'block']) ?? defaults.waiting,
    graphs: oneOf(mode, modeName, ['auto', 'on', 'off']) ?? defaults.graphs,
    maxGraphs: count(max, 'graphs.max', 1, maxGraphs) ?? defaults.maxGraphs,
    queueLimit: count(queueLimit, 'queueLimit', 0, maxQueueLimit) ?? defaults.queueLimit,
    contextMemory:
      oneOf(contextMemory, 'contextMemory', ['separate', 'shared']) ?? defaults.contextMemory,
    directTensors: flag(directTensors, 'directTensors') ?? defaults.directTensors,
    nvtx: flag(nvtx, 'nvtx') ?? defaults.nvtx,
    runtimeCache:
      runtimeCache === undefined
        ? defaults.runtimeCache
        : filePathOf(runtimeCache, 'options.runtimeCache'),
  };
}

function count(value: unknown, name: string, min: number, max: number): number | undefined {
  if (value === undefined) return undefined;
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) {
    return value as number;
  }
  throw invalidArgument(`options.${name}`, `an integer from ${min} to ${max}`, value);
}

function oneOf<T extends string>(value: unknown, name: string, known: readonly T[]): T | undefined {
  if (value === undefined || known.includes(value as T)) return value as T | undefined;
  const names = known.map((each) => `'${each}'`).join(', ');
  throw invalidArgument(`options.${name}`, `one of ${names}`, value);
}

function flag(value: unknown, name: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalidArgument(`options.${name}`, 'true or false', value);
}
