import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { PreparedCalibration } from '../../lib/calibration/prepare';
import type { OnnxInput } from '../../lib/onnx/value-info';
import type { TensorInputs } from '../../lib/tensor';
import { prepare, testFolder, x } from '../support/calibration-facts';
import { writeOnnx } from '../support/onnx-writer';

const item: TensorInputs = { x: { type: 'float32', data: new Float32Array(8), dims: [4, 2] } };
const data = [item];
const refused = (reason: string) => ({ code: 'ERR_TRT_CALIBRATION_CACHE', details: { reason } });

/** Scales are the bits of a float32, most significant first: 3c010a14 is 127ths of 1.0000…. */
const text = (first: string, ...tensors: readonly string[]): string =>
  [first, ...tensors.map((name) => `${name}: 3c010a14`), ''].join('\n');
const ofEntropy2 = text('TRT-100600-EntropyCalibration2', 'x', 'y');

/** What the addon does in a good build: writes the cache that TensorRT made. */
async function build({ native }: PreparedCalibration, cache = ofEntropy2): Promise<void> {
  if (native.cacheOut !== null) await writeFile(native.cacheOut, cache, { flag: 'wx' });
}

async function made(cache: string, options: object = {}): Promise<PreparedCalibration> {
  const prepared = await prepare({ data, cache, ...options });
  await build(prepared);
  await prepared.finish();
  return prepared;
}

function unread(): never {
  throw new Error('the data must not be read');
}

/** A model of `x` and `y` = Relu(x), as a file. */
async function modelFile(): Promise<string> {
  const file = path.join(await testFolder(), 'model.onnx');
  await writeFile(
    file,
    writeOnnx({
      inputs: [{ name: 'x', type: 'float32', dims: ['batch', 2] }],
      outputs: [{ name: 'y', type: 'float32', dims: ['batch', 2] }],
      nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
    }),
  );
  return file;
}

describe('a cache that is not there', () => {
  it('is written after a good build, with what it was made from', async () => {
    const folder = await testFolder();
    const cache = path.join(folder, 'model.calib');
    const prepared = await prepare({ data, cache });
    expect(prepared.native).toMatchObject({ cacheIn: null, batches: { count: 1 } });
    expect(await readdir(folder)).toEqual([]);
    await build(prepared);
    const record = await prepared.finish();
    expect(record).toMatchObject({ algorithm: 'entropy2', batches: 1, droppedSamples: 0 });
    expect(await readFile(cache, 'utf8')).toBe(ofEntropy2);
    expect((await readdir(folder)).sort()).toEqual(['model.calib', 'model.calib.json']);
    expect(JSON.parse(await readFile(`${cache}.json`, 'utf8'))).toMatchObject({
      schemaVersion: 1,
      cache: { sha256: record.cacheSha256, sizeBytes: ofEntropy2.length },
      model: { sha256: 'a'.repeat(64) },
      algorithm: 'entropy2',
      version: '10.6.0',
      inputs: [{ name: 'x', type: 'float32', dims: [4, 2] }],
      batches: 1,
      dataSha256: record.dataSha256,
    });
  });

  it('is not written where TensorRT made none', async () => {
    const folder = await testFolder();
    const prepared = await prepare({ data, cache: path.join(folder, 'model.calib') });
    expect(await prepared.finish()).toMatchObject({ cacheSha256: null });
    expect(await readdir(folder)).toEqual([]);
  });

  it('needs data', async () => {
    const cache = path.join(await testFolder(), 'model.calib');
    await expect(prepare({ cache })).rejects.toMatchObject({
      code: 'ERR_TRT_CALIBRATION_REQUIRED',
      details: { path: cache },
    });
  });

  it('#83 that cannot be written ends the build before the data is read', async () => {
    const folder = await testFolder();
    const nowhere = path.join(folder, 'nowhere', 'model.calib');
    await expect(prepare({ data: unread, cache: nowhere })).rejects.toMatchObject({
      code: 'ERR_TRT_WRITE',
      details: { errno: 'ENOENT' },
    });
    const cache = path.join(folder, 'model.calib');
    await writeFile(`${cache}.json`, '{"mine": true}');
    await expect(prepare({ data: unread, cache })).rejects.toMatchObject({ code: 'ERR_TRT_WRITE' });
    expect(await readFile(`${cache}.json`, 'utf8')).toBe('{"mine": true}');
  });

  it('#83 leaves nothing half-written where its place was taken meanwhile', async () => {
    const folder = await testFolder();
    const cache = path.join(folder, 'model.calib');
    const prepared = await prepare({ data, cache });
    await build(prepared);
    await writeFile(`${cache}.json`, 'not ours');
    await expect(prepared.finish()).rejects.toMatchObject({ code: 'ERR_TRT_WRITE' });
    expect(await readdir(folder)).toEqual(['model.calib.json']);
  });

  it('#84 is written once by builds that end together, and its description is its own', async () => {
    const folder = await testFolder();
    const cache = path.join(folder, 'model.calib');
    const builds = await Promise.all(
      [0, 1, 2, 3].map(async (value) => {
        const scaled = {
          type: 'float32',
          data: new Float32Array(8).fill(value),
          dims: [4, 2],
        } as const;
        const prepared = await prepare({ data: [{ x: scaled }], cache });
        await build(prepared, ofEntropy2.replaceAll('3c010a14', `3c010a1${value}`));
        return prepared;
      }),
    );
    await Promise.all(builds.map((prepared) => prepared.finish()));
    expect((await readdir(folder)).sort()).toEqual(['model.calib', 'model.calib.json']);
    const later = await prepare({ data: unread, cache });
    expect(builds.map(({ key }) => key)).toContain(later.key);
  });

  it('#84 that came while a build waited for its turn stays as it is', async () => {
    const folder = await testFolder();
    const cache = path.join(folder, 'model.calib');
    let released = 0;
    const lockFolder = async (locked: string) => {
      expect(locked).toBe(folder);
      await writeFile(cache, "another program's");
      await writeFile(`${cache}.json`, 'its own');
      return { release: () => (released += 1) };
    };
    const prepared = await prepare({ data, cache }, { work: { lockFolder } });
    await build(prepared);
    await prepared.finish();
    expect(released).toBe(1);
    expect(await readFile(cache, 'utf8')).toBe("another program's");
    expect(await readFile(`${cache}.json`, 'utf8')).toBe('its own');
    expect((await readdir(folder)).sort()).toEqual(['model.calib', 'model.calib.json']);
  });

  it('leaves nothing where a build is aborted while it waits for its turn', async () => {
    const folder = await testFolder();
    const reason = new Error('enough');
    const controller = new AbortController();
    const work = {
      lockFolder: (_: string, signal: AbortSignal | null = null) => {
        controller.abort(reason);
        return Promise.reject((signal?.reason as Error | undefined) ?? new Error('not heard'));
      },
    };
    const option = { data, cache: path.join(folder, 'model.calib') };
    const prepared = await prepare(option, { work, signal: controller.signal });
    await build(prepared);
    await expect(prepared.finish()).rejects.toBe(reason);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a cache of ours', () => {
  it('is used instead of the data, with the same key', async () => {
    const cache = path.join(await testFolder(), 'model.calib');
    const first = await made(cache);
    const second = await prepare({ data: unread, cache });
    expect(second.key).toBe(first.key);
    expect(second.native).toMatchObject({ batches: null, cacheOut: null });
    // A copy: what happens to the file now is of no interest to this build.
    expect(await readFile(second.native.cacheIn ?? '', 'utf8')).toBe(ofEntropy2);
    expect(second.native.cacheIn).not.toBe(cache);
    const before = await stat(cache);
    expect(await second.finish()).toEqual({
      algorithm: 'entropy2',
      batches: 0,
      droppedSamples: 0,
      dataSha256: null,
      cacheSha256: (await first.finish()).cacheSha256,
    });
    expect((await stat(cache)).mtimeMs).toBe(before.mtimeMs);
    expect((await prepare({ cache })).key).toBe(first.key);
  });

  it.each<[string, object, object]>([
    ['model', {}, { model: { identity: { name: 'm', sha256: 'b'.repeat(64), sizeBytes: 1 } } }],
    [
      'model',
      {},
      {
        model: {
          identity: {
            name: 'm',
            sha256: 'a'.repeat(64),
            sizeBytes: 1,
            externalData: { w: { sha256: 'c'.repeat(64), sizeBytes: 1 } },
          },
        },
      },
    ],
    ['algorithm', { algorithm: 'minmax' }, {}],
    ['version', {}, { library: { version: '10.7.0' } }],
  ])('of another %s is refused, with data too, and stays', async (reason, option, facts) => {
    const folder = await testFolder();
    const cache = path.join(folder, 'model.calib');
    await made(cache);
    await expect(prepare({ data: unread, cache, ...option }, facts)).rejects.toMatchObject(
      refused(reason),
    );
    expect(await readFile(cache, 'utf8')).toBe(ofEntropy2);
    expect((await readdir(folder)).sort()).toEqual(['model.calib', 'model.calib.json']);
  });

  it('is another for other values of a shape tensor in the profile', async () => {
    const shape: OnnxInput = { name: 'shape', type: 'int64', dims: [1] };
    const identity = { name: 'm', sha256: 'a'.repeat(64), sizeBytes: 1 };
    const both = [{ ...item, shape: { type: 'int64', data: new BigInt64Array(1), dims: [1] } }];
    const keyFor = async (opt: number) => {
      const values = { min: [1], opt: [opt], max: [9] };
      const option = { data: both, profile: { batch: 4, shape: { values } } };
      return (await prepare(option as never, { model: { identity, inputs: [x, shape] } })).key;
    };
    expect(await keyFor(3)).toBe(await keyFor(3));
    expect(await keyFor(4)).not.toBe(await keyFor(3));
  });

  it('of percentile belongs to its quantile and cutoff', async () => {
    const cache = path.join(await testFolder(), 'model.calib');
    const option = { algorithm: 'percentile', quantile: 0.99 } as const;
    const { key } = await made(cache, option);
    expect((await prepare({ cache, ...option })).key).toBe(key);
    await expect(prepare({ cache, ...option, quantile: 0.9 })).rejects.toMatchObject(
      refused('algorithm'),
    );
    await expect(prepare({ cache, ...option, regressionCutoff: 0.5 })).rejects.toMatchObject(
      refused('algorithm'),
    );
  });

  it('#88 that is not what its description says is refused', async () => {
    const folder = await testFolder();
    const [a, b] = [path.join(folder, 'a'), path.join(folder, 'b')];
    await made(a);
    const prepared = await prepare({ data, cache: b });
    await build(prepared, ofEntropy2.replaceAll('3c010a14', '3d010a14'));
    await prepared.finish();
    await rename(b, a);
    await expect(prepare({ cache: a })).rejects.toMatchObject(refused('malformed'));
  });
});

describe("a cache of another program's", () => {
  const written = async (content: string): Promise<string> => {
    const cache = path.join(await testFolder(), 'model.calib');
    await writeFile(cache, content);
    return cache;
  };

  it('is used where its text fits the model', async () => {
    const modelPath = await modelFile();
    const cache = await written(ofEntropy2);
    const prepared = await prepare({ data: unread, cache }, { modelPath });
    expect(prepared.native.batches).toBeNull();
    // Somebody's JSON beside it is no description.
    await writeFile(`${cache}.json`, '[]');
    expect((await prepare({ cache }, { modelPath })).key).toBe(prepared.key);
    const other = await written(ofEntropy2.replaceAll('3c', '3d'));
    expect((await prepare({ cache: other }, { modelPath })).key).not.toBe(prepared.key);
  });

  it.each([
    ['entropy', 'EntropyCalibration'],
    ['minmax', 'MinMaxCalibration'],
    ['percentile', 'SomeLegacyName'],
  ] as const)('of %s is known by its first line', async (algorithm, name) => {
    const cache = await written(text(`TRT-100600-${name}`, 'x', 'y'));
    const modelPath = await modelFile();
    await expect(prepare({ cache, algorithm }, { modelPath })).resolves.toBeDefined();
    await expect(prepare({ cache }, { modelPath })).rejects.toMatchObject(refused('algorithm'));
  });

  it.each([
    ['nothing', '', 'malformed'],
    ['text', 'scales\n', 'malformed'],
    ['no scale', text('TRT-100600-EntropyCalibration2'), 'malformed'],
    ['a scale that is none', 'TRT-100600-EntropyCalibration2\nx: 0.5\n', 'malformed'],
    ['half a line', ofEntropy2.slice(0, -5), 'malformed'],
    ['a plan', 'ftrt\0\0\0\0', 'malformed'],
    ['another algorithm', text('TRT-100600-MinMaxCalibration', 'x', 'y'), 'algorithm'],
    ['percentile', text('TRT-100600-SomeLegacyName', 'x', 'y'), 'algorithm'],
    ['TensorRT 8.6', text('TRT-8601-EntropyCalibration2', 'x', 'y'), 'version'],
    ['TensorRT 10.3', text('TRT-100300-EntropyCalibration2', 'x', 'y'), 'version'],
    ['no input of the model', text('TRT-100600-EntropyCalibration2', 'y'), 'model'],
    ['tensors of another model', text('TRT-100600-EntropyCalibration2', 'x', 'p', 'q'), 'model'],
  ])('of %s is refused, with data too, and stays', async (_, content, reason) => {
    const cache = await written(content);
    const modelPath = await modelFile();
    await expect(prepare({ data: unread, cache }, { modelPath })).rejects.toMatchObject(
      refused(reason),
    );
    expect(await readFile(cache, 'utf8')).toBe(content);
  });

  it('is refused where its description cannot be read', async () => {
    const cache = await written(ofEntropy2);
    await mkdir(`${cache}.json`);
    await expect(prepare({ cache })).rejects.toMatchObject(refused('malformed'));
  });

  it('may have some tensors of TensorRT’s own, and names with colons', async () => {
    const own = ['(Unnamed Layer* 1) [Constant]_output: 0', 'x'];
    const cache = await written(text('TRT-100600-EntropyCalibration2', ...own));
    await expect(prepare({ cache }, { modelPath: await modelFile() })).resolves.toBeDefined();
  });

  it('need not have inputs of integers', async () => {
    const ids: OnnxInput = { name: 'ids', type: 'int64', dims: ['batch', 2] };
    const range = { min: [1, 2], opt: [1, 2], max: [1, 2] };
    const facts = {
      model: { identity: { name: 'm', sha256: '', sizeBytes: 1 }, inputs: [x, ids] },
      profiles: [{ x: range, ids: range }],
      modelPath: await modelFile(),
    };
    const cache = await written(ofEntropy2);
    await expect(prepare({ cache }, facts)).resolves.toBeDefined();
  });

  it('is not a folder, and not larger than caches are', async () => {
    const folder = await testFolder();
    await expect(prepare({ cache: folder })).rejects.toMatchObject(refused('malformed'));
    const large = path.join(folder, 'large');
    await writeFile(large, '');
    await truncate(large, 2 ** 40);
    await expect(prepare({ cache: large })).rejects.toMatchObject(refused('malformed'));
    const pipe = path.join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await expect(prepare({ cache: pipe })).rejects.toMatchObject(refused('malformed'));
  });
});
