// SIGKILL at any moment of a build or a publication: the pair that stands agrees, and what is left is swept.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import type { BuildOptions, BuiltEngine, Manifest } from '../../lib/index';
import { digits, requireRtx, root, temporaryFolder, trtNode } from '../support/native-host';

const { buildEngine } = trtNode;
await requireRtx();
const folder = await temporaryFolder();
const fixtures = path.join(root, 'test', 'fixtures', 'native');
const optionsFor = (most: number): BuildOptions => ({
  runtime: 'tensorrt-rtx',
  computeCapabilities: ['8.6'],
  profiles: [{ images: { min: [1, 1, 8, 8], opt: [most, 1, 8, 8], max: [most, 1, 8, 8] } }],
});

const plans = [path.join(folder, 'a.engine'), path.join(folder, 'b.engine')];
let built: BuiltEngine;
let buildMs: number;
beforeAll(async () => {
  built = await buildEngine(digits, { ...optionsFor(8), output: plans[0]! });
  const started = performance.now();
  await buildEngine(digits, { ...optionsFor(16), output: plans[1]! });
  buildMs = performance.now() - started;
});

interface Killed {
  /** How many times the script said something. */
  readonly lines: number;
  readonly signal: NodeJS.Signals | null;
}

/** Runs a script in a process group of its own and kills all of it, `afterMs` after `ready` is true for the first time. */
async function killed(
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  ready: (stdout: string) => boolean | Promise<boolean>,
  afterMs: number,
): Promise<Killed> {
  const child = spawn(process.execPath, [path.join(fixtures, script), ...args], {
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.once('close', (_code, signal) => resolve(signal));
  });
  const giveUp = performance.now() + 30_000;
  while (!(await ready(stdout)) && performance.now() < giveUp) await sleep(1);
  await sleep(afterMs);
  process.kill(-child.pid!, 'SIGKILL');
  return { signal: await ended, lines: stdout.split('\n').length - 1 };
}

/** Whatever the moment was: both are there and agree, or there is no plan yet. */
async function expectAgreement(output: string): Promise<boolean> {
  const plan = await fs.readFile(output).catch(() => null);
  const text = await fs.readFile(`${output}.json`, 'utf8').catch(() => null);
  if (plan === null) return false;
  const sha256 = createHash('sha256').update(plan).digest('hex');
  const manifest = JSON.parse(text!) as Manifest;
  expect([manifest.plan.sha256, manifest.previous?.plan.sha256]).toContain(sha256);
  return true;
}

/** What a killed process leaves has a name that nobody takes for a plan. */
async function leftIn(place: string, output: string): Promise<string[]> {
  const names = await fs.readdir(place);
  const base = path.basename(output);
  const temps = names.filter((name) => ![base, `${base}.json`].includes(name));
  for (const name of temps) expect(name).toMatch(/^\..+\.\d+\.[0-9a-f]{16}\.tmp$/);
  return temps;
}

async function makeOld(place: string, names: readonly string[]): Promise<void> {
  const weekAgo = Date.now() / 1000 - 7 * 24 * 60 * 60;
  for (const name of names) await fs.utimes(path.join(place, name), weekAgo, weekAgo);
}

it('#80 killed at twenty moments of publications: the pair agrees each time, and the rest is swept', async () => {
  const place = await fs.mkdtemp(path.join(folder, 'published-'));
  const output = path.join(place, 'shared.engine');
  const args = [path.join(root, 'dist'), output, '1000000', ...plans];
  const first = () =>
    fs.stat(`${output}.json`).then(
      () => true,
      () => false,
    );
  const seen = new Set<string>();
  await built.save(output);
  const started = performance.now();
  await built.save(output);
  const publicationMs = performance.now() - started;
  for (let round = 0; round < 20; round += 1) {
    await fs.rm(`${output}.json`, { force: true });
    await fs.rm(output, { force: true });
    // Over the first four publications.
    const after = (4 * publicationMs * round) / 19;
    const { signal } = await killed('save-often.cjs', args, {}, first, after);
    expect(signal).toBe('SIGKILL');
    if (await expectAgreement(output)) {
      seen.add(
        createHash('sha256')
          .update(await fs.readFile(output))
          .digest('hex'),
      );
    }
  }
  // It was at work: both plans stood there at some end.
  expect(seen.size).toBe(2);
  const left = await leftIn(place, output);
  await makeOld(place, left);
  await built.save(output);
  expect((await fs.readdir(place)).sort()).toEqual(['shared.engine', 'shared.engine.json']);
});

it('#80 killed at twelve moments of builds: no part of a plan, and the rest is swept', async () => {
  const place = await fs.mkdtemp(path.join(folder, 'built-'));
  const temp = await fs.mkdtemp(path.join(folder, 'temporary-'));
  const output = path.join(place, 'a.engine');
  const ready = (stdout: string) => stdout.includes('build 1');
  const rounds = 12;
  for (let round = 0; round < rounds; round += 1) {
    // From the start of the second build to a little after its end: it replaces the first one's pair.
    const after = (1.2 * buildMs * round) / (rounds - 1);
    const args = [digits, output];
    const { signal, lines } = await killed('build-often.cjs', args, { TMPDIR: temp }, ready, after);
    expect(signal).toBe('SIGKILL');
    expect(lines).toBeGreaterThanOrEqual(2);
    expect(await expectAgreement(output)).toBe(true);
  }
  const leftPlans = await leftIn(place, output);
  const leftFolders = await fs.readdir(temp);
  await makeOld(place, leftPlans);
  await makeOld(temp, leftFolders);
  const sweeper = await killed(
    'build-often.cjs',
    [digits, output],
    { TMPDIR: temp },
    (stdout) => stdout.includes('build 1'),
    0,
  );
  expect(sweeper.signal).toBe('SIGKILL');
  const stillThere = [...(await fs.readdir(place)), ...(await fs.readdir(temp))];
  expect(stillThere.filter((name) => [...leftPlans, ...leftFolders].includes(name))).toEqual([]);
  expect(leftFolders.length, 'some were killed with a folder open').toBeGreaterThan(0);
});
