import { invalidArgument } from './errors';
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
      const expected = `only ${known.join(', ')} as options${suggestion(key, known).replace('?', '')}`;
      throw invalidArgument(name, expected, key);
    }
  }
  return options;
}
