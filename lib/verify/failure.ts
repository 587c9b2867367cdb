import { TrtError } from '../errors';
import { indicesOf } from './values';

/** One thing that `verify` asks for and that an engine did not give. */
export type VerifyFailure = ElementFailure | ShapeFailure | MetricFailure;

interface ElementFailure {
  readonly reason: 'tolerance' | 'not-finite' | 'rows';
  readonly case: string;
  readonly output: string;
  /** Of the worst element; the first one where they are NaN or infinite. */
  readonly index: readonly number[];
  readonly got: number | bigint;
  /** null: any finite value. For `rows` what the first row has at that place. */
  readonly expected: number | bigint | null;
  readonly tolerance: number | null;
  readonly mismatches: number;
  readonly elements: number;
  /** For the order of failures: how many tolerances apart. */
  readonly excess: number;
}

interface ShapeFailure {
  readonly reason: 'dims';
  readonly case: string;
  readonly output: string;
  readonly got: readonly number[];
  readonly expected: readonly number[];
}

interface MetricFailure {
  readonly reason: 'metric';
  readonly metric: string;
  readonly value: number;
  readonly bound: 'minimum' | 'maximum' | 'maxDrop';
  readonly limit: number;
  readonly baseline: number | null;
  /** The case with the worst value, and that value. */
  readonly case: string;
  readonly worst: number;
}

/** Of the same reason, the worst first. */
const order = ['not-finite', 'dims', 'rows', 'tolerance', 'metric'] as const;

const wayForward: Readonly<Record<VerifyFailure['reason'], string>> = {
  'not-finite':
    'float16 ends at 65504: build with bf16 or without fp16, or scale the model. Set `finite: false` where the model means it.',
  dims: 'Look at the expected output, and at whether these inputs are its inputs.',
  rows: 'TensorRT computes rows of a batch unlike each other: take another precision or another TensorRT version, and report it to NVIDIA with the model.',
  tolerance:
    'Take a wider precision or better calibration data; if the engine is as good as it must be, set `atol` and `rtol` to what your application bears, or a `metric`.',
  metric: 'Take a wider precision or better calibration data, or another bound.',
};

const listed = 20;

/** What cannot be told from failures alone. */
export interface FailureContext {
  readonly cases: number;
  /** Not all cases were run, as there were so many failures. */
  readonly stoppedEarly: boolean;
}

/** ERR_TRT_VERIFY_FAILED, about the worst of them. */
export function verifyFailed(
  failures: readonly [VerifyFailure, ...VerifyFailure[]],
  { cases, stoppedEarly }: FailureContext,
): TrtError {
  const sorted = failures.toSorted(byGravity);
  const worst = sorted[0] as VerifyFailure;
  const failed = new Set(sorted.filter(({ reason }) => reason !== 'metric').map((f) => f.case));
  const many =
    worst.reason === 'metric'
      ? ''
      : ` ${failed.size} of ${cases} ${cases === 1 ? 'case' : 'cases'} failed${stoppedEarly ? ' before verification gave up' : ''}.`;
  return new TrtError(
    'ERR_TRT_VERIFY_FAILED',
    `the engine was built, but it is not what \`verify\` asks for: ${describe(worst)}.${many} Nothing was published. ` +
      wayForward[worst.reason],
    {
      details: {
        ...plain(worst),
        cases,
        failedCases: failed.size,
        failures: sorted.slice(0, listed).map(plain),
      },
    },
  );
}

/** ERR_TRT_VERIFY_FAILED for what the caller's own code threw. */
export function verifyThrew(
  what: 'cases' | 'metric',
  name: string | null,
  cause: unknown,
): TrtError {
  const words = cause instanceof Error ? cause.message : String(cause);
  const where = name === null ? 'the iterable of `cases`' : `the metric, for case ${quoted(name)},`;
  return new TrtError(
    'ERR_TRT_VERIFY_FAILED',
    `the engine was built, but it could not be verified: ${where} threw ${JSON.stringify(words)}. Nothing was published.`,
    { cause, details: { reason: what === 'cases' ? 'cases-threw' : 'metric-threw', case: name } },
  );
}

function byGravity(a: VerifyFailure, b: VerifyFailure): number {
  const difference = order.indexOf(a.reason) - order.indexOf(b.reason);
  if (difference !== 0) return difference;
  const excess = (failure: VerifyFailure): number =>
    'excess' in failure ? Math.min(failure.excess, Number.MAX_VALUE) : 0;
  return excess(b) - excess(a);
}

function plain(failure: VerifyFailure): Readonly<Record<string, unknown>> {
  if (!('excess' in failure)) return { ...failure };
  const { excess: _forOrder, ...rest } = failure;
  return rest;
}

const quoted = (name: string): string => JSON.stringify(name);

function describe(failure: VerifyFailure): string {
  if (failure.reason === 'metric') return describeMetric(failure);
  const place = `case ${quoted(failure.case)}, output ${quoted(failure.output)}`;
  if (failure.reason === 'dims') {
    return `${place}: got dims [${failure.got.join(', ')}], expected [${failure.expected.join(', ')}]`;
  }
  const { index, mismatches, elements } = failure;
  const element = `${place}, element [${index.join(', ')}]: got ${shown(failure.got)}`;
  const counted = `${mismatches} of ${elements} elements`;
  switch (failure.reason) {
    case 'not-finite':
      return `${element}; ${counted} are NaN or infinite`;
    case 'rows':
      return (
        `${element}, but the first row, which had the same inputs, has ${shown(failure.expected)} there; ${counted} are unlike ` +
        'those of the first row'
      );
    case 'tolerance':
      return `${element}, expected ${shown(failure.expected)} within ${shown(failure.tolerance)}; ${counted} are further off`;
  }
}

function describeMetric(failure: MetricFailure): string {
  const { metric, value, bound, limit, baseline, worst } = failure;
  const against = baseline === null ? '' : `, against ${shown(baseline)} of the baseline`;
  return (
    `${metric} is ${shown(value)}${against}, and \`${bound}\` is ${shown(limit)}; worst is case ${quoted(failure.case)} ` +
    `with ${shown(worst)}`
  );
}

/** float32 has no more than nine digits. */
function shown(value: number | bigint | null): string {
  if (typeof value !== 'number') return String(value);
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(9)));
}

export function indexIn(dims: readonly number[], place: number): readonly number[] {
  return indicesOf(place, dims);
}
