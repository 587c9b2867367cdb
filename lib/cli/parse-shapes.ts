import { invalidArgument } from '../errors';

/**
 * `x:1x3x224x224,input:0:4` → dims by name. `x:scalar` has none, as in trtexec.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function parseShapes(
  text: string,
  option: string,
): Readonly<Record<string, readonly number[]>> {
  const shapes = new Map<string, readonly number[]>();
  for (const part of text.split(',')) {
    // The last colon: names such as `input:0` hold one themselves.
    const at = part.lastIndexOf(':');
    const name = unquoted(part.slice(0, Math.max(at, 0)).trim());
    const dims = dimsOf(part.slice(at + 1).trim());
    if (name === '' || dims === null) {
      throw invalidArgument(option, 'dims by input such as x:1x3x224x224,y:4', text);
    }
    if (shapes.has(name)) throw invalidArgument(option, `${name} only once`, text);
    shapes.set(name, dims);
  }
  // Unlike a literal, safe for an input that is called `__proto__`.
  return Object.fromEntries(shapes);
}

/** trtexec wants names with a colon in quotes. */
export function unquoted(name: string): string {
  return /^'.*'$/.test(name) ? name.slice(1, -1) : name;
}

function dimsOf(text: string): readonly number[] | null {
  if (text === 'scalar') return [];
  const parts = text.split('x');
  return parts.every((part) => /^\d{1,10}$/.test(part)) ? parts.map(Number) : null;
}
