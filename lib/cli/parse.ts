import { nativeMemoryPools, type NativeMemoryPool } from '../binding';
import { invalidArgument, TrtError } from '../errors';
import type { DimsRange } from '../manifest-schema';
import type { InputProfile, ProfileOption } from '../profile-option';
import { parseSize } from './parse-numbers';

/** The three ranges as trtexec's options give them: each names the same inputs. */
export interface ShapeOptions {
  readonly minShapes?: string | undefined;
  readonly optShapes?: string | undefined;
  readonly maxShapes?: string | undefined;
}

/** What stands before the numbers of an item: `:` gives dims, `=` the values of a shape tensor. */
type Sign = ':' | '=';

/** One item of a list such as `x:1x8,shape=1x8`. */
interface Item<T> {
  readonly name: string;
  readonly sign: Sign;
  readonly value: T;
}

/**
 * `x:1x8/8x8/64x8,batch:1/8/32,shape=1x8/8x8/64x8` → a profile. Parts of a range are min/opt/max; a single one stands for all
 * three. A name with one number may be an input with one axis or a named dim: `buildEngine` knows the model and decides,
 * inputs first.
 */
export function parseProfile(text: string, option = '--profile'): ProfileOption {
  const form = 'name:min/opt/max such as x:1x8/8x8/64x8 or, for values, name=min/opt/max';
  return profileOf(parseItems(text, option, form, parseRange, wrongParts));
}

/** trtexec's three options as one profile; null when none of them is given. */
export function profileOfShapes({
  minShapes,
  optShapes,
  maxShapes,
}: ShapeOptions): ProfileOption | null {
  const given = { '--minShapes': minShapes, '--optShapes': optShapes, '--maxShapes': maxShapes };
  const options = Object.entries(given);
  const isAbsent = ([, value]: (typeof options)[number]): boolean => value === undefined;
  const absent = options.filter(isAbsent).map(([option]) => option);
  if (absent.length === options.length) return null;
  if (absent.length > 0) {
    throw new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected all three of ${Object.keys(given).join(', ')}, or --optShapes alone: also give ${absent.join(' and ')}`,
      { details: { argument: absent[0] } },
    );
  }
  const shapes = options.map(([option, value = '']) => ({
    option,
    items: parseItems(value, option, 'shapes such as x:1x1x8x8,y:4', parseNumbers),
  }));
  const numbersOf = (index: number, { name, sign }: Item<unknown>): number[] => {
    const shape = shapes[index];
    const same = shape?.items.find((item) => item.name === name && item.sign === sign);
    if (same) return same.value;
    throw new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected the same inputs in --minShapes, --optShapes, --maxShapes: also give ${name}${sign} in ${shape?.option ?? ''}`,
      { details: { argument: shape?.option } },
    );
  };
  return profileOf(
    shapes
      .flatMap(({ items }) => items)
      .map((item) => ({
        ...item,
        value: { min: numbersOf(0, item), opt: numbersOf(1, item), max: numbersOf(2, item) },
      })),
  );
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

function parseItems<T>(
  text: string,
  option: string,
  expected: string,
  parseValue: (text: string, sign: Sign) => T | null,
  mistakeIn?: (text: string) => string | null,
): readonly Item<T>[] {
  const seen = new Set<string>();
  return text.split(',').map((part) => {
    // The last sign: names such as `input:0` hold one themselves.
    const at = Math.max(part.lastIndexOf(':'), part.lastIndexOf('='));
    const name = part.slice(0, Math.max(at, 0)).trim();
    const sign = part[at] === '=' ? '=' : ':';
    const valueText = part.slice(at + 1);
    const value = parseValue(valueText, sign);
    if (name === '' || value === null) {
      const mistake = name === '' ? null : (mistakeIn?.(valueText) ?? null);
      throw invalidArgument(option, mistake === null ? expected : `${expected} (${mistake})`, text);
    }
    if (seen.has(sign + name)) throw invalidArgument(option, `${name}${sign} only once`, text);
    seen.add(sign + name);
    return { name, sign, value };
  });
}

/** Dims and values of the same name become one input. */
function profileOf(items: readonly Item<DimsRange>[]): ProfileOption {
  const inputs = new Map<string, InputProfile>();
  for (const { name, sign, value } of items) {
    const range = sign === ':' ? value : { values: value };
    inputs.set(name, { ...inputs.get(name), ...range });
  }
  // Unlike a literal, safe for an input that is called `__proto__`.
  return Object.fromEntries(inputs);
}

/** What is wrong with a range such as `1/8`; null where its numbers are. */
function wrongParts(range: string): string | null {
  const { length } = range.split('/');
  if (length === 1 || length === 3) return null;
  return `${range} has ${length} parts: give three, min/opt/max, or one that stands for all`;
}

function parseRange(text: string, sign: Sign): DimsRange | null {
  const parts = text.split('/').map((part) => parseNumbers(part, sign));
  const [min, opt, max] = parts.length === 1 ? [parts[0], parts[0], parts[0]] : parts;
  return parts.length <= 3 && min && opt && max ? { min, opt, max } : null;
}

function parseNumbers(text: string, sign: Sign): number[] | null {
  const parts = text.trim().split('x');
  // A value may be negative: -1 is Reshape's wildcard.
  const form = sign === ':' ? /^\d{1,15}$/ : /^-?\d{1,15}$/;
  return parts.every((part) => form.test(part)) ? parts.map(Number) : null;
}
