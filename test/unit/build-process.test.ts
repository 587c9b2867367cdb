import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { NativeBuildRequest } from '../../lib/binding';
import { buildInChild, inspectInChild } from '../../lib/build-process';
import { TrtError } from '../../lib/errors';
import { buildRequest } from '../support/build-requests';

const program = (name: string): string =>
  path.join(__dirname, '..', 'fixtures', 'build-children', `${name}.cjs`);

let folder: string;
let order: NativeBuildRequest;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'build-process-'));
  order = buildRequest(path.join(folder, 'plan.tmp'));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable('the build should have failed'),
    (error: unknown) => error,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('buildInChild', () => {
  it('hands over the order, puts the library folder first and drops the flags of the parent', async () => {
    vi.stubEnv('LD_LIBRARY_PATH', '/before');
    vi.stubEnv('NODE_OPTIONS', '--max-old-space-size=512');
    const result: unknown = await buildInChild(order, { program: program('result') });
    expect(result).toMatchObject({
      order: { kind: 'build', request: order },
      environment: {
        libraryPath: '/opt/a tensorrt/lib:/before',
        nodeOptions: null,
        execArgv: [],
      },
    });
    expect(existsSync(order.planPath)).toBe(true);
    expect(isAlive((result as { pid: number }).pid)).toBe(false);
  });

  it('makes no empty entry of an unset LD_LIBRARY_PATH, which would mean the working directory', async () => {
    vi.stubEnv('LD_LIBRARY_PATH', undefined);
    const result: unknown = await buildInChild(order, { program: program('result') });
    expect(result).toMatchObject({ environment: { libraryPath: '/opt/a tensorrt/lib' } });
  });

  it('#49 rebuilds the error of the child with the stack of the caller', async () => {
    async function theCaller(): Promise<void> {
      await buildInChild(order, { program: program('error') });
    }
    const error = await rejection(theCaller());
    expect(error).toBeInstanceOf(TrtError);
    expect(error).toMatchObject({
      code: 'ERR_TRT_ONNX_PARSE',
      message: 'node 3 is not supported',
      details: { node: 'conv_3' },
      log: [{ severity: 'error', message: 'parser says no' }],
    });
    expect((error as Error).stack).toContain('theCaller');
  });

  it('reports a crash with its signal, the last output and the last log lines', async () => {
    const error = await rejection(buildInChild(order, { program: program('crash') }));
    expect(error).toMatchObject({
      code: 'ERR_TRT_BUILD_CRASHED',
      details: {
        reason: 'crash',
        signal: 'SIGSEGV',
        exitCode: null,
        stderr: ['stderr line before the crash'],
      },
      log: [{ severity: 'error', message: 'last words of the builder' }],
    });
  });

  it('tells a child that the kernel killed for memory from one that someone ended', async () => {
    let kills = 3;
    const killed = (counts: () => number | null): Promise<unknown> =>
      rejection(
        buildInChild(order, {
          program: program('silent'),
          countOomKills: counts,
          onProgress: ({ phase }) => process.kill(Number(phase), 'SIGKILL'),
        }),
      );
    const code = 'ERR_TRT_BUILD_CRASHED';
    const details = { signal: 'SIGKILL', reason: 'out-of-memory' };
    expect(await killed(() => kills++)).toMatchObject({ code, details });
    expect(await killed(() => kills)).toMatchObject({ code, details: { reason: 'crash' } });
    expect(await killed(() => null)).toMatchObject({ code, details: { reason: 'crash' } });
    expect(existsSync(order.planPath)).toBe(false);
  });

  it('reports a child that ends without an answer', async () => {
    const error = await rejection(buildInChild(order, { program: program('no-answer') }));
    expect(error).toMatchObject({
      code: 'ERR_TRT_BUILD_CRASHED',
      details: { signal: null, exitCode: 0 },
    });
  });

  it('reports a program that is not there', async () => {
    const error = await rejection(buildInChild(order, { program: program('missing') }));
    expect(error).toMatchObject({ code: 'ERR_TRT_BUILD_CRASHED', details: { exitCode: 1 } });
  });

  it('kills the child within a second of an abort and removes the partial plan', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    let pid = 0;
    let abortedAt = 0;
    const error = await rejection(
      buildInChild(order, {
        program: program('silent'),
        signal: controller.signal,
        onProgress: ({ phase }) => {
          pid = Number(phase);
          expect(existsSync(order.planPath)).toBe(true);
          abortedAt = performance.now();
          controller.abort(reason);
        },
      }),
    );
    expect(error).toBe(reason);
    expect(performance.now() - abortedAt).toBeLessThan(1000);
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(order.planPath)).toBe(false);
  });

  it('starts nothing when the signal was aborted before', async () => {
    const reason = { any: 'value' };
    const signal = AbortSignal.abort(reason);
    expect(await rejection(buildInChild(order, { program: program('silent'), signal }))).toBe(
      reason,
    );
  });

  it('#65 ends the build when onProgress throws', async () => {
    const mistake = new TypeError('a mistake of the caller');
    let pid = 0;
    const error = await rejection(
      buildInChild(order, {
        program: program('silent'),
        onProgress: ({ phase }) => {
          pid = Number(phase);
          throw mistake;
        },
      }),
    );
    expect(error).toBe(mistake);
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(order.planPath)).toBe(false);
  });
});

describe('inspectInChild', () => {
  it('hands over its own kind of task', async () => {
    const answer: unknown = await inspectInChild(order, { program: program('result') });
    expect(answer).toMatchObject({ order: { kind: 'inspect', request: order } });
  });

  it('rejects as a build does', async () => {
    const crash = inspectInChild(order, { program: program('crash') });
    await expect(crash).rejects.toMatchObject({ code: 'ERR_TRT_BUILD_CRASHED' });
    const signal = AbortSignal.abort('no');
    await expect(inspectInChild(order, { program: program('silent'), signal })).rejects.toBe('no');
  });
});

describe('in Electron', () => {
  const versions = process.versions;
  beforeEach(() => {
    Object.defineProperty(process, 'versions', {
      configurable: true,
      value: { ...versions, electron: '30.0.0' },
    });
  });
  afterEach(() => {
    Object.defineProperty(process, 'versions', { configurable: true, value: versions });
  });

  it('the child is told to be Node.js', async () => {
    const answer: unknown = await buildInChild(order, { program: program('result') });
    expect(answer).toMatchObject({ environment: { electron: '1' } });
  });

  it('a child that says nothing is the application itself: an error names the way', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      let gone: Promise<void> | undefined;
      const rejected = rejection(
        buildInChild(order, {
          program: program('mute'),
          onStart: (ended) => {
            gone = ended;
          },
        }),
      );
      await vi.advanceTimersByTimeAsync(60_000);
      const error = await rejected;
      expect(error).toMatchObject({ code: 'ERR_TRT_UNSUPPORTED' });
      expect((error as Error).message).toContain("isolation: 'thread'");
      await gone;
    } finally {
      vi.useRealTimers();
    }
  });
});
