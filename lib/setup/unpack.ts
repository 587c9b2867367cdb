import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import path from 'node:path';

import { openPromise, type Entry, type ZipFile } from 'yauzl';

import { TrtError } from '../errors';
import type { RuntimeFile } from './installation';
import { requiredLibraries, type RuntimePin } from './pins';
import { isSystemError } from './write-error';

const sharedLibrary = /^tensorrt_rtx_libs\/([^/]+\.so(?:\.[0-9]+)*)$/;
const licence = /^[^/]+\.dist-info\/(?:licenses\/)?((?:LICEN[CS]E|NOTICE|COPYING)[^/]*)$/i;

const fileTypeMask = 0o170000;
const symbolicLink = 0o120000;

/**
 * Unpacks the shared libraries and the licence of a wheel whose digest is known to be right, all into `folder`, on disk when
 * it resolves. Throws ERR_TRT_SETUP_CHECKSUM when the archive is not the one expected.
 */
export async function unpackWheel(
  wheel: string,
  pin: RuntimePin,
  folder: string,
  signal: AbortSignal | undefined,
  onBytes: (writtenBytes: number, totalBytes: number) => void,
): Promise<RuntimeFile[]> {
  const zip = await archive(
    pin,
    signal,
    async () =>
      // decodeStrings makes yauzl refuse every absolute name and every `..`, validateEntrySizes what inflates beyond its size.
      await openPromise(wheel, { autoClose: false, decodeStrings: true, validateEntrySizes: true }),
  );
  const files: RuntimeFile[] = [];
  try {
    const selected = await archive(pin, signal, async () => await selectEntries(zip, pin));
    const total = unpackedSize(selected);
    let written = 0;
    onBytes(written, total);
    for (const [name, entry] of selected) {
      const file = await archive(
        pin,
        signal,
        async () =>
          await writeEntry(zip, entry, path.join(folder, name), signal, (bytes) => {
            written += bytes;
            onBytes(written, total);
          }),
      );
      files.push({ name, ...file });
    }
  } finally {
    zip.close();
  }
  return files;
}

async function selectEntries(zip: ZipFile, pin: RuntimePin): Promise<Map<string, Entry>> {
  const selected = new Map<string, Entry>();
  for await (const entry of zip.eachEntry()) {
    const name = (sharedLibrary.exec(entry.fileName) ?? licence.exec(entry.fileName))?.[1];
    if (name === undefined) continue;
    if (selected.has(name)) throw archiveError(pin, `two files named ${name}`);
    if (((entry.externalFileAttributes >>> 16) & fileTypeMask) === symbolicLink) {
      throw archiveError(pin, `${name} is a symbolic link`);
    }
    selected.set(name, entry);
  }
  for (const name of requiredLibraries) {
    if (!selected.has(name)) throw archiveError(pin, `no ${name} in it`);
  }
  const unpacked = unpackedSize(selected);
  if (unpacked > pin.unpackedBytes) {
    throw archiveError(pin, `${unpacked} bytes unpacked, more than ${pin.unpackedBytes}`);
  }
  return selected;
}

function unpackedSize(entries: ReadonlyMap<string, Entry>): number {
  return [...entries.values()].reduce((sum, entry) => sum + entry.uncompressedSize, 0);
}

async function writeEntry(
  zip: ZipFile,
  entry: Entry,
  file: string,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash('sha256');
  const handle = await open(file, 'wx', 0o644);
  try {
    const stream = await zip.openReadStreamPromise(entry);
    let sizeBytes = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      signal?.throwIfAborted();
      await handle.writeFile(chunk);
      hash.update(chunk);
      sizeBytes += chunk.byteLength;
      onBytes(chunk.byteLength);
    }
    await handle.sync();
    return { sizeBytes, sha256: hash.digest('hex') };
  } finally {
    await handle.close();
  }
}

/** yauzl and zlib report a broken archive by plain errors. */
async function archive<T>(
  pin: RuntimePin,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TrtError || isSystemError(error) || signal?.aborted === true) throw error;
    throw archiveError(pin, error instanceof Error ? error.message : String(error), error);
  }
}

function archiveError(pin: RuntimePin, problem: string, cause?: unknown): TrtError {
  return new TrtError(
    'ERR_TRT_SETUP_CHECKSUM',
    `expected ${pin.file} to be a wheel of TensorRT-RTX but it cannot be unpacked: ${problem}. Nothing was installed. ` +
      'Its digest is the pinned one, so this is a mistake in trt-node: please report it.',
    { ...(cause !== undefined && { cause }), details: { file: pin.file, problem } },
  );
}
