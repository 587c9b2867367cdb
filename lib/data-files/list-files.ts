import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { TrtError } from '../errors';
import { dataFileError, unreadableFile } from './data-file-error';

/**
 * The `.npy` and `.npz` files that `given` names: itself, or those in that folder, sorted by name (by code units, so that every
 * machine has the same order). Other files there, hidden ones and folders are passed over. Rejects with ERR_TRT_DATA_FILE.
 */
export async function listTensorFiles(given: string): Promise<readonly string[]> {
  try {
    const stats = await stat(given);
    if (stats.isFile()) return [given];
    // Opening a pipe would wait for whoever writes to it.
    if (!stats.isDirectory()) throw notFound(given, 'it is neither a file nor a folder');
    const entries = await readdir(given, { withFileTypes: true });
    const names = entries
      .filter((entry) => isFileOrLink(entry) && /^[^.].*\.np[yz]$/i.test(entry.name))
      .map(({ name }) => name)
      .sort();
    if (names.length > 0) return names.map((name) => path.join(given, name));
  } catch (error) {
    throw unreadableFile(given, error);
  }
  throw notFound(given, 'that folder has no .npy and no .npz file');
}

function isFileOrLink(entry: Dirent): boolean {
  return entry.isFile() || entry.isSymbolicLink();
}

function notFound(given: string, problem: string): TrtError {
  const next = 'Save arrays there with numpy.save or numpy.savez; folders in it are not searched.';
  return dataFileError({ path: given, array: null }, 'not-found', problem, next);
}
