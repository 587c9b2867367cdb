import { invalidArgument } from './errors';

/**
 * `value` as an object whose own keys say everything. A Map, a Set or a class instance would be empty in silence. Plain objects
 * of other realms count, as test runners make them.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function checkedPlainObject(
  value: unknown,
  name: string,
  expected: string,
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || !isPlain(value)) {
    throw invalidArgument(name, expected, value);
  }
  return value as Readonly<Record<string, unknown>>;
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  // Of all prototypes, only a realm's Object.prototype has none itself and is no object of the caller's.
  return (
    prototype === null ||
    (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty'))
  );
}
