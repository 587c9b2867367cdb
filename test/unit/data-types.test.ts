import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  acceptedArrays,
  arrayLength,
  bitsPerElement,
  byteLengthOf,
  holds,
  isTensorType,
  newArray,
  tensorTypes,
  typedArrayName,
  viewAs,
} from '../../lib/data-types';

const hasFloat16Array = 'Float16Array' in globalThis;

describe('data types', () => {
  const table = [
    ['float32', 32, 'Float32Array'],
    ['float16', 16, hasFloat16Array ? 'Float16Array' : 'Uint16Array'],
    ['bfloat16', 16, 'Uint16Array'],
    ['float8e4m3fn', 8, 'Uint8Array'],
    ['float4e2m1', 4, 'Uint8Array'],
    ['float8e8m0', 8, 'Uint8Array'],
    ['int8', 8, 'Int8Array'],
    ['uint8', 8, 'Uint8Array'],
    ['int32', 32, 'Int32Array'],
    ['int64', 64, 'BigInt64Array'],
    ['bool', 8, 'Uint8Array'],
    ['int4', 4, 'Uint8Array'],
  ] as const;

  it.each(table)('%s has %i bits per element and comes as %s', (type, bits, array) => {
    const view = viewAs(type, new ArrayBuffer(8));
    expect(bitsPerElement(type)).toBe(bits);
    expect(typedArrayName(view)).toBe(array);
    expect(typedArrayName(newArray(type, 3))).toBe(array);
    expect(newArray(type, 3)).toHaveLength(3);
    expect(acceptedArrays(type)[0]).toBe(array);
    expect(holds(type, view)).toBe(true);
    expect(view).toHaveLength(arrayLength(type, 64 / bits));
    expect(byteLengthOf(type, 64 / bits)).toBe(8);
  });

  it('are all in that table', () => {
    expect(table.map(([type]) => type)).toEqual([...tensorTypes]);
  });

  it.each([
    [0, 0],
    [1, 1],
    [2, 1],
    [3, 2],
    [2 ** 33 + 1, 2 ** 32 + 1],
  ])('#39 %i elements of half a byte take %i bytes', (elements, bytes) => {
    expect(arrayLength('int4', elements)).toBe(bytes);
    expect(byteLengthOf('int4', elements)).toBe(bytes);
    expect(byteLengthOf('float4e2m1', elements)).toBe(bytes);
  });

  it('#40 counts past 4 GiB without wrapping', () => {
    expect(byteLengthOf('float32', 2 ** 31)).toBe(8_589_934_592);
    expect(byteLengthOf('int64', 2 ** 32 + 1)).toBe(34_359_738_376);
    expect(arrayLength('uint8', 2 ** 40 + 1)).toBe(1_099_511_627_777);
  });

  it('takes the half precision bits as Uint16Array on every Node', () => {
    expect(holds('float16', new Uint16Array(1))).toBe(true);
    expect(holds('bfloat16', new Uint16Array(1))).toBe(true);
  });

  it('takes Buffer and Uint8ClampedArray as uint8', () => {
    expect(holds('uint8', Buffer.alloc(1))).toBe(true);
    expect(holds('uint8', new Uint8ClampedArray(1))).toBe(true);
    expect(holds('bool', new Uint8ClampedArray(1))).toBe(false);
  });

  it('takes arrays of another realm, for which instanceof is false', () => {
    const foreign: unknown = vm.runInNewContext('new Float32Array(2)');
    expect(foreign instanceof Float32Array).toBe(false);
    expect(holds('float32', foreign)).toBe(true);
  });

  it.each([
    ['an array', [1, 2]],
    ['a DataView', new DataView(new ArrayBuffer(4))],
    ['an ArrayBuffer', new ArrayBuffer(4)],
    ['a proxy of a typed array', new Proxy(new Float32Array(1), {})],
    ['an object that claims to be one', { [Symbol.toStringTag]: 'Float32Array', length: 1 }],
    ['null', null],
    ['undefined', undefined],
  ])('takes %s for no typed array', (_, value) => {
    expect(typedArrayName(value)).toBeUndefined();
    expect(holds('float32', value)).toBe(false);
  });

  it('takes no array of another element type', () => {
    const arrays = [
      new Float64Array(1),
      new Uint32Array(1),
      new Int16Array(1),
      new BigUint64Array(1),
    ];
    for (const type of tensorTypes) {
      expect(arrays.filter((array) => holds(type, array))).toEqual([]);
    }
    expect(holds('int64', new Int32Array(1))).toBe(false);
  });

  it('knows its own names alone', () => {
    expect(tensorTypes.every(isTensorType)).toBe(true);
    expect([null, 1, 'float64', 'constructor', ''].filter(isTensorType)).toEqual([]);
  });
});
