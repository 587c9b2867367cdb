/** TEST ONLY. Engines of the stub TensorRTs that several suites use. */
import type { StubEngine } from './stub-plans';

/** Any number of floats, which come out as they went in. */
export const identity: StubEngine = {
  inputs: [{ name: 'x', dims: [-1] }],
  outputs: [{ name: 'y' }],
  profiles: [{ x: { min: [0], opt: [8], max: [1 << 24] } }],
  weightBytes: 4096,
  activationBytes: 8192,
};

/** Everything that a lane does for an engine: a shape tensor, dims that it decides, dims that the data decides, two profiles. */
export const everything: StubEngine = {
  inputs: [
    { name: 'x', dims: [-1] },
    { name: 'rows', type: 'int64', dims: [1], shapeTensor: true },
  ],
  outputs: [
    { name: 'same' },
    { name: 'some', withoutZeros: true, dims: [{ nonZeroOf: 'x' }] },
    { name: 'first', dims: [{ elementOf: 'rows', index: 0 }] },
  ],
  profiles: [1, 33].map((low) => ({
    x: { min: [low], opt: [low + 1], max: [low * 32] },
    rows: {
      ...{ min: [1], opt: [1], max: [1] },
      values: { min: [0], opt: [1], max: [low * 32] },
    },
  })),
  weightBytes: 4096,
  activationBytes: 8192,
};

/** Two inputs whose dims change, and nothing that has to be told anew at each call: what a lane may remember, it remembers. */
export const pair: StubEngine = {
  inputs: [
    { name: 'a', dims: [-1] },
    { name: 'b', dims: [-1] },
  ],
  outputs: [
    { name: 'a out', source: 'a' },
    { name: 'b out', source: 'b' },
  ],
  profiles: [1, 33].map((low) => {
    const range = { min: [low], opt: [low + 1], max: [low * 32] };
    return { a: range, b: range };
  }),
};

/** Reshapes `x`, which has so many floats, to the two numbers that `shape` says. */
export function reshapeOf({ min, opt, max }: Record<'min' | 'opt' | 'max', number>): StubEngine {
  const element = (index: number) => ({ elementOf: 'shape', index });
  return {
    inputs: [
      { name: 'x', dims: [min === max ? min : -1] },
      { name: 'shape', type: 'int64', dims: [2], shapeTensor: true },
    ],
    outputs: [{ name: 'y', dims: [element(0), element(1)] }],
    profiles: [
      {
        x: { min: [min], opt: [opt], max: [max] },
        shape: {
          ...{ min: [2], opt: [2], max: [2] },
          values: { min: [Math.min(min, 1), 1], opt: [2, 3], max: [8, 8] },
        },
      },
    ],
  };
}

export const vector = (data: Float32Array) =>
  ({ type: 'float32', data, dims: [data.length] }) as const;

/** Numbers that differ from each other, so that a byte in the wrong place shows; none is zero. */
export const counting = (count: number, from = 0.5): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => i + from);
