import { describe, expect, it } from 'vitest';
import type { TrtError } from '../../lib/errors';
import { failure, rejectionOf } from '../support/native-host';
import { held, loadStub, nothingHeld } from '../support/stub-host';
import { reshapeOf } from '../support/stub-models';
import { stubAbis, type StubEngine } from '../support/stub-plans';

const reshape = reshapeOf({ min: 0, opt: 6, max: 64 });

/** The elements of `x` that are not zero. */
const nonZeros: StubEngine = {
  inputs: [{ name: 'x', dims: [-1] }],
  outputs: [{ name: 'y', withoutZeros: true, dims: [{ nonZeroOf: 'x' }] }],
  profiles: [{ x: { min: [0], opt: [8], max: [1 << 16] } }],
};

const vector = (...values: number[]) =>
  ({ type: 'float32', data: Float32Array.from(values), dims: [values.length] }) as const;

describe.each(stubAbis)('a shape tensor of %s', (abi) => {
  it('decides dims by its values, call by call', async () => {
    const engine = await loadStub(abi, reshape);
    expect(engine.inputs[1]).toMatchObject({ name: 'shape', isShapeTensor: true });
    expect(engine.profiles[0]?.['shape']?.values).toEqual({
      min: [0, 1],
      opt: [2, 3],
      max: [8, 8],
    });
    const x = vector(1, 2, 3, 4, 5, 6);
    for (const [rows, columns] of [
      [2, 3],
      [3, 2],
      [6, 1],
      [1, 6],
      [0, 6],
      [2, 3],
    ] as const) {
      const shape = BigInt64Array.of(BigInt(rows), BigInt(columns));
      const { y } = await engine.infer({ x, shape });
      expect(y?.dims).toEqual([rows, columns]);
      expect(y?.data).toEqual(x.data.subarray(0, rows * columns));
      expect(engine.inferSync({ x, shape })).toEqual({ y });
    }
    await engine.close();
    expect(held()).toEqual(nothingHeld);
  });

  it('may be int32', async () => {
    const [x, shape] = reshape.inputs;
    await using engine = await loadStub(abi, {
      ...reshape,
      inputs: [x!, { ...shape!, type: 'int32' }],
    });
    const { y } = await engine.infer({ x: vector(1, 2, 3, 4), shape: Int32Array.of(2, 2) });
    expect(y?.dims).toEqual([2, 2]);
  });

  it('may be a scalar, and may have no element', async () => {
    const range = (dims: readonly number[], low: readonly number[], high: readonly number[]) => ({
      ...{ min: dims, opt: dims, max: dims },
      values: { min: low, opt: low, max: high },
    });
    await using engine = await loadStub(abi, {
      inputs: [
        { name: 'x', dims: [-1] },
        { name: 'one', type: 'int64', dims: [], shapeTensor: true },
        { name: 'none', type: 'int64', dims: [0], shapeTensor: true },
      ],
      outputs: [
        { name: 'y', dims: [{ elementOf: 'one', index: 0 }] },
        { name: 'scalar', dims: [] },
      ],
      profiles: [
        {
          x: { min: [1], opt: [6], max: [64] },
          one: range([], [1], [64]),
          none: range([0], [], []),
        },
      ],
    });
    for (const count of [1, 3, 2]) {
      const one = BigInt64Array.of(BigInt(count));
      const { y, scalar } = await engine.infer({
        ...{ x: vector(7, 8, 9, 10), one, none: new BigInt64Array(0) },
      });
      expect(y?.data).toEqual(Float32Array.of(7, 8, 9, 10).subarray(0, count));
      expect(scalar).toMatchObject({ dims: [], data: Float32Array.of(7) });
    }
  });

  it('chooses the profile that takes its values', async () => {
    const values = (low: number, high: number) => ({
      x: { min: [1], opt: [6], max: [64] },
      shape: {
        ...{ min: [2], opt: [2], max: [2] },
        values: { min: [low, 1], opt: [low, 1], max: [high, 8] },
      },
    });
    await using engine = await loadStub(abi, {
      ...reshape,
      profiles: [values(1, 3), values(4, 8)],
    });
    const x = vector(1, 2, 3, 4, 5, 6, 7, 8);
    // The stub refuses values outside of the profile that it was told.
    for (const rows of [2, 8, 4, 1]) {
      const { y } = await engine.infer({ x, shape: BigInt64Array.of(BigInt(rows), 1n) });
      expect(y?.dims).toEqual([rows, 1]);
    }
  });

  it('with values outside of the profile is refused, and the next inference works', async () => {
    await using engine = await loadStub(abi, reshape);
    const x = vector(1, 2, 3, 4, 5, 6);
    for (const shape of [BigInt64Array.of(9n, 1n), BigInt64Array.of(-1n, 1n)]) {
      await failure('ERR_TRT_INPUT_VALUES', engine.infer({ x, shape }));
    }
    const { y } = await engine.infer({ x, shape: BigInt64Array.of(3n, 2n) });
    expect(y?.dims).toEqual([3, 2]);
  });
});

describe.each(stubAbis)('#38 an output whose dims depend on the data, of %s', (abi) => {
  it('grows and shrinks from call to call, to nothing too', async () => {
    const engine = await loadStub(abi, nonZeros);
    expect(engine.outputs[0]?.dims).toEqual([-1]);
    const many = Array.from({ length: 40_000 }, (_, i) => (i + 1) % 3); // two of three: 104 KiB
    for (const values of [[1, 0, 2], [], [0, 0], many, [3], [0], many, [1, 2, 3, 4]]) {
      const expected = values.filter((value) => value !== 0);
      const x = vector(...values);
      const { y } = await engine.infer({ x });
      expect(y?.dims).toEqual([expected.length]);
      // Not by toEqual: it would take minutes to print how two of these differ.
      expect(Array.from(y!.data as Float32Array).join()).toBe(expected.join());
      expect(engine.inferSync({ x })['y']!.dims).toEqual([expected.length]);
    }
    await engine.close();
  });

  // TensorRT 10.6 asks for more than the 256 bytes that the driver promises; the stub's driver gives no more than those.
  it.each([1, 256, 512, 4096, 1 << 20])(
    'grows and shrinks where TensorRT wants it aligned to %i bytes',
    async (alignment) => {
      const engine = await loadStub(abi, {
        ...nonZeros,
        outputs: [
          { ...nonZeros.outputs[0]!, alignment },
          { name: 'whole', source: 'x' },
          { ...nonZeros.outputs[0]!, name: 'z', alignment: 2 * alignment },
        ],
      });
      for (const count of [3, 0, 1, 1024, 1025, 2, 10_000, 0, 9999]) {
        const x = vector(...Array.from({ length: count }, (_, i) => i % 4));
        const expected = x.data.filter((value) => value !== 0);
        const { y, whole, z } = await engine.infer({ x });
        for (const output of [y, z]) {
          expect(output?.dims).toEqual([expected.length]);
          expect((output!.data as Float32Array).join()).toBe(expected.join());
        }
        expect((whole!.data as Float32Array).join()).toBe(x.data.join());
      }
      await engine.close();
      // Outputs of earlier tests that were lent to JavaScript may still be in pinned memory.
      const { devices, streams, events } = nothingHeld;
      expect(held()).toMatchObject({ devices, streams, events });
    },
  );

  it('comes beside others, is timed, and may be left out', async () => {
    await using engine = await loadStub(abi, {
      ...nonZeros,
      outputs: [...nonZeros.outputs, { name: 'whole', source: 'x' }],
      delay: 1000,
    });
    const x = vector(0, 1, 0, 2);
    const { outputs, timing } = await engine.inferTimed({ x });
    expect(outputs['y']?.data).toEqual(Float32Array.of(1, 2));
    expect(outputs['whole']?.data).toEqual(x.data);
    expect(timing.compute).toBeGreaterThanOrEqual(1);
    expect(Object.keys(await engine.infer({ x }, { outputs: ['whole'] }))).toEqual(['whole']);
    expect((await engine.infer({ x }))['y']?.dims).toEqual([2]);
  });

  it('that TensorRT does not tell: a typed error, not the dims of the inference before', async () => {
    await using engine = await loadStub(abi, {
      ...nonZeros,
      fail: [{ at: 'notifyShape', call: 2 }],
    });
    const x = vector(0, 1, 2);
    expect((await engine.infer({ x }))['y']?.dims).toEqual([2]);
    await failure('ERR_TRT_INFER_FAILED', engine.infer({ x }));
    expect((await engine.infer({ x }))['y']?.dims).toEqual([2]);
  });

  it('of two axes, one of which the data decides', async () => {
    await using engine = await loadStub(abi, {
      ...nonZeros,
      outputs: [{ name: 'y', withoutZeros: true, dims: [1, { nonZeroOf: 'x' }] }],
    });
    const { y } = await engine.infer({ x: vector(5, 0, 6) });
    expect(y).toMatchObject({ dims: [1, 2], data: Float32Array.of(5, 6) });
  });
});

describe.each(stubAbis)('an output in host memory, of %s', (abi) => {
  it('is as good as any other', async () => {
    await using engine = await loadStub(abi, {
      inputs: [{ name: 'x', type: 'int64', dims: [3], shapeTensor: true }],
      outputs: [{ name: 'y', onHost: true }],
      profiles: [
        {
          x: {
            ...{ min: [3], opt: [3], max: [3] },
            values: { min: [0, 0, 0], opt: [1, 1, 1], max: [9, 9, 9] },
          },
        },
      ],
    });
    const { y } = await engine.infer({ x: BigInt64Array.of(1n, 2n, 3n) });
    expect(y?.data).toEqual(BigInt64Array.of(1n, 2n, 3n));
  });
});

const cacheInPlace = {
  inputs: [{ name: 'cache', dims: [4] }],
  outputs: [{ name: 'cache out', alias: 'cache' }],
} as const;

describe.each(['v11', 'rtx'] as const)(
  'an output that must share the memory of an input, of %s',
  (abi) => {
    it('shares it', async () => {
      await using engine = await loadStub(abi, cacheInPlace);
      for (const from of [1, 5, 9]) {
        const cache = Float32Array.of(from, 2, 3, 4);
        expect((await engine.infer({ cache }))['cache out']?.data).toEqual(cache);
      }
    });
  },
);

// 10.15 is the first that tells of it.
describe('an output that must share the memory of an input, of v10', () => {
  it('is a typed error', async () => {
    const infer = loadStub('v10', cacheInPlace).then(async (engine) => {
      await using open = engine;
      await open.infer({ cache: Float32Array.of(1, 2, 3, 4) });
    });
    const error = (await rejectionOf(infer)) as TrtError;
    expect(error.code).toMatch(/^ERR_TRT_(UNSUPPORTED|INFER_FAILED)$/);
    expect(error.message).toContain('cache out');
    expect(held()).toMatchObject({ streams: 0, devices: [{ usedBytes: 0 }] });
  });
});
