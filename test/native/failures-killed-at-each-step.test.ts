// SIGKILL at every step of a build and its publication: the pair agrees, no lock is held, the next one works and sweeps.
import { spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../lib/index';
import { manifestFixture } from '../support/manifests';
import { loadBinding, root, temporaryFolder } from '../support/native-host';
import { isRunning } from '../support/native-processes';

const folder = await temporaryFolder();
const script = path.join(root, 'test', 'fixtures', 'native', 'build-paused.cjs');
const { manifestFor } = (await import(
  path.join(root, 'dist', 'manifest.js')
)) as typeof import('../../lib/manifest');

const MiB = 2 ** 20;
/** Steps of the child; those of the publication follow. */
const childSteps = 4;
/** No step has this number. */
const never = 1000;

interface Step {
  readonly number: number;
  readonly name: string;
}

interface Run {
  readonly steps: readonly Step[];
  readonly child: number;
  readonly failure: string | null;
  readonly code: number | null;
  readonly ms: number;
}

type Victim = 'both' | 'parent' | 'child';

/** Runs a build that stops at a step. `kill` is told of each, and kills when it says so. */
async function run(
  output: string,
  bytes: number,
  label: string,
  stopAt: number,
  kill?: { readonly victim: Victim; readonly when: number | 'stopped' },
): Promise<Run> {
  const manifest = manifestFixture('', { labels: { label } });
  const order = JSON.stringify({ output, manifest, bytes, label, stopAt });
  const parent = spawn(process.execPath, [script, order], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const steps: Step[] = [];
  let child = 0;
  let failure: string | null = null;
  const strike = (): void => {
    const target = { both: -parent.pid!, parent: parent.pid!, child }[kill!.victim];
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // It has ended by itself: a random moment may be one after the end.
    }
  };
  const started = performance.now();
  let pending = '';
  let struck = false;
  parent.stdout.on('data', (chunk: Buffer) => {
    const lines = (pending + chunk.toString()).split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) {
      const [number = '', name = '', pid] = line.split(' ');
      if (number === 'failed') {
        failure = `${name} ${pid}`;
        continue;
      }
      steps.push({ number: Number(number), name });
      if (pid !== undefined) child = Number(pid);
      if (struck || kill === undefined) continue;
      if (kill.when === 'stopped' && Number(number) !== stopAt) continue;
      struck = true;
      if (kill.when === 'stopped') strike();
      else void sleep(kill.when).then(strike);
    }
  });
  const code = await new Promise<number | null>((resolve) => {
    parent.once('close', (exitCode) => resolve(exitCode));
  });
  if (child !== 0) await expect.poll(() => isRunning(child), { timeout: 5000 }).toBe(false);
  return { steps, child, failure, code, ms: performance.now() - started };
}

/** The label of the pair that stands; the plan must be there, whole, with its own manifest. */
async function standing(output: string): Promise<string | undefined> {
  const manifest = JSON.parse(await fs.readFile(`${output}.json`, 'utf8')) as Manifest;
  const its = manifestFor(manifest, (await loadBinding().hashFile(output)).sha256);
  expect(its).not.toBe('digest-only');
  expect((await fs.stat(output)).size).toBe((its as Manifest).plan.sizeBytes);
  return (its as Manifest).labels['label'];
}

async function labelOf(output: string): Promise<string | undefined> {
  const manifest = JSON.parse(await fs.readFile(`${output}.json`, 'utf8')) as Manifest;
  return manifest.labels['label'];
}

const temp = /^\..+\.\d+\.[0-9a-f]{16}\.tmp$/;

/** Nothing but the pair and files that the next build sweeps once they are old. */
async function leftBeside(output: string): Promise<string[]> {
  const names = await fs.readdir(path.dirname(output));
  const left = names.filter((name) => !name.startsWith(path.basename(output)));
  for (const name of left) expect(name).toMatch(temp);
  return left;
}

async function age(place: string, names: readonly string[]): Promise<void> {
  const weekAgo = Date.now() / 1000 - 7 * 24 * 60 * 60;
  for (const name of names) await fs.utimes(path.join(place, name), weekAgo, weekAgo);
}

/** One kill over a pair that stands, and a whole build of a small plan after it. Which of the pairs the kill left. */
async function killOnce(
  place: string,
  bytes: number,
  round: number,
  stopAt: number,
  kill: { readonly victim: Victim; readonly when: number | 'stopped' },
): Promise<'old' | 'new'> {
  const output = path.join(place, 'a.engine');
  const [before, fresh, after] = [await labelOf(output), `new ${round}`, `after ${round}`];
  const killed = await run(output, bytes, fresh, stopAt, kill);
  if (kill.when === 'stopped') {
    expect(killed.steps.at(-1)?.number).toBe(stopAt);
    // A parent that lives says what became of its child, and leaves nothing.
    expect(killed.failure).toBe(kill.victim === 'child' ? 'ERR_TRT_BUILD_CRASHED SIGKILL' : null);
  }
  const label = await standing(output);
  expect([before, fresh]).toContain(label);
  const left = await leftBeside(output);
  if (killed.failure !== null) expect(left).toEqual([]);
  (await loadBinding().lockFolder(place, 0)).release();

  await age(place, left);
  const next = await run(output, MiB, after, never);
  expect(next).toMatchObject({ code: 0, failure: null });
  expect(await standing(output)).toBe(after);
  expect((await fs.readdir(place)).sort()).toEqual(['a.engine', 'a.engine.json']);
  return label === fresh ? 'new' : 'old';
}

/** A step or a moment for each round, and who dies there. */
function planOf(round: number, stepCount: number, runMs: number) {
  if (round % 2 === 1) {
    // A moment of the whole run, of the child's as of the publication's.
    const victim = (['both', 'parent'] as const)[(round >> 1) % 2]!;
    return { stopAt: never, kill: { victim, when: Math.random() * runMs } };
  }
  const stopAt = (round >> 1) % stepCount;
  const victims =
    stopAt < childSteps ? (['both', 'parent', 'child'] as const) : (['both'] as const);
  const victim = victims[(round >> 1) % victims.length]!;
  return { stopAt, kill: { victim, when: 'stopped' as const } };
}

/** `rounds` kills in two folders side by side. */
async function killOften(bytes: number, rounds: readonly number[]): Promise<Set<string>> {
  const seen = new Set<string>();
  const half = async (mine: readonly number[]): Promise<void> => {
    const place = await fs.mkdtemp(path.join(folder, 'killed-'));
    const output = path.join(place, 'a.engine');
    await run(output, MiB, 'first', never);
    // Over a pair, as each round is.
    const whole = await run(output, bytes, 'second', never);
    expect(whole).toMatchObject({ code: 0, failure: null });
    expect(whole.steps.map(({ number }) => number)).toEqual([...whole.steps.keys()]);
    for (const round of mine) {
      const { stopAt, kill } = planOf(round, whole.steps.length, whole.ms);
      seen.add(await killOnce(place, bytes, round, stopAt, kill));
    }
    await fs.rm(place, { recursive: true });
  };
  await Promise.all(
    [0, 1].map((side) => half(rounds.filter((round) => (round >> 1) % 2 === side))),
  );
  return seen;
}

/** Hundreds of processes are started, and builds of other files run beside them. */
const timeout = 300_000;

const range = (count: number): number[] => [...Array(count).keys()];

describe('#80 a build that is killed with SIGKILL, at its steps and at random moments', () => {
  it('90 times with a plan of 8 MiB', { timeout }, async () => {
    // Both sides of the plan's rename were seen.
    expect([...(await killOften(8 * MiB, range(90)))].sort()).toEqual(['new', 'old']);
  });

  it('10 times with a plan of 500 MiB', { timeout }, async () => {
    // Half of the plan, the whole plan, before each of the three renames; and five moments.
    const rounds = [1, 2, 16, 20, 24].flatMap((step) => [2 * step, 2 * step + 1]);
    expect([...(await killOften(500 * MiB, rounds))]).toContain('new');
  });
});
