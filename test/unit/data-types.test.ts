import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  acceptedArrays,
  bytesPerElement,
  holds,
  isTensorType,
  tensorTypes,
  typedArrayName,
  viewAs,
} from '../../lib/data-types';

const hasFloat16Array = 'Float16Array' in globalThis;

describe('data types', () => {
  it.each([
    ['float32', 4, 'Float32Array'],
    ['float16', 2, hasFloat16Array ? 'Float16Array' : 'Uint16Array'],
    ['int32', 4, 'Int32Array'],
    ['int64', 8, 'BigInt64Array'],
    ['int8', 1, 'Int8Array'],
    ['uint8', 1, 'Uint8Array'],
    ['bool', 1, 'Uint8Array'],
  ] as const)('%s has %i bytes per element and comes as %s', (type, bytes, array) => {
    const view = viewAs(type, new ArrayBuffer(8));
    expect(bytesPerElement(type)).toBe(bytes);
    expect(view.BYTES_PER_ELEMENT).toBe(bytes);
    expect(view.length).toBe(8 / bytes);
    expect(typedArrayName(view)).toBe(array);
    expect(acceptedArrays(type)[0]).toBe(array);
    expect(holds(type, view)).toBe(true);
  });

  it('takes the half precision bits as Uint16Array on every Node', () => {
    expect(holds('float16', new Uint16Array(1))).toBe(true);
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
