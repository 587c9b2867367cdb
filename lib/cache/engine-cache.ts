import path from 'node:path';
import { TrtError, type LogLine } from '../errors';
import type { Manifest } from '../manifest-schema';
import { nativeCall } from '../native-call';
import { realFiles, type PublishFiles } from '../publish-files';
import { untilAborted } from '../until-aborted';
import { DigestMemo, remembering, type HashingBinding } from './digest-memo';
import { engineKey, type EngineKeyParts } from './engine-key';
import { Entry, type EntryLook, type Trust } from './entry';
import { evict, removeOldDigests } from './eviction';
import { takeKeyLock, type KeyLock, type LockingBinding } from './key-lock';
import { cacheUnwritable, noCacheFolder, notPrivate } from './cache-errors';
import { digestsFolder, enginesFolder } from './folders';
import type { CheckedCache } from './option';
import { copiedUnlessAborted, copyEntry, copyPlan } from './plan-copy';
import { makePrivateFolder } from './private-folder';

export type CacheBinding = HashingBinding & LockingBinding;

/** After so many copies that cannot be trusted, the engine is built. */
const copyRounds = 3;

/** Told what a user should know and no result says. */
export type CacheReport = (severity: LogLine['severity'], message: string) => void;

/** One build, as the cache sees it. */
export interface CachedBuild {
  readonly signal: AbortSignal | null;
  /** A path where no file is yet: beside the output, or in the private folder of a build without one. */
  readonly tempPlan: string;
  /** Whether the plan must be at `tempPlan` in the end: somebody named an output. */
  readonly output: boolean;
  /**
   * Builds a plan at `planPath`, where no file is yet, fsynced, and removes it when it fails. Its manifest must have the
   * `cacheKey`, as it may be signed.
   */
  readonly build: (planPath: string, cacheKey: string) => Promise<Manifest>;
  /** The manifest of a plan that was built before, as this call would have made it: its own labels, options and model name. */
  readonly describe: (manifest: Manifest) => Manifest;
  /** Why an entry is not to be trusted (signature missing or wrong); null: it is. Default: its digest is all that is asked. */
  readonly trust?: Trust;
}

export interface CacheOutcome {
  readonly manifest: Manifest;
  /** The entry's plan; null: the plan is at `tempPlan`. */
  readonly path: string | null;
  /** Nothing was built by this call. */
  readonly hit: boolean;
}

/**
 * Opens the cache of a build: makes its folder, and sees to it that nobody else can write there.
 *
 * @param report told when the cache cannot be used, and why; the build then goes on without
 * @throws TrtError (as a rejection) `ERR_TRT_CACHE`: no home folder, a folder that others can write to; with `strict`, one that
 * cannot be made
 */
export async function openEngineCache(
  option: CheckedCache,
  binding: CacheBinding,
  report: CacheReport,
  files?: PublishFiles,
): Promise<EngineCache> {
  const folder = option.folder ?? enginesFolder();
  if (folder === null) throw noCacheFolder();
  try {
    const finding = await makePrivateFolder(folder);
    if (finding !== null) throw notPrivate(folder, finding);
    return new EngineCache({ ...option, folder }, binding, report, files);
  } catch (error) {
    if (error instanceof TrtError) throw error;
    const unusable = cacheUnwritable(folder, error as Error);
    if (option.strict) throw unusable;
    report('warning', `${unusable.message} The engine is built without the cache.`);
    return new EngineCache({ ...option, folder: null }, binding, report, files);
  }
}

/** Engines by what they were built from: the same thing is built once, by whoever is first. */
export class EngineCache {
  /** The addon's hashing, which looks at a large file once as long as it stays as it is. */
  readonly hashing: HashingBinding;
  readonly #option: CheckedCache;
  readonly #binding: CacheBinding;
  readonly #report: CacheReport;
  readonly #memo: DigestMemo | null;
  readonly #files: PublishFiles;

  /** @internal `openEngineCache` makes these; a null folder is a cache that cannot be used. */
  constructor(
    option: CheckedCache,
    binding: CacheBinding,
    report: CacheReport,
    files: PublishFiles = realFiles,
  ) {
    this.#files = files;
    this.#option = option;
    this.#binding = binding;
    this.#report = report;
    this.#memo = option.folder === null ? null : memoOf(digestsFolder(option.folder));
    this.hashing = this.#memo === null ? binding : remembering(binding, this.#memo);
  }

  /**
   * The plan of these parts: from the cache, by waiting for whoever is building it, or by building it.
   *
   * @throws TrtError (as a rejection) `ERR_TRT_CACHE` for an entry that others can write to and, with `strict`, for one that is
   * damaged or cannot be kept; what `build` rejects with; after an abort the signal's reason
   */
  async through(parts: EngineKeyParts, run: CachedBuild): Promise<CacheOutcome> {
    const key = engineKey(parts);
    const { folder } = this.#option;
    if (folder === null || this.#memo === null) return await uncached(run, key);
    const entry = new Entry(folder, key);
    const memo = this.#memo;
    const quick = await this.#give(entry, memo, run);
    if (quick !== null) return quick;

    const waited = await this.#lock(entry, memo, run);
    if (waited === null) return await uncached(run, key);
    if ('outcome' in waited) return waited.outcome;
    const { lock } = waited;
    let outcome: CacheOutcome;
    try {
      outcome = await this.#alone(entry, memo, run, lock);
    } finally {
      lock.release();
    }
    if (!outcome.hit && lock.holds) await this.#evict(folder, key);
    return outcome;
  }

  /** With the lock. */
  async #alone(
    entry: Entry,
    memo: DigestMemo,
    run: CachedBuild,
    lock: KeyLock,
  ): Promise<CacheOutcome> {
    // More than once only where an entry is removed while it is copied, or where a file system tells its state otherwise each time.
    for (let round = 0; round < copyRounds; round += 1) {
      const look = await this.#look(entry, memo, run);
      if (look.kind !== 'hit') {
        if (look.kind === 'damaged') {
          this.#damaged(entry, look.why);
          await entry.clear('pair');
        }
        break;
      }
      const given = await this.#hand(entry, look, run);
      if (given !== null) return given;
    }
    return await this.#build(entry, memo, run, lock);
  }

  async #evict(folder: string, keep: string): Promise<void> {
    const { maxBytes } = this.#option;
    // What could not be evicted now will be after the next build.
    await evict({ binding: this.#binding, folder, maxBytes, keep }).catch(() => undefined);
    await removeOldDigests(digestsFolder(folder));
  }

  /** Without the lock: hits hold nobody up. What looks damaged may be in the middle of being replaced. */
  async #give(entry: Entry, memo: DigestMemo, run: CachedBuild): Promise<CacheOutcome | null> {
    run.signal?.throwIfAborted();
    const look = await this.#look(entry, memo, run);
    return look.kind === 'hit' ? await this.#hand(entry, look, run) : null;
  }

  /** A plan of gigabytes takes seconds to hash, and an abort is over within one. */
  #look(
    entry: Entry,
    memo: DigestMemo,
    { trust = () => null, signal }: CachedBuild,
  ): Promise<EntryLook> {
    return untilAborted(signal, entry.look(this.#binding, memo, trust));
  }

  /** null: the entry was removed or replaced meanwhile. */
  async #hand(
    entry: Entry,
    { manifest, identity }: EntryLook & { kind: 'hit' },
    run: CachedBuild,
  ): Promise<CacheOutcome | null> {
    const { signal, output, tempPlan } = run;
    signal?.throwIfAborted();
    const described = run.describe(manifest);
    if (output) {
      const copying = copyEntry(this.#files, entry.plan, identity, tempPlan);
      const copied = await copiedUnlessAborted(this.#files, tempPlan, signal, copying);
      if (!copied) return null;
    }
    await entry.touch();
    return { manifest: described, path: output ? null : entry.plan, hit: true };
  }

  /** The key's lock, or the plan that somebody else built meanwhile; null: there can be no lock. */
  async #lock(
    entry: Entry,
    memo: DigestMemo,
    run: CachedBuild,
  ): Promise<{ readonly lock: KeyLock } | { readonly outcome: CacheOutcome } | null> {
    const { signal } = run;
    let told = false;
    let outcome: CacheOutcome | null = null;
    const isDone = async (): Promise<boolean> => {
      if (!told) this.#report('info', 'this engine is being built elsewhere: waiting for it');
      told = true;
      outcome = await this.#give(entry, memo, run);
      return outcome !== null;
    };
    let lock: KeyLock | null;
    try {
      lock = await takeKeyLock(this.#binding, entry.folder, signal, isDone);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof TrtError) throw error;
      this.#unkept(cacheUnwritable(entry.folder, error as Error));
      return null;
    }
    if (lock === null) return outcome && { outcome };
    if (!lock.holds) {
      this.#report(
        'warning',
        `${path.dirname(entry.folder)} is on a file system without locks: processes that ask for the same engine at once may ` +
          'each build it, and none is evicted there.',
      );
    }
    return { lock };
  }

  #damaged(entry: Entry, why: string): void {
    const found = `the engine in ${entry.folder} is damaged or somebody else's: ${why}.`;
    if (this.#option.strict) {
      throw new TrtError(
        'ERR_TRT_CACHE',
        `expected a whole engine in the cache, but ${found} Find out who wrote there, then remove that folder, or leave ` +
          '`strict` out to have it built again.',
        { details: { reason: 'damaged', path: entry.folder } },
      );
    }
    this.#report('warning', `${found} It is built again.`);
  }

  async #build(
    entry: Entry,
    memo: DigestMemo,
    run: CachedBuild,
    lock: KeyLock,
  ): Promise<CacheOutcome> {
    const build = (): Promise<CacheOutcome> =>
      run.output ? this.#buildOutside(entry, memo, run) : this.#buildInside(entry, memo, run);
    // Where locks hold nothing, what lies there may be of a build that goes on at this moment.
    if (!lock.holds) return await build();
    try {
      await entry.clear('leftovers');
      return await build();
    } finally {
      await entry.clear('leftovers');
      await entry.removeIfEmpty();
    }
  }

  async #buildInside(entry: Entry, memo: DigestMemo, run: CachedBuild): Promise<CacheOutcome> {
    const fresh = entry.freshPath();
    let manifest: Manifest;
    try {
      manifest = await this.#checked(entry.key, () => run.build(fresh, entry.key));
    } catch (error) {
      if (run.signal?.aborted === true || !isWriteInto(error, entry.folder)) throw error;
      this.#unkept(cacheUnwritable(entry.folder, error));
      return await uncached(run, entry.key);
    }
    try {
      await this.#put(entry, memo, fresh, manifest);
      return { manifest, path: entry.plan, hit: false };
    } catch (error) {
      this.#unkept(cacheUnwritable(entry.folder, error as Error));
      // The plan was built: it is not lost for want of a place in the cache.
      await copyPlan(this.#files, fresh, run.tempPlan);
      return { manifest, path: null, hit: false };
    }
  }

  /** Beside the output, so that whatever goes wrong with the cache does not harm the build. */
  async #buildOutside(entry: Entry, memo: DigestMemo, run: CachedBuild): Promise<CacheOutcome> {
    const { signal, tempPlan } = run;
    const manifest = await this.#checked(entry.key, () => run.build(tempPlan, entry.key));
    const fresh = entry.freshPath();
    try {
      const copying = copyPlan(this.#files, tempPlan, fresh);
      await copiedUnlessAborted(this.#files, fresh, signal, copying);
      const hashing = nativeCall(() => this.#binding.hashFile(fresh));
      const { sha256 } = await untilAborted(signal, hashing);
      if (sha256 !== manifest.plan.sha256) throw new Error(`its copy has SHA-256 ${sha256}`);
      await this.#put(entry, memo, fresh, manifest);
    } catch (error) {
      signal?.throwIfAborted();
      this.#unkept(cacheUnwritable(entry.folder, error as Error));
    }
    return { manifest, path: null, hit: false };
  }

  async #checked(key: string, build: () => Promise<Manifest>): Promise<Manifest> {
    const manifest = await build();
    if (manifest.cacheKey === key) return manifest;
    throw new TrtError('ERR_TRT_INTERNAL', 'a build for the cache made a manifest without its key');
  }

  async #put(entry: Entry, memo: DigestMemo, fresh: string, manifest: Manifest): Promise<void> {
    await entry.put(this.#files, fresh, manifest);
    await memo.rememberOwn(entry.plan, manifest.plan);
  }

  /** Builds are worth more than being kept: a warning, unless somebody asked for more. */
  #unkept(error: TrtError): void {
    if (this.#option.strict) throw error;
    this.#report('warning', `${error.message} The engine is not kept.`);
  }
}

/** One per folder and process: what one build has learned, the next one knows. */
const memos = new Map<string, DigestMemo>();

function memoOf(folder: string): DigestMemo {
  const known = memos.get(folder) ?? new DigestMemo(folder);
  memos.set(folder, known);
  return known;
}

async function uncached(run: CachedBuild, key: string): Promise<CacheOutcome> {
  return { manifest: await run.build(run.tempPlan, key), path: null, hit: false };
}

/** Whether the file that could not be written is one of the cache's. */
function isWriteInto(error: unknown, folder: string): error is TrtError {
  if (!(error instanceof TrtError) || error.code !== 'ERR_TRT_WRITE') return false;
  const { path: file } = error.details;
  return typeof file === 'string' && path.dirname(file) === folder;
}
