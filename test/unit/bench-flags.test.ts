import { mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { benchDiffCommand } from '../../lib/cli/bench-diff';
import { addBenchFlags, parseRate, parseWarmup, type BenchFlags } from '../../lib/cli/bench-flags';
import { benchSettingsOf, checkTargets } from '../../lib/cli/bench-settings';
import { addInputFlags } from '../../lib/cli/input-flags';
import { addLoadFlags, loadOptionsOf } from '../../lib/cli/load-flags';
import { parseShapes } from '../../lib/cli/parse-shapes';

const refused = expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' }) as unknown;

function parsed(add: (command: Command) => Command, args: readonly string[]): object {
  const command = add(new Command('test')).exitOverride().argument('[plan...]');
  command.parse([...args], { from: 'user' });
  return command.opts();
}

const settings = (...args: readonly string[]) => {
  const plans = args.filter((each) => each.endsWith('.engine'));
  const flags = args.filter((each) => !each.endsWith('.engine'));
  return benchSettingsOf(plans, parsed(addBenchFlags, flags) as BenchFlags);
};

describe('the flags of a load', () => {
  const options = (...args: readonly string[]) => loadOptionsOf(parsed(addLoadFlags, args));

  it('are what loadEngine leaves open, when none is given', () => {
    expect(Object.values(options()).every((value) => value === undefined)).toBe(true);
  });

  it.each([
    [['--infStreams=4'], { lanes: 4 }],
    [['--streams', '4'], { lanes: 4 }],
    [['--lanes', '2', '--infStreams', '3'], { lanes: 3 }],
    [['--useCudaGraph', '--useSpinWait'], { graphs: 'on', waiting: 'spin' }],
    [['--graphs', 'off', '--waiting', 'block'], { graphs: 'off', waiting: 'block' }],
    [
      ['--plugin', 'a.so', '--staticPlugins=b.so', '--dynamicPlugins', 'c.so', '--plugins=d.so'],
      { plugins: ['a.so', 'b.so', 'c.so', 'd.so'] },
    ],
    [['--context-memory', 'shared', '--device', '1'], { contextMemory: 'shared', device: 1 }],
    [['--weightStreamingBudget=1G'], { weightStreamingBudget: 2 ** 30 }],
    [['--weight-streaming-budget', 'auto'], { weightStreamingBudget: 'auto' }],
    [
      ['--integrity', 'off', '--standard-plugins', '--host-code'],
      { integrity: 'off', standardPlugins: true, hostCode: true },
    ],
    [['--runtime-cache', 'cache/'], { runtimeCache: 'cache/' }],
  ])('%j', (args, expected) => {
    expect(options(...args)).toMatchObject(expected);
  });

  it.each([
    [['--lanes', '0']],
    [['--lanes', '65']],
    [['--graphs', 'yes']],
    [['--waiting', 'forever']],
    [['--weight-streaming-budget', '5']],
    [['--verify-key', '/nowhere/at/all']],
  ])('%j is refused', (args) => {
    expect(() => options(...args)).toThrow(refused);
  });
});

describe('the flags of inputs', () => {
  it('take trtexec’s spellings', () => {
    const args = ['--shapes=x:1x3x8x8,y:0:4,z:scalar', '--useProfile=1', '--loadInputs=x:a.bin'];
    expect(parsed(addInputFlags, args)).toEqual({
      shapes: { x: [1, 3, 8, 8], 'y:0': [4], z: [] },
      profileIndex: 1,
      loadInputs: 'x:a.bin',
    });
    expect(parseShapes("'input:0':2x2", '--shapes')).toEqual({ 'input:0': [2, 2] });
  });

  it.each(['', 'x', 'x:', ':1', 'x:1x', 'x:-1', 'x:1,x:2', 'x:1x2/3'])(
    'refuse shapes like %j',
    (text) => {
      expect(() => parseShapes(text, '--shapes')).toThrow(refused);
    },
  );
});

describe('times and rates', () => {
  it.each([
    ['500ms', { durationMs: 500 }],
    ['1.5s', { durationMs: 1500 }],
    ['0', { iterations: 0 }],
    ['0ms', { iterations: 0 }],
    ['50', { iterations: 50 }],
  ])('--warmup %s', (text, expected) => {
    expect(parseWarmup(text, '--warmup')).toEqual(expected);
  });

  it.each([
    ['500/s', 500],
    ['0.5', 0.5],
    ['1.5k/s', 1500],
  ])('--rate %s', (text, expected) => {
    expect(parseRate(text, '--rate')).toBe(expected);
  });

  it('are refused where they are none', () => {
    for (const text of ['', '-1', '0', '5/m', 'fast', '1e3']) {
      expect(() => parseRate(text, '--rate')).toThrow(refused);
    }
    for (const text of ['', '-1', '1.5', '5m', 'ms']) {
      expect(() => parseWarmup(text, '--warmup')).toThrow(refused);
    }
  });
});

describe('the settings of bench', () => {
  it('are trtexec’s, when none is given', () => {
    expect(settings('a.engine')).toMatchObject({
      ...{ plans: ['a.engine'], convention: '10', batches: [null], concurrencies: [1], rounds: 1 },
      warmup: { durationMs: 200 },
      limit: { iterations: 10, durationMs: 3000 },
      mode: { kind: 'closed' },
    });
  });

  it('know trtexec’s conventions', () => {
    expect(settings('a.engine', '--convention', '11')).toMatchObject({
      ...{ convention: '11', load: { graphs: 'on', waiting: 'spin' } },
    });
    expect(settings('a.engine', '--convention', '11', '--graphs', 'off').load.graphs).toBe('off');
    // Copies alone: graphs and waiting are what they were.
    const copies = settings('a.engine', '--noDataTransfers');
    expect(copies).toMatchObject({ convention: '11', load: { graphs: undefined } });
    expect(settings('a.engine', '--includeDataTransfers').convention).toBe('10');
    expect(settings('a.engine', '--noCudaGraph', '--noSpinWait').load).toMatchObject({
      graphs: 'off',
      waiting: 'block',
    });
  });

  it('keep an inference under way for each lane that was asked for', () => {
    expect(settings('a.engine', '--infStreams=4').concurrencies).toEqual([4]);
    expect(settings('a.engine', '--lanes', '2').concurrencies).toEqual([2]);
    const both = settings('a.engine', '--infStreams=4', '--concurrency', '1,8');
    expect(both.concurrencies).toEqual([1, 8]);
  });

  it.each([
    [['--iterations', '5'], { iterations: 5 }],
    [['--duration', '2'], { iterations: 1, durationMs: 2000 }],
    [['--duration', '2', '--iterations', '5'], { iterations: 5, durationMs: 2000 }],
    [['--duration=0', '--iterations=5'], { iterations: 5 }],
  ])('%j limits a loop', (args, limit) => {
    expect(settings('a.engine', ...args).limit).toEqual(limit);
  });

  it('have a mode', () => {
    expect(settings('a.engine', '--rate', '5').mode).toEqual({ kind: 'rate', durationMs: 10_000 });
    expect(settings('a.engine', '--arrival', 't.json').mode).toEqual({
      kind: 'rate',
      durationMs: null,
    });
    expect(settings('a.engine', '--slo', 'p99<5ms', '--slo', 'errors<1%').mode).toMatchObject({
      ...{ kind: 'slo', stepMs: 5000, limits: [{ text: 'p99<5ms' }, { text: 'errors<1%' }] },
    });
    expect(settings('a.engine', '--cold-start', '3').mode).toEqual({
      kind: 'cold-start',
      processes: 3,
    });
    expect(settings('--loadEngine=a', 'b.engine')).toMatchObject({
      plans: ['b.engine', 'a'],
      rounds: 20,
    });
  });

  it.each([
    [['--rate', '5']],
    [['a.engine', '--arrival', 'poisson']],
    [['a.engine', '--rate', '5', '--concurrency', '2']],
    [['a.engine', '--rate', '5', '--iterations', '2']],
    [['a.engine', '--rate', '5', '--batch', '1,2']],
    [['a.engine', '--rate', '5', '--convention', '11']],
    [['a.engine', '--rate', '5', '--duration', '0']],
    [['a.engine', '--rate', '5', '--assert', 'compute.p50<1ms']],
    [['a.engine', 'b.engine', '--slo', 'p99<5ms']],
    [['a.engine', '--slo', 'p99<5ms', '--arrival', 't.json']],
    [['a.engine', '--slo', 'p99']],
    [['a.engine', '--cost-per-hour', '3']],
    [['a.engine', '--target-qps', '3']],
    [['a.engine', '--cold-start', '2', '--slo', 'p99<5ms']],
    [['a.engine', '--cold-start', '0']],
    [['a.engine', '--rounds', '5']],
    [['a.engine', '--convention', '10', '--noDataTransfers']],
    [['a.engine', '--concurrency', '1,0']],
    [['a.engine', '--batch', '1,,2']],
    [['a.engine', '--percentile', '0']],
    [['a.engine', '--assert', 'p99<2']],
  ])('refuse %j', (args) => {
    expect(() => settings(...args)).toThrow(refused);
  });
});

describe('bench diff', () => {
  const diff = async (...args: readonly string[]): Promise<void> => {
    const command = addBenchFlags(new Command('bench').argument('[plan...]')).action(() => {});
    command.exitOverride().addCommand(benchDiffCommand());
    await command.parseAsync(['diff', 'a.json', 'b.json', ...args], { from: 'user' });
  };

  it.each([
    ['--assert', ['--assert', 'p99<1ms']],
    ['--iterations', ['--iterations', '5']],
    ['--lanes', ['--infStreams=2']],
    ['--no-samples', ['--no-samples']],
    ['--batch', ['--json', '--batch', '1', '-q']],
  ])("refuses bench's own %s", async (argument, args) => {
    await expect(diff(...args)).rejects.toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
      details: { argument },
    });
  });

  it('goes on with the flags that both have', async () => {
    // The records are not there, which is found out behind the flags.
    await expect(diff('--json', '-q')).rejects.toMatchObject({
      details: { argument: 'bench diff', path: 'a.json' },
    });
  });
});

describe('what stands where results are written', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'trt-node-targets-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const check = async (flag: 'output' | 'exportSamples', text: string): Promise<void> => {
    const file = path.join(folder, 'target.json');
    await writeFile(file, text);
    await checkTargets({ [flag]: file });
  };
  const kept = { code: 'ERR_TRT_WRITE' };

  it('is replaced when it is of the same kind, or empty', async () => {
    await check('output', '{\n  "schema": "trt-node/bench", "runs": []}');
    await check('output', ' \n');
    await check('exportSamples', '[ { "engine": "a", "computeMs": 1 } ]');
    await check('exportSamples', '[]\n');
    await checkTargets({
      output: path.join(folder, 'none'),
      exportSamples: path.join(folder, 'n'),
    });
  });

  it('is kept when it is anything else', async () => {
    for (const text of ['{"name":"a"}', '[]', '[{"engine":"a"}]']) {
      await expect(check('output', text)).rejects.toMatchObject(kept);
    }
    for (const text of ['{"schema":"trt-node/bench"}', '[1]', '[[]]', 'a']) {
      await expect(check('exportSamples', text)).rejects.toMatchObject(kept);
    }
  });

  it('is kept when it is too large to be read, or cannot be read', async () => {
    const large = path.join(folder, 'large');
    const handle = await open(large, 'w');
    // No byte of it is stored.
    await handle.truncate(3 * 2 ** 30);
    await handle.close();
    await expect(checkTargets({ output: large })).rejects.toMatchObject(kept);
    await expect(checkTargets({ exportSamples: large })).rejects.toMatchObject(kept);
    const loop = path.join(folder, 'loop');
    await symlink(loop, loop);
    await expect(checkTargets({ output: loop })).rejects.toMatchObject(kept);
  });
});
