import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import { tensorTypes } from '../../lib/data-types';
import type { TensorType } from '../../lib/data-types';
import { elementCount, Tensor } from '../../lib/tensor';

function errorOf(act: () => unknown): { code?: unknown; details?: { argument?: unknown } } {
  try {
    act();
  } catch (error) {
    return error as { code?: unknown };
  }
  return { code: 'nothing was thrown' };
}

const argumentOf = (act: () => unknown): unknown => {
  const { code, details } = errorOf(act);
  return code === 'ERR_TRT_INVALID_ARG' ? details?.argument : code;
};

describe('Tensor', () => {
  it('has the shape of ONNX Runtime’s tensors', async () => {
    const data = new Float32Array(6);
    const tensor = new Tensor('float32', data, [2, 3]);
    expect(tensor.type).toBe('float32');
    expect(tensor.data).toBe(data);
    expect(tensor.dims).toEqual([2, 3]);
    expect(tensor.size).toBe(6);
    expect(tensor.location).toBe('cpu');
    expect(await tensor.getData()).toBe(data);
    tensor.close();
    expect(tensor.data).toBe(data);
  });

  it.each(tensorTypes)('takes %s', (type) => {
    const tensor = Tensor.from([1, 1, 1, 1], type, [2, 2]);
    expect(new Tensor(type, tensor.data, [4]).toFloat32()).toEqual(Float32Array.of(1, 1, 1, 1));
  });

  it('is one axis of all elements when the dims are left out', () => {
    expect(new Tensor('int8', new Int8Array(5)).dims).toEqual([5]);
    expect(new Tensor('int4', new Uint8Array(5)).dims).toEqual([10]);
  });

  it('#39 takes an odd count of half bytes when the dims say so', () => {
    expect(new Tensor('int4', new Uint8Array(2), [3]).size).toBe(3);
    expect(new Tensor('float4e2m1', new Uint8Array(8), [5, 3]).size).toBe(15);
    expect(argumentOf(() => new Tensor('int4', new Uint8Array(2), [5]))).toBe('dims');
    expect(argumentOf(() => new Tensor('int4', new Uint8Array(2), [2]))).toBe('dims');
  });

  it('#33 can be a scalar, and can be empty', () => {
    expect(new Tensor('int64', new BigInt64Array(1), []).size).toBe(1);
    expect(new Tensor('int4', new Uint8Array(1), []).size).toBe(1);
    expect(new Tensor('int32', new Int32Array(0), [0, 4]).size).toBe(0);
    expect(new Tensor('float4e2m1', new Uint8Array(0), [0, 3]).size).toBe(0);
  });

  it('#33 is empty by one dim, however large the others are', () => {
    const huge = Number.MAX_SAFE_INTEGER;
    expect(new Tensor('int8', new Int8Array(0), [huge, huge, huge, 0]).size).toBe(0);
    expect(elementCount([...Array<number>(30).fill(huge), 0])).toBe(0);
  });

  it('keeps its own copy of the dims', () => {
    const dims = [2, 2];
    const tensor = new Tensor('uint8', new Uint8Array(4), dims);
    dims[0] = 7;
    expect(tensor.dims).toEqual([2, 2]);
  });

  it.each([
    ['an unknown type', () => new Tensor('float64' as 'float32', new Float32Array(1))],
    ['an array of another type', () => new Tensor('float32', new Int32Array(1) as never)],
    ['a plain array', () => new Tensor('float32', [1, 2] as never)],
    ['dims of another product', () => new Tensor('float32', new Float32Array(6), [2, 2])],
    ['#40 a product past 2^53', () => new Tensor('int8', new Int8Array(1), [2 ** 32, 2 ** 32])],
    ['#40 a product of 2^32 + 1', () => new Tensor('int8', new Int8Array(1), [641, 6_700_417])],
    ['dims that are no array', () => new Tensor('float32', new Float32Array(1), 1 as never)],
    ['a negative dim', () => new Tensor('float32', new Float32Array(1), [-1])],
    [
      'two negative dims with the right product',
      () => new Tensor('float32', new Float32Array(2), [-1, -2]),
    ],
    ['a fractional dim', () => new Tensor('float32', new Float32Array(1), [0.5, 2])],
    ['NaN', () => new Tensor('float32', new Float32Array(1), [NaN])],
    ['a bigint', () => new Tensor('float32', new Float32Array(1), [1n as never])],
    ['a hole', () => new Tensor('float32', new Float32Array(1), new Array<number>(1))],
  ])('refuses %s', (_, act) => {
    expect(errorOf(act).code).toBe('ERR_TRT_INVALID_ARG');
  });
});

describe('Tensor.from', () => {
  it.each([
    ['numbers', [1, 2.5], 'float32', [2]],
    ['bigints', [1n, -2n], 'int64', [2]],
    ['booleans', [true, false], 'bool', [2]],
    ['a number', 5, 'float32', []],
    ['a bigint', 5n, 'int64', []],
    ['a boolean', true, 'bool', []],
    [
      'nested arrays',
      [
        [[1], [2]],
        [[3], [4]],
        [[5], [6]],
      ],
      'float32',
      [3, 2, 1],
    ],
    ['an empty array', [], 'float32', [0]],
    ['empty arrays', [[], []], 'float32', [2, 0]],
    ['Float32Array', Float32Array.of(1), 'float32', [1]],
    ['Float64Array', Float64Array.of(1), 'float32', [1]],
    ['Int32Array', Int32Array.of(1), 'int32', [1]],
    ['Int8Array', Int8Array.of(1), 'int8', [1]],
    ['Uint8Array', Uint8Array.of(1), 'uint8', [1]],
    ['Buffer', Buffer.of(1), 'uint8', [1]],
    ['Uint8ClampedArray', Uint8ClampedArray.of(1), 'uint8', [1]],
    ['BigInt64Array', BigInt64Array.of(1n), 'int64', [1]],
    ['rows of Int32Array', [Int32Array.of(1, 2), Int32Array.of(3, 4)], 'int32', [2, 2]],
    ['rows of BigInt64Array', [BigInt64Array.of(1n)], 'int64', [1, 1]],
  ] as const)('makes of %s a tensor of their type and dims', (_, values, type, dims) => {
    const tensor = Tensor.from(values as never);
    expect(tensor).toBeInstanceOf(Tensor);
    expect(tensor.type).toBe(type);
    expect(tensor.dims).toEqual(dims);
  });

  it('keeps row-major order', () => {
    expect(
      Tensor.from([
        [1, 2, 3],
        [4, 5, 6],
      ]).data,
    ).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
  });

  it('copies what it is given', () => {
    const data = Float32Array.of(1, 2);
    const tensor = Tensor.from(data);
    data[0] = 9;
    expect(tensor.data).toEqual(Float32Array.of(1, 2));
  });

  it('takes other dims for the same elements', () => {
    expect(Tensor.from([1, 2, 3, 4, 5, 6], 'int32', [2, 3]).toNested()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(Tensor.from(Float32Array.of(7), 'float16', []).toNested()).toBe(7);
    expect(argumentOf(() => Tensor.from([1, 2, 3], 'int32', [2]))).toBe('dims');
  });

  it('converts booleans to 0 and 1, and back', () => {
    expect(Tensor.from([true, false], 'bfloat16').toFloat32()).toEqual(Float32Array.of(1, 0));
    expect(Tensor.from([[1], [0]], 'bool').toNested()).toEqual([[true], [false]]);
  });

  it('takes arrays of another realm', () => {
    const foreign = vm.runInNewContext('[new Float32Array([1, 2]), [3, 4]]') as number[][];
    expect(Tensor.from(foreign).toNested()).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('takes views into larger buffers', () => {
    const view = new Float32Array(Float32Array.of(1, 2, 3, 4).buffer, 4, 2);
    expect(Tensor.from(view, 'float16').toNested()).toEqual([2, 3]);
    const integers = new BigInt64Array(BigInt64Array.of(1n, 2n, 3n).buffer, 8, 2);
    expect(Tensor.from(integers, 'int8').toNested()).toEqual([2, 3]);
    const bytes = new Tensor('int4', new Uint8Array(Uint8Array.of(0, 0x21, 0).buffer, 1, 1));
    expect(bytes.toNested()).toEqual([1, 2]);
  });

  const cyclic: unknown[] = [];
  cyclic.push(cyclic);

  it.each([
    ['a shorter row', [[1, 2], [3]], 'values[1].length'],
    ['a longer row', [[1], [2, 3]], 'values[1].length'],
    ['a row after empty ones', [[], [1]], 'values[1].length'],
    ['a value among rows', [[1], 2], 'values[1]'],
    ['a row among values', [1, [2]], 'values[1]'],
    [
      'a deep shorter row',
      [
        [
          [1, 2],
          [3, 4],
        ],
        [[5, 6], [7]],
      ],
      'values[1][1].length',
    ],
    [
      'a bigint among numbers',
      [
        [1, 2],
        [3, 4n],
      ],
      'values[1][1]',
    ],
    ['a number among bigints', [1n, 2], 'values[1]'],
    ['a boolean among numbers', [1, true], 'values[1]'],
    ['a string', [[1, '2']], 'values[0][1]'],
    ['null', [1, null], 'values[1]'],
    ['a first value that is none', [['a']], 'values[0][0]'],
    ['a hole', [1, , 2], 'values[1]'], // eslint-disable-line no-sparse-arrays
    ['an object', {}, 'values'],
    ['undefined', undefined, 'values'],
    ['a bigint past 64 bits', [1n, 2n ** 63n], 'values[1]'],
    ['an array within itself', cyclic, 'values'],
    ['an array of no tensor type', Uint16Array.of(1), 'type'],
    ['rows of no tensor type', [Uint32Array.of(1)], 'type'],
  ])('refuses %s', (_, values, argument) => {
    expect(argumentOf(() => Tensor.from(values as never))).toBe(argument);
  });

  it.each([
    ['float16', new Uint16Array(1)],
    ['bfloat16', new Uint16Array(1)],
    ['float8e4m3fn', new Uint8Array(1)],
    ['float8e8m0', new Uint8Array(1)],
    ['float4e2m1', new Uint8Array(1)],
    ['int4', new Uint8Array(1)],
  ] as const)('refuses to guess whether %s is meant by values or bits', (type, array) => {
    expect(argumentOf(() => Tensor.from(array, type))).toBe('values');
    expect(argumentOf(() => Tensor.from([array], type))).toBe('values');
    expect(Tensor.from(Array.from(array), type).size).toBe(1);
  });

  it('refuses an unknown type', () => {
    expect(argumentOf(() => Tensor.from([1], 'float64' as TensorType))).toBe('type');
  });

  it('names the place of a value in nested arrays', () => {
    expect(
      argumentOf(() =>
        Tensor.from(
          [
            [1, 2],
            [3, 400],
          ],
          'int8',
        ),
      ),
    ).toBe('values[1][1]');
    expect(argumentOf(() => Tensor.from(400, 'int8'))).toBe('values');
  });

  it('is not led astray by arrays that change while they are read', () => {
    let reads = 0;
    const shrinking = new Proxy([1, 2, 3], {
      get: (target, key) => {
        if (key === 'length') return ++reads > 1 ? 1 : 3;
        return Reflect.get(target, key) as unknown;
      },
    });
    expect(errorOf(() => Tensor.from(shrinking)).code).toBe('ERR_TRT_INVALID_ARG');
  });
});

describe('toNested', () => {
  it.each([
    [
      'float32',
      [
        [1.5, NaN],
        [-Infinity, 0],
      ],
    ],
    ['bfloat16', [[1.5], [-2]]],
    ['int32', [2_147_483_647, -1]],
    ['int64', [[9_007_199_254_740_993n]]],
    ['bool', [[[true]], [[false]]]],
    ['uint8', 255],
    ['int4', [[], []]],
  ] as const)('gives back what %s was made of', (type, values) => {
    expect(Tensor.from(values, type).toNested()).toEqual(values);
  });

  it('#33 has the axes that an empty tensor has', () => {
    expect(new Tensor('float32', new Float32Array(0), [2, 0, 3]).toNested()).toEqual([[], []]);
    expect(new Tensor('float32', new Float32Array(0), [0, 4]).toNested()).toEqual([]);
  });

  it('takes every byte but 0 for true', () => {
    const tensor = new Tensor('bool', Uint8Array.of(0, 1, 2, 255));
    expect(tensor.toNested()).toEqual([false, true, true, true]);
    expect(tensor.toFloat32()).toEqual(Float32Array.of(0, 1, 1, 1));
  });
});

describe('what JavaScript has no room for', () => {
  /** An array that says it is larger than any view can be. */
  const endless = Object.defineProperty(new BigInt64Array(2), 'byteLength', { value: 2 ** 56 });

  it('is refused by from', () => {
    // 4.9e9 values: more than a typed array of Node 20 has places, and of others bytes.
    const row = new Uint8Array(70_000);
    const rows = Array.from({ length: 70_000 }, () => row);
    expect(argumentOf(() => Tensor.from(rows, 'uint8'))).toBe('values');
    expect(argumentOf(() => Tensor.from(endless, 'float32'))).toBe('values');
  });

  it('is refused by toFloat32', () => {
    expect(argumentOf(() => new Tensor('int64', endless).toFloat32())).toBe('data');
  });

  it.each([
    ['axes', Array.from({ length: 30_000 }, () => 1), 1],
    ['empty arrays', [4e9, 0], 0],
    ['empty arrays in arrays', [1e5, 1e5, 0], 0],
    ['values', [113e6], 113e6],
  ])('is refused by toNested: %s', (_, dims, length) => {
    const tensor = new Tensor('bool', new Uint8Array(length), dims);
    expect(argumentOf(() => tensor.toNested())).toBe('dims');
  });

  it('is nothing of a tensor that is empty in its first dim', () => {
    expect(new Tensor('bool', new Uint8Array(0), [0, 4e9]).toNested()).toEqual([]);
  });
});

describe('toFloat32', () => {
  it('is an array of its own', () => {
    const data = Float32Array.of(1);
    const copy = new Tensor('float32', data).toFloat32();
    copy[0] = 2;
    expect(data[0]).toBe(1);
  });

  it('#33 is empty for an empty tensor', () => {
    for (const type of tensorTypes) {
      expect(Tensor.from([], type, [3, 0]).toFloat32()).toHaveLength(0);
    }
  });

  it('#35 refuses data whose buffer has gone', () => {
    const tensor = new Tensor('float32', new Float32Array(4), [2, 2]);
    structuredClone(tensor.data, { transfer: [tensor.data.buffer as ArrayBuffer] });
    expect(argumentOf(() => tensor.toFloat32())).toBe('data.length');
    expect(argumentOf(() => tensor.toNested())).toBe('data.length');
  });
});

it.each(tensorTypes.filter((type) => type !== 'bool'))(
  'a million elements of %s keep their places',
  (type) => {
    const values = Float32Array.from({ length: 1_000_001 }, (_, index) => 2 ** (index % 3));
    const back = Tensor.from(values, type).toFloat32();
    expect(back.findIndex((value, index) => value !== values[index])).toBe(-1);
    expect(back).toHaveLength(values.length);
  },
);
