/** TEST ONLY. Records as `trt-node bench` makes them, of made-up samples: nobody measured them. */
import { coldStartFigures, type ColdStartRecord } from '../../lib/bench/cold-start-record';
import type { GpuMoment } from '../../lib/bench/gpu-watch';
import type { PreparedEngine } from '../../lib/bench/prepared-engine';
import type { BenchRecord, BenchRun, LoadRun } from '../../lib/bench/record';
import { runOfMeasured } from '../../lib/bench/run-of-measured';
import { seededRandom } from '../../lib/bench/seeded-random';
import type { BenchmarkSamples } from '../../lib/benchmark/result';
import { summarize } from '../../lib/benchmark/statistics';

/** Compute around `middle` ms, up to 2 % more. */
export function samplesAround(middle: number, count: number): BenchmarkSamples {
  const random = seededRandom(count);
  const around = (value: number): number[] =>
    Array.from({ length: count }, () => value * middle * (1 + 0.02 * random()));
  return {
    endToEnd: around(1.3),
    queue: around(0.01),
    enqueue: around(0.1),
    h2d: around(0.05),
    compute: around(1),
    d2h: around(0.05),
  };
}

const moment: GpuMoment = {
  ...{ smClockMhz: 1755, memoryClockMhz: 2619, temperatureCelsius: 40, powerDrawWatts: 200 },
  ...{ gpuUtilizationPercent: 99, otherProcesses: 0, clockEventReasons: [] },
};

function run(): BenchRun {
  const { endToEnd, ...spans } = samplesAround(1, 200);
  const { queue, enqueue, h2d, compute, d2h } = spans;
  const timed = compute.map((_, index) => ({
    queue: queue[index] ?? 0,
    enqueue: enqueue[index] ?? 0,
    h2d: h2d[index] ?? 0,
    compute: compute[index] ?? 0,
    d2h: d2h[index] ?? 0,
    total: 2,
  }));
  const elapsedMs = endToEnd.reduce((sum, value) => sum + value, 0);
  const prepared = {
    id: 'a',
    engine: {
      graphs: { mode: 'auto', held: 1, captured: 1, replays: 400, eager: 2, reason: null },
    },
    shapes: { x: [1, 8] },
    inputs: { source: 'random', memory: 'pinned' },
  } as unknown as PreparedEngine;
  return runOfMeasured(
    prepared,
    {
      plain: [{ endToEnd, elapsedMs, cpu: { userMs: 20, systemMs: 4 } }],
      timed: [timed],
      gpu: [moment, moment],
      graphsBefore: { replays: 100, eager: 1 },
    },
    { convention: '10', batch: null, concurrency: 1, percentiles: [75] },
  );
}

function load(rate: number): LoadRun {
  const latencyMs = samplesAround(1, 100).endToEnd;
  return {
    ...{ engine: 'a', arrival: 'poisson', seed: 0, rate, durationMs: 1000, shapes: { x: [1, 8] } },
    ...{ batch: null, offered: 100, completed: 100, dropped: 0, errors: {}, achievedRate: 100 },
    backlog: { most: 3, atEnd: 0 },
    latency: summarize(latencyMs),
    lag: summarize([0.01]),
    cpuPerInference: null,
    gpu: [moment, null],
    holds: true,
    limits: [{ limit: 'p99<5ms', holds: true, value: 1.3, unit: 'ms' }],
    samples: { arrivalMs: latencyMs.map((_, index) => index * 10), latencyMs },
  };
}

const environment: BenchRecord['environment'] = {
  ...{ node: 'v22.0.0', os: 'Debian', kernel: '6.1', container: null, cpu: 'CPU', cpuCount: 8 },
  ...{ cpuGovernor: null, driver: '580.1', cuda: '13.0', variables: {} },
  gpu: {
    ...{ name: 'NVIDIA H200', computeCapability: '9.0', memoryBytes: 1e11, powerLimitWatts: 700 },
    ...{ smClockMaxMhz: 1980, persistenceMode: true, mig: false },
  },
};

export function benchRecord(): BenchRecord {
  return {
    schema: 'trt-node/bench',
    schemaVersion: 1,
    createdAt: '2026-01-02T03:04:05.000Z',
    version: '0.1.0',
    command: 'trt-node bench model.engine',
    environment,
    engines: [
      {
        ...{ id: 'a', path: 'model.engine', sizeBytes: 1000, sha256: null, runtime: 'tensorrt' },
        ...{ runtimeVersion: '10.6.0', precision: ['fp16'], lanes: 2, graphs: 'auto' },
        ...{ waiting: 'auto', loadMs: 300 },
      },
    ],
    runs: [run()],
    comparisons: [],
    loads: [load(100), load(200)],
    slo: null,
    assertions: [{ limit: 'p99<2ms', holds: true, value: 1.3, unit: 'ms' }],
    warnings: ['made up'],
  };
}

export function coldStartRecord(): ColdStartRecord {
  const steps = {
    ...{ node: 30, import: 40, driver: 100, context: 200, library: 300, load: 400 },
    ...{ firstInference: 20, capture: 5 },
  };
  return {
    schema: 'trt-node/cold-start',
    schemaVersion: 1,
    createdAt: '2026-01-02T03:04:05.000Z',
    version: '0.1.0',
    command: 'trt-node bench model.engine --cold-start 2',
    engine: 'model.engine',
    environment,
    ...coldStartFigures(
      [1, 2].map(() => ({ kind: 'apart' as const, steps, warmMs: 1 })),
      [1, 2].map(() => ({ kind: 'whole' as const, wholeMs: 900, loadMs: 800 })),
    ),
    assertions: [],
  };
}
