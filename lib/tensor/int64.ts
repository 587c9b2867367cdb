import { typedArrayName } from '../data-types';
import { bits32 } from './typed-arrays';
import type { BigIntArray } from './typed-arrays';

/**
 * 64-bit integers as doubles, without a bigint for each. Beyond 2^53 all bits below 2^12 are gathered in the bit of 2^12 (they
 * are rounded to odd), so that rounding to float32 or less gives what rounding the integers themselves would have given.
 */
export function int64Doubles(
  source: BigIntArray,
  target = new Float64Array(source.length),
): Float64Array {
  const isSigned = typedArrayName(source) === 'BigInt64Array';
  const halves = bits32(source);
  const count = source.length;
  for (let index = 0; index < count; ++index) {
    let low = halves[2 * index] as number;
    const unsignedHigh = halves[2 * index + 1] as number;
    const high = isSigned ? unsignedHigh | 0 : unsignedHigh;
    if ((high >= 0x200000 || high < -0x200000) && (low & 0xfff) !== 0) {
      low = ((low & ~0xfff) | 0x1000) >>> 0;
    }
    target[index] = high * 2 ** 32 + low;
  }
  return target;
}

/** Writes integers that a double holds exactly, from `start` on. */
export function writeInt64(
  target: BigInt64Array,
  start: number,
  integers: Float64Array | Uint16Array,
  count: number,
): void {
  const halves = bits32(target.subarray(start, start + count));
  for (let index = 0; index < count; ++index) {
    const value = integers[index] as number;
    const high = Math.floor(value / 2 ** 32);
    halves[2 * index] = value - high * 2 ** 32;
    halves[2 * index + 1] = high;
  }
}
