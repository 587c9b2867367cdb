import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { TrtError } from '../errors';

/** No key is larger. */
const maxBytes = 64 * 1024;

/**
 * The bytes of a key's file, as `signingKey` and `verificationKey` take them: PEM text, or a secret, which is every byte of the
 * file, a line's end too. For command lines: it reads at once.
 *
 * @param name the flag that named the file
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function readSigningKey(path: string, name = '--sign-key'): Uint8Array {
  const refuse = (found: string, cause?: unknown): TrtError =>
    new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected a file with a PEM key or a secret for \`${name}\`, but ${path} ${found}`,
      { cause, details: { argument: name, path } },
    );
  try {
    // Without O_NONBLOCK, opening a FIFO would wait for its writer.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) throw refuse('is no regular file');
      if (stats.size > maxBytes) throw refuse(`has ${stats.size} bytes`);
      return readFileSync(file);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    if (cause instanceof TrtError) throw cause;
    throw refuse(`cannot be read: ${(cause as Error).message}`, cause);
  }
}
