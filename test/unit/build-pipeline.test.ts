import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { NativeBuildResult, NativeDriver } from '../../lib/binding';
import type { BuildMachine } from '../../lib/build';
import { TrtError } from '../../lib/errors';
import { readManifest } from '../../lib/manifest';
import { checkedVerificationKey, signatureProblem } from '../../lib/signature/verify';
import {
  buildOn,
  fakeBuildMachine,
  freshBuildFolders,
  noDriver,
  type SeenBuilds,
} from '../support/fake-build-machine';
import { digestOf } from '../support/manifests';
import { usable } from './fake-discovery';

const folders = freshBuildFolders();
let seen: SeenBuilds;
let output: string;

const h200: NativeDriver = {
  status: 'ok',
  message: '',
  path: '/lib/libcuda.so.1',
  cudaError: 0,
  cudaVersion: '13.0',
  driverVersion: '580.159.04',
  gpus: [
    {
      index: 0,
      name: 'NVIDIA H200',
      computeCapability: '9.0',
      uuid: 'GPU-0',
      memoryTotalBytes: 2 ** 37,
    },
  ],
};

beforeEach(() => {
  seen = { requests: [], lent: [] };
  output = path.join(folders.folder, 'digits.engine');
});

/** TensorRT 10.6 with files that are there, on a GPU or without. */
async function machine(
  driver = h200,
  flavour: 'tensorrt' | 'tensorrt-rtx' = 'tensorrt',
  outcome: Partial<NativeBuildResult> = {},
): Promise<BuildMachine> {
  const folder = path.join(folders.folder, 'lib');
  await mkdir(folder, { recursive: true });
  const files = { core: path.join(folder, 'core.so'), parser: path.join(folder, 'parser.so') };
  for (const file of Object.values(files)) await writeFile(file, 'a library');
  const version = flavour === 'tensorrt' ? '10.6.0' : '1.7.1';
  return fakeBuildMachine(seen, [usable(flavour, version, { files })], driver, outcome);
}

const samples = (): Iterable<Record<string, object>> =>
  [1, 2].map((value) => ({
    images: { type: 'float32', data: new Float32Array(8 * 64).fill(value), dims: [8, 1, 8, 8] },
  }));

describe('a calibrated build', () => {
  it('gives TensorRT the batches as files that are gone afterwards', async () => {
    const built = await buildOn(await machine(), {
      output,
      timingCache: false,
      precision: ['int8', 'fp16'],
      calibration: { data: samples() as never },
    });
    const [request] = seen.requests;
    expect(request?.precisions).toEqual(['fp16', 'int8']);
    expect(request?.calibration?.batches?.count).toBe(2);
    expect(built.manifest.calibration).toMatchObject({ algorithm: 'entropy2', batches: 2 });
    expect(built.manifest.options['precision']).toEqual(['fp16', 'int8']);
  });

  it('ends with the error of the iterable as the cause, before TensorRT is asked', async () => {
    const broken = new Error('no more images');
    function* failing(): Generator<never> {
      if (broken.message !== '') throw broken;
      yield* [];
    }
    const building = buildOn(await machine(), {
      output,
      precision: 'int8',
      timingCache: false,
      calibration: { data: failing() },
    });
    await expect(building).rejects.toMatchObject({
      code: 'ERR_TRT_CALIBRATION_DATA',
      cause: broken,
    });
    expect(seen.requests).toEqual([]);
  });
});

describe('a build with plugins', () => {
  it('says so where one was replaced meanwhile: its manifest would tell of another', async () => {
    const plugin = path.join(folders.folder, 'libplugin.so');
    await writeFile(plugin, 'the plugin');
    const real = await machine();
    let replace = true;
    const replacing: BuildMachine = {
      ...real,
      build: async (...parameters) => {
        if (replace) await writeFile(plugin, 'another one');
        return await real.build(...parameters);
      },
    };
    const options = { output, plugins: [plugin], timingCache: false };
    await expect(buildOn(replacing, options)).rejects.toMatchObject({
      code: 'ERR_TRT_PLUGIN',
      details: { reason: 'digest', path: plugin },
    });
    expect((await readdir(folders.folder)).sort()).toEqual(['lib', 'libplugin.so']);
    replace = false;
    const { manifest } = await buildOn(replacing, options);
    expect(manifest.plugins).toEqual([{ name: 'libplugin.so', ...digestOf('another one') }]);
  });
});

describe('a signed build', () => {
  it('publishes a manifest that the public key confirms', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const options = { output, signingKey: { key: privateKey, keyId: 'ci' }, timingCache: false };
    const built = await buildOn(await machine(), options);
    const published = await readManifest(`${output}.json`);
    expect(published).toEqual(built.manifest);
    expect(published?.signature?.keyId).toBe('ci');
    const keys = checkedVerificationKey(publicKey) ?? [];
    expect(published && signatureProblem(published, keys)).toBeNull();
    expect(published && signatureProblem({ ...published, labels: { a: 'b' } }, keys)).toBe(
      'mismatch',
    );
  });
});

describe('a cached build', () => {
  it('asks TensorRT once, and describes what it gives out anew', async () => {
    const cache = path.join(folders.folder, 'cache');
    const options = { cache, timingCache: false };
    const first = await buildOn(await machine(), { ...options, output, labels: { run: '1' } });
    const second = await buildOn(await machine(), { ...options, labels: { run: '2' } });
    expect(seen.requests).toHaveLength(1);
    expect(first.manifest.cacheKey).toMatch(/^[0-9a-f]{64}$/);
    expect(second.manifest.cacheKey).toBe(first.manifest.cacheKey);
    expect(second.manifest.labels).toEqual({ run: '2' });
    expect(second.path?.startsWith(cache)).toBe(true);
    expect(await readFile(second.path ?? '', 'utf8')).toBe('the plan');
    await buildOn(await machine(), { ...options, optimizationLevel: 1 });
    expect(seen.requests).toHaveLength(2);
  });

  it('#87 is another one with another driver, where NVML is missing too', async () => {
    const options = { cache: path.join(folders.folder, 'cache'), timingCache: false };
    const without = { ...h200, driverVersion: null };
    await buildOn(await machine(without), options);
    await buildOn(await machine(without), options);
    expect(seen.requests).toHaveLength(1);
    await buildOn(await machine({ ...without, cudaVersion: '12.8' }), options);
    expect(seen.requests).toHaveLength(2);
  });

  it('#83 is calibrated again where the cache’s disk is full at its end', async () => {
    const cache = path.join(folders.folder, 'cache');
    const whole = await machine();
    let full = true;
    const build: BuildMachine['build'] = async (request, options, isolation) => {
      // As the addon does, which must not find a file there.
      await writeFile(request.calibration?.cacheOut ?? '', 'scales', { flag: 'wx' });
      if (!full) return await whole.build(request, options, isolation);
      full = false;
      const details = { path: request.planPath, errno: 'ENOSPC' };
      throw new TrtError('ERR_TRT_WRITE', 'no space left', { details });
    };
    const calibration = { data: samples() as never };
    const options = { cache, timingCache: false, precision: 'int8' as const, calibration };
    const built = await buildOn({ ...whole, build }, { ...options, onProgress: () => undefined });
    expect(built.path).toBeUndefined();
    expect(built.manifest.calibration?.cacheSha256).toBe(digestOf('scales').sha256);
  });

  it('that is reproducible is not kept where its timing cache was written to meanwhile', async () => {
    const cache = path.join(folders.folder, 'cache');
    const timingCache = path.join(folders.folder, 'timings');
    await writeFile(timingCache, 'timings');
    const read = async (text: string) => {
      const use = { loadedBytes: 7, savedBytes: 0, warning: null, sha256: digestOf(text).sha256 };
      return await machine(h200, 'tensorrt', { timingCache: use });
    };
    const options = { cache, timingCache, reproducible: true };
    await expect(buildOn(await read('more timings'), options)).rejects.toMatchObject({
      code: 'ERR_TRT_TIMING_CACHE',
      details: { reason: 'changed', path: timingCache },
    });
    await buildOn(await read('timings'), options);
    expect(seen.requests).toHaveLength(2);
  });

  it('signs what it gives out, and trusts no entry that the key did not sign', async () => {
    const cache = path.join(folders.folder, 'cache');
    const options = { cache, timingCache: false };
    await buildOn(await machine(), options);
    const signingKey = new Uint8Array(32).fill(5);
    const signed = await buildOn(await machine(), { ...options, signingKey });
    expect(seen.requests).toHaveLength(2);
    const again = await buildOn(await machine(), { ...options, signingKey, labels: { a: 'b' } });
    expect(seen.requests).toHaveLength(2);
    const keys = checkedVerificationKey(signingKey) ?? [];
    expect(signatureProblem(signed.manifest, keys)).toBeNull();
    expect(signatureProblem(again.manifest, keys)).toBeNull();
  });
});

describe('a build that is to be verified', () => {
  it('is refused before TensorRT starts where no GPU can run it', async () => {
    const building = buildOn(await machine(noDriver, 'tensorrt-rtx'), {
      output,
      computeCapabilities: ['8.6'],
      verify: { cases: [] },
    });
    await expect(building).rejects.toMatchObject({ code: 'ERR_TRT_NO_GPU' });
    expect(seen.requests).toEqual([]);
  });
});

it('leaves nothing but what was published', async () => {
  await buildOn(await machine(), { output, timingCache: false });
  expect((await readdir(folders.folder)).sort()).toEqual([
    'digits.engine',
    'digits.engine.json',
    'lib',
  ]);
});
