import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cachedEngines, cachedTimings } from '../../lib/cache/inventory';
import { prune, type PruneOptions } from '../../lib/cache/prune';
import { parseAge, renderInventory, renderPruned } from '../../lib/cli/cache';
import { runCommandLine } from '../../lib/cli/program';
import { FakeLocks } from '../support/cache-locks';
import { manifestFixture } from '../support/manifests';

let folder: string;
let engines: string;
let timing: string;
let locks: FakeLocks;
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'cache-cli-'));
  engines = path.join(folder, 'engines');
  timing = path.join(folder, 'timing');
  locks = new FakeLocks();
});
afterEach(async () => {
  expect(locks.count).toBe(0);
  await fs.rm(folder, { recursive: true, force: true });
});

const day = 86_400_000;
const now = Date.parse('2026-06-01T00:00:00Z');
const keyOf = (letter: string) => letter.repeat(64);

/** An entry whose plan has 1000 bytes, used so many days ago. */
async function put(letter: string, daysAgo: number, options = {}): Promise<string> {
  const entry = path.join(engines, keyOf(letter));
  const plan = path.join(entry, 'plan.engine');
  await fs.mkdir(entry, { recursive: true, mode: 0o700 });
  await fs.writeFile(plan, 'x'.repeat(1000));
  const manifest = manifestFixture('x'.repeat(1000), { cacheKey: keyOf(letter), options });
  await fs.writeFile(`${plan}.json`, JSON.stringify(manifest));
  const used = new Date(now - daysAgo * day);
  await fs.utimes(`${plan}.json`, used, used);
  return entry;
}

async function putTimings(name: string, daysAgo: number): Promise<string> {
  await fs.mkdir(timing, { recursive: true });
  const file = path.join(timing, name);
  await fs.writeFile(file, 'timings');
  const used = new Date(now - daysAgo * day);
  await fs.utimes(file, used, used);
  return file;
}

const run = (options: Partial<PruneOptions>) =>
  prune({
    binding: locks,
    folder: engines,
    timingFolder: timing,
    maxBytes: null,
    olderThanMs: null,
    all: false,
    dryRun: false,
    now,
    ...options,
  });

describe('cache ls', () => {
  it('tells what the manifests tell, the least recently used first', async () => {
    await put('b', 1, { precision: ['fp16', 'int8'] });
    await put('a', 3);
    await fs.mkdir(path.join(engines, keyOf('c')), { recursive: true });
    await fs.mkdir(path.join(engines, 'digests'));
    const listed = await cachedEngines(engines);
    expect(listed.slice(0, 2)).toEqual([
      expect.objectContaining({
        key: keyOf('a'),
        model: 'digits.onnx',
        flavour: 'tensorrt-rtx',
        version: '1.7.1',
        gpu: 'NVIDIA RTX A4000',
        precision: [],
        lastUsed: '2026-05-29T00:00:00.000Z',
        state: 'whole',
      }),
      expect.objectContaining({ key: keyOf('b'), precision: ['fp16', 'int8'] }),
    ]);
    expect(listed[2]).toMatchObject({ key: keyOf('c'), model: null, state: 'incomplete' });
    await putTimings('tensorrt-10.6.0-nvidia-h200-sm90.cache', 2);
    const text = renderInventory(engines, listed, await cachedTimings(timing));
    for (const told of [
      'digits.onnx',
      'fp16+int8',
      "the model's own",
      '(incomplete)',
      'nvidia-h200-sm90',
    ]) {
      expect(text).toContain(told);
    }
    expect(text).toContain('3 engines');
  });

  it('of a folder that is not there is empty', async () => {
    expect(await cachedEngines(engines)).toEqual([]);
    expect(await cachedTimings(timing)).toEqual([]);
    expect(renderInventory(engines, [], [])).toContain(engines);
  });
});

describe('cache prune', () => {
  it('without options removes what killed builds left, and nothing else', async () => {
    const whole = await put('a', 400);
    const half = path.join(engines, keyOf('b'));
    await fs.mkdir(half, { mode: 0o700 });
    await fs.writeFile(path.join(half, '.plan.engine.999999.0123456789abcdef.tmp'), 'half');
    const { removed } = await run({});
    expect(removed).toEqual([{ path: half, sizeBytes: 4, reason: 'leftover' }]);
    expect(await fs.readdir(engines)).toEqual([path.basename(whole)]);
  });

  it('counts of a whole engine what was left beside it alone', async () => {
    const whole = await put('a', 400);
    await fs.writeFile(path.join(whole, '.plan.engine.999999.0123456789abcdef.tmp'), 'half');
    const { removed, freedBytes } = await run({});
    expect(removed).toEqual([{ path: whole, sizeBytes: 4, reason: 'leftover' }]);
    expect(freedBytes).toBe(4);
    expect(await cachedEngines(engines)).toHaveLength(1);
  });

  it('goes by age', async () => {
    const old = await put('a', 31);
    const young = await put('b', 29);
    const oldTimings = await putTimings('tensorrt-10.6.0-a-sm90.cache', 31);
    const youngTimings = await putTimings('tensorrt-10.6.0-b-sm90.cache', 29);
    const { removed } = await run({ olderThanMs: 30 * day });
    expect(removed.map(({ path: file, reason }) => [file, reason])).toEqual([
      [old, 'age'],
      [oldTimings, 'age'],
    ]);
    expect(await fs.readdir(engines)).toEqual([path.basename(young)]);
    expect(await fs.readdir(timing)).toEqual([path.basename(youngTimings)]);
  });

  it('goes by size, the least recently used first', async () => {
    await put('c', 1);
    const oldest = await put('a', 3);
    await put('b', 2);
    const [{ sizeBytes } = { sizeBytes: 0 }] = await cachedEngines(engines);
    const { removed, freedBytes } = await run({ maxBytes: 2 * sizeBytes });
    expect(removed).toEqual([{ path: oldest, sizeBytes, reason: 'size' }]);
    expect(freedBytes).toBe(sizeBytes);
    expect(await fs.readdir(engines)).toEqual([keyOf('b'), keyOf('c')]);
  });

  it('a dry run removes nothing', async () => {
    await put('a', 3);
    await putTimings('tensorrt-10.6.0-a-sm90.cache', 31);
    const result = await run({ all: true, dryRun: true });
    expect(result.removed).toHaveLength(2);
    expect(await fs.readdir(engines)).toHaveLength(1);
    expect(await fs.readdir(timing)).toHaveLength(1);
    expect(renderPruned(result, true)).toContain('would remove 2 of 2');
  });

  it('#91 spares what is being built, and says so', async () => {
    const held = await put('a', 3);
    await put('b', 3);
    const lock = await locks.lockFolder(held, 0);
    const result = await run({ all: true });
    lock.release();
    expect(result.kept.map(({ path: file }) => file)).toEqual([held]);
    expect(await fs.readdir(engines)).toEqual([path.basename(held)]);
    expect(renderPruned(result, false)).toContain('in use');
  });

  it('leaves everything alone that is not its own', async () => {
    const foreign = path.join(engines, keyOf('f'), 'config.json');
    await fs.mkdir(path.dirname(foreign), { recursive: true });
    await fs.writeFile(foreign, '{}');
    await fs.writeFile(path.join(engines, 'notes.txt'), 'mine');
    await fs.mkdir(timing);
    await fs.writeFile(path.join(timing, 'notes.txt'), 'mine');
    await fs.mkdir(path.join(engines, 'digests'));
    await fs.writeFile(path.join(engines, 'digests', 'notes.txt'), 'mine');
    await run({ all: true });
    expect(await fs.readdir(path.join(engines, 'digests'))).toEqual(['notes.txt']);
    expect(await fs.readFile(foreign, 'utf8')).toBe('{}');
    expect((await fs.readdir(engines)).sort()).toEqual(['digests', keyOf('f'), 'notes.txt'].sort());
    expect(await fs.readdir(timing)).toEqual(['notes.txt']);
  });
});

describe('the command line', () => {
  it.each([
    ['90m', 5_400_000],
    ['12h', day / 2],
    ['30d', 30 * day],
    ['2w', 14 * day],
  ])('%s is an age', (text, milliseconds) => {
    expect(parseAge(text, '--older-than')).toBe(milliseconds);
  });

  it.each(['30', 'd', '-1d', '1.5d', '1y', ''])('%o is none', (text) => {
    expect(() => parseAge(text, '--older-than')).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' }),
    );
  });

  it.each([
    [0, ['cache', 'ls', '--json', '--dir']],
    [2, ['cache', 'prune', '--max-size', '10', '--dir']],
    [2, ['cache', 'prune', '--older-than', 'yesterday', '--dir']],
    [2, ['cache', 'clean', '--dir']],
  ])('exits with %d for %o', async (code, args) => {
    const before = process.exitCode;
    const out = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const err = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    await runCommandLine(['node', 'trt-node', ...args, engines]);
    expect(process.exitCode ?? 0).toBe(code);
    expect(code === 0 ? out : err).toHaveBeenCalled();
    vi.restoreAllMocks();
    process.exitCode = before;
  });
});
