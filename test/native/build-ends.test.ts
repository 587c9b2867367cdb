// How builds end before their time, in a child process and inside of this one, and what they leave.
import fs from 'node:fs/promises';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import type { BuildOptions } from '../../lib/index';
import {
  digits,
  loadBinding,
  rejectionOf,
  requireRtx,
  root,
  temporaryFolder,
  trtNode,
} from '../support/native-host';
import { verySlowModel } from '../support/native-models';
import { buildChildrenOf, runNode } from '../support/native-processes';

const { buildEngine } = trtNode;
await requireRtx();
const folder = await temporaryFolder();
const verySlow = path.join(folder, 'very-slow.onnx');
await fs.writeFile(verySlow, verySlowModel());

const images = { min: [1, 1, 8, 8], opt: [8, 1, 8, 8], max: [8, 1, 8, 8] };
const target = { runtime: 'tensorrt-rtx', computeCapabilities: ['8.6'] } as const;
const options = { ...target, profiles: [{ images }] } satisfies BuildOptions;
const isolations = ['process', 'thread'] as const;

/** Folders for a plan and for temporary files; `left` is what is there in the end. */
async function places() {
  const into = await fs.mkdtemp(path.join(folder, 'output-'));
  const temporary = await fs.mkdtemp(path.join(folder, 'temporary-'));
  vi.stubEnv('TMPDIR', temporary);
  const left = async (): Promise<string[]> => [
    ...(await fs.readdir(into)),
    ...(await fs.readdir(temporary)),
  ];
  return { output: path.join(into, 'a.engine'), left };
}

/** Sizes of the files in the folder of a plan. */
async function sizes(output: string): Promise<number[]> {
  const names = await fs.readdir(path.dirname(output));
  const stats = names.map((name) => fs.stat(path.join(path.dirname(output), name)));
  return (await Promise.all(stats)).map(({ size }) => size);
}

describe.each(isolations)('#20 an abort, isolation %s', (isolation) => {
  it('at every phase rejects with its reason within a second, and leaves neither file nor process', async () => {
    const phases = new Set<string>();
    await buildEngine(digits, {
      ...options,
      isolation,
      onProgress: ({ kind, phase }) => kind === 'phase-start' && phases.add(phase),
    });
    expect(phases.size).toBeGreaterThan(5);
    for (const at of phases) {
      const { output, left } = await places();
      const controller = new AbortController();
      const reason = { at };
      let abortedAt = Infinity;
      const error = await rejectionOf(
        buildEngine(await fs.readFile(digits), {
          ...options,
          isolation,
          output,
          signal: controller.signal,
          onProgress: ({ kind, phase }) => {
            if (kind !== 'phase-start' || phase !== at || controller.signal.aborted) return;
            abortedAt = performance.now();
            controller.abort(reason);
          },
        }),
      );
      expect(error).toBe(reason);
      expect(performance.now() - abortedAt, at).toBeLessThan(1000);
      expect(buildChildrenOf(process.pid), at).toEqual([]);
      // Inside of this process what was begun ends at TensorRT's next step, and cleans up then.
      await expect.poll(left, { timeout: 30_000, message: at }).toEqual([]);
    }
    vi.unstubAllEnvs();
    expect((await buildEngine(digits, { ...options, isolation })).sizeBytes).toBeGreaterThan(0);
  });

  it('while another process publishes in that folder is not kept waiting', async () => {
    const { output, left } = await places();
    const lock = await loadBinding().lockFolder(path.dirname(output), 0);
    const reference = await buildEngine(digits, { ...options, isolation });
    const controller = new AbortController();
    const build = rejectionOf(
      buildEngine(digits, { ...options, isolation, output, signal: controller.signal }),
    );
    // The child has written the plan and is gone: what is left is the publication, which waits for the lock.
    const planBytes = reference.sizeBytes;
    await expect
      .poll(async () => (await sizes(output)).includes(planBytes) && buildChildrenOf(process.pid), {
        timeout: 20_000,
      })
      .toEqual([]);
    const reason = new Error('enough');
    const abortedAt = performance.now();
    controller.abort(reason);
    expect(await build).toBe(reason);
    expect(performance.now() - abortedAt).toBeLessThan(1000);
    lock.release();
    await expect.poll(left).toEqual([]);
    vi.unstubAllEnvs();
  });
});

describe("isolation: 'thread'", () => {
  it('builds what a child process builds, and starts none', async () => {
    const [here, there] = await Promise.all([
      runNode('thread-build.cjs', [digits, JSON.stringify(options), 'abort']),
      buildEngine(digits, options),
    ]);
    expect(here).toMatchObject({ code: 0, signal: null, stderr: '' });
    const seen = JSON.parse(here.stdout) as { children: number; sha256: string };
    expect(seen.children).toBe(0);
    expect(seen.sha256).toBe(there.manifest.plan.sha256);
  });

  it('#59 a worker that is terminated does not wait for the end of its build', async () => {
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads');
       const { buildEngine } = require(workerData.entry);
       buildEngine(workerData.model, {
         ...workerData.options,
         onProgress: ({ kind }) => kind === 'step' && parentPort.postMessage(kind),
       });`,
      {
        eval: true,
        workerData: {
          entry: path.join(root, 'dist', 'index.js'),
          model: verySlow,
          options: { ...target, isolation: 'thread' },
        },
      },
    );
    await new Promise((resolve) => worker.once('message', resolve));
    const started = performance.now();
    await worker.terminate();
    // It was to build for some eight seconds more.
    expect(performance.now() - started).toBeLessThan(4000);
  });

  it('works where Node may start no process, and the default says so', async () => {
    const allow = ['--allow-fs-read=*', '--allow-fs-write=*', '--allow-addons'];
    const flag = process.allowedNodeEnvironmentFlags.has('--permission')
      ? '--permission'
      : '--experimental-permission';
    const script = `
      const { buildEngine } = require(${JSON.stringify(path.join(root, 'dist', 'index.js'))});
      const options = ${JSON.stringify(options)};
      const build = (isolation) => buildEngine(${JSON.stringify(digits)}, { ...options, isolation }).then(
        ({ sizeBytes }) => ({ built: sizeBytes > 0 }), ({ code, message }) => ({ code, message }));
      (async () => {
        console.log(JSON.stringify([await build('process'), await build('thread')]));
      })();`;
    const file = path.join(folder, 'restricted.cjs');
    await fs.writeFile(file, script);
    const { stdout, code } = await runNode(file, [], {
      through: ['sh', '-c', `exec "$0" ${flag} ${allow.join(' ')} "$@"`],
    });
    expect(code).toBe(0);
    const [refused, built] = JSON.parse(stdout) as { code?: string; message: string }[];
    expect(refused?.code).toMatch(/^ERR_TRT_(UNSUPPORTED|LIBRARY_LOAD)$/);
    expect(refused?.message).toContain("isolation: 'thread'");
    expect(refused?.message).toContain('--allow-child-process');
    expect(built).toEqual({ built: true });
  });
});

describe('ten builds in child processes', () => {
  it('leave the memory of the calling process where it was, within 20 MiB', async () => {
    const args = [digits, JSON.stringify(options), '2'];
    const { code, stdout, stderr } = await runNode('build-ten.cjs', args, {
      through: ['sh', '-c', 'exec "$0" --expose-gc "$@"'],
      deadlineMs: 110_000,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { before, after } = JSON.parse(stdout) as { before: number; after: number };
    expect(after - before).toBeLessThan(20 * 2 ** 20);
  });
});
