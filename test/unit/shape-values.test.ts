import { describe, expect, it } from 'vitest';
import type { TensorData } from '../../lib/data-types';
import { TrtError } from '../../lib/errors';
import { checkInputs } from '../../lib/input-validation';
import type { InputContract } from '../../lib/input-validation';
import type { DimsRange, TensorInfo } from '../../lib/manifest-schema';
import { Tensor } from '../../lib/tensor';
import { tensorInfo } from '../support/fake-native-engine';

const shapeTensor = (type: TensorInfo['type'], dims: readonly number[] = [2]): TensorInfo => ({
  ...tensorInfo('shape', type, dims),
  isShapeTensor: true,
});

const allowed = (min: number[], max: number[]): DimsRange => ({ min, opt: min, max });
const two = { min: [2], opt: [2], max: [2] };

/** Profile 0 takes values from [1, -1] to [8, 64]; profile 1 from [16, 1] to [32, 64]. */
function engineOf(type: TensorInfo['type']): InputContract {
  return {
    inputs: [shapeTensor(type)],
    profiles: [
      { shape: { ...two, values: allowed([1, -1], [8, 64]) } },
      { shape: { ...two, values: allowed([16, 1], [32, 64]) } },
    ],
  };
}

function refusal(engine: InputContract, inputs: unknown, profile: number | null = null): TrtError {
  try {
    checkInputs(engine, inputs, profile);
  } catch (error) {
    if (error instanceof TrtError) return error;
    throw error;
  }
  return expect.unreachable('the inputs were accepted');
}

describe('values of a shape tensor', () => {
  it.each([
    ['int64', BigInt64Array.of(8n, -1n), 0],
    ['int64', BigInt64Array.of(16n, 1n), 1],
    ['int32', Int32Array.of(1, 64), 0],
    ['int32', Int32Array.of(32, 64), 1],
    ['float32', Float32Array.of(1.5, 0), 0],
  ] as const)('of %s choose the profile: %s runs in %i', (type, shape, profile) => {
    expect(checkInputs(engineOf(type), { shape }, null).profile).toBe(profile);
  });

  it.each([
    ['int64', BigInt64Array.of(12n, 1n), 0, 12],
    ['int64', BigInt64Array.of(8n, -2n), 1, -2],
    ['int64', BigInt64Array.of(8n, 2n ** 62n), 1, String(2n ** 62n)],
    ['int32', Int32Array.of(0, 1), 0, 0],
    ['float32', Float32Array.of(1, NaN), 1, NaN],
  ] as const)('#29 outside of all: %s %s', (type, shape, element, got) => {
    const error = refusal(engineOf(type), { shape });
    expect(error.code).toBe('ERR_TRT_INPUT_VALUES');
    expect(error.details).toMatchObject({ tensor: 'shape', element, got });
    expect(error.details['ranges']).toEqual([
      { profile: 0, min: [1, -1][element], max: [8, 64][element] },
      { profile: 1, min: [16, 1][element], max: [32, 64][element] },
    ]);
  });

  it('#29 outside of the given profile are refused though another takes them', () => {
    const shape = BigInt64Array.of(16n, 1n);
    const error = refusal(engineOf('int64'), { shape }, 0);
    expect(error.code).toBe('ERR_TRT_INPUT_VALUES');
    expect(error.details['ranges']).toEqual([{ profile: 0, min: 1, max: 8 }]);
    expect(checkInputs(engineOf('int64'), { shape }, 1).profile).toBe(1);
  });

  it('of bool have a range too', () => {
    const engine = {
      inputs: [shapeTensor('bool', [])],
      profiles: [{ shape: { min: [], opt: [], max: [], values: allowed([1], [1]) } }],
    };
    expect(checkInputs(engine, { shape: Uint8Array.of(1) }, null).profile).toBe(0);
    expect(refusal(engine, { shape: Uint8Array.of(0) }).code).toBe('ERR_TRT_INPUT_VALUES');
  });

  it('count together with the dims of the other inputs', () => {
    const x = (min: number, max: number) => ({ min: [min], opt: [min], max: [max] });
    const engine = {
      inputs: [tensorInfo('x', 'uint8', [-1]), shapeTensor('int32')],
      profiles: [
        { x: x(1, 4), shape: { ...two, values: allowed([1, 1], [4, 4]) } },
        { x: x(2, 8), shape: { ...two, values: allowed([2, 2], [8, 8]) } },
      ],
    };
    const run = (size: number, ...values: number[]) => ({
      x: new Tensor('uint8', new Uint8Array(size)),
      shape: Int32Array.from(values),
    });
    expect(checkInputs(engine, run(3, 1, 4), null).profile).toBe(0);
    expect(checkInputs(engine, run(3, 5, 4), null).profile).toBe(1);
    expect(checkInputs(engine, run(8, 4, 4), null).profile).toBe(1);
    // Its dims fit profile 1 alone, its values profile 0 alone.
    const error = refusal(engine, run(8, 1, 4));
    expect(error.code).toBe('ERR_TRT_INPUT_VALUES');
    expect(error.details['ranges']).toEqual([{ profile: 1, min: 2, max: 8 }]);
    expect(refusal(engine, run(9, 1, 4)).code).toBe('ERR_TRT_INPUT_DIMS');
  });

  it.each([
    ['where the profile has none', [{ shape: two }]],
    ['where there is no profile', []],
    ['where the profile has no such input', [{}]],
  ])('are not checked %s', (_, profiles) => {
    const engine = { inputs: [shapeTensor('int32')], profiles };
    expect(checkInputs(engine, { shape: Int32Array.of(-5, 900) }, null).profile).toBe(0);
  });

  it('are those of its own view, wherever that starts', () => {
    const shape = new BigInt64Array(BigInt64Array.of(99n, 8n, 1n, 99n).buffer, 8, 2);
    const { profile, bytes } = checkInputs(engineOf('int64'), { shape }, null);
    expect(profile).toBe(0);
    expect(bytes[0]?.parts[0]).toEqual(new Uint8Array(BigInt64Array.of(8n, 1n).buffer));
  });

  it.each<[string, TensorData & { fill(value: number): unknown }]>([
    ['an ordinary array', Int32Array.of(1, 1)],
    ['one on shared memory', new Int32Array(new SharedArrayBuffer(8)).fill(1)],
  ])('#32 are kept as they were when they were checked: %s', (_, shape) => {
    const { bytes } = checkInputs(engineOf('int32'), { shape }, null);
    shape.fill(1000);
    expect(bytes[0]?.parts[0]).toEqual(new Uint8Array(Int32Array.of(1, 1).buffer));
  });

  it('#30 are counted before they are read', () => {
    const error = refusal(engineOf('int32'), { shape: Int32Array.of(1, 1, 1) });
    expect(error.code).toBe('ERR_TRT_INPUT_LENGTH');
  });

  it.each(['__proto__', 'constructor'])('may belong to an input called %s', (name) => {
    const engine = {
      inputs: [{ ...shapeTensor('int32'), name }],
      profiles: [Object.fromEntries([[name, { ...two, values: allowed([1, 1], [2, 2]) }]])],
    };
    const inputs = (...values: number[]) => Object.fromEntries([[name, Int32Array.from(values)]]);
    expect(checkInputs(engine, inputs(1, 2), null).profile).toBe(0);
    expect(refusal(engine, inputs(1, 3)).details).toMatchObject({ tensor: name, element: 1 });
  });

  it('of an input that is no shape tensor have no range', () => {
    const engine = { ...engineOf('int32'), inputs: [tensorInfo('shape', 'int32', [2])] };
    expect(checkInputs(engine, { shape: Int32Array.of(900, 900) }, null).profile).toBe(0);
  });
});
