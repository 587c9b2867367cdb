import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';

/** Bytes in order, read as they are asked for. */
export interface ByteSource {
  /** Of all of them, as the file system or the archive says. */
  readonly sizeBytes: number;
  /** Fills `target` as far as bytes are left, and tells how many it wrote. */
  read(target: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** One system call's worth: below the 2 GiB that one can be asked for, and little enough to be fair to others. */
const readBytes = 4 * 1024 * 1024;

/** A file from its beginning. `close` leaves the handle to whoever opened it. */
export function fileSource(handle: FileHandle, sizeBytes: number): ByteSource {
  let position = 0;
  return {
    sizeBytes,
    async read(target) {
      let filled = 0;
      while (filled < target.length) {
        const length = Math.min(readBytes, target.length - filled);
        const { bytesRead } = await handle.read(target, filled, length, position);
        if (bytesRead === 0) break;
        filled += bytesRead;
        position += bytesRead;
      }
      return filled;
    },
    close: () => Promise.resolve(),
  };
}

/** A stream's bytes; no more than one chunk of it is held. `onChunk` sees each one once. */
export function streamSource(
  stream: Readable,
  sizeBytes: number,
  onChunk: (chunk: Uint8Array) => void,
): ByteSource {
  // The iterator listens from its first step on; an error before that would end the process.
  stream.on('error', () => undefined);
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let rest: Uint8Array = new Uint8Array(0);
  return {
    sizeBytes,
    async read(target) {
      let filled = 0;
      while (filled < target.length) {
        if (rest.length === 0) {
          const next = await chunks.next();
          if (next.done === true) break;
          rest = next.value;
          onChunk(rest);
        }
        const part = rest.subarray(0, target.length - filled);
        target.set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
      }
      return filled;
    },
    async close() {
      await chunks.return?.();
      stream.destroy();
    },
  };
}
