import { createHash, type Hash } from 'node:crypto';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { sliceBytes } from '../input-copy';
import { partBytes, unchangedPart, type InputBytes } from '../input-validation';
import { inTempFolder } from '../temp-folders';
import type { BatchShape } from './batch-shape';
import type { CalibrationItem } from './item';

/** What the batches are that were written. */
export interface SpooledBatches {
  readonly count: number;
  readonly droppedSamples: number;
  /** Of the SHA-256 of every batch's every input, in order. */
  readonly sha256: string;
}

interface OpenBatch {
  readonly handle: FileHandle;
  readonly file: string;
  /** One for each input. */
  readonly hashes: readonly Hash[];
  samples: number;
}

/**
 * Writes batches for a build in another process, which has none of this one's memory: batch `i` is the file `<folder>/<i>`. Samples
 * are cut and joined to whole batches. Rejects with ERR_TRT_WRITE, or the signal's reason.
 */
export class BatchSpool {
  /** One is written while the next is copied and hashed. */
  private readonly slices = [
    Buffer.allocUnsafe(sliceBytes),
    Buffer.allocUnsafe(sliceBytes),
  ] as const;
  private writing: Promise<void> = Promise.resolve();
  private readonly digest = createHash('sha256');
  private batch: OpenBatch | null = null;
  private written = 0;

  constructor(
    private readonly folder: string,
    private readonly shape: BatchShape,
    private readonly signal: AbortSignal | null,
  ) {}

  /** Whole batches so far. */
  get count(): number {
    return this.written;
  }

  async add({ samples, bytes }: CalibrationItem): Promise<void> {
    const perBatch = this.shape.samples ?? 1;
    for (let done = 0; done < samples;) {
      const batch = (this.batch ??= await this.openBatch());
      const taken = Math.min(samples - done, perBatch - batch.samples);
      for (const [index, input] of bytes.entries()) {
        await this.write(batch, index, input, done, taken);
      }
      batch.samples += taken;
      done += taken;
      if (batch.samples === perBatch) await this.endBatch(batch);
    }
  }

  /** Drops what does not fill a batch. */
  async finish(): Promise<SpooledBatches> {
    const dropped = this.batch;
    await this.close();
    if (dropped !== null) await this.inFolder(() => unlink(dropped.file));
    return {
      count: this.written,
      droppedSamples: dropped?.samples ?? 0,
      sha256: this.digest.digest('hex'),
    };
  }

  async close(): Promise<void> {
    const { batch } = this;
    this.batch = null;
    await this.writing.catch(() => undefined);
    await batch?.handle.close();
  }

  private async openBatch(): Promise<OpenBatch> {
    const file = path.join(this.folder, String(this.written));
    const handle = await this.inFolder(() => open(file, 'wx', 0o600));
    const hashes = this.shape.inputs.map(() => createHash('sha256'));
    return { handle, file, hashes, samples: 0 };
  }

  private async endBatch({ hashes, handle }: OpenBatch): Promise<void> {
    for (const hash of hashes) this.digest.update(hash.digest());
    await this.writing;
    this.written += 1;
    this.batch = null;
    await this.inFolder(() => handle.close());
  }

  /**
   * The caller may take its buffer away at any time: each slice is copied here, on the JS thread, and only the copy goes to the
   * threads that write files.
   */
  private async write(
    { handle, hashes, samples }: OpenBatch,
    index: number,
    input: InputBytes,
    from: number,
    count: number,
  ): Promise<void> {
    const { sizeBytes = 0, offsetBytes = 0 } = this.shape.inputs[index] ?? {};
    const sampleBytes = sizeBytes / (this.shape.samples ?? 1);
    const end = (from + count) * sampleBytes;
    let [slice, other] = this.slices;
    let position = offsetBytes + samples * sampleBytes;
    await this.writing; // of an input before this one, from either slice
    for (let offset = from * sampleBytes; offset < end;) {
      this.signal?.throwIfAborted();
      const start = offset % partBytes;
      const length = Math.min(sliceBytes, end - offset, partBytes - start);
      const part = slice.subarray(0, length);
      part.set(unchangedPart(input, offset).subarray(start, start + length));
      hashes[index]?.update(part);
      await this.writing;
      const to = position;
      this.writing = this.inFolder(() => writeWhole(handle, part, to));
      // Whoever waits for it hears of its error.
      this.writing.catch(() => undefined);
      [slice, other] = [other, slice];
      offset += length;
      position += length;
    }
  }

  private inFolder<T>(work: () => Promise<T>): Promise<T> {
    return inTempFolder('write calibration batches', work, this.signal);
  }
}

async function writeWhole(handle: FileHandle, slice: Buffer, position: number): Promise<void> {
  for (let written = 0; written < slice.length;) {
    const { bytesWritten } = await handle.write(
      slice,
      written,
      slice.length - written,
      position + written,
    );
    written += bytesWritten;
  }
}
