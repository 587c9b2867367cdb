import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { NativeBinding } from '../binding';
import { tempPathFor } from '../temp-files';
import type { FileDigest } from '../manifest-schema';

export type HashedFile = FileDigest & { readonly identity: string };
export type HashingBinding = Pick<NativeBinding, 'hashFile' | 'hashExternalFile'>;

/** Below this, hashing costs less than looking. */
const worthRememberingBytes = 2 ** 20;

/** A file that is written twice within a step of its file system's clock may look the same: only what lay still is remembered. */
const settledAfterMs = 2000;

/**
 * Digests of large files by what tells this state of a file from any other: device, inode, size, and both times in
 * nanoseconds. ctime cannot be set, so whoever changes a file changes that. Kept in a private folder, one small file each,
 * replaced by renames: no lock is needed, and what is damaged is not there.
 */
export class DigestMemo {
  readonly #folder: string;
  readonly #known = new Map<string, HashedFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What is remembered of the file as it is now; null: nothing. Never rejects. */
  async digestOf(file: string, place = anywhere): Promise<HashedFile | null> {
    const state = await fileState(file);
    if (state === null || state.sizeBytes < worthRememberingBytes) return null;
    const { identity } = state;
    const name = nameOf(identity, place);
    const known = this.#known.get(name) ?? (await this.#read(name));
    if (known?.sizeBytes !== state.sizeBytes || known.identity !== identity) return null;
    this.#known.set(name, known);
    return known;
  }

  /** Remembers what a file's bytes were, if the file is still as it was when they were hashed. Never rejects. */
  async remember(
    file: string,
    hashed: HashedFile,
    hashedAt: number,
    place = anywhere,
  ): Promise<void> {
    const state = await fileState(file);
    if (state?.identity !== hashed.identity) return;
    if (hashedAt - state.changedMs > settledAfterMs) await this.#keep(hashed, place);
  }

  /**
   * As `remember`, of a file that nobody but us writes, and that is not written any more; `identity` where it was hashed as it lies there.
   */
  async rememberOwn(
    file: string,
    { sha256, sizeBytes, identity }: FileDigest & Partial<HashedFile>,
  ): Promise<void> {
    const state = await fileState(file);
    if (state?.sizeBytes !== sizeBytes) return;
    // Replaced since, by a plan of the same size.
    if (identity !== undefined && identity !== state.identity) return;
    await this.#keep({ sha256, sizeBytes, identity: state.identity }, anywhere);
  }

  async #keep({ sha256, sizeBytes, identity }: HashedFile, place: string): Promise<void> {
    if (sizeBytes < worthRememberingBytes) return;
    const name = nameOf(identity, place);
    const known = { sha256, sizeBytes, identity };
    this.#known.set(name, known);
    await this.#write(name, known);
  }

  async #read(name: string): Promise<HashedFile | null> {
    try {
      const text = await readFile(path.join(this.#folder, name), 'utf8');
      const parsed = JSON.parse(text) as Readonly<Record<string, unknown>>;
      const { sha256, sizeBytes, identity } = parsed;
      if (typeof identity !== 'string' || typeof sizeBytes !== 'number') return null;
      if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) return null;
      return { sha256, sizeBytes, identity };
    } catch {
      return null;
    }
  }

  async #write(name: string, known: HashedFile): Promise<void> {
    const target = path.join(this.#folder, name);
    const temp = tempPathFor(target);
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeFile(temp, JSON.stringify(known), { flag: 'wx', mode: 0o600 });
      await rename(temp, target);
    } catch {
      // The next one hashes again.
      await unlink(temp).catch(() => undefined);
    }
  }
}

/** Names of a memo's files, whole or half-written. */
export const memoFilePattern = /^\.?[0-9a-f]{64}\.json(\.\d+\.[0-9a-f]{16}\.tmp)?$/;

/** Of a file that may lie wherever it likes. */
const anywhere = '';

function nameOf(identity: string, place: string): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([identity, place]))
    .digest('hex');
  return `${digest}.json`;
}

/**
 * The addon's hashing with a memory. What the addon refuses of external data is refused at the first look at each file in each
 * state; which is remembered of the very place that it was found at.
 */
export function remembering(binding: HashingBinding, memo: DigestMemo): HashingBinding {
  const through = async (
    file: string,
    place: string,
    hash: () => Promise<HashedFile>,
  ): Promise<HashedFile> => {
    const known = await memo.digestOf(file, place);
    if (known !== null) return known;
    const hashedAt = Date.now();
    const hashed = await hash();
    await memo.remember(file, hashed, hashedAt, place);
    return hashed;
  };
  return {
    hashFile: (file) => through(file, anywhere, () => binding.hashFile(file)),
    hashExternalFile: (folder, location) =>
      through(path.join(folder, location), JSON.stringify([folder, location]), () =>
        binding.hashExternalFile(folder, location),
      ),
  };
}

export interface FileState {
  /** As the addon writes it. */
  readonly identity: string;
  readonly sizeBytes: number;
  /** The later of both times. */
  readonly changedMs: number;
}

/** null: there is no regular file. */
export async function fileState(file: string): Promise<FileState | null> {
  try {
    const stats = await stat(file, { bigint: true });
    if (!stats.isFile()) return null;
    const { dev, ino, size, mtimeNs, ctimeNs } = stats;
    const second = 1_000_000_000n;
    const times = [mtimeNs / second, mtimeNs % second, ctimeNs / second, ctimeNs % second];
    const latest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
    return {
      identity: [dev, ino, size, ...times].map((part) => `${part}:`).join(''),
      sizeBytes: Number(size),
      changedMs: Number(latest / 1_000_000n),
    };
  } catch {
    return null;
  }
}
