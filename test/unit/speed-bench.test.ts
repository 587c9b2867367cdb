/** What `npm run bench:gpu` keeps, and when a row passes. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Results, sha256Of } from '../../bench/speed/results.mjs';
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
