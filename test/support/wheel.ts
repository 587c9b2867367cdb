import { createHash, randomBytes } from 'node:crypto';
import { crc32, deflateRawSync } from 'node:zlib';

import type { RuntimePin } from '../../lib/setup/pins';

export type WheelEntries = Readonly<Record<string, Buffer | string>>;

const distInfo = 'tensorrt_rtx_cu13_libs-1.7.1.116.dist-info';

/** What the real wheel holds, in small; pip accepts it. */
export function wheelEntries(): Record<string, Buffer | string> {
  return {
    'tensorrt_rtx_libs/__init__.py': '',
    'tensorrt_rtx_libs/libtensorrt_rtx.so.1': randomBytes(300_000),
    'tensorrt_rtx_libs/libtensorrt_onnxparser_rtx.so.1': Buffer.alloc(50_000, 'parser'),
    [`${distInfo}/licenses/LICENSE.txt`]: 'a licence\n',
    [`${distInfo}/METADATA`]:
      'Metadata-Version: 2.1\nName: tensorrt-rtx-cu13-libs\nVersion: 1.7.1.116\n',
    [`${distInfo}/WHEEL`]:
      'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-manylinux_2_28_x86_64\n',
    [`${distInfo}/RECORD`]: '',
  };
}

/** A deflated zip archive, written here so that it may hold names which a proper tool refuses. */
export function zipOf(entries: WheelEntries): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(entries)) {
    const data = Buffer.from(content);
    const packed = deflateRawSync(data);
    const nameBytes = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version needed
    common.writeUInt16LE(8, 4); // deflate
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(nameBytes.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, nameBytes, packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    centrals.push(
      Buffer.concat([Buffer.from('PK\x01\x02\x14\x03', 'latin1'), common, tail, nameBytes]),
    );
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(centrals.length, 8);
  end.writeUInt16LE(centrals.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

export function pinOf(wheel: Buffer): RuntimePin {
  return {
    runtime: 'tensorrt-rtx',
    version: '1.7.1.116',
    cuda: '13',
    package: 'tensorrt-rtx-cu13-libs',
    file: 'tensorrt_rtx_cu13_libs-1.7.1.116-py3-none-manylinux_2_28_x86_64.whl',
    sha256: createHash('sha256').update(wheel).digest('hex'),
    sizeBytes: wheel.length,
    unpackedBytes: 1_000_000,
  };
}
