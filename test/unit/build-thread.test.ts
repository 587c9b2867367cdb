import { existsSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NativeBinding, NativeBuildRequest, NativeBuildResult } from '../../lib/binding';
import { buildInThread } from '../../lib/build-thread';
import { buildRequest } from '../support/build-requests';

let folder: string;
let request: NativeBuildRequest;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'build-thread-'));
  request = buildRequest(path.join(folder, 'plan.tmp'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

type Build = NativeBinding['build'];

/** A build that writes a part of a plan, reports one step, and goes on until it is told how it ends. */
function running() {
  const seen = { cancelled: false };
  let resolve = (_: NativeBuildResult): void => undefined;
  let reject = (_: Error): void => undefined;
  let step = (): void => undefined;
  const build: Build = (order, onProgress, onStart) => {
    writeFileSync(order.planPath, 'part of a plan');
    onStart?.(() => (seen.cancelled = true));
    step = () => onProgress({ kind: 'step', phase: 'a', parent: null, step: 1, steps: 2 });
    return new Promise((res, rej) => {
      resolve = res;
      reject = rej;
    });
  };
  return {
    binding: { build },
    seen,
    step: () => step(),
    end: (result: NativeBuildResult) => resolve(result),
    fail: (error: Error) => reject(error),
  };
}

/** As TensorRT fails that its monitor told to stop. */
const stopped = Object.assign(new Error('it was cancelled'), { code: 'ERR_TRT_BUILD_FAILED' });
const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable('the build should have failed'),
    (error: unknown) => error,
  );

describe('buildInThread', () => {
  it('resolves to what TensorRT built, and passes its events on', async () => {
    const build = running();
    const events: string[] = [];
    const result = buildInThread(request, {
      binding: build.binding,
      onProgress: ({ phase }) => events.push(phase),
    });
    build.step();
    const built = { sha256: 'abc' } as NativeBuildResult;
    build.end(built);
    expect(await result).toBe(built);
    expect(events).toEqual(['a']);
    expect(existsSync(request.planPath)).toBe(true);
    expect(build.seen.cancelled).toBe(false);
  });

  it('#20 rejects at once after an abort, tells TensorRT to stop, and removes the plan when it did', async () => {
    const build = running();
    const controller = new AbortController();
    let gone: Promise<void> | undefined;
    const events: string[] = [];
    const rejected = caught(
      buildInThread(request, {
        binding: build.binding,
        signal: controller.signal,
        onStart: (ended) => {
          gone = ended;
        },
        onProgress: ({ phase }) => events.push(phase),
      }),
    );
    const reason = { any: 'value' };
    controller.abort(reason);
    expect(await rejected).toBe(reason);
    expect(build.seen.cancelled).toBe(true);
    // It is still at work.
    writeFileSync(request.planPath, 'more of a plan');
    build.step();
    build.fail(stopped);
    await gone;
    await expect.poll(() => existsSync(request.planPath)).toBe(false);
    expect(events).toEqual([]);
  });

  it('#65 ends the build when onProgress throws', async () => {
    const build = running();
    const mistake = new TypeError('a mistake of the caller');
    const rejected = caught(
      buildInThread(request, {
        binding: build.binding,
        onProgress: () => {
          throw mistake;
        },
      }),
    );
    build.step();
    expect(await rejected).toBe(mistake);
    expect(build.seen.cancelled).toBe(true);
    build.fail(stopped);
    await expect.poll(() => existsSync(request.planPath)).toBe(false);
  });

  it('starts nothing when the signal was aborted before', async () => {
    const build: Build = () => expect.unreachable('nothing should have been built');
    const signal = AbortSignal.abort('no');
    expect(await caught(buildInThread(request, { binding: { build }, signal }))).toBe('no');
  });

  it('names LD_LIBRARY_PATH and the folder where TensorRT did not find its builder', async () => {
    const build = running();
    const rejected = caught(buildInThread(request, { binding: build.binding }));
    build.fail(
      Object.assign(new Error('TensorRT could not make its builder'), {
        code: 'ERR_TRT_BUILDER_MISSING',
        log: [{ severity: 'error', message: 'libnvinfer_builder_resource.so.10.6.0: not found' }],
      }),
    );
    const error = await rejected;
    expect(error).toMatchObject({
      code: 'ERR_TRT_BUILDER_MISSING',
      details: { variable: 'LD_LIBRARY_PATH', folder: '/opt/a tensorrt/lib' },
    });
    expect((error as Error).message).toContain('LD_LIBRARY_PATH=/opt/a tensorrt/lib');
    expect(existsSync(request.planPath)).toBe(false);
  });

  it('does not where that library has no builder at all', async () => {
    const build = running();
    const rejected = caught(buildInThread(request, { binding: build.binding }));
    build.fail(Object.assign(new Error('no builder'), { code: 'ERR_TRT_BUILDER_MISSING' }));
    expect(await rejected).toMatchObject({ code: 'ERR_TRT_BUILDER_MISSING', details: {} });
  });
});
