import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  access,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';

import { TrtError } from '../errors';
import { inspectInstallation, recordName, type RuntimeRecord } from './installation';
import type { RuntimePin } from './pins';

const temporaryPrefix = '.setup-';
// What rename says of a target that is there.
const occupied = ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'];
const staleAfter = 24 * 60 * 60 * 1_000;

/**
 * Runs `work` with an empty folder beside the final one, on the same file system, and removes it whatever happens. What a
 * killed setup left there more than a day ago goes too. When `work` fails, so do the folders that were made for it.
 */
export async function withWorkFolder<T>(
  parent: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const made: string[] = [];
  try {
    const folder = await makeWorkFolder(parent, made);
    try {
      return await work(folder);
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    }
  } catch (error) {
    for (const folder of made.reverse()) {
      // Another setup may work in it by now: only empty ones go.
      await rmdir(folder).catch(() => undefined);
    }
    throw error;
  }
}

async function makeWorkFolder(parent: string, made: string[]): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    await makeFolder(parent, made);
    try {
      await removeStale(parent);
      return await mkdtemp(path.join(parent, temporaryPrefix));
    } catch (error) {
      // A setup that failed just now takes the folder that it made with it.
      if (attempt === 3 || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/**
 * Makes `folder` and what is missing above it, one after another, and notes each in `made`. Node 20's recursive `mkdir` never
 * ends where the system makes no folders and says ENOENT, as /proc does.
 */
async function makeFolder(folder: string, made: string[]): Promise<void> {
  const missing: string[] = [];
  let ancestor = folder;
  while (!(await isThere(ancestor)) && path.dirname(ancestor) !== ancestor) {
    missing.push(ancestor);
    ancestor = path.dirname(ancestor);
  }
  if (!(await stat(ancestor)).isDirectory()) {
    throw new TrtError(
      'ERR_TRT_WRITE',
      `cannot write ${folder}: ${ancestor} is not a folder. Name another folder with \`dir\` (--dir) or TRT_NODE_HOME.`,
      { details: { path: ancestor, systemCode: 'ENOTDIR' } },
    );
  }
  await access(ancestor, constants.W_OK | constants.X_OK);
  for (const each of missing.reverse()) {
    try {
      await mkdir(each);
      made.push(each);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

async function isThere(file: string): Promise<boolean> {
  try {
    // Not what a link leads to: a folder cannot be made in the place of a dangling one.
    await lstat(file);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw error;
  }
}

export async function requireSpace(folder: string, pin: RuntimePin): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  // Twice the wheel: pip copies it from its temporary folder to its destination.
  const needed = 2 * pin.sizeBytes + pin.unpackedBytes;
  if (free >= needed) return;
  throw new TrtError(
    'ERR_TRT_WRITE',
    `not enough space in ${folder}: ${megabytes(needed)} MB are needed and ${megabytes(free)} MB are free. ` +
      'Free some space, or name another folder with `dir` (--dir) or TRT_NODE_HOME.',
    { details: { path: folder, neededBytes: needed, freeBytes: free } },
  );
}

/** Writes the record into the finished `folder`, as its last file. */
export async function sealFolder(folder: string, record: RuntimeRecord): Promise<void> {
  const file = path.join(folder, recordName);
  await writeFile(file, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o644, flush: true });
  await syncFolder(folder);
}

/**
 * Renames the sealed `folder` to `target`. Nobody is locked out: of several setups at once the first one to get here wins, and
 * the others take what it published. With `replace`, or when damaged, what stands at `target` is moved aside first;
 * processes that have its libraries open keep them.
 */
export async function publishFolder(
  folder: string,
  target: string,
  pin: RuntimePin,
  replace: boolean,
): Promise<'published' | 'other-was-first'> {
  const parent = path.dirname(target);
  let mayReplaceIntact = replace;
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const there = await inspectInstallation(target, pin);
    if (there.state === 'intact' && !mayReplaceIntact) return 'other-was-first';
    if (there.state !== 'absent') {
      const aside = path.join(path.dirname(folder), randomBytes(6).toString('hex'));
      await renamed(target, aside, ['ENOENT']);
      // Another setup may have published between the look and the move.
      if (!mayReplaceIntact && (await inspectInstallation(aside, pin)).state === 'intact') {
        if (await renamed(aside, target, occupied)) return 'other-was-first';
        continue;
      }
      // Whatever appears from now on is newer than the request to replace.
      mayReplaceIntact = false;
    }
    if (await renamed(folder, target, occupied)) {
      await syncFolder(parent);
      return 'published';
    }
  }
  throw new TrtError(
    'ERR_TRT_WRITE',
    `cannot publish ${target}: something keeps putting other files there. End other setups and try again.`,
    { details: { path: target } },
  );
}

async function renamed(from: string, to: string, tolerated: readonly string[]): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (tolerated.includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeStale(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(temporaryPrefix)) continue;
    const folder = path.join(parent, name);
    const found = await stat(folder).catch(() => null);
    if (found === null || Date.now() - found.mtimeMs < staleAfter) continue;
    // Somebody else's, maybe: a leftover is no reason to fail.
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}
