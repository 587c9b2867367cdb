import { rmSync } from 'node:fs';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TrtError } from './errors';
import { isMaker } from './temp-files';

const pattern = /^trt-node-(?<pid>\d+)-[A-Za-z0-9]{6}$/;

/**
 * A build in another container may use the same folder, and its pid means nothing here. None takes this long without a change
 * to its own folder.
 */
const staleAfterMs = 24 * 60 * 60 * 1000;

let swept = false;

/** A fresh private folder (mode 0700) for temporary files; its name tells whose it is. Rejects with `ERR_TRT_WRITE`. */
export async function makeTempFolder(): Promise<string> {
  if (!swept) {
    swept = true;
    // Not awaited: gigabytes take their time.
    void removeStaleFolders(tmpdir());
  }
  const folder = await inTempFolder('make a temporary folder', () =>
    mkdtemp(path.join(path.resolve(tmpdir()), `trt-node-${process.pid}-`)),
  );
  if (live.size === 0) process.on('exit', removeLive);
  live.add(folder);
  return folder;
}

/** What an exit in the middle of a build would leave behind. */
const live = new Set<string>();

function removeLive(): void {
  for (const folder of live) {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // The next process's first build tries again.
    }
  }
}

function forget(folder: string): void {
  live.delete(folder);
  if (live.size === 0) process.off('exit', removeLive);
}

/**
 * Removes `folder` now, and in the background again once `writersGone` is fulfilled: what a dying process wrote meanwhile.
 * Never rejects.
 */
export async function removeTempFolder(folder: string, writersGone?: Promise<void>): Promise<void> {
  const remove = (): Promise<void> =>
    rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
  const removed = remove();
  const last = writersGone?.then(remove, remove) ?? removed;
  void last.then(() => forget(folder));
  await removed;
}

/** `work`, with what the system refused it as `ERR_TRT_WRITE`. After an abort it rejects with the signal's reason. */
export async function inTempFolder<T>(
  step: string,
  work: () => Promise<T>,
  signal: AbortSignal | null = null,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // An abort's reason is whatever its caller chose.
    if (signal?.aborted) throw signal.reason;
    if (error instanceof TrtError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new TrtError(
      'ERR_TRT_WRITE',
      `could not ${step} in ${tmpdir()}: ${message}. Make that folder writable, free some space there, or name another one in ` +
        'the environment variable TMPDIR.',
      { cause: error, details: { path: tmpdir(), step, errno: code ?? null } },
    );
  }
}

/** Removes what killed processes left in `parent`: copies of models, gigabytes of them at times. It never rejects. */
export async function removeStaleFolders(parent: string, now = Date.now()): Promise<void> {
  const entries = await readdir(parent).catch(() => []);
  for (const entry of entries) {
    const pid = pattern.exec(entry)?.groups?.['pid'];
    if (pid === undefined) continue;
    const folder = path.join(parent, entry);
    // Not through links: others may write to this folder too.
    const stats = await lstat(folder).catch(() => null);
    if (!stats?.isDirectory() || stats.uid !== process.getuid?.()) continue;
    if (now - stats.mtimeMs < staleAfterMs || isMaker(Number(pid), stats.mtimeMs, now)) continue;
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}
