import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DigestMemo, remembering, type HashingBinding } from '../../lib/cache/digest-memo';
import { digestOf, hashFile } from '../support/manifests';

const large = 'x'.repeat(2 ** 20);
let folder: string;
let file: string;
let hashed: string[];
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'digests-'));
  file = path.join(folder, 'model.onnx');
  hashed = [];
});
afterEach(() => fs.rm(folder, { recursive: true, force: true }));

const binding: HashingBinding = {
  hashFile: (path_) => {
    hashed.push(path_);
    return hashFile(path_);
  },
  hashExternalFile: (inside, location) => binding.hashFile(path.join(inside, location)),
};
const through = () => remembering(binding, new DigestMemo(path.join(folder, 'memo')));

/** As a file is that was written some seconds ago: ctime cannot be set, so the clock of the memo is. */
async function later<T>(work: () => Promise<T>): Promise<T> {
  const { now } = Date;
  Date.now = () => now() + 5000;
  try {
    return await work();
  } finally {
    Date.now = now;
  }
}

it('hashes a file that lay still once, in this process and the next', async () => {
  await fs.writeFile(file, large);
  const first = await later(() => through().hashFile(file));
  expect(first).toMatchObject(digestOf(large));
  expect(await through().hashFile(file)).toEqual(first);
  expect(hashed).toEqual([file]);
});

it('remembers nothing of a file that was replaced while it was hashed', async () => {
  await fs.writeFile(file, large);
  const before = await hashFile(file);
  await fs.rm(file);
  await fs.writeFile(file, large.replace('x', 'y'));
  const memo = new DigestMemo(path.join(folder, 'memo'));
  await memo.rememberOwn(file, before);
  expect(await memo.digestOf(file)).toBeNull();
});

it('remembers nothing of a file that may be written again within the clock’s step', async () => {
  await fs.writeFile(file, large);
  await through().hashFile(file);
  await through().hashFile(file);
  expect(hashed).toEqual([file, file]);
});

it.each([
  ['its content', () => fs.writeFile(file, large.replace('x', 'y'))],
  [
    'its content, with its time put back',
    async () => {
      const { atime, mtime } = await fs.stat(file);
      await fs.writeFile(file, large.replace('x', 'y'));
      await fs.utimes(file, atime, mtime);
    },
  ],
  ['its size', () => fs.truncate(file, 2 ** 20 - 1)],
  [
    'the file itself',
    async () => {
      await fs.writeFile(`${file}.new`, large.replace('x', 'y'));
      await fs.rename(`${file}.new`, file);
    },
  ],
  ['its links', () => fs.link(file, path.join(folder, 'other'))],
])('hashes again after a change of %s', async (_name, change) => {
  await fs.writeFile(file, large);
  await later(() => through().hashFile(file));
  await change();
  const again = await later(() => through().hashFile(file));
  expect(again).toMatchObject(digestOf(await fs.readFile(file)));
  expect(hashed).toEqual([file, file]);
});

it('takes no answer from a damaged memory', async () => {
  await fs.writeFile(file, large);
  await later(() => through().hashFile(file));
  const memo = path.join(folder, 'memo');
  const [name = ''] = await fs.readdir(memo);
  const known = JSON.parse(await fs.readFile(path.join(memo, name), 'utf8')) as object;
  for (const text of [
    '',
    '{',
    'null',
    '{}',
    JSON.stringify({ ...known, identity: 'of another file' }),
  ]) {
    hashed = [];
    await fs.writeFile(path.join(memo, name), text);
    expect(await through().hashFile(file)).toMatchObject(digestOf(large));
    expect(hashed).toEqual([file]);
  }
});

it('external data is remembered of the place where the addon found it alone', async () => {
  await fs.mkdir(path.join(folder, 'a'));
  const inside = path.join(folder, 'a', 'w.bin');
  await fs.writeFile(inside, large);
  await later(() => through().hashExternalFile(path.join(folder, 'a'), 'w.bin'));
  await through().hashExternalFile(path.join(folder, 'a'), 'w.bin');
  expect(hashed).toHaveLength(1);
  // Another folder may refuse what lies outside of it.
  await fs.mkdir(path.join(folder, 'b'));
  await fs.symlink(inside, path.join(folder, 'b', 'w.bin'));
  await through().hashExternalFile(path.join(folder, 'b'), 'w.bin');
  await through().hashFile(inside);
  expect(hashed).toHaveLength(3);
});

it('small files are not worth it, and a folder that cannot be made is no error', async () => {
  await fs.writeFile(file, 'small');
  await later(() => through().hashFile(file));
  await later(() => through().hashFile(file));
  expect(hashed).toHaveLength(2);
  await fs.writeFile(path.join(folder, 'memo'), 'a file');
  await fs.writeFile(file, large);
  expect(await later(() => through().hashFile(file))).toMatchObject(digestOf(large));
});
