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
