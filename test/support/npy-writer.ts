import { crc32 } from 'node:zlib';

/** A `.npy` file of format 1.0 whose header says whatever it is told to. */
export function npyOf(header: string, data: Uint8Array, version = 1): Buffer {
  const text = Buffer.from(`${header}\n`);
  const start = Buffer.alloc(version === 1 ? 10 : 12);
  start.write('\x93NUMPY', 'latin1');
  start[6] = version;
  if (version === 1) start.writeUInt16LE(text.length, 8);
  else start.writeUInt32LE(text.length, 8);
  return Buffer.concat([start, text, data]);
}

/** As numpy.save writes a float32 array. */
export function float32Npy(dims: readonly number[], values: Float32Array): Buffer {
  const shape = dims.length === 1 ? `(${dims[0]},)` : `(${dims.join(', ')})`;
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
  return npyOf(header, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

export interface ZipEntry {
  readonly name: string;
  readonly data: Uint8Array;
  /** What the directory says of it, where that is not true. */
  readonly claims?: { readonly crc32?: number; readonly sizeBytes?: number };
}

/** A stored archive. With `zip64` its sizes and offsets stand in the fields that files beyond 4 GiB need. */
export function storedZip(entries: readonly ZipEntry[], { zip64 = false } = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data, claims } of entries) {
    const nameBytes = Buffer.from(name);
    const size = claims?.sizeBytes ?? data.length;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(zip64 ? 45 : 20, 0);
    common.writeUInt32LE(claims?.crc32 ?? crc32(data), 10);
    common.writeUInt32LE(zip64 ? 0xffffffff : size, 14);
    common.writeUInt32LE(zip64 ? 0xffffffff : size, 18);
    common.writeUInt16LE(nameBytes.length, 22);
    const extra = zip64 ? zip64Extra([size, size]) : Buffer.alloc(0);
    const centralExtra = zip64 ? zip64Extra([size, size, offset]) : Buffer.alloc(0);
    const local = Buffer.from(common);
    local.writeUInt16LE(extra.length, 24);
    const central = Buffer.from(common);
    central.writeUInt16LE(centralExtra.length, 24);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(zip64 ? 0xffffffff : offset, 10);
    const signature = Buffer.from('PK\x03\x04', 'latin1');
    parts.push(signature, local, nameBytes, extra, Buffer.from(data));
    const versions = Buffer.from('PK\x01\x02\x2d\x03', 'latin1');
    directory.push(versions, central, tail, nameBytes, centralExtra);
    offset += signature.length + local.length + nameBytes.length + extra.length + data.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(zip64 ? 0xffff : entries.length, 8);
  end.writeUInt16LE(zip64 ? 0xffff : entries.length, 10);
  end.writeUInt32LE(zip64 ? 0xffffffff : listed.length, 12);
  end.writeUInt32LE(zip64 ? 0xffffffff : offset, 16);
  const wide = zip64 ? [zip64End(entries.length, listed.length, offset)] : [];
  return Buffer.concat([...parts, listed, ...wide, end]);
}

function zip64Extra(values: readonly number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, index) => extra.writeBigUInt64LE(BigInt(value), 4 + 8 * index));
  return extra;
}

function zip64End(count: number, sizeBytes: number, offset: number): Buffer {
  const record = Buffer.alloc(56);
  record.write('PK\x06\x06', 'latin1');
  record.writeBigUInt64LE(44n, 4);
  record.writeUInt16LE(45, 12);
  record.writeUInt16LE(45, 14);
  record.writeBigUInt64LE(BigInt(count), 24);
  record.writeBigUInt64LE(BigInt(count), 32);
  record.writeBigUInt64LE(BigInt(sizeBytes), 40);
  record.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.write('PK\x06\x07', 'latin1');
  locator.writeBigUInt64LE(BigInt(offset + sizeBytes), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([record, locator]);
}
