import { open, type FileHandle } from 'node:fs/promises';

/** What a shared library says to the dynamic linker. */
export interface ElfFacts {
  /** Its own name (DT_SONAME); null where it has none. */
  readonly soname: string | null;
  /** Names of the libraries that must be there to open it (DT_NEEDED). */
  readonly needed: readonly string[];
  /** Folders in which it looks for them (DT_RUNPATH, else DT_RPATH), as written: `$ORIGIN/../lib`. */
  readonly searchPath: readonly string[];
  /** Symbol versions that it asks of others: `GLIBC_2.27`. */
  readonly versions: readonly string[];
}

const tags = { needed: 1n, strtab: 5n, strsz: 10n, soname: 14n, rpath: 15n, runpath: 29n };
const verneedTag = 0x6ffffffen;
const verneedCountTag = 0x6fffffffn;
const [loadSegment, dynamicSegment] = [1, 2];
/** Real ones have some kilobytes to some megabytes; a damaged file may claim anything. */
const maxTableBytes = 64 * 1024 * 1024;

/**
 * Reads the dynamic section of a 64-bit little-endian ELF file (x86-64 and arm64 Linux); null when it is something else or damaged. The
 * file is read, not opened as a library, and neither `ldd` nor `readelf` need be installed.
 */
export async function readElf(file: string): Promise<ElfFacts | null> {
  const handle = await open(file, 'r');
  try {
    return await readDynamic(handle);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  } finally {
    await handle.close();
  }
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: bigint;
  readonly size: number;
}

async function readDynamic(handle: FileHandle): Promise<ElfFacts | null> {
  const header = await read(handle, 0, 64);
  const isElf64 = header.readUInt32BE(0) === 0x7f454c46 && header[4] === 2 && header[5] === 1;
  if (!isElf64) return null;
  const segments = await readSegments(handle, header);
  const dynamic = segments.find(({ type }) => type === dynamicSegment);
  if (dynamic === undefined) return null;
  const entries = dynamicEntries(await read(handle, dynamic.offset, dynamic.size));
  const valueOf = (tag: bigint): bigint | undefined =>
    entries.find((each) => each.tag === tag)?.value;
  const [strings, stringsSize] = [valueOf(tags.strtab), valueOf(tags.strsz)];
  if (strings === undefined || stringsSize === undefined) return null;
  const table = await read(handle, fileOffset(segments, strings), Number(stringsSize));
  const text = (at: bigint): string => textAt(table, Number(at));
  const searchPath = valueOf(tags.runpath) ?? valueOf(tags.rpath);
  const soname = valueOf(tags.soname);
  const verneed = valueOf(verneedTag);
  return {
    soname: soname === undefined ? null : text(soname),
    needed: entries.filter(({ tag }) => tag === tags.needed).map(({ value }) => text(value)),
    searchPath:
      searchPath === undefined
        ? []
        : text(searchPath)
            .split(':')
            .filter((each) => each !== ''),
    versions:
      verneed === undefined
        ? []
        : await neededVersions(
            handle,
            fileOffset(segments, verneed),
            Number(valueOf(verneedCountTag) ?? 0n),
            text,
          ),
  };
}

async function readSegments(handle: FileHandle, header: Buffer): Promise<Segment[]> {
  const [entrySize, count] = [header.readUInt16LE(0x36), header.readUInt16LE(0x38)];
  const table = await read(handle, Number(header.readBigUInt64LE(0x20)), entrySize * count);
  return Array.from({ length: count }, (_, index) => {
    const at = index * entrySize;
    return {
      type: table.readUInt32LE(at),
      offset: Number(table.readBigUInt64LE(at + 8)),
      address: table.readBigUInt64LE(at + 16),
      size: Number(table.readBigUInt64LE(at + 32)),
    };
  });
}

function dynamicEntries(bytes: Buffer): { tag: bigint; value: bigint }[] {
  const entries: { tag: bigint; value: bigint }[] = [];
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const tag = bytes.readBigInt64LE(at);
    if (tag === 0n) break;
    entries.push({ tag, value: bytes.readBigUInt64LE(at + 8) });
  }
  return entries;
}

/** The tables are addressed as they will lie in memory. */
function fileOffset(segments: readonly Segment[], address: bigint): number {
  const segment = segments.find(
    ({ type, address: start, size }) =>
      type === loadSegment && address >= start && address < start + BigInt(size),
  );
  if (segment === undefined) throw new RangeError('an address outside of every segment');
  return segment.offset + Number(address - segment.address);
}

/** A chain of records, one for each library that versions are asked of, each with a chain of versions. */
async function neededVersions(
  handle: FileHandle,
  start: number,
  count: number,
  text: (at: bigint) => string,
): Promise<string[]> {
  const versions: string[] = [];
  let record = start;
  for (let i = 0; i < count; i += 1) {
    const head = await read(handle, record, 16);
    let version = record + head.readUInt32LE(8);
    for (let j = head.readUInt16LE(2); j > 0; j -= 1) {
      const entry = await read(handle, version, 16);
      versions.push(text(BigInt(entry.readUInt32LE(8))));
      version += entry.readUInt32LE(12);
    }
    record += head.readUInt32LE(12);
  }
  return versions;
}

function textAt(table: Buffer, at: number): string {
  const end = table.indexOf(0, at);
  if (at >= table.length || end === -1) throw new RangeError('a name outside of the string table');
  return table.toString('utf8', at, end);
}

async function read(handle: FileHandle, offset: number, size: number): Promise<Buffer> {
  if (!(size >= 0 && size <= maxTableBytes && Number.isSafeInteger(offset))) {
    throw new RangeError('a table of no sensible size');
  }
  const bytes = Buffer.alloc(size);
  const { bytesRead } = await handle.read(bytes, 0, size, offset);
  if (bytesRead < size) throw new RangeError('the file ends within a table');
  return bytes;
}
