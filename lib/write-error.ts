import { TrtError } from './errors';

const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some space on that file system, or name another output.',
  EFBIG:
    'That is beyond the largest file that this process may write (`ulimit -f`) or that file system holds: raise it.',
  EDQUOT: 'The quota is used up: free some space, or name another output.',
  EACCES: 'Make the folder writable for this user, or name another output.',
  EPERM: 'Make the folder writable for this user, or name another output.',
  EROFS: 'That file system is read-only: name another output.',
  ENOENT: 'Create the folder first.',
  ENOTDIR: 'A part of that path is a file: name another output.',
  EISDIR: 'A folder stands there: name a file.',
  ENAMETOOLONG: 'Choose a shorter file name.',
};

/** `ERR_TRT_WRITE` for what the system refused at `step` of writing `path`; a TrtError stays what it is. */
export function writeError(path: string, step: string, error: unknown): TrtError {
  if (error instanceof TrtError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const next = (code !== undefined && advice[code]) || 'Check that path, or name another output.';
  return new TrtError('ERR_TRT_WRITE', `could not ${step} for ${path}: ${message}. ${next}`, {
    cause: error,
    details: { path, step, errno: code ?? null },
  });
}
