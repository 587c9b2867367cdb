import { execFile } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { failure, root } from '../support/native-host';
import {
  buildOnStub,
  freshFolder,
  identityModel,
  stubParsers,
  writtenModel,
} from '../support/stub-build';
import { held, nothingHeld, stubDriver, stubLibraries } from '../support/stub-host';
import type { TinyModel } from '../support/onnx-writer';

afterEach(() => {
  expect(held()).toEqual(nothingHeld);
});

const abis = ['v10', 'v11'] as const;
type Abi = (typeof abis)[number];

/** A model whose only kernel is called so: the stub times one for each layer, by name, dims and type. */
const modelNamed = (name: string): TinyModel => ({
  ...identityModel,
  nodes: [{ op: 'Identity', name, inputs: ['x'], outputs: ['y'] }],
});

const profiles = [{ x: { min: [1, 4], opt: [2, 4], max: [8, 4] } }];

const buildWith = (abi: Abi, file: string, name: string, reproducible = false) =>
  buildOnStub(abi, {
    ...{ model: modelNamed(name), profiles },
    timingCache: { path: file, reproducible },
  });

const cacheFile = async (): Promise<string> => path.join(await freshFolder(), 'timing.cache');

/** Names of the kernels in a stub's timing cache. */
async function kernelsIn(file: string): Promise<string[]> {
  const lines = (await readFile(file, 'utf8')).split('\n');
  return lines.slice(2, -2).map((line) => line.split(' [')[0] ?? '');
}

describe.each(abis)('the timing cache on %s', (abi) => {
  it('is made, and spares the next build its measurements', async () => {
    const file = await cacheFile();
    const first = await buildWith(abi, file, 'a');
    expect(first.record.timingCache).toMatchObject({
      hits: [],
      misses: [expect.stringMatching(/^a /)],
    });
    const { size } = await stat(file);
    expect(first.result.timingCache).toEqual({
      ...{ loadedBytes: 0, savedBytes: size, warning: null, sha256: null },
    });
    const second = await buildWith(abi, file, 'a');
    expect(second.record.timingCache).toMatchObject({
      hits: [expect.stringMatching(/^a /)],
      misses: [],
    });
    expect(second.result.timingCache).toMatchObject({ loadedBytes: size, warning: null });
  });

  it('grows by what each build learns', async () => {
    const file = await cacheFile();
    for (const name of ['a', 'b', 'c']) await buildWith(abi, file, name);
    expect(await kernelsIn(file)).toEqual(['a', 'b', 'c']);
  });

  it('#27 is begun anew, with a warning, when it is damaged', async () => {
    const file = await cacheFile();
    await writeFile(file, 'no timing cache at all');
    const { result } = await buildWith(abi, file, 'a');
    expect(result.timingCache?.warning).toContain(file);
    expect(result.timingCache).toMatchObject({ loadedBytes: 0, sha256: null });
    expect(await kernelsIn(file)).toEqual(['a']);
  });

  it('#27 is begun anew, with a warning, when another version or GPU made it', async () => {
    const file = await cacheFile();
    await buildWith(abi, file, 'a');
    const foreign = (await readFile(file, 'utf8')).replace('Stub GPU', 'Other GPU');
    await writeFile(file, foreign);
    const { result, record } = await buildWith(abi, file, 'a');
    expect(result.timingCache?.warning).toContain(file);
    expect(record.timingCache).toMatchObject({ hits: [] });
    expect(await readFile(file, 'utf8')).toContain('Stub GPU');
    const again = await buildWith(abi, file, 'a');
    expect(again.result.timingCache?.warning).toBeNull();
  });

  describe('reproducible', () => {
    it('takes every kernel from it, and leaves it as it is', async () => {
      const file = await cacheFile();
      await buildWith(abi, file, 'a');
      const before = await readFile(file);
      const { record, result } = await buildWith(abi, file, 'a', true);
      expect(record.flags).toContain('ERROR_ON_TIMING_CACHE_MISS');
      expect(record.timingCache?.misses).toEqual([]);
      expect(result.timingCache).toMatchObject({ savedBytes: 0 });
      expect(await readFile(file)).toEqual(before);
    });

    it('#27 a kernel that is not in it is an error', async () => {
      const file = await cacheFile();
      await buildWith(abi, file, 'a');
      const before = await readFile(file);
      const error = await failure('ERR_TRT_TIMING_CACHE', buildWith(abi, file, 'b', true));
      expect(error.details).toMatchObject({ reason: 'miss' });
      expect(await readFile(file)).toEqual(before);
    });

    it('#27 a cache that is missing, or does not fit, is an error', async () => {
      const file = await cacheFile();
      const missing = await failure('ERR_TRT_TIMING_CACHE', buildWith(abi, file, 'a', true));
      expect(missing.details).toMatchObject({ reason: 'missing', path: file });
      await writeFile(file, 'no timing cache at all');
      const mismatch = await failure('ERR_TRT_TIMING_CACHE', buildWith(abi, file, 'a', true));
      expect(mismatch.details).toMatchObject({ reason: 'mismatch', path: file });
    });
  });
});

describe('the timing cache between processes', () => {
  const run = promisify(execFile);

  /** Builds in a process of its own, which takes long enough for others to begin meanwhile. */
  async function buildElsewhere(file: string, name: string): Promise<void> {
    const model = await writtenModel(modelNamed(name));
    const request = {
      library: { core: stubLibraries.v10, parser: stubParsers.v10 },
      ...{ model: model.path, modelSha256: model.sha256, externalData: null },
      ...{ stage: await freshFolder(), planPath: path.join(await freshFolder(), 'plan') },
      ...{ device: 0, tf32: null, typing: 'strong', precisions: [], calibration: null },
      ...{ profiles, computeCapabilities: [], optimizationLevel: null, memoryPools: {} },
      timingCache: { path: file, reproducible: false },
      ...{ plugins: [], standardPlugins: false },
    };
    const script =
      `const { loadBinding } = require(${JSON.stringify(path.join(root, 'dist', 'binding.js'))});` +
      `const { defaultTuning } = require(${JSON.stringify(path.join(root, 'dist', 'builder-tuning.js'))});` +
      `loadBinding().build({ ...${JSON.stringify(request)}, tuning: defaultTuning }, () => {}).then(() => {},` +
      ` (error) => { console.error(error); process.exitCode = 1; });`;
    await run(process.execPath, ['-e', script], {
      env: { ...process.env, LD_LIBRARY_PATH: stubDriver, TRT_NODE_STUB_STEP_US: '100000' },
    });
  }

  it('#84 what builds learn at the same time is merged: nobody overwrites anybody', async () => {
    const file = await cacheFile();
    await buildWith('v10', file, 'before');
    const names = ['one', 'two', 'three', 'four'];
    await Promise.all(names.map((name) => buildElsewhere(file, name)));
    expect((await kernelsIn(file)).sort()).toEqual([...names, 'before'].sort());
  });
});
