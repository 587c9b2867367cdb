import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  chmod,
  lstat,
  mkdir,
  open,
  readdir,
  rmdir,
  symlink,
  unlink,
  type FileHandle,
} from 'node:fs/promises';
import path from 'node:path';
import { TrtError } from '../errors';
import { writeError } from '../write-error';
import type { Content } from './contents';
import { outsideSources } from './outside-sources';
import {
  readBundleRecord,
  recordName,
  type BundleFile,
  type BundleLink,
  type BundleRecord,
} from './record';

/** Everything of a record but what writing finds out. */
export type RecordHead = Omit<BundleRecord, 'state' | 'files' | 'totalBytes'>;

export interface BundleTarget {
  readonly folder: string;
  /** The bundle that stands there, whole or not. */
  readonly previous: BundleRecord | null;
}

/**
 * Looks at the folder before anything is written. Rejects with `ERR_TRT_WRITE` when it is not a folder, or holds what is no bundle
 * and `force` is not set.
 */
export async function checkBundleTarget(out: string, force: boolean): Promise<BundleTarget> {
  const folder = path.resolve(out);
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw writeError(folder, 'look at what stands there', error);
  });
  const previous = readBundleRecord(folder);
  if (names.length === 0 || previous !== null || force) return { folder, previous };
  throw new TrtError(
    'ERR_TRT_WRITE',
    `expected ${folder} to be empty, missing, or a bundle of \`trt-node bundle\`, but other files are in it ` +
      `(${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}). Name another folder, or --force to write beside them.`,
    { details: { path: folder, step: 'look at what stands there', errno: null } },
  );
}

/**
 * Writes the contents and, last, the record. What a bundle that stood there had goes first; other files stay. When something
 * fails, or the signal aborts, what was written is removed again, and nothing else. Rejects with `ERR_TRT_INVALID_ARG` before
 * anything is written when a source lies in the folder, with `ERR_TRT_WRITE`, or with `signal.reason`.
 */
export async function writeBundle(
  { folder, previous }: BundleTarget,
  contents: readonly Content[],
  head: RecordHead,
  signal?: AbortSignal,
): Promise<BundleRecord> {
  const planned = contents.map(({ path: file, kind }) => ({
    ...{ path: file, kind, sizeBytes: 0, sha256: '' },
  }));
  const before = previous?.files ?? [];
  const writer = new BundleWriter(folder);
  try {
    const touched = [...before, ...planned].map((file) => file.path);
    const sources = await outsideSources(folder, contents, [...touched, recordName]);
    await writer.makeFolder('.');
    // First: a kill from here on leaves a folder that says of itself what may be replaced.
    await writer.text(
      recordName,
      textOf({ ...head, state: 'incomplete', files: [...before, ...planned], totalBytes: 0 }),
    );
    await writer.remove(before.map((file) => file.path));
    const files: (BundleFile | BundleLink)[] = [];
    for (const content of sources) {
      signal?.throwIfAborted();
      files.push(await writer.put(content));
    }
    const totalBytes = files.reduce(
      (sum, file) => sum + ('sizeBytes' in file ? file.sizeBytes : 0),
      0,
    );
    const record: BundleRecord = { ...head, state: 'complete', files, totalBytes };
    await writer.text(recordName, textOf(record));
    return record;
  } catch (error) {
    await writer.undo();
    if (signal?.aborted === true) throw signal.reason;
    throw writeError(folder, 'write a bundle', error);
  }
}

function textOf(record: BundleRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

class BundleWriter {
  private readonly made: string[] = [];
  private readonly written = new Set<string>();

  constructor(private readonly folder: string) {}

  async put(content: Content): Promise<BundleFile | BundleLink> {
    const { path: file, kind } = content;
    await this.makeFolder(path.dirname(file));
    if ('link' in content) {
      const target = path.join(this.folder, file);
      await removeFile(target);
      await symlink(content.link, target);
      this.written.add(file);
      return { path: file, kind, link: content.link };
    }
    const handle = await this.create(file);
    try {
      const copied = await copyHashed(content.source, handle);
      // Explicitly: whatever the umask was, the user of a slim image is another one.
      await handle.chmod(content.executable === true ? 0o755 : 0o644);
      return { path: file, kind, ...copied };
    } finally {
      await handle.close();
    }
  }

  async text(name: string, text: string): Promise<void> {
    const handle = await this.create(name);
    try {
      await handle.writeFile(text);
      await handle.chmod(0o644);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async makeFolder(relative: string): Promise<void> {
    const full = path.join(this.folder, relative);
    const first = await mkdir(full, { recursive: true });
    if (first === undefined) return;
    for (let each = full; each.length >= first.length; each = path.dirname(each)) {
      await chmod(each, 0o755);
      this.made.push(each);
    }
  }

  /** Removes files by their relative paths, and the folders that are empty then. */
  async remove(files: readonly string[]): Promise<void> {
    const folders = new Set<string>();
    for (const file of files) {
      await removeFile(path.join(this.folder, file));
      for (let each = path.dirname(file); each !== '.'; each = path.dirname(each)) {
        folders.add(each);
      }
    }
    await removeEmpty([...folders].map((each) => path.join(this.folder, each)));
  }

  /** Removes what this writer wrote, the record last, and the folders that it made. */
  async undo(): Promise<void> {
    for (const file of [...this.written].reverse()) await removeFile(path.join(this.folder, file));
    await removeEmpty(this.made);
  }

  private async create(file: string): Promise<FileHandle> {
    const target = path.join(this.folder, file);
    await removeFile(target);
    const handle = await open(target, 'wx', 0o644);
    this.written.add(file);
    return handle;
  }
}

/** Deepest first; those that hold something stay. */
async function removeEmpty(folders: readonly string[]): Promise<void> {
  for (const each of [...new Set(folders)].sort((a, b) => b.length - a.length)) {
    await rmdir(each).catch(() => undefined);
  }
}

async function removeFile(file: string): Promise<void> {
  const there = await lstat(file).catch(() => null);
  if (there !== null && !there.isDirectory()) await unlink(file);
}

/** One pass: the digest is of the very bytes that were written. */
async function copyHashed(
  source: string,
  handle: FileHandle,
): Promise<Pick<BundleFile, 'sizeBytes' | 'sha256'>> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of createReadStream(source, { highWaterMark: 1 << 20 })) {
    const bytes = chunk as Buffer;
    hash.update(bytes);
    sizeBytes += bytes.length;
    await handle.writeFile(bytes);
  }
  return { sizeBytes, sha256: hash.digest('hex') };
}
