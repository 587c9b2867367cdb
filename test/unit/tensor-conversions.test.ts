import { describe, expect, it } from 'vitest';
import type { TensorType } from '../../lib/data-types';
import { Tensor } from '../../lib/tensor';
import conversions from '../fixtures/conversions.json';

type NarrowFloat = 'float16' | 'bfloat16' | 'float8e4m3fn' | 'float4e2m1' | 'float8e8m0';

/** The codes of `tensor`, one per element. */
function codesOf(tensor: Tensor): number[] {
  const { buffer, byteOffset, byteLength } = tensor.data;
  if (tensor.type === 'float16' || tensor.type === 'bfloat16') {
    return Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2));
  }
  const bytes = Array.from(new Uint8Array(buffer, byteOffset, byteLength));
  if (tensor.type !== 'int4' && tensor.type !== 'float4e2m1') return bytes;
  return bytes.flatMap((byte) => [byte & 15, byte >> 4]).slice(0, tensor.size);
}

const codeOf = (type: TensorType, value: number): number => codesOf(Tensor.from(value, type))[0]!;
const codesFrom = (type: TensorType, values: readonly number[]): number[] =>
  codesOf(Tensor.from(values, type));

/** Indices at which two lists differ: an assertion per element would take seconds for 65,536 of them. */
const differences = (a: ArrayLike<number>, b: ArrayLike<number>): number[] =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, index) => index).filter(
    (index) => a[index] !== b[index],
  );

const all = (count: number): Uint16Array => Uint16Array.from({ length: count }, (_, code) => code);
const packed = (count: number): Uint8Array =>
  Uint8Array.from({ length: count / 2 }, (_, byte) => 2 * byte + ((2 * byte + 1) << 4));

describe('every code of a type', () => {
  const tensors = [
    new Tensor('float16', all(65_536)),
    new Tensor('bfloat16', all(65_536)),
    new Tensor('float8e4m3fn', Uint8Array.from(all(256))),
    new Tensor('float8e8m0', Uint8Array.from(all(256))),
    new Tensor('float4e2m1', packed(16)),
    new Tensor('int4', packed(16)),
    new Tensor('int8', new Int8Array(Uint8Array.from(all(256)).buffer)),
    new Tensor('uint8', Uint8Array.from(all(256))),
  ] as Tensor[];

  it.each(tensors.map((tensor) => [tensor.type, tensor] as const))(
    '%s comes back from float32, NaN payloads too',
    (type, tensor) => {
      const codes = codesOf(tensor);
      const back = codesOf(Tensor.from(tensor.toFloat32(), type));
      const nan = (code: number): boolean => type === 'float8e4m3fn' && (code & 0x7f) === 0x7f;
      expect(differences(codes, back)).toEqual([]);
      expect(codes.filter(nan)).toHaveLength(type === 'float8e4m3fn' ? 2 : 0);
    },
  );

  // Each format's value by the definition in its specification, in doubles.
  const valueOf = (exponentBits: number, mantissaBits: number, bias: number) => (code: number) => {
    const sign = code >> (exponentBits + mantissaBits) === 1 ? -1 : 1;
    const exponent = (code >> mantissaBits) & (2 ** exponentBits - 1);
    const fraction = (code & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
    return exponent === 0
      ? sign * fraction * 2 ** (1 - bias)
      : sign * (1 + fraction) * 2 ** (exponent - bias);
  };
  const ieee = (exponentBits: number, mantissaBits: number, bias: number) => (code: number) => {
    const magnitude = code & (2 ** (exponentBits + mantissaBits) - 1);
    const infinity = (2 ** exponentBits - 1) * 2 ** mantissaBits;
    if (magnitude > infinity) return NaN;
    if (magnitude === infinity) return magnitude === code ? Infinity : -Infinity;
    return valueOf(exponentBits, mantissaBits, bias)(code);
  };
  const definitions: Readonly<Partial<Record<TensorType, (code: number) => number>>> = {
    float16: ieee(5, 10, 15),
    bfloat16: ieee(8, 7, 127),
    float8e4m3fn: (code) => ((code & 0x7f) === 0x7f ? NaN : valueOf(4, 3, 7)(code)),
    float8e8m0: (code) => (code === 255 ? NaN : 2 ** (code - 127)),
    float4e2m1: valueOf(2, 1, 1),
    int4: (code) => (code < 8 ? code : code - 16),
    int8: (code) => (code < 128 ? code : code - 256),
    uint8: (code) => code,
  };

  it.each(tensors.map((tensor) => [tensor.type, tensor] as const))(
    '%s has the value that its definition gives',
    (type, tensor) => {
      const expected = codesOf(tensor).map(definitions[type]!);
      const values = tensor.toFloat32();
      const wrong = expected.flatMap((value, code) =>
        Object.is(values[code], value) ? [] : [{ code, value, got: values[code] }],
      );
      expect(wrong).toEqual([]);
    },
  );

  it('the four bits hold the values that ONNX lists', () => {
    const positive = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
    expect(new Tensor('float4e2m1', packed(16)).toNested()).toEqual([
      ...positive,
      ...positive.map((value) => -value),
    ]);
  });
});

describe('values of other implementations', () => {
  const fromBits32 = (hex: string): number => {
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, Number(hex));
    return view.getFloat32(0);
  };
  const fromBits64 = (hex: string): number => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, BigInt(hex));
    return view.getFloat64(0);
  };

  it.each(['float16', 'bfloat16', 'float8e4m3fn', 'float4e2m1', 'float8e8m0'] as const)(
    '%s has the same codes for float32 values',
    (type) => {
      const pairs = conversions[type] as [string, number][];
      const values = pairs.map(([bits]) => fromBits32(bits));
      const expected = pairs.map(([, code]) => code);
      expect(pairs.length).toBeGreaterThan(40);
      expect(codesOf(Tensor.from(Float32Array.from(values), type))).toEqual(expected);
      expect(codesFrom(type, values)).toEqual(expected);
    },
  );

  it('float16 has the same codes for float64 values', () => {
    const pairs = conversions.float64ToFloat16 as [string, number][];
    const values = pairs.map(([bits]) => fromBits64(bits));
    const expected = pairs.map(([, code]) => code);
    expect(codesFrom('float16', values)).toEqual(expected);
    expect(codesOf(Tensor.from(Float64Array.from(values), 'float16'))).toEqual(expected);
  });
});

describe('rounding', () => {
  it.each([
    // type, value, code: ties go to the even code, 2^-40 on either side of a tie decides it
    ['float16', 1 + 2 ** -11, 0x3c00],
    ['float16', 1 + 3 * 2 ** -11, 0x3c02],
    ['float16', 1 + 2 ** -11 + 2 ** -40, 0x3c01],
    ['float16', 2 ** -25, 0],
    ['float16', 2 ** -25 * (1 + 2 ** -50), 1],
    ['float16', -(2 ** -60), 0x8000],
    ['float16', 65_519.999, 0x7bff],
    ['float16', 65_520, 0x7c00],
    ['float16', -1e300, 0xfc00],
    ['bfloat16', 1 + 2 ** -8, 0x3f80],
    ['bfloat16', 1 + 3 * 2 ** -8, 0x3f82],
    ['bfloat16', 1 + 2 ** -8 + 2 ** -40, 0x3f81],
    ['bfloat16', 1 + 3 * 2 ** -8 - 2 ** -40, 0x3f81],
    ['bfloat16', 2 ** -134, 0],
    ['bfloat16', 2 ** -134 * (1 + 2 ** -40), 1],
    ['bfloat16', 5e-324, 0],
    ['bfloat16', (2 - 2 ** -8) * 2 ** 127, 0x7f80],
    ['bfloat16', (2 - 2 ** -8) * 2 ** 127 * (1 - 2 ** -40), 0x7f7f],
    ['float8e4m3fn', 1.0625, 0x38],
    ['float8e4m3fn', 1.1875, 0x3a],
    ['float8e4m3fn', 1.0625 + 2 ** -40, 0x39],
    ['float8e4m3fn', 2 ** -10, 0],
    ['float8e4m3fn', 449, 0x7e],
    ['float8e4m3fn', Infinity, 0x7e],
    ['float8e4m3fn', -Infinity, 0xfe],
    ['float8e4m3fn', -0, 0x80],
    ['float4e2m1', 0.25, 0],
    ['float4e2m1', 0.75, 2],
    ['float4e2m1', 0.75 - 2 ** -40, 1],
    ['float4e2m1', 5, 6],
    ['float4e2m1', -Infinity, 15],
    ['float8e8m0', 0, 0],
    ['float8e8m0', 1, 127],
    ['float8e8m0', 1 + 2 ** -52, 128],
    ['float8e8m0', 2 ** -127, 0],
    ['float8e8m0', 2 ** -127 * (1 + 2 ** -40), 1],
    ['float8e8m0', 2 ** 127 * 1.5, 254],
    ['float8e8m0', Infinity, 254],
  ] as [NarrowFloat, number, number][])('%s: %d has the code %i', (type, value, code) => {
    expect(codeOf(type, value)).toBe(code);
  });

  it('#34 keeps NaN, infinities and signed zeros', () => {
    expect(codesFrom('float16', [NaN, Infinity, -Infinity, -0])).toEqual([
      0x7e00, 0x7c00, 0xfc00, 0x8000,
    ]);
    expect(codesFrom('bfloat16', [NaN, Infinity, -Infinity, -0])).toEqual([
      0x7fc0, 0x7f80, 0xff80, 0x8000,
    ]);
    expect(codesFrom('float8e4m3fn', [NaN])).toEqual([0x7f]);
    expect(codesFrom('float8e8m0', [NaN])).toEqual([0xff]);
  });

  it('keeps a NaN whose payload the narrower format cuts off', () => {
    const nan = new Float32Array(Uint32Array.of(0x7f800001, 0xff800001).buffer);
    expect(codesOf(Tensor.from(nan, 'float16'))).toEqual([0x7e00, 0xfe00]);
    expect(codesOf(Tensor.from(nan, 'bfloat16'))).toEqual([0x7fc0, 0xffc0]);
  });

  it('rounds 64-bit integers once, not twice', () => {
    // 2^60 + 2^52 lies between two bfloat16 values (2^53 apart) and one more decides it; a double on the way loses the one.
    const tie = 2n ** 60n + 2n ** 52n;
    expect(codesOf(Tensor.from([tie, tie + 1n, -tie, -tie - 1n], 'bfloat16'))).toEqual([
      0x5d80, 0x5d81, 0xdd80, 0xdd81,
    ]);
    // The same for float32, whose values are 2^37 apart there.
    const between = 2n ** 60n + 2n ** 36n;
    expect(Tensor.from([between, between + 1n, -between - 1n]).toFloat32()).toEqual(
      Float32Array.of(2 ** 60, 2 ** 60 + 2 ** 37, -(2 ** 60) - 2 ** 37),
    );
  });

  it('takes unsigned 64-bit integers as such', () => {
    const large = BigUint64Array.of(2n ** 64n - 1n, 2n ** 63n, 1n);
    expect(Tensor.from(large, 'float32').data).toEqual(Float32Array.of(2 ** 64, 2 ** 63, 1));
    expect(Tensor.from(BigUint64Array.of(5n), 'int64').data).toEqual(BigInt64Array.of(5n));
  });
});

describe('integers', () => {
  it.each([
    ['int4', [-8, 7, 0, -1, 3]],
    ['int8', [-128, 127, 0]],
    ['uint8', [0, 255, 7]],
    ['int32', [-(2 ** 31), 2 ** 31 - 1, -1]],
    ['int64', [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, -1, 2 ** 32, -(2 ** 32)]],
  ] as const)('%s takes its whole range', (type, values) => {
    const back = Tensor.from(values, type).toNested() as (number | bigint)[];
    expect(back.map(Number)).toEqual(values);
  });

  it('int64 takes every 64-bit bigint', () => {
    const values = [-(2n ** 63n), 2n ** 63n - 1n, -1n, 0n];
    expect(Tensor.from(values).toNested()).toEqual(values);
  });

  it('are read from every typed array', () => {
    const arrays = [
      Float64Array.of(1, 100),
      Uint16Array.of(1, 100),
      Int16Array.of(1, 100),
      Uint32Array.of(1, 100),
      BigInt64Array.of(1n, 100n),
      BigUint64Array.of(1n, 100n),
    ];
    for (const type of ['int8', 'uint8', 'int32', 'int64', 'float32', 'float16'] as const) {
      for (const array of arrays.filter((each) => type !== 'float16' || each !== arrays[1])) {
        expect(Tensor.from(array, type).toFloat32()).toEqual(Float32Array.of(1, 100));
      }
    }
  });

  it.each([
    ['int4', 8],
    ['int4', -9],
    ['int8', 128],
    ['uint8', -1],
    ['uint8', 256],
    ['int32', 2 ** 31],
    ['int64', 2 ** 53],
    ['int8', 0.5],
    ['int64', 0.5],
    ['int32', NaN],
    ['int32', Infinity],
    ['bool', 2],
    ['bool', 0.5],
    ['float4e2m1', NaN],
    ['float8e8m0', -1],
    ['float8e8m0', -Infinity],
  ] as [TensorType, number][])('%s refuses %d and says where it stands', (type, value) => {
    // Past the first of the slices that are converted at a time.
    const values = Array.from({ length: 5000 }, () => 0);
    values[4321] = value;
    expect(() => Tensor.from(values, type)).toThrow(
      expect.objectContaining({
        code: 'ERR_TRT_INVALID_ARG',
        details: { argument: 'values[4321]' },
      }) as Error,
    );
  });

  it('int64 refuses an unsigned integer that would become negative', () => {
    expect(() => Tensor.from(BigUint64Array.of(1n, 2n ** 63n), 'int64')).toThrow(
      expect.objectContaining({ details: { argument: 'values[1]' } }) as Error,
    );
  });
});

describe('packing', () => {
  it.each([0, 1, 2, 3, 2047, 2048, 2049, 5001])('#39 %i elements of four bits', (count) => {
    const values = Array.from({ length: count }, (_, index) => (index % 16) - 8);
    const tensor = Tensor.from(values, 'int4');
    expect(tensor.data).toHaveLength(Math.ceil(count / 2));
    expect(tensor.dims).toEqual([count]);
    expect(tensor.toNested()).toEqual(values);
  });

  it('puts the first of two elements into the low half, and 0 after an odd one', () => {
    expect(Tensor.from([1, -1, 3], 'int4').data).toEqual(Uint8Array.of(0xf1, 0x03));
    expect(Tensor.from([0.5, -6, 1], 'float4e2m1').data).toEqual(Uint8Array.of(0xf1, 0x02));
  });
});
