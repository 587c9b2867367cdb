/** What JSON can say. */
export type Json =
  string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/**
 * JSON in the one form of RFC 8785 (JSON Canonicalization Scheme): no white space, keys sorted by their UTF-16 code units, numbers
 * and strings as ECMAScript writes them. Equal values have equal texts, whoever wrote them. Members that are undefined are left out,
 * as `JSON.stringify` does.
 *
 * @throws TypeError for what JSON cannot say: NaN and infinities, lone surrogates, and values that are no JSON
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} is no JSON`);
    return JSON.stringify(value);
  }
  if (typeof value === 'string') return canonicalString(value);
  // Array.from: holes are undefined, which is no JSON.
  if (Array.isArray(value)) {
    return `[${Array.from(value as readonly unknown[], canonicalJson).join(',')}]`;
  }
  if (typeof value !== 'object') throw new TypeError(`${typeof value} is no JSON`);
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  const members = entries
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, member]) => `${canonicalString(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}

function canonicalString(text: string): string {
  if (/\p{Surrogate}/u.test(text)) throw new TypeError('a lone surrogate is no JSON');
  return JSON.stringify(text);
}
