import { describeValue, invalidArgument, TrtError } from './errors';
import { suggestion } from './nearest-name';

/**
 * `options` as an object that has no key but `known`: an option that is misspelt would otherwise be ignored in silence.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function checkedOptions<T extends object>(
  options: T | undefined,
  name: string,
  known: readonly (keyof T & string)[],
): Partial<T> {
  if (options === undefined) return {};
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalidArgument(name, 'an object', options);
  }
  for (const key of Object.keys(options)) {
    if (!(known as readonly string[]).includes(key)) {
      throw new TrtError(
        'ERR_TRT_INVALID_ARG',
        `expected a known key in \`${name}\` but received ${describeValue(key)}` +
          `${suggestion(key, known) || '.'} Known are ${known.join(', ')}.`,
        { details: { argument: name, key } },
      );
    }
  }
  return options;
}
