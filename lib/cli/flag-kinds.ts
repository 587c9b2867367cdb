import { parseChoice } from './parse-names';
import { parseWholeNumber } from './parse-numbers';

/** An option that collects: what it is given the second time joins what it was given before. */
export function repeatable<T>(
  parse: (text: string) => readonly T[],
): (text: string, before: readonly T[] | undefined) => readonly T[] {
  return (text, before) => [...(before ?? []), ...parse(text)];
}

/** One of `accepted`, in any of the usual spellings (`kebab-case`, `SNAKE_CASE`). */
export function choice<T extends string>(
  option: string,
  accepted: readonly T[],
): (text: string) => T {
  return (text) => parseChoice(text, option, accepted);
}

export function wholeNumber(option: string): (text: string) => number {
  return (text) => parseWholeNumber(text, option);
}
