import { TrtError } from '../errors';

/** Why a file cannot be read as tensors: `details.reason` of ERR_TRT_DATA_FILE. */
export type DataFileReason =
  'not-found' | 'format' | 'type' | 'order' | 'truncated' | 'damaged' | 'too-large';

/** Where in the file system, and in an archive, an array stands. */
export interface ArrayPlace {
  readonly path: string;
  /** Of an archive's array; null: the file is the array. */
  readonly array: string | null;
}

/** `images.npy` or `"labels" in data.npz` */
export function describePlace({ path, array }: ArrayPlace): string {
  return array === null ? path : `${JSON.stringify(array)} in ${path}`;
}

/** ERR_TRT_DATA_FILE */
export function dataFileError(
  place: ArrayPlace,
  reason: DataFileReason,
  problem: string,
  next: string,
  cause?: unknown,
): TrtError {
  return new TrtError(
    'ERR_TRT_DATA_FILE',
    `cannot read ${describePlace(place)}: ${problem}. ${next}`,
    {
      ...(cause !== undefined && { cause }),
      details: { path: place.path, array: place.array, reason },
    },
  );
}

/** ERR_TRT_DATA_FILE for what the system said when the file was opened or read. */
export function unreadableFile(path: string, error: unknown): TrtError {
  if (error instanceof TrtError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const reason = code === 'ENOENT' || code === 'ENOTDIR' ? 'not-found' : 'damaged';
  const next = 'Check the path and its permissions; relative paths start at the working directory.';
  return dataFileError({ path, array: null }, reason, message, next, error);
}
