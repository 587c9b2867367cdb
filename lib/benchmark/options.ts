import { invalidArgument } from '../errors';
import type { InferOptions } from '../infer-options';
import { checkedOptions } from '../known-keys';
import type { TensorInputs } from '../tensor';

export interface BenchmarkOptions extends InferOptions {
  /** What every inference is given, as `infer` takes it. Tensors of `engine.allocate()` measure without the copy into staging. */
  readonly inputs: TensorInputs;
  /** Inferences before each of the two loops; not measured. 50 when left out. */
  readonly warmup?: number | undefined;
  /** Measured inferences of each loop. 1000 when left out. Not together with `duration`. */
  readonly iterations?: number | undefined;
  /** Milliseconds that each loop begins inferences for, instead of `iterations`. */
  readonly duration?: number | undefined;
  /**
   * Inferences under way at a time; 1 when left out. More than `engine.lanes` wait in the queue, which `queue` and `endToEnd`
   * then show. 1 alone where `outputs` names memory of yours: one memory takes one output at a time.
   */
  readonly concurrency?: number | undefined;
  /** Keeps every measurement in `result.samples`, for histograms and statistics of your own. `false` when left out. */
  readonly samples?: boolean | undefined;
}

export interface CheckedBenchmark {
  readonly inputs: TensorInputs;
  readonly infer: InferOptions;
  readonly warmup: number;
  readonly limit: Limit;
  readonly concurrency: number;
  readonly samples: boolean;
}

/** When a loop begins no further inference: once it has begun so many, and has lasted so long. One at least, where neither is said. */
export interface Limit {
  readonly iterations?: number;
  readonly durationMs?: number;
}

const own = ['inputs', 'warmup', 'iterations', 'duration', 'concurrency', 'samples'] as const;
const ofInfer = ['profile', 'outputs', 'signal', 'deadlineMs'] as const;

/** @throws TrtError `ERR_TRT_INVALID_ARG`; what `infer` checks, it checks with the first inference */
export function checkedBenchmark(options: BenchmarkOptions): CheckedBenchmark {
  if (options === undefined) {
    throw invalidArgument('options', 'an object with `inputs`', options);
  }
  const given = checkedOptions<BenchmarkOptions>(options, 'options', [...own, ...ofInfer]);
  const { inputs, warmup = 50, iterations, duration, concurrency = 1, samples = false } = given;
  if (inputs === undefined) {
    throw invalidArgument('options.inputs', "the engine's inputs, as infer() takes them", inputs);
  }
  checkInteger('options.warmup', warmup, 0);
  checkInteger('options.concurrency', concurrency, 1);
  if (typeof samples !== 'boolean') {
    throw invalidArgument('options.samples', 'true or false', samples);
  }
  const infer = Object.fromEntries(
    ofInfer.flatMap((key) => (given[key] === undefined ? [] : [[key, given[key]]])),
  ) as InferOptions;
  return { inputs, infer, warmup, limit: limitOf(iterations, duration), concurrency, samples };
}

function limitOf(iterations: number | undefined, duration: number | undefined): Limit {
  if (duration === undefined) {
    checkInteger('options.iterations', iterations ?? 1000, 1);
    return { iterations: iterations ?? 1000 };
  }
  if (iterations !== undefined) {
    throw invalidArgument('options.duration', 'to be left out beside `iterations`', duration);
  }
  if (!(typeof duration === 'number' && duration > 0 && Number.isFinite(duration))) {
    throw invalidArgument('options.duration', 'milliseconds above 0', duration);
  }
  return { durationMs: duration };
}

function checkInteger(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw invalidArgument(name, `an integer of at least ${least}`, value);
  }
}
