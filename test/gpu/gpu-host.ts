import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';

/** The compiled package: what users load, and what its child processes are made from. */
export const root = path.join(import.meta.dirname, '..', '..');
export const trtNode = (await import(
  path.join(root, 'dist', 'index.mjs')
)) as typeof import('../../lib/index');
export const { loadBinding } = (await import(
  path.join(root, 'dist', 'binding.js')
)) as typeof import('../../lib/binding');

/** A folder of the calling test file, gone when it ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'trt-node-gpu-'));
  afterAll(() => fs.rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const outcome = await promise.then(
    () => 'no error',
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );
  return outcome;
}
