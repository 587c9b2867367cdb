import { describe, expect, it } from 'vitest';
import { warmupInputs } from '../../lib/infer/warmup';
import type { Profile, TensorInfo } from '../../lib/manifest-schema';

const x: TensorInfo = { name: 'x', type: 'float32', dims: [-1], isShapeTensor: false };
const size: TensorInfo = { name: 'size', type: 'int64', dims: [2], isShapeTensor: true };

function profile(most: number, values: number[]): Profile {
  const fixed = { min: [2], opt: [2], max: [2] };
  return {
    x: { min: [1], opt: [most], max: [most] },
    size: { ...fixed, values: { min: [1, 1], opt: values, max: [9, 9] } },
  };
}

const engine = { inputs: [x, size], profiles: [profile(4, [2, 3]), profile(8, [4, 5])] };
const zeros = (length: number) => ({
  type: 'float32',
  data: new Float32Array(length),
  dims: [length],
});
const values = (...given: bigint[]) => ({
  type: 'int64',
  data: BigInt64Array.from(given),
  dims: [2],
});
const code = (expected: string): unknown => expect.objectContaining({ code: expected });

describe('the inputs of a warm-up', () => {
  it('are of each profile, with its own values', () => {
    expect(warmupInputs(engine, undefined)).toEqual([
      { profile: 0, inputs: { x: zeros(4), size: values(2n, 3n) } },
      { profile: 1, inputs: { x: zeros(8), size: values(4n, 5n) } },
    ]);
  });

  it('are of the first profile that takes the dims', () => {
    expect(warmupInputs(engine, [{ x: [3] }, { x: [6], size: [2] }])).toEqual([
      { profile: 0, inputs: { x: zeros(3), size: values(2n, 3n) } },
      { profile: 1, inputs: { x: zeros(6), size: values(4n, 5n) } },
    ]);
  });

  it('of an engine with no profile are one', () => {
    const fixed = { ...x, dims: [2] };
    expect(warmupInputs({ inputs: [fixed], profiles: [] }, undefined)).toEqual([
      { profile: 0, inputs: { x: zeros(2) } },
    ]);
  });

  it.each([
    [{ x: [2 ** 40] }, 'ERR_TRT_INPUT_DIMS'],
    [{ x: 5 }, 'ERR_TRT_INPUT_DIMS'],
    [{ y: [1] }, 'ERR_TRT_INPUT_UNKNOWN'],
    ['x', 'ERR_TRT_INVALID_ARG'],
    [[null], 'ERR_TRT_INVALID_ARG'],
  ])('are none for %j: %s', (shapes, expected) => {
    expect(() => warmupInputs(engine, shapes as never)).toThrow(code(expected));
  });
});
