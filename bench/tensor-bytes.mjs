/** The typed arrays of tensor types, and the numbers in raw bytes. */
const arrays = {
  float32: Float32Array,
  // Half precision as bits, which every Node has; both sides are given the same ones.
  float16: Uint16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

/** @param {string} type */
export function arrayOf(type) {
  const found = arrays[type];
  if (found === undefined) throw new Error(`this benchmark has no array for tensors of ${type}`);
  return found;
}

/**
 * @param {string} type
 * @param {Uint8Array} bytes little-endian
 */
export function numbersOf(type, bytes) {
  const values = new (arrayOf(type))(Uint8Array.from(bytes).buffer);
  return Float64Array.from(values, type === 'float16' ? numberOfHalf : Number);
}

/** IEEE 754 half precision: 1 bit of sign, 5 of exponent, 10 of fraction. */
function numberOfHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
