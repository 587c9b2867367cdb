import { describe, expect, it } from 'vitest';
import { Tensor } from '../../lib/tensor';

function codeOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return 'nothing was thrown';
}

describe('Tensor', () => {
  it('has the shape of ONNX Runtime’s tensors', () => {
    const data = new Float32Array(6);
    const tensor = new Tensor('float32', data, [2, 3]);
    expect(tensor.type).toBe('float32');
    expect(tensor.data).toBe(data);
    expect(tensor.dims).toEqual([2, 3]);
    expect(tensor.size).toBe(6);
    expect(tensor.location).toBe('cpu');
  });

  it('is one axis of all elements when the dims are left out', () => {
    expect(new Tensor('int8', new Int8Array(5)).dims).toEqual([5]);
  });

  it('can be a scalar, and can be empty', () => {
    expect(new Tensor('int64', new BigInt64Array(1), []).size).toBe(1);
    expect(new Tensor('int32', new Int32Array(0), [0, 4]).size).toBe(0);
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
    expect(codeOf(act)).toBe('ERR_TRT_INVALID_ARG');
  });
});
