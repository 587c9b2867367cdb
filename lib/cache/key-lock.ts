import { lstat, mkdir, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NativeBinding } from '../binding';
import type { TrtError } from '../errors';

export type LockingBinding = Pick<NativeBinding, 'lockFolder'>;

export interface KeyLock {
  /** False where the file system has no such locks (NFS): nothing keeps others out then. */
  readonly holds: boolean;
  release(): void;
}

/** Between two tries: short at first, as most locks are free or held for the blink of an eye. */
const firstWaitMs = 10;
const longestWaitMs = 200;

/**
 * Waits for the lock on a folder, which is made when it is missing: for builds, which take minutes, so that waiting ends with
 * `signal`, and occupies no thread. The holder may remove the folder; a lock on a folder that is no longer there is none.
 *
 * @param isDone asked whenever somebody else holds the lock: whether what the lock is wanted for was done meanwhile
 * @returns null when it was
 * @throws the signal's reason; the system's error when the folder cannot be made or opened
 */
export async function takeKeyLock(
  binding: LockingBinding,
  folder: string,
  signal: AbortSignal | null,
  isDone: () => Promise<boolean>,
): Promise<KeyLock | null> {
  let waitMs = firstWaitMs;
  for (;;) {
    signal?.throwIfAborted();
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const before = await identityOf(folder);
    const lock = before === null ? null : await tryLock(binding, folder);
    if (lock !== null) {
      if ((await identityOf(folder)) === before) return await probed(binding, folder, lock);
      lock.release();
    } else if (before !== null) {
      if (await isDone()) return null;
      await pause(waitMs, signal);
      waitMs = Math.min(waitMs * 2, longestWaitMs);
    }
  }
}

/** The lock on a folder if nobody has it; null when somebody does, or when there is no such folder. */
export async function tryKeyLock(binding: LockingBinding, folder: string): Promise<KeyLock | null> {
  const before = await identityOf(folder);
  const lock = before === null ? null : await tryLock(binding, folder);
  if (lock === null) return null;
  if ((await identityOf(folder)) === before) return await probed(binding, folder, lock);
  lock.release();
  return null;
}

/** null: somebody else has it, or the folder is gone. */
async function tryLock(
  binding: LockingBinding,
  folder: string,
): Promise<{ release(): void } | null> {
  try {
    return await binding.lockFolder(folder, 0);
  } catch (error) {
    if ((error as Partial<TrtError>).code !== 'ERR_TRT_WRITE') throw error;
    // The same code for both: a folder that opens is one that somebody holds.
    await checkOpens(folder);
    return null;
  }
}

async function checkOpens(folder: string): Promise<void> {
  try {
    await (await open(folder, 'r')).close();
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** What tells this folder from one that was made in its place; a number of an inode alone may be given out again. */
async function identityOf(folder: string): Promise<string | null> {
  try {
    const { dev, ino, birthtimeNs } = await lstat(folder, { bigint: true });
    return [dev, ino, birthtimeNs].join(':');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Where locks work, a second one cannot be had. */
async function probed(
  binding: LockingBinding,
  folder: string,
  lock: { release(): void },
): Promise<KeyLock> {
  const second = await binding.lockFolder(folder, 0).catch(() => null);
  second?.release();
  return { holds: second === null, release: () => lock.release() };
}

async function pause(milliseconds: number, signal: AbortSignal | null): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal === null ? {} : { signal });
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : error;
  }
}

export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT';
}
