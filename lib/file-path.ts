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
    return withoutNul(localPath(value, argument, expected), argument);
  }
  if (typeof value !== 'string' || value === '') throw invalidArgument(argument, expected, value);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) {
    throw new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected ${expected} for \`${argument}\` but received the URL ${JSON.stringify(value)} as a string. ` +
        'Pass file: URLs as URL objects; fetch anything else first and pass its path.',
      { details: { argument } },
    );
  }
  return withoutNul(value, argument);
}

function localPath(url: URL, argument: string, expected: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected ${expected} for \`${argument}\` but received the URL ${url.href}, which names no local path`,
      { details: { argument }, cause },
    );
  }
}

/** The system would end the path there and open another file. */
function withoutNul(path: string, argument: string): string {
  if (!path.includes('\0')) return path;
  throw invalidArgument(argument, 'a path without NUL characters', path);
}
