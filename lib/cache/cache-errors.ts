import { TrtError } from '../errors';
import type { PrivacyFinding } from './private-folder';

/** There is no home folder to have the default one in. */
export function noCacheFolder(): TrtError {
  return new TrtError(
    'ERR_TRT_CACHE',
    'expected a home folder to keep engines in, but this user has none. Name one in TRT_NODE_HOME, or a folder in ' +
      '`options.cache`.',
    { details: { reason: 'no-folder', path: null } },
  );
}

/** Somebody else can write to a folder of engines. */
export function notPrivate(folder: string, { reason, text }: PrivacyFinding): TrtError {
  const next =
    reason === 'writable-by-others'
      ? `Run chmod go-w ${folder} if you trust what is in it, or name another folder.`
      : 'Name a folder of your own.';
  return new TrtError(
    'ERR_TRT_CACHE',
    `expected ${folder} to be a folder that only this user can write to, as the engines in it are executable code, but ${text}. ${next}`,
    { details: { reason, path: folder } },
  );
}

/** The cache's folder cannot be made, or a file in it cannot be written. */
export function cacheUnwritable(folder: string, cause: Error): TrtError {
  return new TrtError(
    'ERR_TRT_CACHE',
    `expected to keep the engine in ${folder}, but: ${cause.message.replace(/\.$/, '')}. Make that folder writable, free some ` +
      'space there, or name another folder in `cache`.',
    { cause, details: { reason: 'unwritable', path: folder } },
  );
}
