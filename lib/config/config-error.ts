import { TrtError } from '../errors';

/** A mistake in a config file: one line that begins with the file and, where it is known, the position. */
export function configError(
  file: string,
  what: string,
  { cause, position }: { readonly cause?: unknown; readonly position?: string | undefined } = {},
): TrtError {
  const place = position === undefined ? file : `${file}:${position}`;
  return new TrtError('ERR_TRT_INVALID_ARG', `${place}: ${what}`, {
    cause,
    details: { argument: '--config', path: file, position: position ?? null },
  });
}
