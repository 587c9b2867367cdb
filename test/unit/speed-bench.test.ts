/** What `npm run bench:gpu` keeps, and when a row passes. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Results, sha256Of } from '../../bench/speed/results.mjs';
import { asyncBlock, inTurns, syncBlock } from '../../bench/speed/turns.mjs';
import type { Block } from '../../bench/speed/turns.mjs';
import { atLeast, atMost, forInformation } from '../../bench/speed/verdict.mjs';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(path.join(tmpdir(), 'trt-node-test-'))));
afterEach(() => rm(folder, { recursive: true }));

const settings = { rounds: 5, device: 0 };
const step = { planSha256: 'abc', settings };

describe('the results of bench:gpu', () => {
  it('knows in the next run what was measured of the same plan in the same way', async () => {
    const file = path.join(folder, 'results', 'speed.json');
    const first = await Results.open(file, 'first');
    expect(first.known('latency', 'abc', settings)).toBeUndefined();
    await first.keep('latency', step);
    await first.describe({ node: 'v20' });
    const second = await Results.open(file, 'second');
    expect(second.known('latency', 'abc', { ...settings })).toEqual(step);
    expect(second.known('load', 'abc', settings)).toBeUndefined();
    expect(second.known('latency', 'another plan', settings)).toBeUndefined();
    expect(second.known('latency', 'abc', { rounds: 3, device: 0 })).toBeUndefined();
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
      command: 'first',
      node: 'v20',
      steps: { latency: step },
    });
  });

  it('keeps nothing without a file, and throws away no file that it cannot read', async () => {
    const nowhere = await Results.open(undefined, 'command');
    await nowhere.keep('latency', step);
    expect(nowhere.known('latency', 'abc', settings)).toEqual(step);
    const file = path.join(folder, 'broken.json');
    await writeFile(file, '{');
    await expect(Results.open(file, 'command')).rejects.toThrow(SyntaxError);
  });

  it('tells plans apart by their bytes', async () => {
    const file = path.join(folder, 'plan');
    await writeFile(file, 'abc');
    // FIPS 180-2, appendix B.1
    expect(await sha256Of(file)).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});

describe('a row of bench:gpu', () => {
  const line = (value: number) => ({ what: 'x', value, limit: 2, against: 'y' });

  it('passes up to its limit, or from it on', () => {
    expect([1.9, 2, 2.1].map((value) => atMost(line(value)).pass)).toEqual([true, true, false]);
    expect([1.9, 2, 2.1].map((value) => atLeast(line(value)).pass)).toEqual([false, true, true]);
  });

  it('does not pass with what is no number', () => {
    expect([atMost(line(NaN)).pass, atLeast(line(NaN)).pass]).toEqual([false, false]);
    expect(forInformation({ what: 'x', value: 1 }).pass).toBeNull();
  });
});

describe('sides of bench:gpu', () => {
  const block = { warmUps: 5, iterations: 10 };

  it('take turns: each once a round, another first in each', async () => {
    const turns: string[] = [];
    const side = (name: string) => (given: Block) => {
      expect(given).toBe(block);
      turns.push(name);
      return Promise.resolve(turns.length);
    };
    const sides = { a: side('a'), b: side('b'), c: side('c') };
    const results = await inTurns(4, sides, { block });
    expect(turns.join('')).toBe('abcbcacababc');
    expect(results).toEqual({ a: [1, 6, 8, 10], b: [2, 4, 9, 11], c: [3, 5, 7, 12] });
  });

  it('are all warm before the first round, and what that took is in no result', async () => {
    const turns: [string, number][] = [];
    const side = (name: string) => (given: Block) => {
      turns.push([name, given.warmUps]);
      return Promise.resolve(given.warmUps);
    };
    const results = await inTurns(3, { a: side('a'), b: side('b') }, { block, steady: 3000 });
    expect(turns.slice(0, 3)).toEqual([
      ['a', 3000],
      ['b', 3000],
      ['a', 5],
    ]);
    expect(results).toEqual({ a: [5, 5, 5], b: [5, 5, 5] });
  });

  it('begin after a rest', async () => {
    const start = performance.now();
    const ends: number[] = [];
    const side = () => Promise.resolve(ends.push(performance.now() - start));
    await inTurns(2, { a: side, b: side }, { block, restMs: 20 });
    ends.forEach((end, i) => expect(end).toBeGreaterThan(20 * (i + 1) - i - 2));
  });

  it('are timed after their warm-ups', async () => {
    let calls = 0;
    const times = [
      syncBlock(() => (calls += 1), block),
      await asyncBlock(() => Promise.resolve((calls += 1)), block),
    ];
    expect(calls).toBe(30);
    for (const { wall, cpu } of times) {
      expect(wall).toHaveLength(10);
      expect(Math.min(...wall, cpu)).toBeGreaterThanOrEqual(0);
    }
  });
});
