import fs from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  accuracyOf,
  batchOf,
  loadHeldOut,
  maxRelativeDifference,
  modelPath,
  profiles,
} from '../../bench/digits.mjs';
import { measureMemory } from '../../bench/memory.mjs';
import type { BuiltEngine, Engine, Precision } from '../../lib/index';
import { codeOf, loadBinding, temporaryFolder, trtNode } from './gpu-host';

const heldOut = await loadHeldOut();
const folder = await temporaryFolder();

async function build(name: string, precision?: Precision): Promise<BuiltEngine> {
  return trtNode.buildEngine(modelPath, {
    runtime: 'tensorrt',
    profiles,
    output: path.join(folder, `${name}.engine`),
    ...(precision === undefined ? {} : { precision }),
  });
}

async function logitsOf(engine: Engine, from = 0, count = heldOut.count): Promise<Float32Array> {
  const data = heldOut.images.slice(from * 64, (from + count) * 64);
  const { logits } = await engine.infer({
    images: { type: 'float32', data, dims: [count, 1, 8, 8] },
  });
  expect(logits?.dims).toEqual([count, 10]);
  return logits?.data as Float32Array;
}

// The bars: max|a−b| / max|b| over the logits, and accuracy within 0.2 points of PyTorch's.
describe.each([
  { name: 'fp32', precision: 'fp32' as const, bar: 1e-4 },
  { name: 'fp16', precision: 'fp16' as const, bar: 1e-2 },
  { name: 'tf32', precision: 'tf32' as const, bar: 1e-2 },
  { name: 'typed', precision: undefined, bar: 1e-2 },
])('digits in $name', ({ name, precision, bar }) => {
  let built: BuiltEngine;
  beforeAll(async () => {
    built = await build(name, precision);
  });

  it('agrees with PyTorch', async () => {
    await using engine = await built.load();
    const logits = await logitsOf(engine);
    const difference = maxRelativeDifference(logits, heldOut.referenceLogits);
    const accuracy = accuracyOf(logits, heldOut.labels);
    console.log(`${name}: accuracy ${accuracy}, max|a-b|/max|b| ${difference.toExponential(3)}`);
    expect(difference).toBeLessThan(bar);
    expect(Math.abs(accuracy - heldOut.reference.pytorch.accuracy)).toBeLessThanOrEqual(0.002);
  });

  it('is described by its manifest', async () => {
    const { manifest } = built;
    expect(manifest.flavour).toBe('tensorrt');
    expect(manifest.gpu?.computeCapability).toBe(manifest.computeCapabilities[0]);
    expect(manifest.driver).toMatch(/^\d+\./);
    expect(manifest.network.layers.map(({ type }) => type)).toContain('Convolution');
    expect(manifest.layers?.length).toBeGreaterThan(0);
    expect(manifest.buildSeconds).toBeGreaterThan(0);
    const onDisk = JSON.parse(await fs.readFile(`${built.path}.json`, 'utf8')) as unknown;
    expect(onDisk).toEqual(manifest);
  });
});

describe('a loaded engine', () => {
  let built: BuiltEngine;
  let engine: Engine;
  beforeAll(async () => {
    built = await build('loaded', 'fp32');
    engine = await trtNode.loadEngine(built.path as string);
    return () => engine.close();
  });

  it('takes every batch of its profile, and no other', async () => {
    const whole = await logitsOf(engine);
    for (const count of [1, 5, 64, 359]) {
      const part = await logitsOf(engine, 0, count);
      expect(maxRelativeDifference(part, whole.slice(0, count * 10))).toBeLessThan(1e-5);
    }
    const tooMany = { type: 'float32', data: new Float32Array(361 * 64), dims: [361, 1, 8, 8] };
    expect(await codeOf(engine.infer({ images: tooMany as never }))).toBe('ERR_TRT_INPUT_DIMS');
  });

  it('gives the same synchronously, timed and from bytes', async () => {
    const one = batchOf(heldOut, 8);
    const { logits } = await engine.infer({ images: one });
    expect(engine.inferSync({ images: one })['logits']?.data).toEqual(logits?.data);
    const { outputs, timing } = await engine.inferTimed({ images: one });
    expect(outputs['logits']?.data).toEqual(logits?.data);
    for (const name of ['queue', 'enqueue', 'h2d', 'compute', 'd2h'] as const) {
      expect(timing[name], name).toBeGreaterThan(name === 'queue' ? -1e-9 : 0);
    }
    expect(timing.total).toBeGreaterThanOrEqual(timing.h2d + timing.compute + timing.d2h);

    await using fromBytes = await trtNode.loadEngine(await built.bytes(), {
      manifest: built.manifest,
    });
    expect(fromBytes.integrity).toBe('digest');
    expect((await fromBytes.infer({ images: one }))['logits']?.data).toEqual(logits?.data);
  });

  it('#41 answers a thousand requests at once, each with its own result', async () => {
    const whole = await logitsOf(engine);
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => logitsOf(engine, i % heldOut.count, 1)),
    );
    answers.forEach((answer, i) => {
      const row = i % heldOut.count;
      const expected = whole.slice(row * 10, row * 10 + 10);
      expect(maxRelativeDifference(answer, expected)).toBeLessThan(1e-4);
    });
  });

  it('copies back only the outputs asked for', async () => {
    const outputs = await engine.infer({ images: batchOf(heldOut, 1) }, { outputs: [] });
    expect(Object.keys(outputs)).toEqual([]);
  });

  it('lends large outputs from pinned memory and takes them back', async () => {
    // 360 × 10 float32 is 14 KiB, copied; nothing here reaches 64 KiB, so the types test covers that path.
    const result = await logitsOf(engine);
    expect(result.byteOffset).toBe(0);
    expect(result.buffer.byteLength).toBe(360 * 10 * 4);
  });

  it('takes no device memory over a thousand inferences', async () => {
    const memory = await measureMemory(
      engine,
      { images: batchOf(heldOut, 64) },
      (device) => loadBinding().deviceMemory(device),
      1000,
    );
    console.log(`device memory taken by 1,000 inferences: ${memory.takenMiB} MiB`);
    expect(Math.abs(memory.takenMiB)).toBeLessThanOrEqual(2);
  });

  it('gives its device memory back when it is closed', async () => {
    const free = async () => (await loadBinding().deviceMemory(0)).freeBytes;
    const cycle = async () => {
      const other = await built.load();
      await other.infer({ images: batchOf(heldOut, 64) });
      await other.close();
    };
    await cycle();
    const before = await free();
    for (let i = 0; i < 20; ++i) await cycle();
    expect(before - (await free())).toBeLessThanOrEqual(2 << 20);
  });

  it('finishes what was submitted before close({ drain: true }), and refuses what comes later', async () => {
    const other = await built.load();
    const pending = Array.from({ length: 100 }, () => other.infer({ images: batchOf(heldOut, 1) }));
    const closing = other.close({ drain: true });
    expect(other.close()).toBe(closing);
    const late = codeOf(other.infer({ images: batchOf(heldOut, 1) }));
    const settled = await Promise.allSettled(pending);
    expect(settled.every(({ status }) => status === 'fulfilled')).toBe(true);
    await closing;
    expect(await late).toBe('ERR_TRT_ENGINE_CLOSED');
    expect(() => other.inferSync({ images: batchOf(heldOut, 1) })).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_ENGINE_CLOSED' }),
    );
    expect(await codeOf(other.inspect())).toBe('ERR_TRT_ENGINE_CLOSED');
  });

  it('#28 #29 #30 #31 tells bad input by code', async () => {
    const image = batchOf(heldOut, 1);
    const cases: [unknown, string][] = [
      [{ image }, 'ERR_TRT_INPUT_UNKNOWN'],
      [{}, 'ERR_TRT_INPUT_MISSING'],
      [{ images: { ...image, type: 'int32', data: new Int32Array(64) } }, 'ERR_TRT_INPUT_TYPE'],
      [{ images: { ...image, dims: [1, 64] } }, 'ERR_TRT_INPUT_DIMS'],
      [{ images: { ...image, dims: [1, 1, 4, 16] } }, 'ERR_TRT_INPUT_DIMS'],
      [{ images: { ...image, data: new Float32Array(63) } }, 'ERR_TRT_INPUT_LENGTH'],
    ];
    for (const [inputs, code] of cases) {
      expect(await codeOf(engine.infer(inputs as never))).toBe(code);
    }
    expect(await codeOf(engine.infer({ images: image }, { outputs: ['nope'] }))).toBe(
      'ERR_TRT_OUTPUT_UNKNOWN',
    );
    expect((await engine.infer({ images: image }))['logits']?.dims).toEqual([1, 10]);
  });

  it('shows its layers', async () => {
    expect(JSON.stringify(await engine.inspect())).toContain('Layers');
  });
});
