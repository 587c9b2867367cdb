import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askProbeChild, type ProbeOutcome } from '../../lib/probe-process';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'trt-node-probe-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;

function ask(program: string, timeoutMs = 30_000): Promise<ProbeOutcome<unknown>> {
  const file = path.join(folder, `child-${(count += 1)}.cjs`);
  writeFileSync(file, program);
  return askProbeChild({ kind: 'machine' }, { env: process.env, timeoutMs, program: file });
}

function runningChildren(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length;
}

describe('askProbeChild', () => {
  it('hands the question over and the answer back', async () => {
    const outcome = await ask(
      "process.on('message', (job) => process.send({ kind: 'answer', value: { heard: job.kind } }));",
    );
    expect(outcome).toEqual({ kind: 'answer', value: { heard: 'machine' } });
  });

  it('makes a TrtError of an error over there', async () => {
    const outcome = await ask(
      "process.send({ kind: 'error', error: { code: 'ERR_TRT_LIBRARY_LOAD', message: 'm', details: { a: 1 }, log: [] } });",
    );
    expect(outcome).toMatchObject({
      kind: 'error',
      error: { name: 'TrtError', code: 'ERR_TRT_LIBRARY_LOAD', details: { a: 1 } },
    });
  });

  it('tells a crash by its signal, with what was said last', async () => {
    const outcome = await ask(
      "require('fs').writeSync(2, 'last words'); process.kill(process.pid, 'SIGSEGV');",
    );
    expect(outcome).toMatchObject({ kind: 'lost', stderr: 'last words' });
    expect(outcome).toMatchObject({ how: expect.stringContaining('SIGSEGV') });
  });

  it('tells an exit without an answer', async () => {
    const outcome = await ask('process.exit(7);');
    expect(outcome).toMatchObject({ kind: 'lost', how: expect.stringContaining('7') });
  });

  it('tells a program that cannot be started', async () => {
    const outcome = await ask('syntax error here');
    expect(outcome).toMatchObject({ kind: 'lost', stderr: expect.stringContaining('SyntaxError') });
  });

  it('gives up on a child that hangs, and ends it', async () => {
    const outcome = await ask('setInterval(() => {}, 1e6);', 500);
    expect(outcome).toMatchObject({ kind: 'lost', how: expect.stringContaining('0.5 s') });
    await expect.poll(runningChildren).toBe(0);
  });
});
