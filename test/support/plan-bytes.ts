/** TEST ONLY. The first bytes of plans, written after the layout that trtexec reads; no TensorRT made them. */

type Version = readonly [major: number, minor: number, patch: number, build: number];

function header(magic: number, length: number, version: Version): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32LE(magic, 0);
  bytes.set(version, 24);
  return bytes;
}

export function tensorrtHeader(version: Version): Buffer {
  return header(0x74727466, 28, version);
}

export function rtxHeader(version: Version): Buffer {
  return header(0x74727476, 64, version);
}
