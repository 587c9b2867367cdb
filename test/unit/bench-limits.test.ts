import { describe, expect, it } from 'vitest';
import { closedMetrics } from '../../lib/bench/closed-metrics';
import { checkLimit, parseLimits, type Metrics } from '../../lib/bench/limits';
import { loadMetrics } from '../../lib/bench/load-run';
import { percentile } from '../../lib/benchmark/statistics';

const parse = (text: string) => parseLimits(text, '--assert', closedMetrics);
const refused = expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' }) as unknown;

/** 1 to 100 ms end to end, and a fifth of that to compute. */
const endToEnd = Array.from({ length: 100 }, (_, index) => index + 1);
const metrics: Metrics = {
  main: 'endToEnd',
  spans: { endToEnd, compute: endToEnd.map((value) => value / 5) },
  scalars: { throughput: 500, samplesPerSecond: null, cpu: 0.25 },
};

const check = (text: string) => parse(text).map((limit) => checkLimit(limit, metrics));

describe('limits', () => {
  it.each([
    ['p99<100ms', true, 99],
    ['p99<99ms', false, 99],
    ['p99<=99ms', true, 99],
    ['p99.9>=100ms', true, 100],
    ['median<0.051s', true, 50],
    ['min>1ms', false, 1],
    ['max<=100ms', true, 100],
    ['mean<51ms', true, 50.5],
    ['compute.p50<=10000us', true, 10],
    ['compute.p50 < 10000µs', false, 10],
    ['end-to-end.p50>49ms', true, 50],
    ['throughput>499/s', true, 500],
    ['throughput>500', false, 500],
    ['cpu<300us', true, 0.25],
  ])('%s holds: %s', (text, holds, value) => {
    expect(check(text)).toEqual([
      { limit: text, holds, value, unit: text.startsWith('throughput') ? '/s' : 'ms' },
    ]);
  });

  it('takes the percentiles of the statistics that everything else has', () => {
    const [result] = check('p37.5<1s');
    expect(result?.value).toBe(percentile(endToEnd, 37.5));
  });

  it('takes the rank that a percentile has, whatever rounding makes of it', () => {
    const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
    expect(percentile(upTo(1000), 99.9)).toBe(999);
    expect(percentile(upTo(1001), 99.9)).toBe(1000);
    expect(percentile(upTo(100), 55)).toBe(55);
    expect(percentile(upTo(100), 0.0001)).toBe(1);
    for (const percent of upTo(100)) expect(percentile(upTo(100), percent)).toBe(percent);
  });

  it('takes requests without an answer as endlessly late', () => {
    const unanswered = (text: string, count: number) =>
      parse(text).map((limit) => checkLimit(limit, { ...metrics, unanswered: count }))[0];
    // Of 101, the 99th percentile is the 100th.
    expect(unanswered('p99<=100ms', 1)).toMatchObject({ holds: true, value: 100 });
    expect(unanswered('p99.9<1s', 1)).toMatchObject({ holds: false, value: Infinity });
    expect(unanswered('p50<1s', 99)).toMatchObject({ holds: true, value: 100 });
    expect(unanswered('p50<1s', 101)).toMatchObject({ holds: false, value: Infinity });
    expect(unanswered('min<=1ms', 101)).toMatchObject({ holds: true, value: 1 });
    for (const text of ['mean<1s', 'max<1s', 'std<1s', 'max>1s']) {
      expect(unanswered(text, 1)).toMatchObject({ holds: false, value: Infinity });
    }
    expect(unanswered('queue.min<1s', 1)).toMatchObject({ holds: false, value: Infinity });
  });

  it('takes several at once', () => {
    expect(check('p50<1s, throughput>1/s,p50>1s').map(({ holds }) => holds)).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('holds nothing that was not measured', () => {
    expect(check('samplesPerSecond>0')).toMatchObject([{ holds: false, value: null }]);
    expect(check('d2h.p50<1s')).toMatchObject([{ holds: false, value: null }]);
  });

  it('knows shares of an open loop', () => {
    const [limit] = parseLimits('errors<1%', '--slo', loadMetrics);
    if (limit === undefined) throw new Error('it was parsed');
    const of = (errors: number) =>
      checkLimit(limit, { main: 'latency', spans: {}, scalars: { errors } });
    expect(of(0.0099)).toMatchObject({ holds: true, unit: '%' });
    expect(of(0.01).holds).toBe(false);
  });

  it('knows nothing of the CPU time of an open loop', () => {
    expect(() => parseLimits('cpu<1ms', '--slo', loadMetrics)).toThrow(refused);
  });

  it.each([
    ...[
      '',
      'p99',
      'p99<',
      '<2ms',
      'p99<2',
      'p99<2m',
      'p99=2ms',
      'p99<-2ms',
      'p99<2ms<3ms',
      'p0<2ms',
    ],
    ...['p101<2ms', 'speed<2ms', 'compute<2ms', 'compute.p<2ms', 'copy.p99<2ms', 'throughput>5ms'],
    ...['throughput>5%', 'p99<2%', 'p99<2ms,', 'errors<1%'],
  ])('refuses %j', (text) => {
    expect(() => parse(text)).toThrow(refused);
  });
});
