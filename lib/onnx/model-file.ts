import { open, stat, type FileHandle } from 'node:fs/promises';
import { Reader } from 'protobufjs/minimal';
import { changedModel, invalidModel, truncatedModel, unreadableModel } from './model-error';

/** No text that matters is longer, and any of it fits into one window. */
export const windowBytes = 64 * 1024;

/** Read after a jump: what follows a stepped-over payload is mostly the next tensor's few bytes of header. */
const jumpBytes = 4 * 1024;

/** A protobuf message ends here, for TensorRT's parser and for every other reader. */
const maxModelBytes = 2 ** 31 - 1;

/**
 * An ONNX file through a small window that moves forward with its reader. Memory stays the window's, whatever the file
 * says about itself.
 */
export class ModelFile {
  private readonly buffer = Buffer.allocUnsafe(windowBytes);
  private start = 0;
  private end = 0;
  private reader = new Reader(this.buffer.subarray(0, 0));

  private constructor(
    readonly where: string,
    readonly sizeBytes: number,
    /** What tells this state of this file from any other: as the addon's `hashFile` has it. */
    readonly identity: string,
    private readonly handle: FileHandle,
    private readonly signal: AbortSignal | null,
  ) {}

  /**
   * Calls `work` with the opened file and closes it after. Rejects with ERR_TRT_ONNX_NOT_FOUND, or ERR_TRT_ONNX_INVALID
   * for what is no regular file, is empty, or is larger than protobuf allows.
   */
  static async with<T>(
    path: string,
    where: string,
    signal: AbortSignal | null,
    work: (file: ModelFile) => Promise<T>,
  ): Promise<T> {
    // Before it is opened: opening a FIFO would wait for its writer.
    const sizeBytes = await checkedSize(path, where);
    const handle = await open(path, 'r').catch((cause: unknown) => {
      throw unreadableModel(where, cause);
    });
    try {
      const identity = await identityOf(handle);
      const result = await work(new ModelFile(where, sizeBytes, identity, handle, signal));
      if ((await identityOf(handle)) !== identity) throw changedModel(where);
      return result;
    } finally {
      await handle.close();
    }
  }

  /** Whether `length` bytes at `offset` are in the window. */
  holds(offset: number, length: number): boolean {
    return offset >= this.start && offset + length <= this.end;
  }

  /** Moves the window so that it starts at `offset` and holds at least `length` bytes, which lie inside of the file. */
  async load(offset: number, length: number): Promise<void> {
    this.signal?.throwIfAborted();
    const jumped = offset < this.start || offset > this.end;
    const wanted = Math.max(length, jumped ? jumpBytes : windowBytes);
    const size = Math.min(wanted, this.sizeBytes - offset);
    let filled = 0;
    while (filled < size) {
      const { bytesRead } = await this.handle
        .read(this.buffer, filled, size - filled, offset + filled)
        .catch((cause: unknown) => {
          throw unreadableModel(this.where, cause);
        });
      if (bytesRead === 0) throw truncatedModel(this.where, 'it became shorter while it was read');
      filled += bytesRead;
    }
    this.start = offset;
    this.end = offset + size;
    this.reader = new Reader(this.buffer.subarray(0, size));
  }

  /** A protobuf reader at `offset`, which must be in the window; it ends with the window. */
  readerAt(offset: number): Reader {
    this.reader.pos = offset - this.start;
    return this.reader;
  }

  /** Where the reader stands. */
  get position(): number {
    return this.start + this.reader.pos;
  }

  /** UTF-8 text in the window. */
  text(offset: number, length: number): string {
    const from = offset - this.start;
    return this.buffer.toString('utf8', from, from + length);
  }
}

/** As `IdentityOf` in native/core/file.h. */
export async function identityOf(handle: FileHandle): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await handle.stat({ bigint: true });
  const second = 1_000_000_000n;
  const times = [mtimeNs / second, mtimeNs % second, ctimeNs / second, ctimeNs % second];
  return [dev, ino, size, ...times].map((part) => `${part}:`).join('');
}

async function checkedSize(path: string, where: string): Promise<number> {
  const stats = await stat(path).catch((cause: unknown) => {
    throw unreadableModel(where, cause);
  });
  if (!stats.isFile()) {
    const kind = stats.isDirectory() ? 'a folder' : 'not a regular file';
    throw invalidModel(
      where,
      'not-a-file',
      `it is ${kind}`,
      'Pass the path of the .onnx file itself.',
    );
  }
  if (stats.size === 0) {
    throw invalidModel(where, 'empty', 'it has 0 bytes', 'Export or copy the model again.');
  }
  checkModelSize(where, stats.size);
  return stats.size;
}

/** @throws TrtError `ERR_TRT_ONNX_INVALID` with reason `too-large` */
export function checkModelSize(where: string, sizeBytes: number): void {
  if (sizeBytes <= maxModelBytes) return;
  throw invalidModel(
    where,
    'too-large',
    `it has ${sizeBytes} bytes, and no ONNX file can have more than ${maxModelBytes} (protobuf's limit)`,
    'Save the model with external data, which keeps the weights in files beside it: onnx.save_model(model, path, ' +
      'save_as_external_data=True), or torch.onnx.export(…, external_data=True).',
  );
}
