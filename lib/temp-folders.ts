import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isMaker } from './temp-files';

const pattern = /^trt-node-(?<pid>\d+)-[A-Za-z0-9]{6}$/;

/**
 * A build in another container may use the same folder, and its pid means nothing here. None takes this long without a change
 * to its own folder.
 */
const staleAfterMs = 24 * 60 * 60 * 1000;

let swept = false;

/** A fresh private folder (mode 0700) for temporary files; its name tells whose it is. */
export async function makeTempFolder(): Promise<string> {
  if (!swept) {
    swept = true;
    await removeStaleFolders(tmpdir());
  }
  return await mkdtemp(path.join(tmpdir(), `trt-node-${process.pid}-`));
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
