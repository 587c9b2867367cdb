import type { TensorData } from '../data-types';
import { describeValue, TrtError } from '../errors';
import type { Manifest, VerificationRecord } from '../manifest-schema';
import { Tensor, type TensorLike, type Tensors } from '../tensor';
import { asTypedArray, naturalType } from '../tensor/typed-arrays';
import type { CheckedCase } from './case-source';
import { compareTensors, findNotFinite, type Comparison } from './compare';
import { indexIn, verifyThrew, type VerifyFailure } from './failure';
import {
  higherIsBetter,
  namedMetrics,
  worse,
  type CheckedMetric,
  type Measures,
  type NamedMetric,
} from './metric';
import type { CheckedVerify } from './option';
import { unequalRows, type BatchContract } from './rows';
import { arithmeticOf, toleranceFor, type Tolerance } from './tolerance';

/** What was computed for one case. */
export interface CaseResults {
  readonly each: CheckedCase;
  readonly outputs: Tensors;
  /** null: nothing is known. */
  readonly expected: Readonly<Record<string, TensorLike | TensorData>> | null;
  /** Of the baseline engine; null: none is needed, or the expected outputs are the baseline. */
  readonly baseline: Tensors | null;
  readonly repeated: { readonly rows: number; readonly outputs: Tensors } | null;
}

/** The metric of one case. */
interface Scored {
  readonly case: string;
  readonly value: number;
  readonly baseline: number | null;
}

/** Holds results to what `verify` asks for, and keeps what it measured. */
export class CaseJudge {
  readonly #verify: CheckedVerify;
  readonly #engine: BatchContract;
  readonly #tolerance: Tolerance;
  readonly #worst = new Map<string, Measures>();
  readonly #scores: Scored[] = [];

  constructor(verify: CheckedVerify, manifest: Manifest, engine: BatchContract) {
    this.#verify = verify;
    this.#engine = engine;
    this.#tolerance = toleranceFor(verify.tolerance, arithmeticOf(manifest));
  }

  /** Rejects with ERR_TRT_VERIFY_FAILED when the caller's metric throws. */
  async judge(results: CaseResults): Promise<VerifyFailure[]> {
    const expected = expectedTensors(results);
    const failures: VerifyFailure[] = [];
    if (this.#verify.finite) failures.push(...(await this.#notFinite(results)));
    failures.push(...(await this.#unequalRows(results)));
    const measures = new Map<string, Measures>();
    for (const [output, wanted] of Object.entries(expected ?? {})) {
      const got = results.outputs[output];
      if (got === undefined) continue;
      const name = results.each.name;
      if (!sameDims(got.dims, wanted.dims)) {
        // A metric of the caller's makes of its outputs what it likes.
        if (!this.#compares()) continue;
        failures.push({
          reason: 'dims',
          case: name,
          output,
          got: got.dims,
          expected: wanted.dims,
        });
        continue;
      }
      const comparison = await compareTensors(got, wanted, this.#tolerance);
      measures.set(output, comparison.measures);
      this.#keepWorst(output, comparison.measures);
      if (this.#verify.elementwise && comparison.worst !== null) {
        failures.push(elementFailure('tolerance', name, output, got.dims, comparison));
      }
    }
    await this.#score(results, expected, measures);
    return failures;
  }

  /** The bounds of the metric, after the last case. */
  judgeMetric(): VerifyFailure[] {
    const { metric } = this.#verify;
    const mean = this.#means();
    if (metric === null || mean === null) return [];
    const { value, baseline } = mean;
    const drop =
      baseline === null ? 0 : higherIsBetter(metric) ? baseline - value : value - baseline;
    const broken = (
      [
        ['minimum', metric.minimum, !(value >= (metric.minimum ?? -Infinity))],
        ['maximum', metric.maximum, !(value <= (metric.maximum ?? Infinity))],
        // Sums of the same numbers in another order may differ in the last bit.
        ['maxDrop', metric.maxDrop, !(drop <= (metric.maxDrop ?? Infinity) + 1e-12)],
      ] as const
    ).find(([, limit, fails]) => limit !== null && fails);
    if (broken === undefined) return [];
    const [bound, limit] = broken;
    const worst = this.#scores.reduce((a, b) => (isWorse(metric, bound, b, a) ? b : a));
    return [
      {
        reason: 'metric',
        metric: metric.name,
        value,
        bound,
        limit: limit as number,
        baseline,
        case: worst.case,
        worst: worst.value,
      },
    ];
  }

  record(): Pick<VerificationRecord, 'outputs' | 'metric'> {
    const outputs = [...this.#worst].map(([output, measures]) => [
      output,
      Object.fromEntries(Object.entries(measures).filter(([, value]) => Number.isFinite(value))),
    ]);
    const { metric } = this.#verify;
    const mean = this.#means();
    return {
      outputs: Object.fromEntries(outputs) as VerificationRecord['outputs'],
      ...(metric === null || mean === null
        ? {}
        : {
            metric: {
              name: metric.name,
              value: mean.value,
              ...(mean.baseline === null ? {} : { baseline: mean.baseline }),
            },
          }),
    };
  }

  async #notFinite({ each, outputs }: CaseResults): Promise<VerifyFailure[]> {
    const failures: VerifyFailure[] = [];
    for (const [output, tensor] of Object.entries(outputs)) {
      const found = await findNotFinite(tensor);
      if (found === null) continue;
      failures.push({
        reason: 'not-finite',
        case: each.name,
        output,
        index: indexIn(tensor.dims, found.place),
        got: found.value,
        expected: null,
        tolerance: null,
        mismatches: found.count,
        elements: found.elements,
        excess: found.count,
      });
    }
    return failures;
  }

  async #unequalRows({ each, repeated }: CaseResults): Promise<VerifyFailure[]> {
    if (repeated === null) return [];
    const allowed = this.#verify.rowConsistency === 'exact' ? null : this.#tolerance;
    const { rows, outputs } = repeated;
    const found = await unequalRows(this.#engine, outputs, rows, allowed);
    return found.map(({ output, dims, comparison }) =>
      elementFailure('rows', each.name, output, dims, comparison),
    );
  }

  #compares(): boolean {
    const { metric, elementwise } = this.#verify;
    return elementwise || (metric !== null && 'named' in metric);
  }

  #keepWorst(output: string, measures: Measures): void {
    const before = this.#worst.get(output);
    const entries = namedMetrics.map((name): [NamedMetric, number] => [
      name,
      before === undefined ? measures[name] : worse(name, before[name], measures[name]),
    ]);
    this.#worst.set(output, Object.fromEntries(entries) as Record<NamedMetric, number>);
  }

  async #score(
    results: CaseResults,
    expected: Readonly<Record<string, Tensor>> | null,
    measures: ReadonlyMap<string, Measures>,
  ): Promise<void> {
    const { metric } = this.#verify;
    if (metric === null) return;
    const { each, outputs, baseline } = results;
    if ('named' in metric) {
      if (measures.size === 0) return; // a failure of dims is there already
      const before =
        baseline === null || expected === null ? null : await this.#measuresOf(baseline, expected);
      this.#scores.push({
        case: each.name,
        value: worstOf(metric.named, [...measures.values()]),
        baseline: before === null ? null : worstOf(metric.named, before),
      });
      return;
    }
    const measure = async (tensors: Readonly<Record<string, Tensor>>): Promise<number> =>
      await measured(metric.measure, tensors as Tensors, each);
    const wanted = metric.maxDrop === null ? null : (baseline ?? expected);
    this.#scores.push({
      case: each.name,
      value: await measure(outputs),
      baseline: wanted === null ? null : await measure(wanted),
    });
  }

  async #measuresOf(
    outputs: Tensors,
    expected: Readonly<Record<string, Tensor>>,
  ): Promise<readonly Measures[]> {
    const found: Measures[] = [];
    for (const [output, wanted] of Object.entries(expected)) {
      const got = outputs[output];
      if (got === undefined || !sameDims(got.dims, wanted.dims)) continue;
      found.push((await compareTensors(got, wanted, this.#tolerance)).measures);
    }
    return found;
  }

  #means(): { readonly value: number; readonly baseline: number | null } | null {
    const count = this.#scores.length;
    if (count === 0) return null;
    const value = this.#scores.reduce((sum, score) => sum + score.value, 0) / count;
    const some = this.#scores.some(({ baseline }) => baseline !== null);
    const baseline = some
      ? this.#scores.reduce((sum, score) => sum + (score.baseline ?? 0), 0) / count
      : null;
    return { value, baseline };
  }
}

async function measured(
  measure: Extract<CheckedMetric, { measure: unknown }>['measure'],
  outputs: Tensors,
  each: CheckedCase,
): Promise<number> {
  let value: unknown;
  try {
    value = await measure(outputs, each.given);
  } catch (error) {
    throw verifyThrew('metric', each.name, error);
  }
  if (typeof value === 'number' && !Number.isNaN(value)) return value;
  throw new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected a number from \`options.verify.metric\` for case ${JSON.stringify(each.name)} but received ${describeValue(value)}`,
    { details: { argument: 'options.verify.metric', case: each.name } },
  );
}

/** NaN, which keeps no bound, of no measures: a baseline's outputs may have other dims where they depend on data. */
function worstOf(metric: NamedMetric, measures: readonly Measures[]): number {
  if (measures.length === 0) return Number.NaN;
  return measures.map((each) => each[metric]).reduce((a, b) => worse(metric, a, b));
}

/** Whether `a` is further from what the broken bound asks for than `b`. */
function isWorse(
  metric: CheckedMetric,
  bound: 'minimum' | 'maximum' | 'maxDrop',
  a: Scored,
  b: Scored,
): boolean {
  if (Number.isNaN(a.value)) return !Number.isNaN(b.value);
  const lower = bound === 'minimum' || (bound === 'maxDrop' && higherIsBetter(metric));
  const distance = ({ value, baseline }: Scored): number =>
    bound === 'maxDrop' ? value - (baseline ?? 0) : value;
  return lower ? distance(a) < distance(b) : distance(a) > distance(b);
}

function expectedTensors({
  expected,
  outputs,
}: CaseResults): Readonly<Record<string, Tensor>> | null {
  if (expected === null) return null;
  return Object.fromEntries(
    Object.entries(expected).map(([name, value]) => [name, asTensor(value, outputs[name])]),
  );
}

/** A bare array has the dims of the output, where their product fits. */
function asTensor(value: TensorLike | TensorData, got: Tensor | undefined): Tensor {
  const array = asTypedArray(value);
  if (array === undefined) {
    const { type, data, dims } = value as TensorLike;
    return new Tensor(type, data, dims);
  }
  const flat: Tensor = Tensor.from(array, naturalType(array) ?? 'float32');
  return got?.size === flat.size ? new Tensor(flat.type, flat.data, got.dims) : flat;
}

function sameDims(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

function elementFailure(
  reason: 'tolerance' | 'rows',
  name: string,
  output: string,
  dims: readonly number[],
  { worst, mismatches, elements }: Comparison,
): VerifyFailure {
  if (worst === null) throw new TypeError('expected a comparison that found a deviation');
  const { place, got, expected, tolerance, excess } = worst;
  return {
    reason,
    case: name,
    output,
    index: indexIn(dims, place),
    got,
    expected,
    tolerance,
    mismatches,
    elements,
    excess,
  };
}
