import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root, temporaryFolder } from '../support/native-host';
import { runNode } from '../support/native-processes';
import { stubDriver, stubLibraries } from '../support/stub-host';
import { identity } from '../support/stub-models';
import { stubPlan, type StubEngine } from '../support/stub-plans';

const script = path.join(root, 'scripts', 'soak.mjs');
const folder = await temporaryFolder();

interface Result {
  readonly requests: Readonly<Record<string, number>>;
  readonly exchanges: number;
  readonly failures: readonly string[];
  readonly growth: Readonly<Record<string, { readonly flat: boolean }>> | null;
  readonly samples: readonly object[];
}

/** Six seconds of the soak, which is a day on a GPU: that it asks, exchanges, samples and judges. */
async function soak(name: string, engine: StubEngine) {
  const plan = path.join(folder, `${name}.engine`);
  const out = path.join(folder, `${name}.json`);
  await fs.writeFile(plan, stubPlan('v10', engine));
  const args = [
    ...['--minutes', '0.1', '--reload', '2', '--plan', plan, '--library', stubLibraries.v10],
    // So soon the process has not taken all that it keeps.
    ...['--host-mib', '256', '--out', out],
  ];
  const exit = await runNode(script, args, {
    env: { ...process.env, LD_LIBRARY_PATH: stubDriver },
    deadlineMs: 100_000,
  });
  const result = JSON.parse(await fs.readFile(out, 'utf8').catch(() => 'null')) as Result | null;
  return { exit, result };
}

const batches: StubEngine = {
  ...identity,
  profiles: [{ x: { min: [1], opt: [32 * 1024], max: [1 << 20] } }],
};

describe('scripts/soak.mjs', () => {
  it('#68 asks in every way, exchanges the engine under load, and finds all flat', async () => {
    const { exit, result } = await soak('flat', batches);
    expect({ code: exit.code, stderr: exit.stderr }).toEqual({ code: 0, stderr: '' });
    expect(result?.failures).toEqual([]);
    expect(result?.exchanges).toBeGreaterThan(0);
    expect(Object.entries(result?.requests ?? {}).filter(([, count]) => count === 0)).toEqual([]);
    expect(Object.values(result?.growth ?? {}).map(({ flat }) => flat)).toEqual([
      ...[true, true, true, true],
    ]);
    expect(result?.samples.length).toBeGreaterThan(5);
  });

  it('#68 ends with the first request that fails', async () => {
    const { exit, result } = await soak('failing', {
      ...batches,
      // Each inference enqueues.
      captureUnsafe: true,
      fail: [{ at: 'enqueueV3', call: 40, andLater: true }],
    });
    expect(exit.code).toBe(1);
    expect(result?.failures.length).toBeGreaterThan(0);
    expect(result?.growth).toBeNull();
  });

  it('refuses what is no time', () => {
    const run = (): unknown =>
      execFileSync(process.execPath, [script, '--minutes', '0'], { stdio: 'pipe' });
    expect(run).toThrow('expected --minutes to be a number above 0');
  });
});
