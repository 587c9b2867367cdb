import { TrtError } from '../errors';

const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some space, or name another folder with `dir` (--dir) or TRT_NODE_HOME.',
  EDQUOT: 'The quota is used up; name another folder with `dir` (--dir) or TRT_NODE_HOME.',
  EACCES: 'Make it writable, or name another folder with `dir` (--dir) or TRT_NODE_HOME.',
  EPERM: 'Make it writable, or name another folder with `dir` (--dir) or TRT_NODE_HOME.',
  EROFS: 'The file system is read-only; name another folder with `dir` (--dir) or TRT_NODE_HOME.',
  ENOENT: 'No folder can be made there; name another with `dir` (--dir) or TRT_NODE_HOME.',
  ENOTDIR:
    'A part of that path is a file; name another folder with `dir` (--dir) or TRT_NODE_HOME.',
};

/** Runs file operations under `folder`; what the system refuses there becomes ERR_TRT_WRITE with the path. */
export async function writing<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isSystemError(error) ? writeError(folder, error) : error;
  }
}

export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

function writeError(folder: string, error: NodeJS.ErrnoException): TrtError {
  const path = error.path ?? folder;
  const code = error.code ?? 'unknown error';
  const next = advice[code] ?? 'Name another folder with `dir` (--dir) or TRT_NODE_HOME.';
  return new TrtError('ERR_TRT_WRITE', `cannot write ${path}: ${error.message}. ${next}`, {
    cause: error,
    details: { path, systemCode: code },
  });
}
