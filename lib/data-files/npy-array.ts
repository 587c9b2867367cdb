import type { TensorType } from '../data-types';
import type { ByteSource } from './byte-source';
import { dataFileError, type ArrayPlace } from './data-file-error';
import { readNpyHeader } from './npy-header';

/**
 * An array of a `.npy` file, whose elements are read in order and never more at once than were asked for. Our own code, as
 * npyjs and its kin hold the whole file in memory.
 */
export interface NpyArray {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly dataBytes: number;
  /** Fills `target` with the next bytes. Rejects with ERR_TRT_DATA_FILE where the file ends before it is full. */
  read(target: Uint8Array): Promise<void>;
  /** After the last element: rejects with ERR_TRT_DATA_FILE when more follows. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** Takes `source` over: it is closed when this rejects (ERR_TRT_DATA_FILE). */
export async function openNpyArray(source: ByteSource, place: ArrayPlace): Promise<NpyArray> {
  try {
    const { type, dims, headerBytes, dataBytes } = await readNpyHeader(source, place);
    const expected = headerBytes + dataBytes;
    const wrongSize = (found: number): never => {
      const shape = `(${dims.join(', ')})`;
      throw dataFileError(
        place,
        found < expected ? 'truncated' : 'damaged',
        `its header promises ${expected} bytes (${type}, shape ${shape}), but it has ${found}`,
        'Copy it again; two arrays that were saved to one file are not read.',
      );
    };
    if (source.sizeBytes !== expected) wrongSize(source.sizeBytes);
    let position = headerBytes;
    return {
      type,
      dims,
      dataBytes,
      async read(target) {
        const filled = await source.read(target);
        position += filled;
        if (filled < target.length) wrongSize(position);
      },
      async finish() {
        // An archive's digest is checked at its end, which is behind the last element.
        const more = await source.read(new Uint8Array(1));
        if (more > 0) wrongSize(position + more);
      },
      close: () => source.close(),
    };
  } catch (error) {
    await source.close();
    throw error;
  }
}
