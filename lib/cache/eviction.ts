import { readdir, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { memoFilePattern } from './digest-memo';
import { Entry, keyPattern, type EntryUsage } from './entry';
import { tryKeyLock, type LockingBinding } from './key-lock';

/** An entry that was given out as a path a moment ago is being read: what it holds on to nobody can see. */
const inUseMs = 5 * 60 * 1000;

/** Nothing is asked for a digest that nobody renewed for so long. */
const digestAgeMs = 90 * 24 * 60 * 60 * 1000;

export interface Eviction {
  readonly binding: LockingBinding;
  readonly folder: string;
  readonly maxBytes: number;
  /** The key of an entry that stays: the one that was just built. */
  readonly keep: string | null;
  readonly now?: number;
}

/** An entry and what it takes. */
export interface UsedEntry extends EntryUsage {
  readonly entry: Entry;
}

/** The entries of a cache, those first that were not used for the longest time; none where there is no folder. */
export async function entriesIn(folder: string): Promise<readonly UsedEntry[]> {
  const names = await readdir(folder).catch(() => []);
  const found: UsedEntry[] = [];
  for (const name of names.filter((each) => keyPattern.test(each))) {
    const entry = new Entry(folder, name);
    const usage = await entry.usage().catch(() => null);
    if (usage !== null) found.push({ entry, ...usage });
  }
  // Equal times, as coarse clocks give them, in the order of their keys: every process decides alike.
  return found.sort((a, b) => a.usedMs - b.usedMs || (a.entry.key < b.entry.key ? -1 : 1));
}

/**
 * Removes entries until the rest has no more than `maxBytes`, the least recently used first, and what killed builds left.
 * Nothing goes whose lock somebody holds: it is being built or replaced; nor what was used a moment ago.
 */
export async function evict(eviction: Eviction): Promise<void> {
  const { binding, folder, maxBytes, keep, now = Date.now() } = eviction;
  const entries = await entriesIn(folder);
  let total = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  for (const used of entries) {
    const { entry, sizeBytes, complete, leftovers } = used;
    if (!complete || leftovers) await removeLocked(binding, used, 'leftovers');
    if (total <= maxBytes || entry.key === keep || isInUse(used, now)) continue;
    if (await removeLocked(binding, used, 'all')) total -= sizeBytes;
  }
}

/** False: somebody is at it or used it since, or the file system has no locks that would tell. */
export async function removeLocked(
  binding: LockingBinding,
  { entry, usedMs }: UsedEntry,
  what: 'all' | 'leftovers',
): Promise<boolean> {
  const lock = await tryKeyLock(binding, entry.folder);
  if (lock === null) return false;
  try {
    if (!lock.holds) return false;
    if (what === 'all' && (await entry.usage())?.usedMs !== usedMs) return false;
    await entry.clear(what);
    await entry.removeIfEmpty();
    return true;
  } finally {
    lock.release();
  }
}

/** A time in the future is a clock that was set back: it says nothing, and must not keep an entry for ever. */
function isInUse({ usedMs }: EntryUsage, now: number): boolean {
  return usedMs <= now && now - usedMs < inUseMs;
}

/** Removes digests of files that were last seen long ago, and nothing else: whoever named the folder may have files there. */
export async function removeOldDigests(folder: string, now = Date.now()): Promise<void> {
  const names: readonly string[] = await readdir(folder).catch(() => []);
  for (const name of names.filter((each) => memoFilePattern.test(each))) {
    const file = path.join(folder, name);
    const stats = await stat(file).catch(() => null);
    if (!stats?.isFile() || now - stats.mtimeMs < digestAgeMs) continue;
    await unlink(file).catch(() => undefined);
  }
}
