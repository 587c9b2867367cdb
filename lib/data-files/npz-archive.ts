import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { openPromise, type Entry, type ZipFile } from 'yauzl';
import { TrtError } from '../errors';
import { streamSource, type ByteSource } from './byte-source';
import { dataFileError, unreadableFile, type ArrayPlace } from './data-file-error';

/** The arrays of a `.npz` file, which is a ZIP archive of `.npy` files. Nothing is unpacked to disk. */
export interface NpzArchive {
  /** Names without `.npy`, in the archive's order. */
  readonly names: readonly string[];
  /** Rejects with ERR_TRT_DATA_FILE. Several may be open at once. */
  open(name: string): Promise<ByteSource>;
  close(): void;
}

/** More than any model has inputs and outputs; a list of entries is held in memory. */
const maxEntries = 65_536;

/** Rejects with ERR_TRT_DATA_FILE. */
export async function openNpz(path: string): Promise<NpzArchive> {
  const place = { path, array: null };
  // Entry names never become paths here. validateEntrySizes ends what inflates beyond its size.
  const zip = await archiveWork(
    place,
    async () => await openPromise(path, { autoClose: false, validateEntrySizes: true }),
  );
  try {
    const entries = await archiveWork(place, async () => await arrayEntries(zip, place));
    return {
      names: [...entries.keys()],
      open: async (name) => await openEntry(zip, entries.get(name), { path, array: name }),
      close: () => zip.close(),
    };
  } catch (error) {
    zip.close();
    throw error;
  }
}

async function arrayEntries(zip: ZipFile, place: ArrayPlace): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  for await (const entry of zip.eachEntry()) {
    if (!entry.fileName.endsWith('.npy')) continue;
    const name = entry.fileName.slice(0, -'.npy'.length);
    if (entries.has(name)) {
      const problem = `it has two arrays named ${JSON.stringify(name)}`;
      throw dataFileError(place, 'damaged', problem, 'Save it again with numpy.savez.');
    }
    if (entries.size === maxEntries) {
      const problem = `it has more than ${maxEntries} arrays`;
      throw dataFileError(place, 'too-large', problem, 'Stack samples into one array per input.');
    }
    entries.set(name, entry);
  }
  if (entries.size === 0) {
    const problem = 'there is no array in it';
    throw dataFileError(
      place,
      'format',
      problem,
      'Save it again with numpy.savez(file, name=array).',
    );
  }
  return entries;
}

async function openEntry(
  zip: ZipFile,
  entry: Entry | undefined,
  place: ArrayPlace,
): Promise<ByteSource> {
  if (entry === undefined) {
    throw dataFileError(place, 'not-found', 'there is no such array', 'Check its name.');
  }
  if (entry.isEncrypted()) {
    throw dataFileError(place, 'format', 'it is encrypted', 'Save it again without a password.');
  }
  const stream: Readable = await archiveWork(
    place,
    async () => await zip.openReadStreamPromise(entry),
  );
  // yauzl leaves the digest to its caller.
  let digest = 0;
  let received = 0;
  const source = streamSource(stream, entry.uncompressedSize, (chunk) => {
    digest = crc32(chunk, digest);
    received += chunk.length;
    if (received === entry.uncompressedSize && digest !== entry.crc32) {
      throw dataFileError(place, 'damaged', 'its checksum is wrong', 'Copy or save it again.');
    }
  });
  return {
    ...source,
    read: async (target) => await archiveWork(place, async () => await source.read(target)),
  };
}

/** yauzl and zlib report a broken archive by plain errors. */
async function archiveWork<T>(place: ArrayPlace, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TrtError) throw error;
    const { code, errno, message } = error as NodeJS.ErrnoException;
    // zlib's errors have numbers too, and codes of their own.
    if (errno !== undefined && code?.startsWith('E')) throw unreadableFile(place.path, error);
    throw dataFileError(
      place,
      'damaged',
      `it is no readable .npz archive (${message})`,
      'Copy it again, or save it again with numpy.savez.',
      error,
    );
  }
}
