import { unlink } from 'node:fs/promises';
import { digestsFolder } from './folders';
import { entriesIn, removeLocked, removeOldDigests, type UsedEntry } from './eviction';
import { cachedTimings } from './inventory';
import type { LockingBinding } from './key-lock';

/** What shall go. Whatever builds that were killed left goes in any case. */
export interface PruneOptions {
  readonly binding: LockingBinding;
  /** The engine cache's folder. */
  readonly folder: string;
  /** null: timing caches are left alone. */
  readonly timingFolder: string | null;
  /** Engines go, least recently used first, until the rest has no more; null: no limit. */
  readonly maxBytes: number | null;
  /** Engines and timing caches that were not used for so long go; null: no limit. */
  readonly olderThanMs: number | null;
  /** Everything goes. */
  readonly all: boolean;
  readonly dryRun: boolean;
  readonly now?: number;
}

export interface PrunedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly reason: 'all' | 'age' | 'size' | 'leftover';
}

export interface PruneResult {
  /** In a dry run: what would be removed. */
  readonly removed: readonly PrunedFile[];
  /** What should go and is in use, or cannot be locked. */
  readonly kept: readonly PrunedFile[];
  readonly freedBytes: number;
}

/** Removes engines and timing caches; never an engine that is being built. */
export async function prune(options: PruneOptions): Promise<PruneResult> {
  const { binding, folder, timingFolder, dryRun, now = Date.now() } = options;
  const removed: PrunedFile[] = [];
  const kept: PrunedFile[] = [];
  for (const { used, reason } of doomedIn(await entriesIn(folder), options, now)) {
    const what = reason === 'leftover' ? 'leftovers' : 'all';
    const isKept = what === 'leftovers' && used.complete;
    const sizeBytes = isKept ? used.leftoverBytes : used.sizeBytes;
    const file = { path: used.entry.folder, sizeBytes, reason };
    const gone = dryRun || (await removeLocked(binding, used, what));
    (gone ? removed : kept).push(file);
  }
  for (const { path: file, sizeBytes, lastUsed } of await cachedTimings(timingFolder ?? '')) {
    const reason = options.all ? 'all' : isOld(Date.parse(lastUsed), options, now) ? 'age' : null;
    if (reason === null) continue;
    const gone = dryRun || (await removeFile(file));
    (gone ? removed : kept).push({ path: file, sizeBytes, reason });
  }
  if (!dryRun) await removeOldDigests(digestsFolder(folder), options.all ? Infinity : now);
  const freedBytes = removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { removed, kept, freedBytes };
}

interface Doomed {
  readonly used: UsedEntry;
  readonly reason: PrunedFile['reason'];
}

/** `entries`: the least recently used first. */
function doomedIn(
  entries: readonly UsedEntry[],
  options: PruneOptions,
  now: number,
): readonly Doomed[] {
  const { all, maxBytes } = options;
  let total = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return entries.flatMap((used) => {
    const { sizeBytes, usedMs, complete, leftovers } = used;
    const tooMuch = maxBytes !== null && total > maxBytes;
    const reason = all
      ? 'all'
      : isOld(usedMs, options, now)
        ? 'age'
        : tooMuch
          ? 'size'
          : !complete || leftovers
            ? 'leftover'
            : null;
    if (reason === null) return [];
    if (reason !== 'leftover' || !complete) total -= sizeBytes;
    return [{ used, reason }];
  });
}

function isOld(usedMs: number, { olderThanMs }: PruneOptions, now: number): boolean {
  return olderThanMs !== null && now - usedMs > olderThanMs;
}

async function removeFile(file: string): Promise<boolean> {
  try {
    await unlink(file);
    return true;
  } catch {
    return false;
  }
}
