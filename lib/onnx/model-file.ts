import { constants, type BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { Reader } from 'protobufjs/minimal';
import { contentKindBytes } from '../content-kind';
import {
  changedModel,
  invalidModel,
  truncatedModel,
  unreadableModel,
  type ModelPlace,
} from './model-error';

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
  /** Its first bytes, once they were read. */
  beginning: Uint8Array = new Uint8Array();
  private start = 0;
  private end = 0;
  private reader = new Reader(this.buffer.subarray(0, 0));

  private constructor(
    readonly where: ModelPlace,
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
    where: ModelPlace,
    signal: AbortSignal | null,
    work: (file: ModelFile) => Promise<T>,
  ): Promise<T> {
    // Without O_NONBLOCK, opening a FIFO would wait for its writer.
    const flags = constants.O_RDONLY | constants.O_NONBLOCK;
    const handle = await open(path, flags).catch((cause: unknown) => {
      throw unreadableModel(where, cause);
    });
    try {
      // All that is known of the file is of this one moment, and is compared with the end's.
      const stats = await handle.stat({ bigint: true });
      const sizeBytes = checkedSize(stats, where);
      const identity = identityOfStats(stats);
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
    if (offset === 0)
      this.beginning = Uint8Array.from(this.buffer.subarray(0, Math.min(size, contentKindBytes)));
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

/** What tells this state of this file from any other: as `IdentityOf` in native/core/file.h writes it. */
export async function identityOf(handle: FileHandle): Promise<string> {
  return identityOfStats(await handle.stat({ bigint: true }));
}

function identityOfStats({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  const second = 1_000_000_000n;
  const times = [mtimeNs / second, mtimeNs % second, ctimeNs / second, ctimeNs % second];
  return [dev, ino, size, ...times].map((part) => `${part}:`).join('');
}

function checkedSize(stats: BigIntStats, where: ModelPlace): number {
  if (!stats.isFile()) {
    const kind = stats.isDirectory() ? 'a folder' : 'not a regular file';
    throw invalidModel(
      where,
      'not-a-file',
      `it is ${kind}`,
      'Pass the path of the .onnx file itself.',
    );
  }
  const sizeBytes = Number(stats.size);
  if (sizeBytes === 0) {
    throw invalidModel(where, 'empty', 'it has 0 bytes', 'Export or copy the model again.');
  }
  checkModelSize(where, sizeBytes);
  return sizeBytes;
}

/** @throws TrtError `ERR_TRT_ONNX_INVALID` with reason `too-large` */
export function checkModelSize(where: ModelPlace, sizeBytes: number): void {
  if (sizeBytes <= maxModelBytes) return;
  throw invalidModel(
    where,
    'too-large',
    `it has ${sizeBytes} bytes, and no ONNX file can have more than ${maxModelBytes} (protobuf's limit)`,
    'Save the model with external data, which keeps the weights in files beside it: onnx.save_model(model, path, ' +
      'save_as_external_data=True), or torch.onnx.export(…, external_data=True).',
  );
}
