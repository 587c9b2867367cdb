import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { accuracyOf, loadHeldOut, maxRelativeDifference, modelPath } from '../../bench/digits.mjs';
import type { BuildOptions, BuiltEngine, CalibrationOption, TensorInputs } from '../../lib/index';
import { float32Npy, storedZip } from '../support/npy-writer';
import { codeOf, temporaryFolder, trtNode } from './gpu-host';

const heldOut = await loadHeldOut();
const folder = await temporaryFolder();
// Its own: what the builds share shall not be what another file's left behind.
const timingCache = path.join(folder, 'timing.cache');

/** Large batches are where int8 pays. */
const profiles = [{ images: { min: [1, 1, 8, 8], opt: [256, 1, 8, 8], max: [360, 1, 8, 8] } }];
const batch = 32;

/** The calibration samples: a part of the held-out images, as no others are in the repository. */
function* batches(count = 6): Generator<TensorInputs> {
  for (let index = 0; index < count; index += 1) {
    const data = heldOut.images.slice(index * batch * 64, (index + 1) * batch * 64);
    yield { images: { type: 'float32', data, dims: [batch, 1, 8, 8] } };
  }
}

async function* asyncBatches(count?: number): AsyncGenerator<TensorInputs> {
  for (const item of batches(count)) yield await Promise.resolve(item);
}

async function build(
  calibration: CalibrationOption,
  options: BuildOptions = {},
): Promise<BuiltEngine> {
  return await trtNode.buildEngine(modelPath, {
    runtime: 'tensorrt',
    precision: 'int8',
    profiles,
    timingCache,
    calibration: { profile: { batch }, ...calibration },
    ...options,
  });
}

async function logitsOf(built: BuiltEngine): Promise<Float32Array> {
  await using engine = await built.load();
  const images = { type: 'float32', data: heldOut.images, dims: [360, 1, 8, 8] } as const;
  const { logits } = await engine.infer({ images });
  return logits?.data as Float32Array;
}

/** Half a point: one image of 360, as two are 0.56 points. */
function expectAccurate(name: string, logits: Float32Array): void {
  const accuracy = accuracyOf(logits, heldOut.labels);
  console.log(`${name}: accuracy ${accuracy}`);
  expect(heldOut.reference.pytorch.accuracy - accuracy).toBeLessThanOrEqual(0.005);
}

function expectInt8({ manifest }: BuiltEngine): void {
  console.log(`layers by type: ${JSON.stringify(manifest.layerSummary?.byType)}`);
  expect(manifest.layerSummary?.byType['int8'] ?? 0).toBeGreaterThan(0);
}

describe.each(['entropy2', 'entropy', 'minmax', 'percentile'] as const)('by %s', (algorithm) => {
  it('an async iterable gives an int8 engine that is as accurate as float32', async () => {
    const built = await build({ data: asyncBatches(), algorithm });
    expect(built.manifest.calibration).toMatchObject({ algorithm, batches: 6, droppedSamples: 0 });
    expect(built.manifest.calibration?.cacheSha256).toMatch(/^[0-9a-f]{64}$/);
    expectInt8(built);
    expectAccurate(algorithm, await logitsOf(built));
  });
});

describe('a calibration cache', () => {
  const cache = path.join(folder, 'digits.calib');
  const npz = path.join(folder, 'digits.npz');
  it('is made from a .npz file, and then serves alone, with the same scales', async () => {
    const labels = float32Npy([200], Float32Array.from(heldOut.labels.slice(0, 200)));
    const images = float32Npy([200, 1, 8, 8], heldOut.images.slice(0, 200 * 64));
    const entries = [
      { name: 'labels.npy', data: labels },
      { name: 'images.npy', data: images },
    ];
    await fs.writeFile(npz, storedZip(entries));
    const first = await build({ data: npz, cache });
    const record = first.manifest.calibration;
    expect(record).toMatchObject({ batches: 6, droppedSamples: 8 });
    const text = await fs.readFile(cache, 'utf8');
    expect(text).toMatch(/^TRT-1006\d\d-EntropyCalibration2\n/);
    expect(text).toMatch(/^images: [0-9a-f]{8}$/m);
    const logits = await logitsOf(first);
    expectAccurate('.npz', logits);

    const second = await build({ cache });
    expect(second.manifest.calibration).toEqual({
      ...record,
      batches: 0,
      droppedSamples: 0,
      dataSha256: null,
    });
    expectInt8(second);
    expect(maxRelativeDifference(await logitsOf(second), logits)).toBeLessThan(1e-2);
    expect(await fs.readFile(cache, 'utf8')).toBe(text);
  });

  it("is used without a word of ours beside it, as Polygraphy's is", async () => {
    const bare = path.join(folder, 'bare.calib');
    await fs.copyFile(cache, bare);
    const unread = (): never => {
      throw new Error('the data must not be read');
    };
    const built = await build({ data: unread, cache: bare });
    expect(built.manifest.calibration?.batches).toBe(0);
    expectAccurate('bare cache', await logitsOf(built));
  });

  it('of another model, algorithm or TensorRT is refused, and stays', async () => {
    const text = await fs.readFile(cache, 'utf8');
    const other = path.join(folder, 'other.calib');
    const refused = async (content: string, calibration: CalibrationOption = {}) => {
      await fs.writeFile(other, content);
      const outcome = await codeOf(build({ cache: other, ...calibration }));
      expect(await fs.readFile(other, 'utf8')).toBe(content);
      return outcome;
    };
    const code = 'ERR_TRT_CALIBRATION_CACHE';
    expect(await refused(text, { algorithm: 'minmax' })).toBe(code);
    expect(await refused(text.replace('TRT-100', 'TRT-101'))).toBe(code);
    expect(await refused(text.replace(/^images/m, 'pictures'))).toBe(code);
    expect(await refused('no cache')).toBe(code);
    expect(await codeOf(build({ cache, algorithm: 'entropy' }))).toBe(code);
    expect(await codeOf(build({ cache: path.join(folder, 'nowhere') }))).toBe(
      'ERR_TRT_CALIBRATION_REQUIRED',
    );
  });
});

describe('calibration data', () => {
  it('that throws in its third batch ends the build with that error as the cause', async () => {
    const mistake = new Error('the camera is off');
    let left = false;
    const data = async function* () {
      try {
        yield* asyncBatches(2);
        throw mistake;
      } finally {
        left = true;
      }
    };
    const cache = path.join(folder, 'thrown.calib');
    await expect(build({ data, cache })).rejects.toMatchObject({
      code: 'ERR_TRT_CALIBRATION_DATA',
      cause: mistake,
      details: { item: 2 },
    });
    expect(left).toBe(true);
    await expect(fs.access(cache)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('or a cache must be there, as the model has no Q/DQ nodes', async () => {
    const building = trtNode.buildEngine(modelPath, {
      runtime: 'tensorrt',
      precision: 'int8',
      profiles,
    });
    expect(await codeOf(building)).toBe('ERR_TRT_CALIBRATION_REQUIRED');
  });

  it('is read while the event loop turns, and told of', async () => {
    let last = performance.now();
    let longest = 0;
    const timer = setInterval(() => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }, 1);
    const phases = new Set<string>();
    const many = Float32Array.from(
      { length: 25_600 * 64 },
      (_, i) => heldOut.images[i % 11_520] ?? 0,
    );
    last = performance.now();
    const built = await build(
      {
        data: [{ images: { type: 'float32', data: many, dims: [25_600, 1, 8, 8] } }],
        profile: { batch: 256 },
      },
      { onProgress: ({ phase }) => phases.add(phase) },
    );
    clearInterval(timer);
    console.log(`longest gap of a 1 ms timer: ${longest.toFixed(1)} ms`);
    expect(built.manifest.calibration?.batches).toBe(100);
    expect(phases).toContain('Reading calibration batches');
    expect(longest).toBeLessThan(100);
  });
});
