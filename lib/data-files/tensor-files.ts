import path from 'node:path';
import { viewAs } from '../data-types';
import { Tensor, type Tensors } from '../tensor';
import { dataFileError } from './data-file-error';
import { listTensorFiles } from './list-files';
import type { NpyArray } from './npy-array';
import { openTensorFile, type TensorFile } from './tensor-file';

/** All arrays of one file. */
export interface FileTensors {
  /** The file's name, without its folder. */
  readonly name: string;
  /** By name: of a `.npy` file one, under the file's name without `.npy`. */
  readonly tensors: Tensors;
}

/**
 * The tensors of a `.npz` or `.npy` file, or of all such files in a folder, sorted by name: a file at a time, whose arrays are in
 * memory together. Rejects with ERR_TRT_DATA_FILE.
 */
export async function* openTensorFiles(given: string): AsyncGenerator<FileTensors, void, void> {
  for (const file of await listTensorFiles(given)) {
    const opened = await openTensorFile(file);
    let tensors: Tensors;
    try {
      tensors = await readAll(opened);
    } finally {
      await opened.close();
    }
    yield { name: path.basename(file), tensors };
  }
}

async function readAll(file: TensorFile): Promise<Tensors> {
  const entries: [string, Tensor][] = [];
  for (const name of file.names) {
    const array = await file.open(name);
    try {
      entries.push([name, await readWhole(array, file.path, name)]);
      await array.finish();
    } finally {
      await array.close();
    }
  }
  // fromEntries: an array may be called __proto__.
  return Object.fromEntries(entries) as Tensors;
}

async function readWhole(array: NpyArray, file: string, name: string): Promise<Tensor> {
  const { type, dims, dataBytes } = array;
  let buffer: ArrayBuffer;
  try {
    buffer = new ArrayBuffer(dataBytes);
  } catch (error) {
    const problem = `its ${dataBytes} bytes are more than this process can hold`;
    const next = 'Split it into several files.';
    throw dataFileError({ path: file, array: name }, 'too-large', problem, next, error);
  }
  const step = 2 ** 30; // Node 20 has no Uint8Array of 4 GiB and more
  for (let offset = 0; offset < dataBytes; offset += step) {
    await array.read(new Uint8Array(buffer, offset, Math.min(step, dataBytes - offset)));
  }
  return new Tensor(type, viewAs(type, buffer), dims);
}
