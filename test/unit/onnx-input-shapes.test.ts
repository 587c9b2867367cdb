import { describe, expect, it } from 'vitest';
import { checkInputShapes } from '../../lib/onnx/input-shapes';
import type { OnnxDims, OnnxInput } from '../../lib/onnx/value-info';

const input = (dims: OnnxDims | null): OnnxInput => ({ name: 'x', type: 'float32', dims });
const refused = {
  code: 'ERR_TRT_ONNX_INVALID',
  details: { path: 'model.onnx', reason: 'input-shape' },
};

describe('#18 shapes of inputs', () => {
  it.each([
    ['none', []],
    ['dynamic ones', ['batch', null]],
    ['an empty axis', [0, 3]],
    ['the longest axis', [2 ** 31 - 1]],
  ])('may have %s', (_what, dims) => {
    expect(() => checkInputShapes('model.onnx', [input(dims)])).not.toThrow();
  });

  it.each([
    ['an axis that TensorRT would cut off', [1, 2 ** 31]],
    ['an axis that TensorRT would take for 5', [2 ** 32 + 5]],
    ['no rank', null],
  ])('may not have %s', (_what, dims) => {
    expect(() => checkInputShapes('model.onnx', [input([1]), input(dims)])).toThrow(
      expect.objectContaining(refused),
    );
  });

  it('are nothing that an input without a tensor has', () => {
    const sequence: OnnxInput = { name: 'x', type: null, dims: null };
    expect(() => checkInputShapes('model.onnx', [sequence])).not.toThrow();
  });
});
