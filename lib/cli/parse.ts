import { nativeMemoryPools, type NativeMemoryPool } from '../binding';
import { invalidArgument, TrtError } from '../errors';
import type { DimsRange, Profile } from '../manifest-schema';

/** The three ranges as trtexec's options give them: each names all inputs once. */
export interface ShapeOptions {
  readonly minShapes?: string | undefined;
  readonly optShapes?: string | undefined;
  readonly maxShapes?: string | undefined;
}

/** `x:1x1x8x8,y:4` → `{ x: [1, 1, 8, 8], y: [4] }`, as trtexec writes shapes. */
export function parseShapes(text: string, option: string): Record<string, number[]> {
  return parseInputs(text, option, 'shapes such as x:1x1x8x8,y:4', parseDims);
}

/** `x:1x1x8x8/8x1x8x8/64x1x8x8,y:4` → ranges min/opt/max; a single shape stands for all three. */
export function parseProfile(text: string, option = '--profile'): Profile {
  const form = 'input:min/opt/max such as x:1x1x8x8/8x1x8x8/64x1x8x8';
  return parseInputs(text, option, form, parseRange);
}

/** trtexec's three options as one profile; null when none of them is given. */
export function profileOfShapes({ minShapes, optShapes, maxShapes }: ShapeOptions): Profile | null {
  const given = { '--minShapes': minShapes, '--optShapes': optShapes, '--maxShapes': maxShapes };
  const options = Object.entries(given);
  const isAbsent = ([, value]: (typeof options)[number]): boolean => value === undefined;
  const absent = options.filter(isAbsent).map(([option]) => option);
  if (absent.length === options.length) return null;
  if (absent.length > 0) {
    throw new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected all three of ${Object.keys(given).join(', ')}: also give ${absent.join(' and ')}`,
      { details: { argument: absent[0] } },
    );
  }
  const ranges = options.map(([option, value = '']) => ({
    option,
    shapes: parseShapes(value, option),
  }));
  const names = [...new Set(ranges.flatMap(({ shapes }) => Object.keys(shapes)))];
  const dimsOf = (index: number, name: string): number[] => {
    const range = ranges[index];
    const dims = range?.shapes[name];
    if (!dims) {
      throw new TrtError(
        'ERR_TRT_INVALID_ARG',
        `expected the same inputs in --minShapes, --optShapes, --maxShapes: also give ${name} in ${range?.option ?? ''}`,
        { details: { argument: range?.option } },
      );
    }
    return dims;
  };
  return record(
    names.map((name) => [
      name,
      { min: dimsOf(0, name), opt: dimsOf(1, name), max: dimsOf(2, name) },
    ]),
  );
}

const units: Readonly<Record<string, number>> = {
  B: 1,
  K: 2 ** 10,
  KiB: 2 ** 10,
  KB: 1e3,
  M: 2 ** 20,
  MiB: 2 ** 20,
  MB: 1e6,
  G: 2 ** 30,
  GiB: 2 ** 30,
  GB: 1e9,
  T: 2 ** 40,
  TiB: 2 ** 40,
  TB: 1e12,
};

/**
 * `1.5GiB` → bytes. K, M, G and T are binary, as in trtexec. A bare number is refused: trtexec reads it as MiB, most
 * other tools as bytes.
 */
export function parseSize(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text.trim());
  const unit = match?.[2] === undefined ? undefined : units[match[2]];
  const bytes = match && unit !== undefined ? Math.round(Number(match[1]) * unit) : NaN;
  if (!Number.isSafeInteger(bytes)) {
    throw invalidArgument(option, 'a size with its unit, such as 512MiB or 1GiB', text);
  }
  return bytes;
}

/** `workspace=1GiB` (or trtexec's `workspace:1G`). */
export function parseMemoryPool(
  text: string,
  option = '--memory-pool',
): [NativeMemoryPool, number] {
  const at = text.search(/[=:]/);
  const name = nativeMemoryPools.find((pool) => pool === text.slice(0, at));
  if (at < 0 || name === undefined) {
    throw invalidArgument(option, `pool=size with a pool of ${nativeMemoryPools.join(', ')}`, text);
  }
  return [name, parseSize(text.slice(at + 1), option)];
}

/** `key=value`; the value may hold further `=`. */
export function parseLabel(text: string, option = '--label'): [string, string] {
  const at = text.indexOf('=');
  if (at <= 0) throw invalidArgument(option, 'key=value', text);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** `8.6,8.9` → `['8.6', '8.9']`. */
export function parseComputeCapabilities(text: string, option = '--compute-capability'): string[] {
  const list = text.split(',').map((each) => each.trim());
  if (!list.every((each) => /^\d{1,2}\.\d$/.test(each))) {
    throw invalidArgument(option, 'compute capabilities such as 8.6,8.9', text);
  }
  return list;
}

export function parseWholeNumber(text: string, option: string): number {
  if (!/^\d{1,9}$/.test(text)) throw invalidArgument(option, 'a whole number', text);
  return Number(text);
}

function parseInputs<T>(
  text: string,
  option: string,
  expected: string,
  parseValue: (text: string) => T | null,
): Record<string, T> {
  const seen = new Set<string>();
  return record(
    text.split(',').map((part) => {
      // The last colon: names such as `input:0` hold one themselves.
      const at = part.lastIndexOf(':');
      const name = part.slice(0, at).trim();
      const value = parseValue(part.slice(at + 1));
      if (at < 0 || name === '' || value === null) throw invalidArgument(option, expected, text);
      if (seen.has(name)) throw invalidArgument(option, `input ${name} only once`, text);
      seen.add(name);
      return [name, value];
    }),
  );
}

function parseRange(text: string): DimsRange | null {
  const parts = text.split('/').map(parseDims);
  const [min, opt, max] = parts.length === 1 ? [parts[0], parts[0], parts[0]] : parts;
  return parts.length <= 3 && min && opt && max ? { min, opt, max } : null;
}

function parseDims(text: string): number[] | null {
  const parts = text.trim().split('x');
  return parts.every((part) => /^\d{1,15}$/.test(part)) ? parts.map(Number) : null;
}

/** Unlike a literal, safe for an input that is called `__proto__`. */
function record<T>(entries: (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries(entries);
}
