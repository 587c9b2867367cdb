import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocksOf, ratioInterval } from '../../lib/benchmark/bootstrap';
import { compareFigures, figuresOfSamples, verdictOf } from '../../lib/bench/comparison';
import { diffRecords } from '../../lib/bench/diff';
import { gpuWarnings, type GpuMoment } from '../../lib/bench/gpu-watch';
import { readRecord, writeJson } from '../../lib/bench/record-file';
import { coldStartReport, reportOfBench } from '../../lib/bench/report-of-bench';
import { reportOfDiff } from '../../lib/bench/report-of-diff';
import { sampleRows } from '../../lib/bench/sample-rows';
import { seededRandom } from '../../lib/bench/seeded-random';
import { benchRecord, coldStartRecord, samplesAround } from '../support/bench-records';

const noSamples = { endToEnd: [], queue: [], enqueue: [], h2d: [], compute: [], d2h: [] };

const root = path.join(__dirname, '..', '..');

/** Nearly normal: the sum of twelve uniform numbers. */
function noise(seed: number): () => number {
  const random = seededRandom(seed);
  return () => Array.from({ length: 12 }, random).reduce((sum, each) => sum + each, -6);
}

describe('the interval of a ratio', () => {
  const figures = (count: number, middle: number, seed: number): number[] => {
    const next = noise(seed);
    return Array.from({ length: count }, () => middle * (1 + 0.05 * next()));
  };

  it('has the true ratio in it about as often as it says', () => {
    let inside = 0;
    for (let seed = 0; seed < 200; ++seed) {
      const a = figures(20, 1.1, 2 * seed);
      const b = figures(20, 1, 2 * seed + 1);
      const { low, high } = ratioInterval(a, b, { paired: false, random: seededRandom(seed) });
      if ((low ?? Infinity) <= 1.1 && (high ?? 0) >= 1.1) inside += 1;
    }
    // Of 200, 190 are 95 %; a bootstrap of 20 values is a little narrow. Five deviations (3 each) either way.
    expect(inside).toBeGreaterThan(170);
    expect(inside).toBeLessThan(200);
  });

  it('is narrower where blocks that share their drift are compared in pairs', () => {
    const drift = Array.from({ length: 20 }, (_, index) => 1 + index / 10);
    const a = figures(20, 1.1, 1).map((value, index) => value * (drift[index] ?? 1));
    const b = figures(20, 1, 2).map((value, index) => value * (drift[index] ?? 1));
    const width = (paired: boolean): number => {
      const { low, high } = ratioInterval(a, b, { paired, random: seededRandom(3) });
      return (high ?? Infinity) - (low ?? 0);
    };
    expect(width(true)).toBeLessThan(width(false) / 3);
  });

  it('is the same each time, and unknown of few blocks', () => {
    const [a, b] = [figures(10, 2, 1), figures(10, 1, 2)];
    const once = () => ratioInterval(a, b, { paired: true, random: seededRandom(0) });
    expect(once()).toEqual(once());
    expect(ratioInterval([2, 2], [1, 1], { paired: true, random: seededRandom(0) })).toEqual({
      ...{ ratio: 2, low: null, high: null },
    });
    expect(() => ratioInterval([0], [1], { paired: true, random: seededRandom(0) })).toThrow(
      RangeError,
    );
  });

  it('makes a verdict when no difference lies outside of it', () => {
    const interval = (low: number, high: number) => ({ ratio: (low + high) / 2, low, high });
    expect(verdictOf(interval(0.8, 0.9), 'less')).toBe('faster');
    expect(verdictOf(interval(1.1, 1.2), 'less')).toBe('slower');
    expect(verdictOf(interval(1.1, 1.2), 'more')).toBe('faster');
    expect(verdictOf(interval(0.9, 1.1), 'less')).toBe('no difference');
    expect(verdictOf({ ratio: 2, low: null, high: null }, 'less')).toBe('unknown');
  });
});

describe('blocks', () => {
  it('keep the order and lose nothing', () => {
    const values = Array.from({ length: 103 }, (_, index) => index);
    const blocks = blocksOf(values, 20, 5);
    expect(blocks.flat()).toEqual(values);
    expect(blocks).toHaveLength(20);
    expect(blocksOf(values, 20, 10)).toHaveLength(10);
    expect(blocksOf([1, 2], 20, 10)).toEqual([[1, 2]]);
  });
});

describe('figures of samples', () => {
  it('are compared by name, and those that the clock does not resolve are not', () => {
    const slow = samplesAround(2, 400);
    const fast = samplesAround(1, 400);
    const figures = compareFigures(figuresOfSamples(slow), figuresOfSamples(fast), false);
    expect(figures.map(({ figure }) => figure)).toEqual([
      ...['endToEnd.p50', 'endToEnd.mean', 'compute.p50', 'compute.mean', 'gpuLatency.p50'],
    ]);
    for (const { ratio, value, baseline, verdict } of figures) {
      expect(ratio.ratio).toBeCloseTo(2, 1);
      expect(value / baseline).toBeCloseTo(ratio.ratio, 9);
      expect(verdict).toBe('slower');
    }
    const unresolved = { ...fast, compute: fast.compute.map(() => 0) };
    const rest = compareFigures(figuresOfSamples(unresolved), figuresOfSamples(fast), false);
    expect(rest.map(({ figure }) => figure)).not.toContain('compute.p50');
  });
});

describe('bench diff', () => {
  const a = benchRecord();

  it('finds no difference between a record and itself', () => {
    const diff = diffRecords({ path: 'a.json', record: a }, { path: 'b.json', record: a });
    expect(diff.environment).toEqual([]);
    expect(diff.unmatched).toEqual([]);
    for (const { figures } of diff.runs) {
      for (const { ratio } of figures) expect(ratio.ratio).toBe(1);
    }
    expect(diff.runs[0]?.verdict).toBe('no difference');
  });

  it('names what else changed: driver, GPU, clocks, container, engine', () => {
    const run = a.runs[0];
    const moment = run?.gpu[0];
    if (!run || !moment || !a.environment.gpu) throw new Error('the record has them');
    const b = {
      ...a,
      environment: {
        ...a.environment,
        driver: '590.1',
        container: '/.dockerenv exists',
        gpu: { ...a.environment.gpu, name: 'NVIDIA L4' },
        variables: { CUDA_LAUNCH_BLOCKING: '1' },
      },
      engines: a.engines.map((engine) => ({ ...engine, runtimeVersion: '10.7.0' })),
      runs: [{ ...run, gpu: [{ ...moment, smClockMhz: 1200, otherProcesses: 1 }] }],
    };
    const closed = { ...a, loads: [] };
    const { environment } = diffRecords(
      { path: 'a', record: closed },
      { path: 'b', record: { ...b, loads: [] } },
    );
    expect(environment.map(({ name }) => name).sort()).toEqual([
      ...['container', 'driver', 'engine a runtimeVersion', 'environment CUDA_LAUNCH_BLOCKING'],
      ...['gpu clock (MHz, to the next 50)', 'gpu shared', 'gpu.name'],
    ]);
    expect(environment).toContainEqual({ name: 'driver', a: a.environment.driver, b: '590.1' });
  });

  it('gives ratios without intervals where samples were not stored, and tells of runs without a partner', () => {
    const [run] = a.runs;
    if (!run) throw new Error('the record has one');
    const twice = {
      ...run,
      samples: null,
      endToEnd: { ...run.endToEnd, p50: 2 * run.endToEnd.p50 },
    };
    const closed = { ...a, loads: [] };
    const b = { ...closed, runs: [twice, { ...run, batch: 8 }] };
    const { runs, unmatched } = diffRecords(
      { path: 'a', record: closed },
      { path: 'b', record: b },
    );
    expect(runs).toHaveLength(1);
    expect(runs[0]?.figures[0]).toMatchObject({
      ...{ figure: 'endToEnd.p50', ratio: { ratio: 2, low: null, high: null }, verdict: 'unknown' },
    });
    expect(unmatched).toHaveLength(1);
  });
});

describe('a stored record', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'trt-node-record-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is read back, also out of a report', async () => {
    const record = benchRecord();
    const [plain, report] = [path.join(folder, 'a.json'), path.join(folder, 'b.json')];
    await writeJson(plain, record);
    await writeJson(report, reportOfBench(record));
    expect(await readRecord(plain)).toEqual(record);
    expect(await readRecord(report)).toEqual(record);
  });

  it.each([
    ['an empty environment', { environment: {} }],
    ['an environment of a kind of its own', { environment: { variables: {}, gpu: 1 } }],
    ['an empty run', { runs: [{}] }],
    ['an empty load', { loads: [{}] }],
    ['an empty engine', { engines: [{}] }],
    ['no date', { createdAt: 1 }],
    ['a run that is null', { runs: [null] }],
    ['samples of another kind', { runs: [{ ...benchRecord().runs[0], samples: { compute: 1 } }] }],
    ['no samples in samples', { runs: [{ ...benchRecord().runs[0], samples: noSamples }] }],
  ])('is not one with %s', async (_, damage) => {
    const file = path.join(folder, 'damaged.json');
    await writeFile(file, JSON.stringify({ ...benchRecord(), ...damage }));
    await expect(readRecord(file)).rejects.toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
  });

  it('is read without samples, latencies and clocks', async () => {
    const { runs, loads, environment, ...record } = benchRecord();
    const bare = {
      ...record,
      environment: { ...environment, gpu: null },
      runs: runs.map((run) => ({ ...run, samples: null, gpu: [null] })),
      loads: loads.map((load) => ({ ...load, samples: null, latency: null })),
    };
    const file = path.join(folder, 'bare.json');
    await writeJson(file, bare);
    expect(await readRecord(file)).toEqual(bare);
  });

  it.each([
    ['nothing', ''],
    ['null', 'null'],
    ['something else', '{"schema":"trt-node/types"}'],
    ['a later version', JSON.stringify({ ...benchRecord(), schemaVersion: 2 })],
    ['a part of one', JSON.stringify({ schema: 'trt-node/bench', schemaVersion: 1, runs: [] })],
  ])('is not %s', async (_, text) => {
    const file = path.join(folder, 'bad.json');
    await writeFile(file, text);
    await expect(readRecord(file)).rejects.toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
  });

  it('is not written in part', async () => {
    const nowhere = writeJson(path.join(folder, 'none', 'a.json'), {});
    await expect(nowhere).rejects.toMatchObject({ code: 'ERR_TRT_WRITE' });
  });
});

describe('exported samples', () => {
  it('have trtexec’s names, one entry for each inference', () => {
    const record = benchRecord();
    const [run] = record.runs;
    const rows = sampleRows(record);
    expect(rows.filter((row) => 'computeMs' in row)).toHaveLength(
      run?.samples?.compute.length ?? 0,
    );
    expect(rows[0]).toMatchObject({ engine: 'a', computeMs: run?.samples?.compute[0] });
  });
});

describe('warnings about the GPU', () => {
  const moment: GpuMoment = {
    ...{ smClockMhz: 1980, memoryClockMhz: 2619, temperatureCelsius: 40, powerDrawWatts: 200 },
    ...{ gpuUtilizationPercent: 99, otherProcesses: 0, clockEventReasons: ['gpu-idle'] },
  };

  it('are none of a steady GPU, or without NVML', () => {
    expect(gpuWarnings([moment, { ...moment, smClockMhz: 1900 }, null])).toEqual([]);
    expect(gpuWarnings([null, null])).toEqual([]);
  });

  it.each([
    ['clocks that moved', { smClockMhz: 1800 }, '1800'],
    ['another process', { otherProcesses: 1 }, 'another process'],
    [
      'a hot GPU',
      { clockEventReasons: ['hardware-thermal-slowdown'] },
      'hardware-thermal-slowdown',
    ],
  ])('tell of %s', (_, change, word) => {
    const warnings = gpuWarnings([moment, { ...moment, ...change }]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(word);
  });
});

describe('reports of benchmarks', () => {
  const schema = (name: string) => {
    const text = readFileSync(path.join(root, 'schemas', `${name}.schema.json`), 'utf8');
    return new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(
      JSON.parse(text) as object,
    );
  };
  const record = benchRecord();
  const cold = coldStartRecord();
  const diff = diffRecords({ path: 'a', record }, { path: 'b', record });
  const many = {
    ...record,
    runs: [1, 2, 4].flatMap((batch) => record.runs.map((run) => ({ ...run, batch }))),
  };
  const searched = {
    ...record,
    runs: [],
    slo: { limits: ['p99<5ms'], rate: 400, failedRate: 420, cost: null },
  };

  it.each([
    ['one run', 'bench', record, reportOfBench(record)],
    ['a sweep', 'bench', many, reportOfBench(many)],
    ['a search', 'bench', searched, reportOfBench(searched)],
    ['cold starts', 'cold-start', cold, coldStartReport(cold)],
    ['a comparison of records', 'bench-diff', diff, reportOfDiff(diff, 'trt-node bench diff a b')],
  ])('of %s are as the schemas have them, with ids that are unique', (_, name, data, report) => {
    const [ofData, ofReport] = [schema(name), schema('report')];
    ofData(data);
    expect(ofData.errors ?? []).toEqual([]);
    ofReport(JSON.parse(JSON.stringify(report)));
    expect(ofReport.errors ?? []).toEqual([]);
    const ids = report.sections.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(report.data).toBe(data);
  });

  it('draw a sweep, and the samples that there are', () => {
    const kinds = (report: ReturnType<typeof reportOfBench>) =>
      report.sections.map(({ kind }) => kind);
    expect(kinds(reportOfBench(many))).toEqual(
      expect.arrayContaining(['sweep', 'histogram', 'percentiles', 'timeline']),
    );
    const bare = {
      ...record,
      runs: record.runs.map((run) => ({ ...run, samples: null })),
      loads: [],
    };
    expect(kinds(reportOfBench(bare))).not.toContain('histogram');
  });
});
