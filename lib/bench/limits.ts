import {
  mean,
  percentile,
  percentileOfSorted,
  standardDeviation,
  summarize,
} from '../benchmark/statistics';
import { invalidArgument, TrtError } from '../errors';
import { suggestion } from '../nearest-name';
import { quotedNames } from '../quoted-names';

/** Figures that a limit can be about. */
export interface Metrics {
  /** Samples in milliseconds, by what they are of. */
  readonly spans: Readonly<Record<string, readonly number[]>>;
  /** What a statistic without a name is of, `p99`. */
  readonly main: string;
  readonly scalars: Readonly<Record<string, number | null>>;
  /** Requests without an answer: every span took endlessly for them. 0 */
  readonly unanswered?: number;
}

/** The names of {@link Metrics}, and the unit of each scalar. */
export interface MetricNames {
  readonly spans: readonly string[];
  readonly main: string;
  readonly scalars: Readonly<Record<string, ScalarUnit>>;
}

export type ScalarUnit = 'ms' | '/s' | '%';

type Comparison = '<' | '<=' | '>' | '>=';

/** `compute.p50<1.2ms`, understood. */
export interface Limit {
  /** As it was typed. */
  readonly text: string;
  readonly metric: MetricName;
  readonly comparison: Comparison;
  /** In milliseconds, per second, or as a share of 1. */
  readonly bound: number;
}

type MetricName =
  | { readonly span: string; readonly statistic: Statistic }
  | { readonly scalar: string; readonly unit: ScalarUnit };

type Statistic = 'mean' | 'std' | 'min' | 'max' | { readonly percent: number };

/** What became of a limit. */
export interface LimitResult {
  readonly limit: string;
  readonly holds: boolean;
  /**
   * Milliseconds, per second, or a share of 1; null: there was nothing to measure. Infinity (null in JSON): it is of a request that was
   * not answered.
   */
  readonly value: number | null;
  readonly unit: ScalarUnit;
}

const form =
  /^\s*([A-Za-z][A-Za-z0-9._-]*?)\s*(<=|>=|<|>)\s*(\d+(?:\.\d*)?|\.\d+)\s*(ms|us|µs|s|\/s|%|)\s*$/;

const millisecondsIn: Readonly<Record<string, number>> = { ms: 1, us: 1e-3, µs: 1e-3, s: 1e3 };

/**
 * `p99<2ms`, `compute.p50<=800us`, `throughput>500/s`, `errors<1%`; several with commas.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function parseLimits(text: string, option: string, names: MetricNames): readonly Limit[] {
  return text.split(',').map((part) => parseLimit(part, option, names));
}

function parseLimit(text: string, option: string, names: MetricNames): Limit {
  const [, name = '', comparison, number, unit = ''] = form.exec(text) ?? [];
  if (comparison === undefined) {
    throw invalidArgument(
      option,
      'a limit such as p99<2ms, compute.p50<=800us or throughput>500/s',
      text,
    );
  }
  const metric = metricNamed(name, option, names);
  const kind = 'span' in metric ? 'ms' : metric.unit;
  const bound = boundIn(kind, Number(number), unit);
  if (bound === null) {
    const expected = {
      ms: 'a time with its unit, such as 2ms,',
      '/s': 'a number a second, such as 500/s,',
      '%': 'a share such as 1%',
    };
    throw invalidArgument(option, `${expected[kind]} as the bound of ${name}`, text);
  }
  return { text: text.trim(), metric, comparison: comparison as Comparison, bound };
}

function boundIn(kind: ScalarUnit, value: number, unit: string): number | null {
  switch (kind) {
    case 'ms': {
      const factor = millisecondsIn[unit];
      return factor === undefined ? null : value * factor;
    }
    case '/s':
      return unit === '/s' || unit === '' ? value : null;
    case '%':
      return unit === '%' ? value / 100 : null;
  }
}

function metricNamed(name: string, option: string, names: MetricNames): MetricName {
  const scalar = Object.keys(names.scalars).find((each) => isSame(each, name));
  const unit = scalar === undefined ? undefined : names.scalars[scalar];
  if (scalar !== undefined && unit !== undefined) return { scalar, unit };
  // The first dot: a percentile may have one itself.
  const alone = statisticNamed(name);
  if (alone !== null) return { span: names.main, statistic: alone };
  const dot = name.indexOf('.');
  const span = names.spans.find((each) => isSame(each, name.slice(0, Math.max(dot, 0))));
  const statistic = statisticNamed(name.slice(dot + 1));
  if (span !== undefined && statistic !== null) return { span, statistic };
  const known = [...names.spans, ...Object.keys(names.scalars)];
  const wanted = dot < 0 ? name : name.slice(0, dot);
  throw new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected a metric for \`${option}\` but received ${JSON.stringify(name)}${suggestion(wanted, known) || '.'} Write a statistic (mean, std, min, max, ` +
      `p50, p99, p99.9, …), of ${names.main} or, with a dot, of one of ${quotedNames(names.spans)}; or one of ${quotedNames(Object.keys(names.scalars))}.`,
    { details: { argument: option } },
  );
}

function statisticNamed(name: string): Statistic | null {
  const word = name.toLowerCase();
  if (word === 'mean' || word === 'min' || word === 'max' || word === 'std') return word;
  if (word === 'median') return { percent: 50 };
  const percent = Number(/^p(\d{1,2}(?:\.\d{1,4})?|100)$/.exec(word)?.[1] ?? NaN);
  return percent > 0 && percent <= 100 ? { percent } : null;
}

/** `end-to-end` is `endToEnd`. */
function isSame(a: string, b: string): boolean {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_]/g, '');
  return plain(a) === plain(b);
}

/** Whether a limit holds. What could not be measured, or has no end, holds nothing. */
export function checkLimit(limit: Limit, metrics: Metrics): LimitResult {
  const { metric, comparison, bound, text } = limit;
  const value =
    'span' in metric
      ? statisticOf(metrics.spans[metric.span] ?? [], metric.statistic, metrics.unanswered ?? 0)
      : (metrics.scalars[metric.scalar] ?? null);
  const unit = 'span' in metric ? 'ms' : metric.unit;
  const holds = value !== null && Number.isFinite(value) && compare(value, comparison, bound);
  return { limit: text, holds, value, unit };
}

/** What a person reads for the value of a {@link LimitResult}. */
export function measuredText(value: number | null, format: (value: number) => string): string {
  if (value === null) return 'nothing was measured';
  return Number.isFinite(value) ? format(value) : 'no end, as requests were not answered';
}

function statisticOf(
  values: readonly number[],
  statistic: Statistic,
  unanswered: number,
): number | null {
  if (unanswered > 0) return statisticWithout(values, statistic, unanswered);
  if (values.length === 0) return null;
  if (typeof statistic === 'object') return percentile(values, statistic.percent);
  switch (statistic) {
    case 'mean':
      return mean(values);
    case 'std':
      return standardDeviation(values);
    case 'min':
      return summarize(values).min;
    case 'max':
      return percentile(values, 100);
  }
}

/** Who got no answer waited longer than anybody who did. */
function statisticWithout(
  values: readonly number[],
  statistic: Statistic,
  unanswered: number,
): number {
  if (statistic === 'min' && values.length > 0) return summarize(values).min;
  if (typeof statistic !== 'object') return Infinity;
  const endless = Array.from({ length: unanswered }, () => Infinity);
  return percentileOfSorted(Float64Array.from([...values, ...endless]).sort(), statistic.percent);
}

function compare(value: number, comparison: Comparison, bound: number): boolean {
  switch (comparison) {
    case '<':
      return value < bound;
    case '<=':
      return value <= bound;
    case '>':
      return value > bound;
    case '>=':
      return value >= bound;
  }
}
