import { describe, expect, it } from 'vitest';
import type { TensorInputs } from '../../lib/index';
import type { TinyModel } from '../support/onnx-writer';
import { nms } from '../support/nms-model';
import { joined } from '../support/type-models';
import { enginesOf } from './engines-at-once';

const bytesOf = (array: ArrayBufferView) =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

// 1, 2, 3, -0.5 in IEEE 754 binary16, and their doubles.
const halves = Uint16Array.of(0x3c00, 0x4000, 0x4200, 0xb800);
const doubledHalves = Uint16Array.of(0x4000, 0x4400, 0x4600, 0xbc00);

const doubled = (type: 'float32' | 'float16' | 'int32' | 'int64'): TinyModel => ({
  inputs: [{ name: 'x', type, dims: [4] }],
  outputs: [{ name: 'y', type, dims: [4] }],
  nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
});

const scalar = (name: string, type: 'float32' | 'int8', data: Uint8Array) =>
  ({ name, type, dims: [], data }) as const;

const elements = joined({
  float32: doubled('float32'),
  float16: doubled('float16'),
  int32: doubled('int32'),
  int64: doubled('int64'),
  bool: {
    inputs: [{ name: 'x', type: 'bool', dims: [4] }],
    outputs: [{ name: 'y', type: 'bool', dims: [4] }],
    nodes: [{ op: 'Not', inputs: ['x'], outputs: ['y'] }],
  },
  uint8: {
    inputs: [{ name: 'x', type: 'uint8', dims: [4] }],
    outputs: [{ name: 'y', type: 'uint8', dims: [4] }],
    nodes: [
      { op: 'Cast', name: 'in', inputs: ['x'], outputs: ['f'], attributes: { to: 1 } },
      { op: 'Add', inputs: ['f', 'f'], outputs: ['g'] },
      { op: 'Cast', name: 'out', inputs: ['g'], outputs: ['y'], attributes: { to: 2 } },
    ],
  },
  int8: {
    inputs: [{ name: 'x', type: 'int8', dims: [4] }],
    outputs: [{ name: 'y', type: 'int8', dims: [4] }],
    constants: [
      scalar('scale', 'float32', bytesOf(Float32Array.of(1))),
      scalar('zero', 'int8', Uint8Array.of(0)),
    ],
    nodes: [
      { op: 'DequantizeLinear', inputs: ['x', 'scale', 'zero'], outputs: ['f'] },
      { op: 'Relu', inputs: ['f'], outputs: ['g'] },
      { op: 'QuantizeLinear', inputs: ['g', 'scale', 'zero'], outputs: ['y'] },
    ],
  },
});

const dynamic: TinyModel = {
  inputs: [{ name: 'x', type: 'float32', dims: ['n'] }],
  outputs: [{ name: 'y', type: 'float32', dims: ['n'] }],
  nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
};

const { engine } = await enginesOf({
  elements: { model: elements },
  sizes: {
    model: dynamic,
    profiles: [
      { x: { min: [0], opt: [2], max: [4] } },
      { x: { min: [5], opt: [1 << 20], max: [1 << 22] } },
    ],
  },
  nms: { model: nms, standardPlugins: true },
});

async function run(inputs: TensorInputs): Promise<unknown> {
  const outputs = await (await engine('sizes')).infer(inputs);
  return outputs['y']?.data;
}

it('#39 every element type is computed with', async () => {
  const outputs = await (
    await engine('elements')
  ).infer({
    'float32.x': Float32Array.of(1, 2, 3, -0.5),
    'float16.x': halves,
    'int32.x': Int32Array.of(1, -2, 1 << 29, 0),
    'int64.x': BigInt64Array.of(1n, -2n, 1n << 60n, 0n),
    'bool.x': Uint8Array.of(1, 0, 0, 1),
    'uint8.x': Uint8Array.of(0, 1, 2, 100),
    'int8.x': Int8Array.of(-5, 5, 127, -128),
  });
  // float16's array is Node's own where it has one.
  const { 'float16.y': half, ...others } = outputs;
  expect(bytesOf(half!.data)).toEqual(bytesOf(doubledHalves));
  const given = Object.entries(others).map(([name, { data }]) => [name, data]);
  expect(Object.fromEntries(given)).toEqual({
    'float32.y': Float32Array.of(2, 4, 6, -1),
    'int32.y': Int32Array.of(2, -4, 1 << 30, 0),
    'int64.y': BigInt64Array.of(2n, -4n, 1n << 61n, 0n),
    'bool.y': Uint8Array.of(0, 1, 1, 0),
    'uint8.y': Uint8Array.of(0, 2, 4, 200),
    'int8.y': Int8Array.of(0, 5, 127, 0),
  });
});

describe('sizes', () => {
  it('copies megabytes in slices, lends large outputs, and keeps them whole while reused', async () => {
    const kept: { count: number; start: number; y: Float32Array }[] = [];
    for (const [start, count] of [1, 3, 16_383, 16_384, 300_000, 1 << 20, 1 << 22].entries()) {
      const x = Float32Array.from({ length: count }, (_, i) => start + (i % 1000));
      const y = (await run({ x: { type: 'float32', data: x, dims: [count] } })) as Float32Array;
      kept.push({ count, start, y });
    }
    for (const { count, start, y } of kept) {
      expect(y.length).toBe(count);
      let wrong = 0;
      for (let i = 0; i < count; ++i) if (y[i] !== 2 * (start + (i % 1000))) wrong += 1;
      expect(wrong).toBe(0);
    }
  });

  it('#33 takes tensors without elements', async () => {
    const y = await run({ x: { type: 'float32', data: new Float32Array(0), dims: [0] } });
    expect(y).toEqual(new Float32Array(0));
  });

  it('chooses among several profiles by the dims', async () => {
    expect((await engine('sizes')).profiles).toHaveLength(2);
    for (const count of [2, 7, 4, 5, 1, 8]) {
      const x = Float32Array.from({ length: count }, (_, i) => i);
      const y = await run({ x: { type: 'float32', data: x, dims: [count] } });
      expect(y).toEqual(x.map((value) => value * 2));
    }
  });
});

describe('#13 a plan with one of TensorRT’s plugins', () => {
  it('loads and infers with the standard plugins', async () => {
    // The second box lies on the first, the third apart: two are kept.
    const boxes = Float32Array.of(0, 0, 10, 10, 0, 0, 10, 9, 20, 20, 30, 30);
    const { num_detections: kept } = await (
      await engine('nms')
    ).infer({ boxes, scores: Float32Array.of(0.9, 0.8, 0.7) });
    expect(kept?.data).toEqual(Int32Array.of(2));
  });
});
