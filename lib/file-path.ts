import { fileURLToPath } from 'node:url';
import { invalidArgument, TrtError } from './errors';

/** The absolute or relative path that a `string | URL` argument names; ERR_TRT_INVALID_ARG for anything else. */
export function filePathOf(value: unknown, argument: string): string {
  const expected = 'a path or a file: URL';
  if (value instanceof URL) {
    if (value.protocol !== 'file:') {
      throw new TrtError(
        'ERR_TRT_INVALID_ARG',
        `expected ${expected} for \`${argument}\` but received a URL with the scheme ${value.protocol} ` +
          'Nothing is downloaded: fetch the file first and pass its path.',
        { details: { argument } },
      );
    }
    try {
      return fileURLToPath(value);
    } catch (cause) {
      throw new TrtError(
        'ERR_TRT_INVALID_ARG',
        `expected ${expected} for \`${argument}\` but received the URL ${value.href}, which names no local path`,
        { details: { argument }, cause },
      );
    }
  }
  if (typeof value !== 'string' || value === '') throw invalidArgument(argument, expected, value);
  if (value.includes('\0')) {
    throw invalidArgument(argument, 'a path without NUL characters', value);
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) {
    throw new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected ${expected} for \`${argument}\` but received the URL ${JSON.stringify(value)} as a string. ` +
        'Pass file: URLs as URL objects; fetch anything else first and pass its path.',
      { details: { argument } },
    );
  }
  return value;
}
