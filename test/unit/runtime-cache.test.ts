import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runtimeCacheFile } from '../../lib/runtime-cache';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'trt-node-test-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const target = { gpu: 'NVIDIA RTX A4000', version: '1.7.1' };

it('takes a path that is no folder as it is, and makes the folders above it', async () => {
  const file = path.join(folder, 'a', 'b', 'kernels.cache');
  expect(await runtimeCacheFile(file, target)).toBe(file);
  expect((await stat(path.dirname(file))).isDirectory()).toBe(true);
});

it('gives each GPU and version a file of its own in a folder', async () => {
  const own = await runtimeCacheFile(folder, target);
  expect(path.dirname(own)).toBe(folder);
  const others = [
    await runtimeCacheFile(folder, { ...target, version: '1.7.2' }),
    await runtimeCacheFile(folder, { ...target, gpu: 'NVIDIA RTX A5000' }),
  ];
  expect(new Set([own, ...others]).size).toBe(3);
  expect(await runtimeCacheFile(folder, target)).toBe(own);
});

it('takes a path that ends with a slash for a folder that is to be made', async () => {
  const made = await runtimeCacheFile(path.join(folder, 'kernels/'), target);
  expect(path.dirname(made)).toBe(path.join(folder, 'kernels'));
  expect((await stat(path.join(folder, 'kernels'))).isDirectory()).toBe(true);
});

it('keeps a name of a GPU from leaving the folder', async () => {
  for (const gpu of ['../../x', '', 'a/b']) {
    expect(path.dirname(await runtimeCacheFile(folder, { ...target, gpu }))).toBe(folder);
  }
});

it('says so when a folder cannot be made', async () => {
  await writeFile(path.join(folder, 'file'), '');
  const below = path.join(folder, 'file', 'kernels.cache');
  await expect(runtimeCacheFile(below, target)).rejects.toMatchObject({ code: 'ERR_TRT_WRITE' });
});
