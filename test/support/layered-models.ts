/** Models whose builds take the time of many kernels, or whose plans have many bytes. */
import { writeOnnx } from './onnx-writer';

/** A repeatable sequence of small values. */
function weights(count: number, seed: number): Uint8Array {
  let state = seed;
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = (state / 2 ** 32 - 0.5) / 16;
  }
  return new Uint8Array(values.buffer);
}

const float = (name: string, ...dims: number[]) => ({ name, type: 'float32', dims }) as const;

/** Convolutions of which no two are alike, so that each is timed by itself. */
export function convolutions(count: number, batch: number, size: number): Uint8Array {
  const layers = [...Array(count).keys()];
  const channels = (layer: number): number => 64 + 16 * layer;
  const last = size - 2 * count;
  return writeOnnx({
    inputs: [float('t0', batch, channels(0), size, size)],
    outputs: [float(`t${count}`, batch, channels(count), last, last)],
    nodes: layers.map((i) => ({
      name: `convolution${i}`,
      op: 'Conv',
      inputs: [`t${i}`, `w${i}`],
      outputs: [`t${i + 1}`],
    })),
    constants: layers.map((i) => {
      const dims = [channels(i + 1), channels(i), 3, 3] as const;
      const count_ = dims.reduce((product, dim) => product * dim, 1);
      return { name: `w${i}`, type: 'float32', dims, data: weights(count_, i + 1) };
    }),
  });
}

/** One product with a matrix of `size` × `size`: the plan has its 4 × size² bytes. */
export function largeProduct(size: number): Uint8Array {
  return writeOnnx({
    inputs: [float('x', 1, size)],
    outputs: [float('y', 1, size)],
    nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
    constants: [{ name: 'w', type: 'float32', dims: [size, size], data: weights(size * size, 7) }],
  });
}
