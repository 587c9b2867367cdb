import path from 'node:path';
import { invalidArgument } from '../errors';
import { filePathOf } from '../file-path';
import { checkedOptions } from '../known-keys';
import { typedArrayName, type TensorData } from '../data-types';
import type { TensorInputs, TensorLike } from '../tensor';
import { checkedMetric, type CheckedMetric, type MetricFunction, type NamedMetric } from './metric';
import { checkedTolerance, type CheckedTolerance, type ToleranceOption } from './tolerance';

/** One inference that an engine must get right. */
export interface VerifyCase {
  /** What `infer` takes. */
  readonly inputs: TensorInputs;
  /**
   * What should come out, by output name; outputs that are not here are not compared. Any float type stands for any other; a bare
   * array has the output's dims. Either every case has outputs, or none.
   */
  readonly outputs?: Readonly<Record<string, TensorLike | TensorData>> | undefined;
  /** Whatever a metric of your own needs, such as the right class. */
  readonly label?: unknown;
  /** How errors call the case. Default: its index. */
  readonly name?: string | undefined;
}

/** Where cases come from. */
export type VerifyCases = string | URL | Iterable<VerifyCase> | AsyncIterable<VerifyCase>;

/**
 * What an engine must give before its plan is published. A plan that fails it is `ERR_TRT_VERIFY_FAILED`, and nothing is written.
 * It needs the GPU that the plan is for (`ERR_TRT_NO_GPU`).
 */
export interface VerifyOption {
  /**
   * A `.npz` file or a folder of them, each file a case; or an (async) iterable of {@link VerifyCase}, read one case at a time.
   * In a file, an array is called like an input or an output of the model (`input:name` or `output:name` where both have that name;
   * a bare name is the input then), or `label`. Float arrays are converted to the input's float type. What an iterable throws ends
   * the build as the cause of an `ERR_TRT_VERIFY_FAILED`; a file that cannot be read is `ERR_TRT_DATA_FILE`.
   */
  readonly cases: VerifyCases;
  /**
   * What cases without outputs are compared with. Default `'onnxruntime'`: the ONNX model on the CPU, through the package
   * `onnxruntime-node`, which is yours to install (`ERR_TRT_UNSUPPORTED` when it is not). `'unquantized'`: the same build without
   * narrower types than the model's, which is a second build. `'none'`: they are not compared; what else is asked for holds.
   */
  readonly reference?: 'onnxruntime' | 'unquantized' | 'none' | undefined;
  /**
   * An element agrees when |got − expected| ≤ atol + rtol × |expected|; both NaN agree, and so do equal infinities. Outputs of integers and
   * truth values must agree exactly. A number, or numbers by the build's coarsest arithmetic (`{ float16: 0.01, int8: 0.5 }`).
   *
   * Default of `rtol`: float32 1e-3, tf32 1e-2 (TensorRT's default on float32 models: `precision: 'fp32'` switches it off), float16
   * 1e-2, bfloat16 5e-2, int8 and float8e4m3fn 0.1, int4 and float4e2m1 0.2. Default of `atol`: rtol times the largest |expected| of that output,
   * so that the scale of an output makes no difference.
   */
  readonly atol?: ToleranceOption | undefined;
  /** See `atol`. */
  readonly rtol?: ToleranceOption | undefined;
  /**
   * A measure instead of the tolerance above (with `atol` or `rtol` given, both hold). Its mean over all cases must stay within
   * `minimum`, `maximum` and `maxDrop`, one of which is needed.
   *
   * By name, the worst output of a case counts: `'maxAbs'`, the largest |a − b|; `'maxRel'`, that by the largest |b|; `'l2'`,
   * ‖a − b‖ / ‖b‖; `'cosine'`, the cosine similarity; a is the engine's output, b the expected one, as one vector.
   * Or your own function of a case's outputs, which runs in this process; what it throws is the cause of the error.
   */
  readonly metric?: NamedMetric | MetricFunction | undefined;
  /** Of `'cosine'` and of functions. */
  readonly minimum?: number | undefined;
  /** Of `'maxAbs'`, `'maxRel'`, `'l2'` and of functions. */
  readonly maximum?: number | undefined;
  /**
   * How much worse than the baseline the metric may be: lower for `'cosine'` and functions, higher for the others. The baseline is the
   * same build without narrower types than the model's, which is a second build; for a function, the given outputs where there are
   * any. An accuracy that may lose half a point: `metric: accuracy, maxDrop: 0.005`. `ERR_TRT_INVALID_ARG` for a model with Q/DQ nodes
   * of its own where no outputs are the baseline: no build of it is unquantized.
   */
  readonly maxDrop?: number | undefined;
  /** NaN and infinities in an output of floats fail. Default true: they are how float16 overflows. */
  readonly finite?: boolean | undefined;
  /**
   * Equal rows of a batch must give equal results: the first row of each case fills a batch of the profile's largest size, at most 256
   * rows. Of all inputs and outputs the first axis is taken for the batch where the engine leaves it open, or where all inputs have
   * the same. `true`: exactly equal; `'tolerance'`: within `atol` and `rtol`. Default false. `ERR_TRT_INVALID_ARG` for an engine without a batch.
   */
  readonly rowConsistency?: boolean | 'tolerance' | undefined;
}

export interface CheckedVerify {
  /** A path, or what yields cases. */
  readonly cases: string | Iterable<unknown> | AsyncIterable<unknown>;
  readonly reference: 'onnxruntime' | 'unquantized' | 'none';
  readonly tolerance: CheckedTolerance;
  readonly metric: CheckedMetric | null;
  /** Whether elements are held to the tolerance, where there is something to compare with. */
  readonly elementwise: boolean;
  readonly finite: boolean;
  readonly rowConsistency: 'no' | 'exact' | 'tolerance';
}

const optionNames = [
  'cases',
  'reference',
  'atol',
  'rtol',
  'metric',
  'minimum',
  'maximum',
  'maxDrop',
  'finite',
  'rowConsistency',
] as const satisfies readonly (keyof VerifyOption)[];

const references = ['onnxruntime', 'unquantized', 'none'] as const;

/**
 * @param value the option `verify` as it was given; undefined is null
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function checkedVerify(value: unknown): CheckedVerify | null {
  if (value === undefined) return null;
  if (value === null) throw invalidArgument('options.verify', 'an object, or nothing,', value);
  const given = checkedOptions(value as VerifyOption, 'options.verify', optionNames);
  const { reference = 'onnxruntime', finite = true } = given;
  const known = references.find((name) => name === reference);
  if (known === undefined) {
    const expected = references.map((name) => `'${name}'`).join(', ');
    throw invalidArgument('options.verify.reference', `${expected}, or nothing,`, reference);
  }
  if (typeof finite !== 'boolean') {
    throw invalidArgument('options.verify.finite', 'true or false', finite);
  }
  const tolerance = {
    atol: checkedTolerance(given.atol, 'atol'),
    rtol: checkedTolerance(given.rtol, 'rtol'),
  };
  const metric = checkedMetric(given);
  const tolerances = tolerance.atol !== null || tolerance.rtol !== null;
  return {
    cases: checkedCases(given.cases),
    reference: known,
    tolerance,
    metric,
    elementwise: metric === null || tolerances,
    finite,
    rowConsistency: checkedRows(given.rowConsistency),
  };
}

function checkedCases(cases: unknown): CheckedVerify['cases'] {
  if (typeof cases === 'string' || cases instanceof URL) {
    // The working directory may change while the engine is built.
    return path.resolve(filePathOf(cases, 'options.verify.cases'));
  }
  const isObject =
    typeof cases === 'object' && cases !== null && typedArrayName(cases) === undefined;
  if (isObject && (Symbol.asyncIterator in cases || Symbol.iterator in cases)) {
    return cases as Iterable<unknown> | AsyncIterable<unknown>;
  }
  const expected = 'a path, a file: URL, or an iterable of { inputs, outputs }';
  throw invalidArgument('options.verify.cases', expected, cases);
}

function checkedRows(value: unknown): CheckedVerify['rowConsistency'] {
  if (value === undefined || value === false) return 'no';
  if (value === true) return 'exact';
  if (value === 'tolerance') return 'tolerance';
  throw invalidArgument('options.verify.rowConsistency', "true, false or 'tolerance'", value);
}
