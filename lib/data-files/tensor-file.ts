import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileSource } from './byte-source';
import { dataFileError, unreadableFile } from './data-file-error';
import { openNpyArray, type NpyArray } from './npy-array';
import { openNpz } from './npz-archive';

/** A file of arrays, opened: nothing but names is read yet. */
export interface TensorFile {
  readonly path: string;
  /** Of a `.npy` file its own name without the suffix. */
  readonly names: readonly string[];
  /** From its first element. Rejects with ERR_TRT_DATA_FILE. */
  open(name: string): Promise<NpyArray>;
  close(): Promise<void>;
}

/** Rejects with ERR_TRT_DATA_FILE. */
export async function openTensorFile(file: string): Promise<TensorFile> {
  await requireFile(file);
  switch (path.extname(file).toLowerCase()) {
    case '.npz': {
      const archive = await openNpz(file);
      return {
        path: file,
        names: archive.names,
        open: async (name) =>
          await openNpyArray(await archive.open(name), { path: file, array: name }),
        close() {
          archive.close();
          return Promise.resolve();
        },
      };
    }
    case '.npy':
      return await openNpyFile(file);
    default: {
      const problem = 'its name ends neither in .npy nor in .npz';
      const next = 'Save arrays with numpy.save or numpy.savez.';
      throw dataFileError({ path: file, array: null }, 'format', problem, next);
    }
  }
}

/** Opening a pipe, which a link in a folder may lead to, would wait for whoever writes to it. */
async function requireFile(file: string): Promise<void> {
  const stats = await stat(file).catch((error: unknown) => {
    throw unreadableFile(file, error);
  });
  if (stats.isFile()) return;
  const next = 'Save arrays with numpy.save or numpy.savez.';
  throw dataFileError({ path: file, array: null }, 'format', 'it is not a regular file', next);
}

async function openNpyFile(file: string): Promise<TensorFile> {
  const place = { path: file, array: null };
  const reading = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw unreadableFile(file, error);
    }
  };
  const handle = await reading(() => open(file, 'r'));
  return {
    path: file,
    names: [path.basename(file).slice(0, -'.npy'.length)],
    async open() {
      const { size } = await reading(() => handle.stat());
      const source = fileSource(handle, size);
      const read = (target: Uint8Array): Promise<number> => reading(() => source.read(target));
      return await openNpyArray({ ...source, read }, place);
    },
    close: () => handle.close(),
  };
}
