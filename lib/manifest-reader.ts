import { describeValue, type TrtError } from './errors';

/** A JSON object inside of a manifest, with its place for messages. */
export interface Part {
  readonly place: string;
  readonly value: object;
}

/**
 * Takes typed values out of JSON that nobody vouches for. Only own properties count, and records are built entry by
 * entry, so a key such as `__proto__` is a name like any other.
 */
export class ManifestReader {
  constructor(private readonly makeError: (finding: string) => TrtError) {}

  refuse(finding: string): TrtError {
    return this.makeError(finding);
  }

  root(json: unknown): Part {
    return this.part(json, '');
  }

  has(part: Part, key: string): boolean {
    return Object.hasOwn(part.value, key);
  }

  isNull(part: Part, key: string): boolean {
    return this.read(part, key) === null;
  }

  object(part: Part, key: string): Part {
    return this.part(this.read(part, key), placeOf(part, key));
  }

  /** null where the key is missing. */
  optional(part: Part, key: string): Part | null {
    return this.has(part, key) ? this.object(part, key) : null;
  }

  /** null where the value is null. */
  nullable(part: Part, key: string): Part | null {
    return this.isNull(part, key) ? null : this.object(part, key);
  }

  list(part: Part, key: string): Part[] {
    const place = placeOf(part, key);
    return this.array(part, key).map((item, index) => this.part(item, `${place}[${index}]`));
  }

  entries(part: Part): [string, Part][] {
    return Object.entries(part.value).map(([key, value]) => [
      key,
      this.part(value, placeOf(part, key)),
    ]);
  }

  /** A record of any JSON values. */
  copy(part: Part, key: string): Record<string, unknown> {
    return Object.fromEntries(Object.entries(this.object(part, key).value));
  }

  stringRecord(part: Part, key: string): Record<string, string> {
    const record = this.object(part, key);
    const names = Object.keys(record.value);
    return Object.fromEntries(names.map((name) => [name, this.string(record, name)]));
  }

  string(part: Part, key: string): string {
    const value = this.read(part, key);
    if (typeof value !== 'string') throw this.unexpected(part, key, 'a string', value);
    return value;
  }

  /** null where the key is missing. */
  optionalString(part: Part, key: string): string | null {
    return this.has(part, key) ? this.string(part, key) : null;
  }

  nullableString(part: Part, key: string): string | null {
    return this.isNull(part, key) ? null : this.string(part, key);
  }

  /** null where the value is null. */
  nullableMatching(part: Part, key: string, pattern: RegExp): string | null {
    return this.isNull(part, key) ? null : this.matching(part, key, pattern);
  }

  matching(part: Part, key: string, pattern: RegExp): string {
    const value = this.string(part, key);
    if (!pattern.test(value)) throw this.unexpected(part, key, `text like ${pattern}`, value);
    return value;
  }

  oneOf<T extends string>(part: Part, key: string, accepted: readonly T[]): T {
    const value = this.string(part, key);
    const match = accepted.find((candidate) => candidate === value);
    if (match === undefined) {
      throw this.unexpected(part, key, `one of ${accepted.join(', ')}`, value);
    }
    return match;
  }

  boolean(part: Part, key: string): boolean {
    const value = this.read(part, key);
    if (typeof value !== 'boolean') throw this.unexpected(part, key, 'true or false', value);
    return value;
  }

  integer(part: Part, key: string): number {
    const value = this.read(part, key);
    if (!Number.isSafeInteger(value)) throw this.unexpected(part, key, 'an integer', value);
    return value as number;
  }

  /** An integer of at least 0. */
  natural(part: Part, key: string): number {
    const value = this.integer(part, key);
    if (value < 0) throw this.unexpected(part, key, 'an integer of at least 0', value);
    return value;
  }

  number(part: Part, key: string): number {
    const value = this.read(part, key);
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw this.unexpected(part, key, 'a number', value);
    }
    return value;
  }

  numberRecord(part: Part, key: string): Record<string, number> {
    const record = this.object(part, key);
    const names = Object.keys(record.value);
    return Object.fromEntries(names.map((name) => [name, this.number(record, name)]));
  }

  naturalRecord(part: Part, key: string): Record<string, number> {
    const record = this.object(part, key);
    const names = Object.keys(record.value);
    return Object.fromEntries(names.map((name) => [name, this.natural(record, name)]));
  }

  nonNegative(part: Part, key: string): number {
    const value = this.read(part, key);
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      throw this.unexpected(part, key, 'a number of at least 0', value);
    }
    return value;
  }

  strings(part: Part, key: string): string[] {
    return this.array(part, key).map((item) => {
      if (typeof item !== 'string') throw this.unexpected(part, key, 'strings', item);
      return item;
    });
  }

  integers(part: Part, key: string): number[] {
    return this.array(part, key).map((item) => {
      if (!Number.isSafeInteger(item)) throw this.unexpected(part, key, 'integers', item);
      return item as number;
    });
  }

  private array(part: Part, key: string): readonly unknown[] {
    const value = this.read(part, key);
    if (!Array.isArray(value)) throw this.unexpected(part, key, 'an array', value);
    return value as readonly unknown[];
  }

  private read(part: Part, key: string): unknown {
    const value: unknown = Object.getOwnPropertyDescriptor(part.value, key)?.value;
    if (value === undefined) throw this.refuse(`\`${placeOf(part, key)}\` is missing`);
    return value;
  }

  private part(value: unknown, place: string): Part {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      const name = place === '' ? 'its content' : `\`${place}\``;
      throw this.refuse(`${name} is ${describeValue(value)} instead of an object`);
    }
    return { place, value };
  }

  private unexpected(part: Part, key: string, expected: string, value: unknown): TrtError {
    return this.refuse(
      `\`${placeOf(part, key)}\` is ${describeValue(value)} instead of ${expected}`,
    );
  }
}

function placeOf(part: Part, key: string): string {
  return part.place === '' ? key : `${part.place}.${key}`;
}
