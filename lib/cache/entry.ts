import { lstat, readdir, rm, rmdir, utimes } from 'node:fs/promises';
import path from 'node:path';
import { TrtError } from '../errors';
import { manifestPathOf, manifestText, readManifest } from '../manifest';
import type { Manifest } from '../manifest-schema';
import { nativeCall } from '../native-call';
import type { PublishFiles } from '../publish-files';
import { isTempOf, tempPathFor } from '../temp-files';
import { notPrivate } from './cache-errors';
import type { DigestMemo, HashingBinding } from './digest-memo';
import { isMissing } from './key-lock';
import { privacyOf } from './private-folder';

/** Names of entries' folders: keys. Nothing else in a cache's folder is ever touched. */
export const keyPattern = /^[0-9a-f]{64}$/;

/** What a look at an entry found. Without its lock, `damaged` may also be one that is being replaced at this moment. */
export type EntryLook =
  | { readonly kind: 'hit'; readonly manifest: Manifest; readonly identity: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'damaged'; readonly why: string };

/** Why an entry is not to be trusted, whatever its digest says; null: it is. */
export type Trust = (manifest: Manifest) => string | null;

/** A plan with its manifest in the folder of its key. It is there when both are, and when they agree. */
export class Entry {
  readonly folder: string;
  readonly plan: string;
  readonly #manifestPath: string;

  constructor(
    cacheFolder: string,
    readonly key: string,
  ) {
    this.folder = path.join(cacheFolder, key);
    this.plan = path.join(this.folder, 'plan.engine');
    this.#manifestPath = manifestPathOf(this.plan);
  }

  /** A path in the entry's folder where no file is yet. */
  freshPath(): string {
    return tempPathFor(this.plan);
  }

  /**
   * Looks whether the plan is there, is the one that its manifest describes, and is this key's. Rejects with `ERR_TRT_CACHE`
   * for a folder that others can write to.
   */
  async look(binding: HashingBinding, memo: DigestMemo, trust: Trust): Promise<EntryLook> {
    try {
      const finding = await privacyOf(this.folder, { links: 'refused' });
      if (finding !== null) throw notPrivate(this.folder, finding);
      for (const file of [this.plan, this.#manifestPath]) {
        if (!(await lstat(file)).isFile()) return damaged(`${file} is not a regular file`);
      }
    } catch (error) {
      if (isMissing(error)) return { kind: 'absent' };
      if (error instanceof TrtError) throw error;
      return damaged((error as Error).message);
    }
    try {
      return await this.#check(binding, memo, trust);
    } catch (error) {
      // Removed by another process since.
      const gone = await lstat(this.plan).then(() => false, isMissing);
      return gone ? { kind: 'absent' } : damaged((error as Error).message);
    }
  }

  async #check(binding: HashingBinding, memo: DigestMemo, trust: Trust): Promise<EntryLook> {
    const manifest = await readManifest(this.#manifestPath);
    if (manifest === null) return { kind: 'absent' };
    if (manifest.cacheKey !== this.key) {
      return damaged(`its manifest is that of ${manifest.cacheKey ?? 'a plan without a key'}`);
    }
    const mistrust = trust(manifest);
    if (mistrust !== null) return damaged(mistrust);
    const known = await memo.digestOf(this.plan);
    const hashed = known ?? (await nativeCall(() => binding.hashFile(this.plan)));
    const { sha256, sizeBytes, identity } = hashed;
    if (sha256 !== manifest.plan.sha256 || sizeBytes !== manifest.plan.sizeBytes) {
      return damaged(`its plan has SHA-256 ${sha256} instead of ${manifest.plan.sha256}`);
    }
    if (known === null) await memo.rememberOwn(this.plan, hashed);
    return { kind: 'hit', manifest, identity };
  }

  /** Puts a finished plan, fsynced, where none stands. The entry's lock must be held. */
  async put(files: PublishFiles, freshPlan: string, manifest: Manifest): Promise<void> {
    const freshManifest = tempPathFor(this.#manifestPath);
    try {
      await writeSynced(files, freshManifest, manifestText(manifest));
      // The plan last: whoever looks without the lock finds no entry until it is whole.
      await files.rename(freshManifest, this.#manifestPath);
      await files.rename(freshPlan, this.plan);
      await syncFolder(files, this.folder);
    } catch (error) {
      await files.unlink(freshManifest).catch(() => undefined);
      throw error;
    }
  }

  /** For the order in which entries are evicted: the manifest's modification time. Best effort. */
  async touch(): Promise<void> {
    const now = new Date();
    await utimes(this.#manifestPath, now, now).catch(() => undefined);
  }

  /**
   * Removes the pair, what killed builds left, or both; nothing that is not ours. The folder stays, as its lock does, which must be
   * held for leftovers. Best effort.
   */
  async clear(what: 'all' | 'pair' | 'leftovers'): Promise<void> {
    const names: readonly string[] = await readdir(this.folder).catch(() => []);
    const pair = [path.basename(this.plan), path.basename(this.#manifestPath)];
    const isWhole = pair.every((name) => names.includes(name));
    const doomed = names.filter((name) =>
      pair.includes(name)
        ? what !== 'leftovers' || !isWhole
        : what !== 'pair' && isTempOf(name, pair),
    );
    // The plan before its manifest: without one there is no entry.
    for (const name of doomed.sort()) {
      const file = path.join(this.folder, name);
      await rm(file, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  /** The last step of whoever has the lock: whoever waits for it makes the folder again. Best effort. */
  async removeIfEmpty(): Promise<void> {
    await rmdir(this.folder).catch(() => undefined);
  }

  /** Null: there is none. */
  async usage(): Promise<EntryUsage | null> {
    try {
      const names = await readdir(this.folder);
      const stats = await Promise.all(names.map((name) => lstat(path.join(this.folder, name))));
      const manifest = stats[names.indexOf(path.basename(this.#manifestPath))];
      const pair = [path.basename(this.plan), path.basename(this.#manifestPath)];
      const leftovers = stats.filter((_, index) => isTempOf(names[index] ?? '', pair));
      return {
        sizeBytes: stats.reduce((sum, { size }) => sum + size, 0),
        usedMs: manifest?.mtimeMs ?? (await lstat(this.folder)).mtimeMs,
        complete: manifest !== undefined && names.includes(path.basename(this.plan)),
        leftovers: leftovers.length > 0,
        leftoverBytes: leftovers.reduce((sum, { size }) => sum + size, 0),
      };
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  /** The manifest as it stands there, unchecked against its plan; null where it cannot be read. */
  async manifest(): Promise<Manifest | null> {
    return await readManifest(this.#manifestPath).catch(() => null);
  }
}

export interface EntryUsage {
  readonly sizeBytes: number;
  /** When it was last given out. */
  readonly usedMs: number;
  readonly complete: boolean;
  /** Temporary files of a build that is running, or was killed. */
  readonly leftovers: boolean;
  readonly leftoverBytes: number;
}

function damaged(why: string): EntryLook {
  return { kind: 'damaged', why };
}

async function writeSynced(files: PublishFiles, file: string, text: string): Promise<void> {
  const handle = await files.open(file, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Best effort: a power cut that loses a rename leaves half an entry at worst, which is none. */
async function syncFolder(files: PublishFiles, folder: string): Promise<void> {
  const handle = await files.open(folder, 'r').catch(() => null);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
