/**
 * The floating-point formats that are narrower than float32, from and to float32's bits. Working on bits keeps NaN payloads,
 * which a value that passes through a JavaScript number may lose.
 */
import type { TensorType } from '../data-types';

export type NarrowFloat = Extract<
  TensorType,
  'float16' | 'bfloat16' | 'float8e4m3fn' | 'float4e2m1' | 'float8e8m0'
>;

/** What an element becomes that the format has no code for, neither rounded nor saturated. */
export const noCode = -1;

interface Format {
  /** The code of a float32, to nearest, ties to even; {@link noCode} where there is none. */
  readonly encode: (float32Bits: number) => number;
  readonly decode: (code: number) => number;
}

const signOf32 = 0x80000000;
const infinityOf32 = 0x7f800000;
const mantissaBitsOf32 = 23;
const mantissaMaskOf32 = 0x7fffff;
const biasOf32 = 127;

const floats = new Float32Array(1);
const words = new Uint32Array(floats.buffer);

/**
 * `value` as float32, rounded to odd: where it is not exact, the last bit is set. Rounding it once more to at most 22 bits then
 * gives what rounding the double itself would have given; rounding to nearest twice does not.
 */
export function oddFloat32Bits(value: number): number {
  floats[0] = value;
  const bits = words[0] as number;
  const rounded = floats[0];
  if (rounded === value || Number.isNaN(value)) return bits;
  const towardsZero = Math.abs(rounded) > Math.abs(value) ? bits - 1 : bits;
  return (towardsZero | 1) >>> 0;
}

/** `value` / 2^`shift`, to nearest, ties to even. */
function shiftRounding(value: number, shift: number): number {
  const isOdd = (value >>> shift) & 1;
  return (value + (2 ** (shift - 1) - 1) + isOdd) >>> shift;
}

/** A magnitude of float32 in a format of IEEE 754's kind, whose exponent goes on past the format's largest one. */
function narrowed(magnitude: number, mantissaBits: number, bias: number): number {
  const exponent = magnitude >>> mantissaBitsOf32;
  const smallestNormal = biasOf32 + 1 - bias;
  const shift = mantissaBitsOf32 - mantissaBits;
  if (exponent >= smallestNormal) {
    return shiftRounding(magnitude - (biasOf32 - bias) * 2 ** mantissaBitsOf32, shift);
  }
  const deeper = shift + smallestNormal - exponent;
  if (deeper > mantissaBitsOf32 + 1) return 0;
  return shiftRounding((1 << mantissaBitsOf32) | (magnitude & mantissaMaskOf32), deeper);
}

function widened(magnitude: number, mantissaBits: number, bias: number): number {
  const exponent = magnitude >>> mantissaBits;
  const mantissa = magnitude & ((1 << mantissaBits) - 1);
  const shift = mantissaBitsOf32 - mantissaBits;
  if (exponent !== 0) {
    return ((exponent + biasOf32 - bias) << mantissaBitsOf32) | (mantissa << shift);
  }
  if (mantissa === 0) return 0;
  const up = Math.clz32(mantissa) - (31 - mantissaBits);
  return (
    ((biasOf32 + 1 - bias - up) << mantissaBitsOf32) |
    (((mantissa << up) << shift) & mantissaMaskOf32)
  );
}

const magnitudeOf = (float32Bits: number): number => float32Bits & ~signOf32;

/** IEEE 754 binary16: 5 bits of exponent, 10 of mantissa. */
const float16: Format = {
  encode(bits) {
    const sign = (bits >>> 16) & 0x8000;
    const magnitude = magnitudeOf(bits);
    // A payload of low bits alone would make an infinity of the NaN.
    if (magnitude > infinityOf32) return sign | 0x7c00 | ((magnitude >>> 13) & 0x3ff || 0x200);
    return sign | Math.min(narrowed(magnitude, 10, 15), 0x7c00);
  },
  decode(code) {
    const sign = (code & 0x8000) << 16;
    const magnitude = code & 0x7fff;
    if (magnitude >= 0x7c00) return sign | infinityOf32 | ((magnitude & 0x3ff) << 13);
    return sign | widened(magnitude, 10, 15);
  },
};

/** The upper half of a float32. */
const bfloat16: Format = {
  encode(bits) {
    if (magnitudeOf(bits) <= infinityOf32) return shiftRounding(bits, 16);
    const upper = bits >>> 16;
    return (upper & 0x7f) === 0 ? upper | 0x40 : upper;
  },
  decode: (code) => code << 16,
};

/** OCP 8-bit floating point: 4 bits of exponent, 3 of mantissa, no infinity, one NaN of each sign. */
const float8e4m3fn: Format = {
  encode(bits) {
    const sign = (bits >>> 24) & 0x80;
    const magnitude = magnitudeOf(bits);
    if (magnitude > infinityOf32) return sign | 0x7f;
    return sign | Math.min(narrowed(magnitude, 3, 7), 0x7e);
  },
  decode(code) {
    const sign = (code & 0x80) << 24;
    const magnitude = code & 0x7f;
    return sign | (magnitude === 0x7f ? 0x7fc00000 : widened(magnitude, 3, 7));
  },
};

/** OCP microscaling's 4-bit elements: ±0, 0.5, 1, 1.5, 2, 3, 4, 6; neither infinity nor NaN. */
const float4e2m1: Format = {
  encode(bits) {
    const magnitude = magnitudeOf(bits);
    if (magnitude > infinityOf32) return noCode;
    return ((bits >>> 28) & 8) | Math.min(narrowed(magnitude, 1, 1), 7);
  },
  decode: (code) => ((code & 8) << 28) | widened(code & 7, 1, 1),
};

/**
 * OCP microscaling's scales: 2^(code - 127), and one NaN. Rounded up and saturated at both ends, as ONNX's Cast does by default;
 * 0 becomes the smallest scale. A negative number has no code.
 */
const float8e8m0: Format = {
  encode(bits) {
    const magnitude = magnitudeOf(bits);
    if (magnitude > infinityOf32) return 0xff;
    if (magnitude !== 0 && magnitude !== bits) return noCode;
    if (magnitude <= 0x400000) return 0; // 2^-127, a subnormal of float32
    const exponent = magnitude >>> mantissaBitsOf32;
    const up = (magnitude & mantissaMaskOf32) === 0 ? 0 : 1;
    return Math.min(exponent + up, 0xfe);
  },
  decode(code) {
    if (code === 0xff) return 0x7fc00000;
    return code === 0 ? 0x400000 : code << mantissaBitsOf32;
  },
};

const formats: Readonly<Record<NarrowFloat, Format>> = {
  float16,
  bfloat16,
  float8e4m3fn,
  float4e2m1,
  float8e8m0,
};

export function isNarrowFloat(type: TensorType): type is NarrowFloat {
  return type in formats;
}

/** Of float32's bits to the format's code; {@link noCode} for a NaN in `float4e2m1` and a negative number in `float8e8m0`. */
export function encoderOf(type: NarrowFloat): (float32Bits: number) => number {
  return formats[type].encode;
}

/** Of the format's code to float32's bits, as a signed or unsigned 32-bit integer. */
export function decoderOf(type: NarrowFloat): (code: number) => number {
  return formats[type].decode;
}
