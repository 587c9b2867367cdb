/**
 * ONNX's TensorProto.DataType: its number, our name for it, and its bits per element (0: a `string` has no fixed size).
 * Types narrower than a byte are packed, the last byte filled up.
 */
const elementTypes = [
  [1, 'float32', 32],
  [2, 'uint8', 8],
  [3, 'int8', 8],
  [4, 'uint16', 16],
  [5, 'int16', 16],
  [6, 'int32', 32],
  [7, 'int64', 64],
  [8, 'string', 0],
  [9, 'bool', 8],
  [10, 'float16', 16],
  [11, 'float64', 64],
  [12, 'uint32', 32],
  [13, 'uint64', 64],
  [14, 'complex64', 64],
  [15, 'complex128', 128],
  [16, 'bfloat16', 16],
  [17, 'float8e4m3fn', 8],
  [18, 'float8e4m3fnuz', 8],
  [19, 'float8e5m2', 8],
  [20, 'float8e5m2fnuz', 8],
  [21, 'uint4', 4],
  [22, 'int4', 4],
  [23, 'float4e2m1', 4],
  [24, 'float8e8m0', 8],
  [25, 'uint2', 2],
  [26, 'int2', 2],
] as const;

export type OnnxElementType = (typeof elementTypes)[number][1];

const byNumber = new Map<number, (typeof elementTypes)[number]>(
  elementTypes.map((entry) => [entry[0], entry]),
);

/** null for a number that is no type of ONNX 1.20. */
export function elementTypeName(number: number): OnnxElementType | null {
  return byNumber.get(number)?.[1] ?? null;
}

/** Bytes of a tensor; null where the type has no fixed size or is not known, or a dim is negative. */
export function tensorBytes(dataType: number, dims: readonly number[]): bigint | null {
  const bits = byNumber.get(dataType)?.[2] ?? 0;
  if (bits === 0 || dims.some((dim) => dim < 0)) return null;
  const elements = dims.reduce((product, dim) => product * BigInt(dim), 1n);
  return (elements * BigInt(bits) + 7n) / 8n;
}
