import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { digits, requireRtx, temporaryFolder } from '../support/native-host';
import { longChain, slowModel } from '../support/native-models';
import { runNode, type NodeExit } from '../support/native-processes';

const library = JSON.stringify(await requireRtx());
const folder = await temporaryFolder();
const quick = path.join(folder, 'quick.onnx');
const medium = path.join(folder, 'medium.onnx');
const slow = path.join(folder, 'slow.onnx');
await fs.writeFile(quick, longChain(10, 16));
await fs.writeFile(medium, longChain(100, 32));
await fs.writeFile(slow, slowModel());

let plans = 0;
const planPath = (): string => path.join(folder, `thread${(plans += 1)}.plan`);

/** A file of zeros that takes a while to hash and no room on the disk. */
async function sparseFile(name: string, megabytes: number): Promise<string> {
  const file = path.join(folder, name);
  const handle = await fs.open(file, 'w');
  await handle.truncate(megabytes * 2 ** 20);
  await handle.close();
  return file;
}

/** What a script that ended well printed as JSON. */
function answerOf({ code, signal, stdout, stderr }: NodeExit): unknown {
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  return JSON.parse(stdout);
}

describe('worker threads', () => {
  it('may be the only ones to load the addon, and exit', async () => {
    const exit = await runNode('worker-only.cjs', [library, quick, planPath()]);
    // `open`: the addon stays loaded, as it was linked with -z nodelete.
    expect(answerOf(exit)).toEqual({ code: 0, sizeBytes: expect.any(Number), open: true });
  });

  it('#58 load, build and reach their exit, four at once', async () => {
    const exit = await runNode('four-workers.cjs', [library, quick, folder]);
    const ends = answerOf(exit) as { code: number; sizes: [number, number] }[];
    expect(ends).toHaveLength(4);
    for (const { code, sizes } of ends) {
      expect(code).toBe(0);
      expect(sizes.every((size) => size > 0)).toBe(true);
    }
  });

  it.each([
    ['hashFile', 512],
    ['readPlan', 256],
  ])('#59 may be terminated during %s', async (operation, megabytes) => {
    const file = await sparseFile(`${operation}.bin`, megabytes);
    const exit = await runNode('terminate.cjs', [operation, file]);
    expect(answerOf(exit)).toEqual({ finished: false, sizeBytes: expect.any(Number) });
  });

  it('#59 may be terminated during a build in their process', async () => {
    // Into a folder that is not there: none of the three rounds may leave a plan that the next one finds.
    const exit = await runNode('terminate.cjs', [
      'build',
      library,
      slow,
      path.join(folder, 'no', 'p'),
    ]);
    expect(answerOf(exit)).toEqual({ finished: false, sizeBytes: expect.any(Number) });
  });
});

describe('the end of a process', () => {
  // TensorRT's own exit handlers run under a build that goes on: eight tries, as a single one may be lucky.
  it.each(['main', 'worker'])(
    '#56 comes by process.exit() during a build for the %s thread, with its code',
    async (thread) => {
      for (let attempt = 0; attempt < 8; attempt += 1) {
        const args = ['7', thread, library, medium, planPath()];
        const exit = await runNode('exit-during-build.cjs', args);
        expect(exit).toEqual({ code: 7, signal: null, stdout: 'leaving\n', stderr: '' });
      }
    },
  );

  it.each([
    ['exit', 7],
    ['throw', 1],
  ])('#56 by %s in the middle of a build leaves no copy of the model', async (how, code) => {
    const temporary = path.join(folder, `temporary-${how}`);
    await fs.mkdir(temporary);
    const exit = await runNode('exit-while-building.cjs', [digits, how], {
      env: { ...process.env, TMPDIR: temporary },
    });
    expect({ code: exit.code, signal: exit.signal }).toEqual({ code, signal: null });
    // The child writes until it is gone, a moment after its parent.
    await expect.poll(() => fs.readdir(temporary), { timeout: 10_000 }).toEqual([]);
  });

  it.each(['nothing', 'handles'])(
    '#55 comes by itself when the addon has %s to do',
    async (job) => {
      const exit = await runNode('alive.cjs', [job], { deadlineMs: 60_000 });
      expect(exit).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    },
  );

  it('#55 waits for an operation that is pending', async () => {
    const file = await sparseFile('pending.bin', 64);
    const exit = await runNode('alive.cjs', ['pending', file]);
    expect(exit).toEqual({ code: 0, signal: null, stdout: `${64 * 2 ** 20}\n`, stderr: '' });
  });

  it('waits for an operation that fails', async () => {
    const exit = await runNode('alive.cjs', ['rejected', folder]);
    expect(exit).toEqual({
      code: 0,
      signal: null,
      stdout: 'ERR_TRT_ENGINE_NOT_FOUND\n',
      stderr: '',
    });
  });
});
