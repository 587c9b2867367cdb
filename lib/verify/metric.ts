import { invalidArgument } from '../errors';
import type { Tensors } from '../tensor';
import type { VerifyCase } from './option';

/** What is measured between an output and what it should be, by name. */
export const namedMetrics = ['maxAbs', 'maxRel', 'cosine', 'l2'] as const;

/**
 * `maxAbs`: the largest |a − b|; `maxRel`: that by the largest |b|; `l2`: ‖a − b‖ / ‖b‖; `cosine`: a·b / (‖a‖ ‖b‖). a is what the
 * engine gave, b what was expected.
 */
export type NamedMetric = (typeof namedMetrics)[number];

/** One output's. */
export type Measures = Readonly<Record<NamedMetric, number>>;

/** What a case is worth, such as the share of right answers; more is better where `maxDrop` bounds it. */
export type MetricFunction = (outputs: Tensors, verifyCase: VerifyCase) => number | Promise<number>;

export type CheckedMetric = {
  /** A function's own name, `metric` where it has none. */
  readonly name: string;
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly maxDrop: number | null;
} & ({ readonly named: NamedMetric } | { readonly measure: MetricFunction });

/** Whether more is better; of a function that is what `maxDrop` takes for granted. */
export function higherIsBetter(metric: CheckedMetric): boolean {
  return !('named' in metric) || metric.named === 'cosine';
}

/** The worse of two measures. NaN is the worst of all. */
export function worse(metric: NamedMetric, a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.NaN;
  return metric === 'cosine' ? Math.min(a, b) : Math.max(a, b);
}

interface GivenMetric {
  readonly metric?: unknown;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
  readonly maxDrop?: unknown;
}

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function checkedMetric(given: GivenMetric): CheckedMetric | null {
  const { metric } = given;
  const bounds = {
    minimum: bound(given.minimum, 'minimum'),
    maximum: bound(given.maximum, 'maximum'),
    maxDrop: bound(given.maxDrop, 'maxDrop'),
  };
  const first = Object.entries(bounds).find(([, value]) => value !== null);
  if (metric === undefined) {
    if (first === undefined) return null;
    const expected = `nothing without \`metric\``;
    throw invalidArgument(`options.verify.${first[0]}`, expected, first[1]);
  }
  if (first === undefined) {
    const expected = 'a metric beside `minimum`, `maximum` or `maxDrop`';
    throw invalidArgument('options.verify.metric', expected, metric);
  }
  if (bounds.maxDrop !== null && bounds.maxDrop < 0) {
    throw invalidArgument('options.verify.maxDrop', 'a number from 0 on', bounds.maxDrop);
  }
  if (typeof metric === 'function') {
    const name = metric.name === '' ? 'metric' : metric.name;
    return { name, ...bounds, measure: metric as MetricFunction };
  }
  const named = namedMetrics.find((name) => name === metric);
  if (named === undefined) {
    const names = namedMetrics.map((name) => `'${name}'`).join(', ');
    throw invalidArgument('options.verify.metric', `${names} or a function`, metric);
  }
  const senseless = named === 'cosine' ? 'maximum' : 'minimum';
  if (bounds[senseless] !== null) {
    const other = named === 'cosine' ? 'minimum' : 'maximum';
    const expected = `nothing beside the metric '${named}' (\`${other}\` bounds it)`;
    throw invalidArgument(`options.verify.${senseless}`, expected, bounds[senseless]);
  }
  return { name: named, ...bounds, named };
}

function bound(value: unknown, name: string): number | null {
  if (value === undefined) return null;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw invalidArgument(`options.verify.${name}`, 'a finite number', value);
}
