import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { exitCodes } from '../../lib/cli/exit-codes';
import { runCommandLine } from '../../lib/cli/program';

let plan: string;
beforeAll(async () => {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'inspect-command-'));
  plan = path.join(folder, 'model.engine');
  // What every plan of TensorRT begins with.
  await fs.writeFile(plan, Buffer.concat([Buffer.from('ftrt'), Buffer.alloc(60)]));
});
afterAll(() => fs.rm(path.dirname(plan), { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = undefined;
  vi.restoreAllMocks();
});

async function refusalOf(...args: readonly string[]): Promise<string> {
  const written: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  await runCommandLine(['node', 'trt-node', 'inspect', plan, ...args]);
  expect(process.exitCode).toBe(exitCodes.usage);
  return written.join('');
}

describe('trt-node inspect of an engine', () => {
  it.each([
    ['--library', 'libnvinfer.so.10'],
    ['--device', '0'],
    ['--plugin', 'p.so'],
    ['--standard-plugins'],
    ['--runtime', 'tensorrt'],
  ])('does not ignore %s, which needs --load', async (...args) => {
    const refusal = await refusalOf(...args);
    expect(refusal).toContain(args[0]);
    expect(refusal).toContain('--load');
    expect(refusal.trimEnd()).not.toContain('\n');
  });
});
