import { writeOnnx, type Constant } from './onnx-writer';

/** Widths of the layers: `[64, 2048, 10]` is two matrices, W1 [64, 2048] and W2 [2048, 10], each with a bias. */
export type Widths = readonly number[];

/** Numbers in [-1, 1): the same for the same seed (a linear congruential generator, Numerical Recipes' constants). */
function* numbers(seed: number): Generator<number, never> {
  let state = seed >>> 0;
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 31 - 1;
  }
}

/** `W1`, `b1`, `W2`, …; of a size that keeps the layers' outputs near 1. */
export function weightsOf(widths: Widths, seed: number): Record<string, Float32Array> {
  const source = numbers(seed);
  const take = (count: number, scale: number): Float32Array =>
    Float32Array.from({ length: count }, () => scale * source.next().value);
  const weights: Record<string, Float32Array> = {};
  for (const [i, columns] of widths.slice(1).entries()) {
    const rows = widths[i] as number;
    weights[`W${i + 1}`] = take(rows * columns, Math.sqrt(6 / rows));
    weights[`b${i + 1}`] = take(columns, 0.1);
  }
  return weights;
}

/** Layers of y = x·W + b with a Relu between two of them; x: float32 [n, widths[0]] → y. */
export function layersModel(
  widths: Widths,
  weights: Readonly<Record<string, Float32Array>>,
): Uint8Array {
  const last = widths.length - 1;
  const constants = widths.slice(1).flatMap((columns, i): Constant[] => {
    const constant = (name: string, dims: readonly number[]): Constant => {
      const { buffer, byteOffset, byteLength } = weights[name] as Float32Array;
      return { name, type: 'float32', dims, data: new Uint8Array(buffer, byteOffset, byteLength) };
    };
    return [
      constant(`W${i + 1}`, [widths[i] as number, columns]),
      constant(`b${i + 1}`, [columns]),
    ];
  });
  const nodes = Array.from({ length: last }, (_, i) => {
    const layer = i + 1;
    const output = layer === last ? 'y' : `s${layer}`;
    const input = i === 0 ? 'x' : `h${i}`;
    return [
      { op: 'MatMul', name: `m${layer}`, inputs: [input, `W${layer}`], outputs: [`p${layer}`] },
      { op: 'Add', name: `a${layer}`, inputs: [`p${layer}`, `b${layer}`], outputs: [output] },
      ...(layer === last
        ? []
        : [{ op: 'Relu', name: `r${layer}`, inputs: [output], outputs: [`h${layer}`] }]),
    ];
  });
  return writeOnnx({
    inputs: [{ name: 'x', type: 'float32', dims: ['n', widths[0] as number] }],
    outputs: [{ name: 'y', type: 'float32', dims: ['n', widths[last] as number] }],
    nodes: nodes.flat(),
    constants,
  });
}

/** What the layers give for rows `x`, in float64. */
export function layersOutput(
  widths: Widths,
  weights: Readonly<Record<string, Float32Array>>,
  x: Float32Array,
): Float64Array {
  let values = Float64Array.from(x);
  const rows = x.length / (widths[0] as number);
  for (let layer = 1; layer < widths.length; ++layer) {
    const [from, to] = [widths[layer - 1] as number, widths[layer] as number];
    const W = weights[`W${layer}`] as Float32Array;
    const b = weights[`b${layer}`] as Float32Array;
    const next = new Float64Array(rows * to);
    for (let row = 0; row < rows; ++row) {
      for (let column = 0; column < to; ++column) {
        let sum = b[column] as number;
        for (let k = 0; k < from; ++k) {
          sum += (values[row * from + k] as number) * (W[k * to + column] as number);
        }
        next[row * to + column] = layer === widths.length - 1 ? sum : Math.max(0, sum);
      }
    }
    values = next;
  }
  return values;
}

/** Rows in [-1, 1). */
export function rowsOf(count: number, width: number, seed = 1): Float32Array {
  const source = numbers(seed);
  return Float32Array.from({ length: count * width }, () => source.next().value);
}
