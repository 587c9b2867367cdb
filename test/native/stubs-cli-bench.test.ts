import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ColdStartRecord } from '../../lib/bench/cold-start-record';
import type { BenchDiff } from '../../lib/bench/diff';
import type { BenchRecord } from '../../lib/bench/record';
import { root, temporaryFolder } from '../support/native-host';
import { runNode, type NodeExit } from '../support/native-processes';
import { float32Npy, storedZip } from '../support/npy-writer';
import { stubDriver, stubLibraries } from '../support/stub-host';
import { stubPlan, type StubEngine } from '../support/stub-plans';

const folder = await temporaryFolder();
const program = path.join(root, 'dist', 'cli', 'main.js');
const file = (name: string): string => path.join(folder, name);

/** Rows of eight floats, one to 32 of them; an inference takes so many microseconds on the stub GPU. */
const rows = (delay: number): StubEngine => ({
  inputs: [{ name: 'x', dims: [-1, 8] }],
  outputs: [{ name: 'y' }],
  profiles: [{ x: { min: [1, 8], opt: [4, 8], max: [32, 8] } }],
  delay,
});

const short = ['--iterations', '20', '--warmup', '3'];

const env = {
  ...process.env,
  LD_LIBRARY_PATH: stubDriver,
  TRT_NODE_LIBRARY_PATH: path.dirname(stubLibraries.v10),
  NO_COLOR: '1',
};

function bench(...args: readonly string[]): Promise<NodeExit> {
  return runNode(program, ['bench', ...args], { env });
}

/** What the schemas describe. */
interface Documents {
  readonly bench: BenchRecord;
  readonly 'bench-diff': BenchDiff;
  readonly 'cold-start': ColdStartRecord;
}

/** The JSON of a command that succeeds, held against its schema. */
async function json<K extends keyof Documents>(
  name: K,
  ...args: readonly string[]
): Promise<Documents[K]> {
  const { code, stdout, stderr } = await bench(...args, '--json');
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return valid(name, JSON.parse(stdout));
}

const schemas = new Map<string, ValidateFunction>();

function valid<K extends keyof Documents>(name: K, value: unknown): Documents[K] {
  let validate = schemas.get(name);
  if (validate === undefined) {
    const text = readFileSync(path.join(root, 'schemas', `${name}.schema.json`), 'utf8');
    validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(
      JSON.parse(text) as object,
    );
    schemas.set(name, validate);
  }
  validate(value);
  expect(validate.errors ?? []).toEqual([]);
  return value as Documents[K];
}

const a = file('a.engine');
const b = file('b.engine');

beforeAll(async () => {
  await writeFile(a, stubPlan('v10', rows(1000)));
  await writeFile(b, stubPlan('v10', rows(3000)));
});

describe('trt-node bench', () => {
  it('measures one engine, and says what it measured', async () => {
    const record = await json('bench', a, ...short, '--percentile', '75,99.9');
    expect(record.engines).toMatchObject([{ id: 'a', path: a, runtimeVersion: '10.6.0' }]);
    const [run] = record.runs;
    expect(record.runs).toHaveLength(1);
    expect(run).toMatchObject({
      ...{ convention: '10', concurrency: 1, batch: null, count: 20, shapes: { x: [4, 8] } },
      inputs: { source: 'random', memory: 'pinned' },
      samples: null,
    });
    // The stub GPU takes a millisecond for each, and enqueueing next to nothing.
    expect(run?.compute.p50).toBeGreaterThanOrEqual(1);
    expect(run?.endToEnd.min).toBeGreaterThanOrEqual(1);
    expect(run?.cpuBound).toBe(false);
    expect(run?.percentiles.map(({ percent }) => percent)).toEqual([75, 99.9]);
    expect(record.environment.gpu?.name).toBe('Stub GPU');
  });

  it('prints tables for people, and progress where it is in nobody’s way', async () => {
    const { code, stdout, stderr } = await bench(a, ...short);
    expect(code).toBe(0);
    for (const word of ['end to end', 'GPU latency', 'Throughput', "trtexec 10's convention"]) {
      expect(stdout).toContain(word);
    }
    expect(stderr).toContain('measuring');
    const quiet = await bench(a, ...short, '--quiet');
    expect(quiet).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  });

  it('sweeps batches and concurrencies', async () => {
    const sweep = ['--batch', '1,8', '--concurrency', '1,2'];
    const { runs } = await json('bench', a, ...short, ...sweep, '--lanes', '2');
    expect(runs.map(({ batch, concurrency }) => [batch, concurrency])).toEqual([
      ...[
        [1, 1],
        [1, 2],
      ],
      ...[
        [8, 1],
        [8, 2],
      ],
    ]);
    expect(runs[2]?.shapes).toEqual({ x: [8, 8] });
    // Three and twenty, twice: none of the runs before.
    expect(runs.map(({ graphs }) => graphs.replays + graphs.eager)).toEqual([46, 46, 46, 46]);
    expect(runs[2]?.samplesPerSecond).toBeCloseTo(8 * (runs[2]?.throughput ?? 0), 6);
  });

  it('measures as trtexec 11 does: on the GPU, with graphs and spinning', async () => {
    const flags = ['--convention', '11', '--concurrency', '3'];
    const { runs, engines } = await json('bench', a, ...short, ...flags);
    expect(engines[0]).toMatchObject({ graphs: 'on', waiting: 'spin' });
    expect(runs[0]).toMatchObject({ transfers: false, inputs: { memory: 'device' }, count: 20 });
  });

  it('takes trtexec’s spellings', async () => {
    const flags = [
      '--loadEngine',
      a,
      '--warmUp=0',
      '--duration=0',
      '--iterations=12',
      '--avgRuns=5',
    ];
    const more = ['--infStreams=1', '--useCudaGraph', '--useSpinWait', '--shapes=x:2x8'];
    const times = file('times.json');
    const all = [...flags, ...more, '--useProfile=0', `--exportTimes=${times}`];
    const { runs, engines } = await json('bench', ...all);
    expect(engines[0]).toMatchObject({ lanes: 1, graphs: 'on', waiting: 'spin' });
    expect(runs[0]).toMatchObject({ count: 12, shapes: { x: [2, 8] } });
    const samples = JSON.parse(await readFile(times, 'utf8')) as Record<string, number>[];
    const timed = samples.filter((each) => 'computeMs' in each);
    expect(timed).toHaveLength(12);
    const { h2dMs = NaN, computeMs = NaN, d2hMs = NaN, latencyMs } = timed[0] ?? {};
    expect(latencyMs).toBeCloseTo(h2dMs + computeMs + d2hMs, 9);
  });

  it('reads inputs from files, and refuses those that do not fit', async () => {
    const values = Float32Array.from({ length: 16 }, (_, index) => index);
    const npy = file('x.npy');
    await writeFile(npy, float32Npy([2, 8], values));
    const npz = file('case.npz');
    const y = { name: 'y.npy', data: float32Npy([2, 8], values) };
    await writeFile(npz, storedZip([{ name: 'x.npy', data: float32Npy([2, 8], values) }, y]));
    const raw = file('x.bin');
    await writeFile(raw, new Uint8Array(values.buffer));
    const ways = [
      ['--inputs', npy],
      ['--inputs', npz, '--pageable'],
      ['--loadInputs', `x:${raw}`, '--shapes', 'x:2x8'],
    ];
    for (const way of ways) {
      const { runs } = await json('bench', a, ...short, ...way);
      const memory = way.includes('--pageable') ? 'pageable' : 'pinned';
      expect(runs[0]).toMatchObject({ shapes: { x: [2, 8] }, inputs: { source: 'files', memory } });
    }
    const tooFew = await bench(a, ...short, '--loadInputs', `x:${raw}`);
    expect(tooFew.stderr).toContain('ERR_TRT_DATA_FILE');
    await writeFile(npz, storedZip([{ name: 'z.npy', data: float32Npy([2, 8], values) }]));
    expect((await bench(a, ...short, '--inputs', npz)).stderr).toContain('ERR_TRT_INPUT_UNKNOWN');
    const samples = file('samples');
    await mkdir(samples);
    for (const name of ['1.npz', '2.npz']) {
      const entry = { name: 'x.npy', data: float32Npy([2, 8], values) };
      await writeFile(path.join(samples, name), storedZip([entry]));
    }
    expect((await bench(a, ...short, '--inputs', samples)).code).toBe(2);
  });

  it('compares engines in turns', async () => {
    const turns = ['--iterations', '60', '--warmup', '3', '--rounds', '6'];
    const { runs, comparisons } = await json('bench', a, b, ...turns);
    expect(runs.map(({ engine, count }) => [engine, count])).toEqual([
      ['a', 60],
      ['b', 60],
    ]);
    const compute = comparisons[0]?.figures.find(({ figure }) => figure === 'compute.p50');
    expect(comparisons).toMatchObject([{ engine: 'b', baseline: 'a', rounds: 6 }]);
    // 3 ms against 1 ms.
    expect(compute?.ratio.ratio).toBeGreaterThan(2.5);
    expect(compute?.verdict).toBe('slower');
  });

  it('runs an open loop, by a rate and by a trace', async () => {
    const poisson = await json('bench', a, '--rate', '100/s', '--duration', '0.5');
    const [load] = poisson.loads;
    expect(load).toMatchObject({ arrival: 'poisson', rate: 100, durationMs: 500, holds: null });
    expect(load?.offered).toBe(load?.completed);
    expect(load?.latency?.min).toBeGreaterThanOrEqual(1);
    const trace = file('trace.json');
    await writeFile(trace, JSON.stringify({ arrivalsMs: [1000, 1010, 1011, 1060] }));
    const traced = await json('bench', a, '--arrival', trace);
    expect(traced.loads[0]).toMatchObject({ arrival: 'trace', offered: 4, completed: 4 });
    expect(traced.loads[0]?.durationMs).toBeCloseTo(60, 3);
  });

  it('counts what a full queue refuses', async () => {
    const full = ['--rate', '2000', '--duration', '0.3', '--lanes', '1', '--queue-limit', '2'];
    const { loads, warnings } = await json('bench', b, ...full);
    const [load] = loads;
    expect(warnings.some((each) => each.includes(`${load?.dropped} of ${load?.offered}`))).toBe(
      true,
    );
    expect((await bench(b, ...full, '--assert', 'p99<100s', '-q')).code).toBe(6);
    // 2000/s arrive, a third of a thousand can be served.
    expect(load?.dropped).toBeGreaterThan(100);
    expect((load?.completed ?? 0) + (load?.dropped ?? 0)).toBe(load?.offered);
  });

  it('finds the highest rate that holds, and what it costs', async () => {
    const price = ['--target-qps', '100k', '--cost-per-hour', '3.6'];
    const slo = ['--slo', 'p50<500ms', '--duration', '0.3', '--rate', '20'];
    const { loads, slo: result } = await json('bench', a, ...slo, ...price);
    const rate = result?.rate ?? 0;
    const held = loads.filter(({ holds }) => holds === true).map((load) => load.rate);
    expect(rate).toBe(Math.max(...held));
    expect(rate).toBeGreaterThanOrEqual(20);
    expect(result?.failedRate).toBeGreaterThan(rate);
    const gpus = Math.ceil(100_000 / rate);
    expect(result?.cost).toMatchObject({ gpus, costPerHour: expect.closeTo(gpus * 3.6, 6) });
  });

  it('exits with 6 when no rate holds, or an assertion does not', async () => {
    const impossible = await bench(b, '--slo', 'p50<1ms', '--duration', '0.2', '--json');
    expect(impossible.code).toBe(6);
    expect(valid('bench', JSON.parse(impossible.stdout)).slo?.rate).toBeNull();
    const quiet = await bench(b, '--slo', 'p50<1ms', '--duration', '0.2', '--quiet');
    expect(quiet).toMatchObject({ code: 6, stdout: '' });
    expect(quiet.stderr.trim().split('\n')).toHaveLength(1);
    expect(quiet.stderr).toContain('p50<1ms');
    const limits = ['--assert', 'compute.p50<2ms,throughput>1', '--assert', 'compute.p50<0.5ms'];
    const failing = await bench(a, ...short, ...limits, '--json');
    expect(failing.code).toBe(6);
    const { assertions } = valid('bench', JSON.parse(failing.stdout));
    expect(assertions.map(({ holds }) => holds)).toEqual([true, true, false]);
    expect(failing.stderr).toContain('compute.p50<0.5ms');
  });

  it('times cold starts in fresh processes', async () => {
    const record = await json('cold-start', a, '--cold-start', '2');
    expect(record.processes).toBe(2);
    for (const step of ['node', 'import', 'load', 'firstInference'] as const) {
      expect(record.steps[step].min).toBeGreaterThan(0);
    }
    expect(record.whole.min).toBeGreaterThan(record.wholeLoad.min);
    const missing = await bench(file('none.engine'), '--cold-start', '1');
    expect(missing.code).toBe(3);
  });

  it('stores records, and compares them', async () => {
    const [one, two] = [file('one.json'), file('two.json')];
    await bench(a, '--iterations', '120', '--warmup', '3', '-o', one, '-q');
    await bench(b, '--iterations', '120', '--warmup', '3', '-o', two, '-q');
    const stored = valid('bench', JSON.parse(await readFile(one, 'utf8')));
    expect(stored.runs[0]?.samples?.compute).toHaveLength(120);
    const diff = await json('bench-diff', 'diff', one, two);
    const compute = diff.runs[0]?.figures.find(({ figure }) => figure === 'compute.p50');
    expect(compute?.ratio.low).toBeGreaterThan(2.5);
    expect(diff.runs).toHaveLength(1);
    const target = file('diff.json');
    expect((await bench('diff', one, two, '-o', target, '-q')).code).toBe(0);
    valid('bench-diff', JSON.parse(await readFile(target, 'utf8')));
    expect((await bench('diff', one, a)).code).toBe(2);
    expect((await bench('diff', one, two, '--assert', 'p99<1s')).code).toBe(2);
    await writeFile(two, JSON.stringify({ ...stored, runs: [{}] }));
    const damaged = await bench('diff', one, two);
    expect(damaged).toMatchObject({ code: 2, stdout: '' });
    expect(damaged.stderr.trim().split('\n')).toHaveLength(1);
  });

  it('ends with 130 at once when it is interrupted, and writes nothing', async () => {
    const output = file('never.json');
    const args = [program, 'bench', a, '--duration', '60', '-o', output];
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.once('data', () => child.kill('SIGINT'));
    const [code] = (await once(child, 'close')) as [number | null];
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
    await expect(readFile(output)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each([
    ['no plan', [], 2],
    ['a plan that is not there', [file('none.engine')], 3],
    ['a batch outside of the profile', [a, '--batch', '1,64'], 2],
    ['an input that the engine has not', [a, '--shapes', 'z:1x8'], 2],
    ['a profile that the engine has not', [a, '--profile-index', '1'], 2],
    ['shapes beside files', [a, '--inputs', 'x.npy', '--shapes', 'x:1x8'], 2],
    ['a library that is none', [a, '--library', file('no.so')], 5],
  ])('exits for %s', async (_, args, code) => {
    const exit = await bench(...args);
    expect(exit.code).toBe(code);
    expect(exit.stderr.trim().split('\n').at(-1)).toMatch(/^error \[ERR_TRT_/);
    expect(exit.stdout).toBe('');
  });

  it('exits with 5 on a machine without a GPU', async () => {
    const { LD_LIBRARY_PATH: _, ...none } = env;
    const { code } = await runNode(program, ['bench', a], { env: none });
    expect(code).toBe(5);
  });
});
