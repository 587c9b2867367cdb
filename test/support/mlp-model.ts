/**
 * x [2048, 1024] · W1 [1024, 4096] → Relu → · W2 [4096, 1024]: 34 GFLOP, so that on a large GPU the narrowest allowed type wins by more
 * than the casts around it cost. (With 64 rows, TensorRT 10.6 stayed in float32 on an H200, whatever was allowed.)
 */
import { writeOnnx, type Constant, type Node } from './onnx-writer';

export const rows = 2048;
const [inner, hidden, outer] = [1024, 4096, 1024] as const;

/** A repeatable sequence of values in -1…1. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

function weights(count: number, seed: number): Float32Array {
  const next = noise(seed);
  return Float32Array.from({ length: count }, () => next() * 0.05);
}

const w1 = weights(inner * hidden, 1);
const w2 = weights(hidden * outer, 2);

export const x = ((): Float32Array => {
  const next = noise(3);
  return Float32Array.from({ length: rows * inner }, next);
})();

const bytes = (data: Float32Array | Int8Array): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const io = {
  inputs: [{ name: 'x', type: 'float32' as const, dims: [rows, inner] }],
  outputs: [{ name: 'y', type: 'float32' as const, dims: [rows, outer] }],
};

const constant = (name: string, data: Float32Array, dims: readonly number[]): Constant => ({
  name,
  type: 'float32',
  dims,
  data: bytes(data),
});

/** In float32. */
export function mlpModel(): Uint8Array {
  return writeOnnx({
    ...io,
    constants: [constant('w1', w1, [inner, hidden]), constant('w2', w2, [hidden, outer])],
    nodes: [
      { op: 'MatMul', name: 'first', inputs: ['x', 'w1'], outputs: ['h'] },
      { op: 'Relu', name: 'relu', inputs: ['h'], outputs: ['r'] },
      { op: 'MatMul', name: 'second', inputs: ['r', 'w2'], outputs: ['y'] },
    ],
  });
}

/** The same with Q/DQ nodes around both products. */
export function quantizedMlpModel(type: 'int8' | 'float8e4m3fn'): Uint8Array {
  // The largest of |x|, of the weights and of the hidden layer, over what the type holds.
  const range = type === 'int8' ? 127 : 448;
  const scales = { x: 1 / range, w1: 0.05 / range, r: 4 / range, w2: 0.05 / range };
  const quantized = (name: keyof typeof scales): readonly Node[] => [
    {
      op: 'QuantizeLinear',
      name: `${name}.quantize`,
      inputs: [name, `${name}.scale`, 'zero'],
      outputs: [`${name}.q`],
    },
    {
      op: 'DequantizeLinear',
      name: `${name}.dequantize`,
      inputs: [`${name}.q`, `${name}.scale`, 'zero'],
      outputs: [`${name}.dq`],
    },
  ];
  return writeOnnx({
    ...io,
    opset: 19,
    constants: [
      constant('w1', w1, [inner, hidden]),
      constant('w2', w2, [hidden, outer]),
      ...Object.entries(scales).map(([name, scale]) =>
        constant(`${name}.scale`, Float32Array.of(scale), []),
      ),
      { name: 'zero', type, dims: [], data: Uint8Array.of(0) },
    ],
    nodes: [
      ...quantized('x'),
      ...quantized('w1'),
      { op: 'MatMul', name: 'first', inputs: ['x.dq', 'w1.dq'], outputs: ['h'] },
      { op: 'Relu', name: 'relu', inputs: ['h'], outputs: ['r'] },
      ...quantized('r'),
      ...quantized('w2'),
      { op: 'MatMul', name: 'second', inputs: ['r.dq', 'w2.dq'], outputs: ['y'] },
    ],
  });
}

/** max|a − b| / max|b| over the first four rows; b in float64. */
export function errorOf(y: Float32Array): number {
  let [difference, largest] = [0, 0];
  for (let row = 0; row < 4; row++) {
    const h = new Float64Array(hidden);
    for (let i = 0; i < inner; i++) {
      const value = x[row * inner + i] ?? NaN;
      for (let j = 0; j < hidden; j++) h[j] = (h[j] ?? 0) + value * (w1[i * hidden + j] ?? NaN);
    }
    const out = new Float64Array(outer);
    for (let i = 0; i < hidden; i++) {
      const value = Math.max(h[i] ?? NaN, 0);
      if (value === 0) continue;
      for (let j = 0; j < outer; j++) out[j] = (out[j] ?? 0) + value * (w2[i * outer + j] ?? NaN);
    }
    for (let j = 0; j < outer; j++) {
      const expected = out[j] ?? NaN;
      difference = Math.max(difference, Math.abs((y[row * outer + j] ?? NaN) - expected));
      largest = Math.max(largest, Math.abs(expected));
    }
  }
  return difference / largest;
}
