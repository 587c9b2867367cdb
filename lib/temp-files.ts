import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { PublishFiles } from './publish-files';

const pattern = /^\.(?<target>.+)\.(?<pid>\d+)\.[0-9a-f]{16}\.tmp$/;

/** A dead process's pid may be another's by now in another container on the same volume: young files are left alone. */
const staleAfterMs = 60 * 60 * 1000;

/** A fresh name beside `target`, so that a rename stays on one file system; it tells whose it is. */
export function tempPathFor(target: string): string {
  const random = randomBytes(8).toString('hex');
  const name = `.${path.basename(target)}.${process.pid}.${random}.tmp`;
  return path.join(path.dirname(target), name);
}

/** Whether a file's name is one that `tempPathFor` gives to one of these targets. */
export function isTempOf(name: string, targets: readonly string[]): boolean {
  const target = pattern.exec(name)?.groups?.['target'];
  return target !== undefined && targets.includes(target);
}

/** Removes what crashed processes left beside `targets` (all of one folder). Best effort: it never rejects. */
export async function removeStaleTemps(
  files: PublishFiles,
  targets: readonly [string, ...string[]],
  now = Date.now(),
): Promise<void> {
  const folder = path.dirname(targets[0]);
  const names = new Set(targets.map((target) => path.basename(target)));
  const entries = await files.readdir(folder).catch(() => []);
  for (const entry of entries) {
    const { target, pid } = pattern.exec(entry)?.groups ?? {};
    if (target === undefined || pid === undefined || !names.has(target)) continue;
    const file = path.join(folder, entry);
    const stats = await files.stat(file).catch(() => null);
    if (!stats?.isFile() || now - stats.mtimeMs < staleAfterMs) continue;
    if (isMaker(Number(pid), stats.mtimeMs, now)) continue;
    await files.unlink(file).catch(() => undefined);
  }
}

/** Whether the process with this pid lives and may have made a file of that age. */
export function isMaker(pid: number, mtimeMs: number, now: number): boolean {
  // In containers many processes have the same pid: this one made nothing before it started.
  if (pid === process.pid) return mtimeMs >= now - process.uptime() * 1000;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and belongs to someone else.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
