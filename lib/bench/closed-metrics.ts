import type { MetricNames, Metrics } from './limits';
import type { BenchRun } from './record';
import { gpuLatencyOf } from './run-of-measured';

/** What limits of closed-loop runs can be about. */
export const closedMetrics: MetricNames = {
  spans: ['endToEnd', 'queue', 'enqueue', 'h2d', 'compute', 'd2h', 'gpuLatency'],
  main: 'endToEnd',
  scalars: { throughput: '/s', samplesPerSecond: '/s', cpu: 'ms' },
};

export function metricsOfRun({
  samples,
  throughput,
  samplesPerSecond,
  cpuPerInference,
}: BenchRun): Metrics {
  return {
    main: 'endToEnd',
    spans: samples === null ? {} : { ...samples, gpuLatency: gpuLatencyOf(samples) },
    scalars: { throughput, samplesPerSecond, cpu: cpuPerInference.totalMs },
  };
}
