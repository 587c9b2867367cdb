import { createHash } from 'node:crypto';
import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { batchShapeOf } from '../../lib/calibration/batch-shape';
import { fileItems } from '../../lib/calibration/file-items';
import type { TrtError } from '../../lib/errors';
import type { PreparedCalibration } from '../../lib/calibration/prepare';
import type { Profile } from '../../lib/manifest-schema';
import type { OnnxInput } from '../../lib/onnx/value-info';
import { Tensor, type TensorInputs } from '../../lib/tensor';
import { heardPhases, prepare, testFolder, x } from '../support/calibration-facts';
import { float32Npy, npyOf, storedZip } from '../support/npy-writer';

/** `count` samples of [i, i + 0.5], from `first` on. */
function samples(first: number, count: number): TensorInputs {
  const data = Float32Array.from({ length: count * 2 }, (_, i) => first + i / 2);
  return { x: { type: 'float32', data, dims: [count, 2] } };
}

async function batchesOf({ native }: PreparedCalibration): Promise<number[][]> {
  const { folder, count } = native.batches ?? { folder: '', count: 0 };
  const batches: number[][] = [];
  for (let index = 0; index < count; index += 1) {
    const bytes = await readFile(path.join(folder, String(index)));
    batches.push([...new Float32Array(Uint8Array.from(bytes).buffer)]);
  }
  return batches;
}

const halves = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from + i / 2);
const unfit = (details: object) => ({ code: 'ERR_TRT_CALIBRATION_DATA', details });
const inputsOf = (...inputs: OnnxInput[]) => ({
  model: { identity: { name: 'm', sha256: '', sizeBytes: 1 }, inputs },
});

describe('batches', () => {
  it.each([
    ['of their own size', [4, 4]],
    ['of samples', [1, 1, 1, 1, 1, 1, 1, 1]],
    ['of any sizes, none too', [3, 0, 2, 3]],
    ['in one piece', [8]],
  ])('come from items %s, and are the same', async (_, sizes) => {
    let first = 0;
    const data = sizes.map((count) => {
      const item = samples(first, count);
      first += count;
      return item;
    });
    const prepared = await prepare({ data });
    expect(await batchesOf(prepared)).toEqual([halves(0, 8), halves(4, 8)]);
    const whole = await prepare({ data: [samples(0, 4), samples(4, 4)] });
    expect(prepared.key).toBe(whole.key);
    expect(prepared.native).toMatchObject({
      algorithm: 'entropy2',
      cacheIn: null,
      profile: { x: { min: [4, 2], opt: [4, 2], max: [4, 2] } },
      batches: { count: 2, inputs: [{ name: 'x', offsetBytes: 0, sizeBytes: 32 }] },
    });
  });

  it('drop and count the samples that do not fill a last one', async () => {
    const prepared = await prepare({ data: [samples(0, 7)] });
    expect(await batchesOf(prepared)).toEqual([halves(0, 8)]);
    const { folder = '' } = prepared.native.batches ?? {};
    expect(await readdir(folder)).toEqual(['0']);
    expect(await prepared.finish()).toEqual({
      algorithm: 'entropy2',
      batches: 1,
      droppedSamples: 3,
      dataSha256: createHash('sha256')
        .update(
          createHash('sha256')
            .update(new Uint8Array(Float32Array.from(halves(0, 8)).buffer))
            .digest(),
        )
        .digest('hex'),
      cacheSha256: null,
    });
    // What was dropped has no part in the scales.
    expect(prepared.key).toBe((await prepare({ data: [samples(0, 4)] })).key);
  });

  it.each<[string, () => Parameters<typeof prepare>[0]['data']]>([
    [
      'a generator',
      () =>
        (function* () {
          yield samples(0, 4);
        })(),
    ],
    [
      'an async generator',
      () =>
        (async function* () {
          yield await Promise.resolve(samples(0, 4));
        })(),
    ],
    ['a function', () => () => [samples(0, 4)]],
    [
      'an async generator function',
      () =>
        async function* () {
          yield await Promise.resolve(samples(0, 4));
        },
    ],
    ['a Node stream', () => Readable.from([samples(0, 4)])],
    [
      'a web stream',
      () => Readable.toWeb(Readable.from([samples(0, 4)])) as AsyncIterable<TensorInputs>,
    ],
    ['promises', () => [Promise.resolve(samples(0, 4))] as unknown as TensorInputs[]],
    ['Tensors', () => [{ x: new Tensor('float32', Float32Array.from(halves(0, 8)), [4, 2]) }]],
  ])('come from %s', async (_, data) => {
    expect(await batchesOf(await prepare({ data: data() }))).toEqual([halves(0, 8)]);
  });

  it('hold inputs one after the other, aligned, with their samples side by side', async () => {
    const ids: OnnxInput = { name: 'ids', type: 'int64', dims: ['batch', 'seq'] };
    const profiles: Profile[] = [
      {
        ids: { min: [1, 1], opt: [2, 3], max: [2, 3] },
        x: { min: [1, 2], opt: [2, 2], max: [2, 2] },
      },
    ];
    const item = (first: number): TensorInputs => ({
      ...samples(first, 1),
      ids: { type: 'int64', data: BigInt64Array.of(1n, 2n, BigInt(first)), dims: [1, 3] },
    });
    const prepared = await prepare({ data: [item(0), item(7)] }, { ...inputsOf(ids, x), profiles });
    const { folder = '', inputs = [] } = prepared.native.batches ?? {};
    expect(inputs).toEqual([
      { name: 'ids', offsetBytes: 0, sizeBytes: 48 },
      { name: 'x', offsetBytes: 256, sizeBytes: 16 },
    ]);
    const bytes = Uint8Array.from(await readFile(path.join(folder, '0')));
    expect([...new BigInt64Array(bytes.buffer, 0, 6)]).toEqual([1n, 2n, 0n, 1n, 2n, 7n]);
    expect([...new Float32Array(bytes.buffer, 256, 4)]).toEqual([0, 0.5, 7, 7.5]);
    expect(bytes).toHaveLength(272);
  });

  it('are whole items where inputs have no axis of samples in common', async () => {
    const scale: OnnxInput = { name: 'scale', type: 'float32', dims: [] };
    const facts = inputsOf(x, scale);
    const item = { ...samples(0, 4), scale: new Float32Array(1) };
    const prepared = await prepare({ data: [item] }, facts);
    expect(prepared.native.batches?.count).toBe(1);
    const half = { ...samples(0, 2), scale: new Float32Array(1) };
    await expect(prepare({ data: [half] }, facts)).rejects.toMatchObject(
      unfit({ item: 0, tensor: 'x', reason: 'ERR_TRT_INPUT_DIMS' }),
    );
  });

  it('of a static model take bare arrays, and need no profile', async () => {
    const still: OnnxInput = { name: 'x', type: 'float32', dims: [2, 2] };
    const facts = { ...inputsOf(still), profiles: [] };
    const one = Float32Array.of(0, 0.5, 1, 1.5);
    const prepared = await prepare({ data: [{ x: one }, samples(0, 2), samples(0, 4)] }, facts);
    expect(await batchesOf(prepared)).toEqual([0, 0, 0, 2].map((first) => halves(first, 4)));
    expect(prepared.native.profile).toEqual({ x: { min: [2, 2], opt: [2, 2], max: [2, 2] } });
  });

  it('larger than a slice are copied whole, and the event loop turns meanwhile', async () => {
    const wide: OnnxInput = { name: 'x', type: 'float32', dims: ['batch', 1_000_003] };
    const data = Float32Array.from({ length: 2_000_006 }, (_, i) => i % 8191);
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 0);
    const prepared = await prepare(
      { data: [{ x: { type: 'float32', data, dims: [2, 1_000_003] } }], profile: { batch: 2 } },
      { ...inputsOf(wide), profiles: [] },
    );
    clearInterval(timer);
    const { folder = '' } = prepared.native.batches ?? {};
    const bytes = await readFile(path.join(folder, '0'));
    expect(bytes.equals(new Uint8Array(data.buffer))).toBe(true);
    expect(turns).toBeGreaterThan(0);
  });

  it('tell of each as it is written', async () => {
    const { phases, progress } = heardPhases();
    await prepare({ data: [samples(0, 4), samples(0, 8)] }, { progress });
    expect(phases).toEqual([{ name: 'Reading calibration batches', steps: [1, 3], ended: true }]);
  });
});

describe('the dims of a batch', () => {
  const text: OnnxInput = { name: 'ids', type: 'int64', dims: ['batch', 'seq'] };
  const first: Profile = { ids: { min: [1, 16], opt: [8, 64], max: [32, 128] } };
  const dimsOf = async (profile: Record<string, never> | object | undefined) => {
    const prepared = prepare(
      {
        data: [{ ids: { type: 'int64', data: new BigInt64Array(8192), dims: [8192, 1] } }],
        profile: profile as never,
      },
      { ...inputsOf(text), profiles: [first] },
    );
    // Only the dims are of interest: they stand in the error.
    return await prepared.then(
      () => 'no error',
      (error: unknown) => {
        const { details, code } = error as TrtError;
        return details['expected'] ?? code;
      },
    );
  };
  it('are opt of the first profile, but for what calibration.profile says', async () => {
    expect(await dimsOf(undefined)).toEqual([-1, 64]);
    expect(await dimsOf({ seq: 32 })).toEqual([-1, 32]);
    expect(await dimsOf({ seq: [1, 2, 3] })).toEqual([-1, 2]);
    expect(await dimsOf({ ids: { min: [1, 1], opt: [4, 48], max: [8, 64] } })).toEqual([-1, 48]);
    expect(await dimsOf({ sequence: 32 })).toBe('ERR_TRT_PROFILE_INVALID');
    expect(await dimsOf({ seq: 0 })).toBe('ERR_TRT_PROFILE_INVALID');
  });

  it('must be known', () => {
    expect(() => batchShapeOf(null, [], [text])).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_PROFILE_MISSING' }),
    );
  });

  it('have a batch of their own, and values of shape tensors as the profile has them', () => {
    const given = {
      path: '',
      profile: 0,
      inputs: new Map(),
      dims: new Map([['batch', { min: 2, opt: 2, max: 2 }]]),
    };
    const shape: OnnxInput = { name: 'shape', type: 'int64', dims: [1] };
    const values = { min: [1], opt: [5], max: [9] };
    const profile: Profile = { ...first, shape: { min: [1], opt: [1], max: [1], values } };
    const {
      inputs,
      samples: perBatch,
      profile: fixed,
    } = batchShapeOf(given, [profile], [text, shape]);
    expect(inputs.map(({ dims }) => dims)).toEqual([[2, 64], [1]]);
    expect(perBatch).toBeNull();
    expect(fixed).toEqual({
      ids: { min: [2, 64], opt: [2, 64], max: [2, 64] },
      shape: { min: [1], opt: [1], max: [1], values: { min: [5], opt: [5], max: [5] } },
    });
  });

  it('cannot be of a type that no tensor has', () => {
    const odd: OnnxInput = { name: 'x', type: 'float64', dims: [1] };
    expect(() => batchShapeOf(null, [], [odd])).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_CALIBRATION_DATA' }),
    );
  });
});

describe('an item', () => {
  const good = samples(0, 4);
  it.each<[string, unknown, object]>([
    ['no object', 3, { reason: 'ERR_TRT_INVALID_ARG' }],
    ['an array', new Float32Array(8), { reason: 'ERR_TRT_INVALID_ARG' }],
    [
      'an unknown input',
      { ...good, y: good['x'] },
      { reason: 'ERR_TRT_INPUT_UNKNOWN', tensor: 'y' },
    ],
    ['no input', {}, { reason: 'ERR_TRT_INPUT_MISSING' }],
    [
      'another type',
      { x: { type: 'int32', data: new Int32Array(8), dims: [4, 2] } },
      { reason: 'ERR_TRT_INPUT_TYPE' },
    ],
    [
      'another dim',
      { x: { type: 'float32', data: new Float32Array(8), dims: [2, 4] } },
      { reason: 'ERR_TRT_INPUT_DIMS' },
    ],
    [
      'another rank',
      { x: { type: 'float32', data: new Float32Array(8), dims: [8] } },
      { reason: 'ERR_TRT_INPUT_DIMS' },
    ],
    [
      'too few elements',
      { x: { type: 'float32', data: new Float32Array(7), dims: [4, 2] } },
      { reason: 'ERR_TRT_INPUT_LENGTH' },
    ],
    [
      'a bare array where dims are open',
      { x: new Float32Array(8) },
      { reason: 'ERR_TRT_INPUT_DIMS' },
    ],
  ])('with %s ends the build, and says which item and why', async (_, item, details) => {
    let returned = false;
    const data = (function* () {
      try {
        yield good;
        yield item as TensorInputs;
        yield good;
      } finally {
        returned = true;
      }
    })();
    await expect(prepare({ data })).rejects.toMatchObject(unfit({ item: 1, ...details }));
    expect(returned).toBe(true);
  });

  it('has the same number of samples for every input', async () => {
    const y: OnnxInput = { ...x, name: 'y' };
    const range = { min: [1, 2], opt: [4, 2], max: [4, 2] };
    const facts = { ...inputsOf(x, y), profiles: [{ x: range, y: range }] };
    const data = [{ x: samples(0, 3)['x'], y: samples(0, 2)['x'] }] as TensorInputs[];
    await expect(prepare({ data }, facts)).rejects.toMatchObject(
      unfit({ item: 0, samples: [3, 2] }),
    );
  });

  it('whose buffer is transferred while it is copied ends the build', async () => {
    const wide: OnnxInput = { name: 'x', type: 'float32', dims: ['batch', 1_000_000] };
    const data = new Float32Array(1_000_000);
    const preparing = prepare(
      { data: [{ x: { type: 'float32', data, dims: [1, 1_000_000] } }], profile: { batch: 1 } },
      {
        ...inputsOf(wide),
        profiles: [],
        progress: {
          phase: () => {
            setImmediate(() => structuredClone(data, { transfer: [data.buffer] }));
            return { step: () => undefined, end: () => undefined };
          },
        },
      },
    );
    await expect(preparing).rejects.toMatchObject(
      unfit({ item: 0, reason: 'ERR_TRT_INPUT_DETACHED' }),
    );
  });
});

describe('data', () => {
  it('that throws ends the build with its error as the cause', async () => {
    const mistake = new Error('the camera is off');
    let returned = 0;
    const data = {
      [Symbol.asyncIterator]: () => {
        let index = 0;
        return {
          next: () => {
            index += 1;
            if (index === 4) return Promise.reject(mistake);
            return Promise.resolve({ done: false, value: samples(0, 4) });
          },
          return: () => {
            returned += 1;
            return Promise.resolve({ done: true, value: undefined });
          },
        };
      },
    } as AsyncIterable<TensorInputs>;
    await expect(prepare({ data })).rejects.toMatchObject({
      ...unfit({ item: 3, reason: 'thrown' }),
      cause: mistake,
    });
    expect(returned).toBe(1);
    const thrower = (): never => {
      throw mistake;
    };
    await expect(prepare({ data: thrower })).rejects.toMatchObject({ cause: mistake });
  });

  it('must be an iterable when a function returns it', async () => {
    const preparing = prepare({ data: () => samples(0, 4) as never });
    await expect(preparing).rejects.toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
  });

  it.each([0, 3])('of %i samples makes no batch', async (count) => {
    const data = count === 0 ? [] : [samples(0, count)];
    await expect(prepare({ data })).rejects.toMatchObject(unfit({ samples: count, expected: 4 }));
  });

  it('is asked for its next item when the last is on disk', async () => {
    const folder = await testFolder();
    const seen: string[][] = [];
    const data = async function* () {
      for (let index = 0; index < 3; index += 1) {
        seen.push(await readdir(path.join(folder, 'calibration')));
        yield samples(0, 4);
      }
    };
    await prepare({ data }, { folder });
    expect(seen).toEqual([[], ['0'], ['0', '1']]);
  });

  it('#20 is left alone by an abort at once, though it hangs', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    let returned = false;
    const data = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          setImmediate(() => controller.abort(reason));
          return new Promise<never>(() => undefined);
        },
        return: () => {
          returned = true;
          return new Promise<never>(() => undefined);
        },
      }),
    };
    const preparing = prepare({ data }, { signal: controller.signal });
    await expect(preparing).rejects.toBe(reason);
    expect(returned).toBe(true);
  });

  it('ends with the error that onProgress throws', async () => {
    const mistake = new Error('onProgress');
    const progress = {
      phase: () => ({
        step: () => {
          throw mistake;
        },
        end: () => undefined,
      }),
    };
    await expect(prepare({ data: [samples(0, 4)] }, { progress })).rejects.toBe(mistake);
  });

  it('#83 that cannot be written is a matter of the folder', async () => {
    const preparing = prepare({ data: [samples(0, 4)] }, { folder: '/dev/null/nowhere' });
    await expect(preparing).rejects.toMatchObject({ code: 'ERR_TRT_WRITE' });
  });
});

describe('files', () => {
  const values = (first: number, count: number) => Float32Array.from(halves(first, count * 2));
  const npy = (first: number, count: number) => float32Npy([count, 2], values(first, count));

  it('give the batches that the same samples from JavaScript give', async () => {
    const folder = await testFolder();
    const key = (await prepare({ data: [samples(0, 8)] })).key;
    await writeFile(path.join(folder, 'whatever.npy'), npy(0, 8));
    const labels = float32Npy([3], new Float32Array(3));
    const entries = [
      { name: 'x.npy', data: npy(0, 8) },
      { name: 'labels.npy', data: labels },
    ];
    await writeFile(path.join(folder, 'named.npz'), storedZip(entries));
    await writeFile(
      path.join(folder, 'positional.npz'),
      storedZip([{ name: 'arr_0.npy', data: npy(0, 8) }]),
    );
    for (const name of ['whatever.npy', 'named.npz', 'positional.npz']) {
      expect((await prepare({ data: path.join(folder, name) })).key, name).toBe(key);
    }
    const parts = await testFolder();
    await writeFile(path.join(parts, '0.npy'), npy(0, 3));
    await writeFile(path.join(parts, '1.npz'), storedZip([{ name: 'x.npy', data: npy(3, 5) }]));
    expect((await prepare({ data: parts })).key).toBe(key);
  });

  it('named as the inputs are one set of samples', async () => {
    const folder = await testFolder();
    await writeFile(path.join(folder, 'x.npy'), npy(0, 4));
    await writeFile(path.join(folder, 'y.npy'), npy(4, 4));
    const range = { min: [1, 2], opt: [4, 2], max: [4, 2] };
    const facts = { ...inputsOf(x, { ...x, name: 'y' }), profiles: [{ x: range, y: range }] };
    const prepared = await prepare({ data: folder }, facts);
    expect(prepared.native.batches?.count).toBe(1);
    const given = [{ x: samples(0, 4)['x'], y: samples(4, 4)['x'] }] as TensorInputs[];
    expect(prepared.key).toBe((await prepare({ data: given }, facts)).key);
  });

  it('are read in slices, however large they are', async () => {
    const folder = await testFolder();
    const file = path.join(folder, 'large.npy');
    const rows = 2 ** 30;
    const header = npyOf(
      `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, 2), }`,
      new Uint8Array(0),
    );
    const handle = await open(file, 'w');
    await handle.write(header);
    // 8 GiB, of which none is on disk.
    await handle.truncate(header.length + rows * 8);
    await handle.close();
    const profile: Profile = { x: { min: [1, 2], opt: [4, 2], max: [8, 2] } };
    const items = fileItems(file, batchShapeOf(null, [profile], [x]));
    const first = await items.next();
    expect(first.value?.inputs['x']).toMatchObject({ dims: [4, 2], data: new Float32Array(8) });
    await items.return();
  });

  it.each<[string, Buffer, object]>([
    [
      'of another type',
      npyOf("{'descr': '<i4', 'fortran_order': False, 'shape': (4, 2), }", new Uint8Array(32)),
      { code: 'ERR_TRT_CALIBRATION_DATA', details: { reason: 'ERR_TRT_INPUT_TYPE' } },
    ],
    [
      'of other dims',
      float32Npy([4, 3], new Float32Array(12)),
      { code: 'ERR_TRT_CALIBRATION_DATA', details: { reason: 'ERR_TRT_INPUT_DIMS' } },
    ],
    [
      'that are cut off',
      npy(0, 4).subarray(0, 80),
      { code: 'ERR_TRT_DATA_FILE', details: { reason: 'truncated' } },
    ],
  ])('%s end the build', async (_, content, expected) => {
    const file = path.join(await testFolder(), 'x.npy');
    await writeFile(file, content);
    await expect(prepare({ data: file })).rejects.toMatchObject(expected);
  });

  it.each<[string, Record<string, Buffer>]>([
    ['no array for an input', { 'y.npy': npy(0, 4) }],
    ['different numbers of samples', { 'x.npy': npy(0, 4), 'y.npy': npy(0, 3) }],
  ])('with %s end the build', async (_, arrays) => {
    const file = path.join(await testFolder(), 'data.npz');
    const entries = Object.entries(arrays).map(([name, data]) => ({ name, data }));
    await writeFile(file, storedZip(entries));
    const range = { min: [1, 2], opt: [4, 2], max: [4, 2] };
    const facts = { ...inputsOf(x, { ...x, name: 'y' }), profiles: [{ x: range, y: range }] };
    await expect(prepare({ data: file }, facts)).rejects.toMatchObject({
      code: 'ERR_TRT_DATA_FILE',
    });
  });
});
