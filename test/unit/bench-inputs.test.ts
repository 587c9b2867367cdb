import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomTensor } from '../../lib/bench/random-tensor';
import { seededRandom } from '../../lib/bench/seeded-random';
import { makeInputs, type InputSubject } from '../../lib/cli/make-inputs';
import { newArray, tensorTypes, type TensorType } from '../../lib/data-types';
import type { TensorInfo } from '../../lib/manifest-schema';
import { toFloat32Array } from '../../lib/tensor/decode';
import { elementCount, Tensor, type TensorLike, type TypedTensor } from '../../lib/tensor';
import { float32Npy, storedZip } from '../support/npy-writer';

const input = (name: string, type: TensorType, dims: readonly number[]): TensorInfo => ({
  ...{ name, type, dims, isShapeTensor: false },
});

const range = (min: number[], opt: number[], max: number[]) => ({ min, opt, max });

/** An engine of two inputs and a shape tensor, in two profiles; `pinned` counts what it lent. */
function subject(): InputSubject & { readonly pinned: Tensor[] } {
  const pinned: Tensor[] = [];
  return {
    inputs: [
      input('image', 'float32', [-1, 2]),
      input('ids', 'int64', [-1, -1]),
      { name: 'size', type: 'int32', dims: [2], isShapeTensor: true },
    ],
    outputs: [input('y', 'float32', [-1])],
    profiles: [1, 8].map((low) => ({
      image: range([low, 2], [2 * low, 2], [4 * low, 2]),
      ids: range([low, 1], [2 * low, 5], [4 * low, 9]),
      size: { ...range([2], [2], [2]), values: range([1, 1], [3, 4], [9, 9]) },
    })),
    pinned,
    allocate: (name: string, dims: readonly number[] = []) => {
      const type = name === 'image' ? 'float32' : name === 'ids' ? 'int64' : 'int32';
      const tensor = new Tensor(type, newArray(type, elementCount(dims)), dims) as TypedTensor;
      pinned.push(tensor);
      return tensor;
    },
  };
}

const named = (inputs: unknown, name: string) => (inputs as Record<string, TensorLike>)[name];

describe('made inputs', () => {
  it('have the opt dims of a profile, seeded values, and lie in pinned memory', async () => {
    const engine = subject();
    const made = await makeInputs(engine, {});
    expect(made).toMatchObject({
      ...{ source: 'random', profile: 0, pinned: true },
      shapes: { image: [2, 2], ids: [2, 5], size: [2] },
    });
    expect(Object.values(made.inputs)).toEqual(engine.pinned);
    expect(named(made.inputs, 'size')?.data).toEqual(Int32Array.of(3, 4));
    const again = await makeInputs(subject(), { seed: 0 });
    expect(named(again.inputs, 'image')).toEqual(named(made.inputs, 'image'));
    const other = await makeInputs(subject(), { seed: 1 });
    expect(named(other.inputs, 'image')).not.toEqual(named(made.inputs, 'image'));
  });

  it('have the dims that were asked for, in the profile that takes them', async () => {
    const shapes = { image: [9, 2], ids: [9, 3] };
    const { shapes: got, profile } = await makeInputs(subject(), { shapes, pageable: true });
    expect(got).toEqual({ ...shapes, size: [2] });
    expect(profile).toBe(1);
    const second = await makeInputs(subject(), { profileIndex: 1, pageable: true });
    expect(second).toMatchObject({ profile: 1, pinned: false, shapes: { image: [16, 2] } });
  });

  it('have a batch in the first dynamic axis of every input', async () => {
    const { shapes, profile } = await makeInputs(subject(), { pageable: true }, 3);
    expect(shapes).toEqual({ image: [3, 2], ids: [3, 5], size: [2] });
    expect(profile).toBe(0);
    const wide = await makeInputs(subject(), { shapes: { ids: [1, 9] }, pageable: true }, 4);
    expect(wide.shapes).toEqual({ image: [4, 2], ids: [4, 9], size: [2] });
  });

  it.each([
    ['a batch beyond every profile', {}, 33],
    ['a batch beyond the profile', { profileIndex: 0 }, 5],
    ['an unknown input', { shapes: { picture: [1, 2] } }, undefined],
    ['a wrong rank', { shapes: { image: [1] } }, undefined],
    ['a profile that is not there', { profileIndex: 2 }, undefined],
    ['shapes beside files', { inputs: 'x.npz', shapes: { image: [1, 2] } }, undefined],
    ['a batch beside files', { inputs: 'x.npz' }, 1],
    ['a list that is none', { loadInputs: 'image' }, undefined],
  ])('are refused with %s', async (_, flags, batch) => {
    const made = makeInputs(subject(), flags, batch);
    await expect(made).rejects.toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
  });

  it('have no batch where all dims are static', async () => {
    const fixed = { ...subject(), inputs: [input('image', 'float32', [1, 2])], profiles: [] };
    await expect(makeInputs(fixed, {}, 1)).rejects.toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
  });
});

describe('inputs from files', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'trt-node-inputs-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const values = Float32Array.of(1, 2, 3, 4);
  const one: InputSubject = {
    ...subject(),
    inputs: [input('image', 'float32', [-1, 2])],
    profiles: [{ image: range([1, 2], [1, 2], [4, 2]) }],
  };

  it('are arrays by name, and those of outputs are passed over', async () => {
    const file = path.join(folder, 'case.npz');
    const array = float32Npy([2, 2], values);
    await writeFile(file, storedZip(['image.npy', 'y.npy'].map((name) => ({ name, data: array }))));
    const made = await makeInputs(one, { inputs: file, pageable: true });
    expect(made).toMatchObject({ source: 'files', shapes: { image: [2, 2] } });
    expect(Array.from(named(made.inputs, 'image')?.data as Float32Array)).toEqual([1, 2, 3, 4]);
    const several = makeInputs(subject(), { inputs: file, pageable: true });
    await expect(several).rejects.toMatchObject({ code: 'ERR_TRT_INPUT_MISSING' });
  });

  it('are one array of any name for one input', async () => {
    const file = path.join(folder, 'whatever.npy');
    await writeFile(file, float32Npy([2, 2], values));
    const made = await makeInputs(one, { inputs: file, pageable: true });
    expect(Array.from(named(made.inputs, 'image')?.data as Float32Array)).toEqual([1, 2, 3, 4]);
    const wrong = makeInputs(subject(), { inputs: file });
    await expect(wrong).rejects.toMatchObject({ code: 'ERR_TRT_INPUT_UNKNOWN' });
  });

  it('are raw bytes of the dims that were named; others are random', async () => {
    const file = path.join(folder, 'a:b.bin');
    await writeFile(file, new Uint8Array(values.buffer));
    const flags = {
      loadInputs: `image:${file}`,
      shapes: { image: [2, 2] },
      pageable: true as const,
    };
    const made = await makeInputs(subject(), flags);
    expect(made.source).toBe('files');
    expect(Array.from(named(made.inputs, 'image')?.data as Float32Array)).toEqual([1, 2, 3, 4]);
    expect(named(made.inputs, 'ids')?.dims).toEqual([2, 5]);
    for (const [loadInputs, code] of [
      [`image:${file}`, 'ERR_TRT_DATA_FILE'],
      [`image:${file}.none`, 'ERR_TRT_DATA_FILE'],
      [`picture:${file}`, 'ERR_TRT_INPUT_UNKNOWN'],
      [`image:${file},image:${file}`, 'ERR_TRT_INVALID_ARG'],
    ] as const) {
      const dims = loadInputs === `image:${file}` ? [4, 2] : [2, 2];
      const given = makeInputs(one, { loadInputs, shapes: { image: dims } });
      await expect(given).rejects.toMatchObject({ code });
    }
  });
});

describe('random tensors', () => {
  it.each(tensorTypes)('of %s are values that it has', (type) => {
    const tensor = randomTensor(type, [3, 5], seededRandom(1));
    expect(tensor).toMatchObject({ type, dims: [3, 5] });
    const numbers = Array.from(toFloat32Array(type, tensor.data, 15));
    expect(numbers).toHaveLength(15);
    expect(numbers.every(Number.isFinite)).toBe(true);
    expect(new Set(numbers).size).toBeGreaterThan(1);
    // Indices and masks must be valid ones.
    if (['int32', 'int64', 'bool'].includes(type)) {
      expect(numbers.every((value) => value === 0 || value === 1)).toBe(true);
    }
  });

  it('are nothing where there are no elements', () => {
    expect(randomTensor('int4', [0], seededRandom(1)).data).toHaveLength(0);
  });
});
