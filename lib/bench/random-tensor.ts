import { byteLengthOf, viewAs, type TensorType } from '../data-types';
import { elementCount, Tensor } from '../tensor';
import type { Random } from './seeded-random';

/**
 * Values that any network can compute on: floats from -1 to 1, as trtexec makes them; whole bytes for 8 bits, which are pictures or quantized values; 0 and 1
 * for wider integers, which are indices, masks or types, so that no table is read behind its end.
 */
export function randomTensor(type: TensorType, dims: readonly number[], random: Random): Tensor {
  const count = elementCount(dims);
  switch (type) {
    case 'float32':
    case 'float16':
    case 'bfloat16':
    case 'float8e4m3fn':
    case 'float4e2m1':
      return floats(type, count, dims, () => 2 * random() - 1);
    case 'float8e8m0':
      return floats(type, count, dims, random);
    case 'int32':
      return new Tensor(
        type,
        Int32Array.from({ length: count }, () => bit(random)),
        dims,
      );
    case 'int64':
      return new Tensor(
        type,
        BigInt64Array.from({ length: count }, () => BigInt(bit(random))),
        dims,
      );
    case 'bool':
      return new Tensor(
        type,
        Uint8Array.from({ length: count }, () => bit(random)),
        dims,
      );
    case 'int8':
    case 'uint8':
    case 'int4':
      return bytes(type, count, dims, random);
  }
}

function floats(
  type: TensorType,
  count: number,
  dims: readonly number[],
  value: () => number,
): Tensor {
  const values = new Float32Array(count);
  for (let index = 0; index < count; ++index) values[index] = value();
  return type === 'float32' ? new Tensor(type, values, dims) : Tensor.from(values, type, dims);
}

function bytes(type: TensorType, count: number, dims: readonly number[], random: Random): Tensor {
  const values = new Uint8Array(byteLengthOf(type, count));
  for (let index = 0; index < values.length; ++index) values[index] = Math.floor(random() * 256);
  // Of an odd count, the last byte has one element only.
  const last = values.length - 1;
  if (type === 'int4' && count % 2 === 1) values[last] = (values[last] ?? 0) & 0x0f;
  return new Tensor(type, viewAs(type, values.buffer), dims);
}

function bit(random: Random): number {
  return random() < 0.5 ? 0 : 1;
}
