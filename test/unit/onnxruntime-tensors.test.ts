import { describe, expect, it } from 'vitest';
import { Tensor as OnnxRuntimeTensor } from 'onnxruntime-common';
import type { TensorType } from '../../lib/data-types';
import { checkInputs } from '../../lib/input-validation';
import { Tensor } from '../../lib/tensor';
import { tensorInfo } from '../support/fake-native-engine';

function bytesFor(type: TensorType, dims: readonly number[], tensor: unknown): number[] {
  const engine = { inputs: [tensorInfo('x', type, dims)], profiles: [{}] };
  const [input] = checkInputs(engine, { x: tensor }, null).bytes;
  const [part, ...more] = input!.parts;
  expect({ bytes: part!.byteLength, more }).toEqual({ bytes: input!.byteLength, more: [] });
  return Array.from(part!);
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): number[] =>
  Array.from(new Uint8Array(buffer, byteOffset, byteLength));

describe('ONNX Runtime’s tensors', () => {
  it.each([
    ['float32', Float32Array.of(1, -2, NaN)],
    ['float16', Tensor.from([1, -2, 65504], 'float16').data],
    ['float16', Uint16Array.of(0x3c00, 0xc000, 0x7bff)],
    ['int64', BigInt64Array.of(1n, -1n, 2n ** 62n)],
    ['int32', Int32Array.of(1, -1, 7)],
    ['int8', Int8Array.of(1, -1, 7)],
    ['uint8', Uint8Array.of(1, 255, 7)],
    ['bool', Uint8Array.of(1, 0, 1)],
  ] as const)('%s is an input as it is', (type, data) => {
    const tensor = new OnnxRuntimeTensor(type as 'float32', data as Float32Array, [1, 3]);
    expect(bytesFor(type, [1, 3], tensor)).toEqual(bytesOf(data as ArrayBufferView));
  });

  it('#39 int4 with an odd count is an input as it is', () => {
    const tensor = new OnnxRuntimeTensor('int4', Uint8Array.of(0x21, 0x0f), [3]);
    expect(bytesFor('int4', [3], tensor)).toEqual([0x21, 0x0f]);
  });

  it.each([
    ['uint4', Uint8Array.of(0x21)],
    ['uint16', Uint16Array.of(1, 2)],
    ['int16', Int16Array.of(1, 2)],
    ['uint32', Uint32Array.of(1, 2)],
    ['uint64', BigUint64Array.of(1n, 2n)],
    ['float64', Float64Array.of(1, 2)],
    ['string', ['a', 'b']],
  ])('#28 %s, which TensorRT does not have, is refused by name', (type, data) => {
    const tensor = new OnnxRuntimeTensor(type as 'float32', data as unknown as Float32Array, [2]);
    expect(() => bytesFor('float32', [2], tensor)).toThrow(
      expect.objectContaining({
        code: 'ERR_TRT_INPUT_TYPE',
        details: { tensor: 'x', expected: 'float32', got: type },
      }) as Error,
    );
  });

  it('a disposed tensor is refused with a code', () => {
    const tensor = new OnnxRuntimeTensor('float32', Float32Array.of(1, 2), [2]);
    tensor.dispose();
    expect(() => bytesFor('float32', [2], tensor)).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_INPUT_TYPE' }) as Error,
    );
  });
});
