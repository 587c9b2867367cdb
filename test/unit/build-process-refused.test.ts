import { EventEmitter } from 'node:events';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { buildInChild } from '../../lib/build-process';
import { hostInChild } from '../../lib/verify/host-in-child';
import { buildRequest } from '../support/build-requests';

const refusal = vi.hoisted(() => ({ code: '', later: false }));

/** What Node.js makes where file descriptors have run out: the error comes as an event. */
function childWithoutChannel(): object {
  const child = Object.assign(new EventEmitter(), { pid: undefined, kill: () => false });
  const error = Object.assign(new Error('refused'), { code: refusal.code });
  process.nextTick(() => child.emit('error', error));
  return child;
}

vi.mock('node:child_process', () => ({
  fork: () => {
    if (refusal.later) return childWithoutChannel();
    throw Object.assign(new Error('refused'), { code: refusal.code });
  },
}));

const order = buildRequest('/nowhere/plan');

describe('buildInChild where no process can be made', () => {
  it.each([
    ['ERR_ACCESS_DENIED', 'ERR_TRT_UNSUPPORTED'],
    ['EPERM', 'ERR_TRT_UNSUPPORTED'],
    ['EMFILE', 'ERR_TRT_BUILD_FAILED'],
  ])('%s becomes %s', async (errno, code) => {
    refusal.code = errno;
    await expect(buildInChild(order)).rejects.toMatchObject({ code, details: { errno } });
  });

  it.each(['EMFILE', 'ENFILE'])('%s that is told after the call too', async (errno) => {
    Object.assign(refusal, { code: errno, later: true });
    onTestFinished(() => void (refusal.later = false));
    const refused = { code: 'ERR_TRT_BUILD_FAILED', details: { errno } };
    await expect(buildInChild(order)).rejects.toMatchObject(refused);
    const host = hostInChild('/opt/libnvinfer.so.10');
    await expect(host.openReference('/models/a.onnx')).rejects.toMatchObject(refused);
    await host.close();
  });

  it.each(['ERR_ACCESS_DENIED', 'EPERM'])('%s: the error names the way within', async (errno) => {
    refusal.code = errno;
    const { message } = (await buildInChild(order).catch((error: unknown) => error)) as Error;
    expect(message).toContain("isolation: 'thread'");
    expect(message).toContain('--allow-addons');
  });
});
