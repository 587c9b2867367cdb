import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BuiltEngine, Engine, LoadOptions } from '../../lib/index';
import { layersModel } from '../support/weighted-models';
import { loadBinding, temporaryFolder, trtNode } from './gpu-host';

const MiB = 2 ** 20;
const lanes = 2;
/** 141 MiB of weights, and up to 16,384 rows of 4096 floats between the layers: next to these, pages and kernels are small. */
const widths = [512, 4096, 4096, 4096, 512];
const rows = 16_384;

/** Each layer has weights of its own, so that TensorRT cannot keep one copy of equal ones. */
const weights = Object.fromEntries(
  widths.slice(1).flatMap((columns, i) => {
    const from = widths[i] ?? 0;
    const value = (i + 1) / (8 * from);
    return [
      [`W${i + 1}`, new Float32Array(from * columns).fill(value)],
      [`b${i + 1}`, new Float32Array(columns).fill(i)],
    ];
  }),
);

/** What a row of ones becomes: every element of it is the same, as is every element of a layer's weights. */
const expected = widths.slice(1).reduce((x, _, i) => (x * (i + 1)) / 8 + i, 1);

let built: BuiltEngine;
beforeAll(async () => {
  const model = path.join(await temporaryFolder(), 'layers.onnx');
  await writeFile(model, layersModel(widths, weights));
  const range = { min: [1, 512], opt: [64, 512], max: [rows, 512] };
  built = await trtNode.buildEngine(model, {
    runtime: 'tensorrt',
    optimizationLevel: 0,
    profiles: [{ x: range }],
  });
}, 300_000);

const engines: Engine[] = [];
afterAll(() => Promise.all(engines.map((engine) => engine.close())));
async function load(options: LoadOptions): Promise<Engine> {
  const engine = await built.load(options);
  engines.push(engine);
  return engine;
}

const ones = (count: number) =>
  ({ type: 'float32', data: new Float32Array(count * 512).fill(1), dims: [count, 512] }) as const;

async function inferRow(engine: Engine, count: number): Promise<void> {
  const { y } = await engine.infer({ x: ones(count) });
  const data = y?.data as Float32Array;
  expect(data).toHaveLength(count * 512);
  for (const at of [0, 511, data.length - 1]) expect(data[at]).toBeCloseTo(expected, 2);
}

const usedBytes = async (): Promise<number> => {
  const { freeBytes, totalBytes } = await loadBinding().deviceMemory(0);
  return totalBytes - freeBytes;
};

describe('memory', () => {
  it('is estimated to within 5 % of what CUDA says is taken', async () => {
    const estimate = await trtNode.estimateMemory(built, { lanes });
    // Once for the process: CUDA's own, and the code of the kernels.
    const warm = await load({ lanes: 1, graphs: 'off' });
    await inferRow(warm, rows);
    await warm.close();
    const before = await usedBytes();
    const engine = await load({ lanes, graphs: 'off' });
    // Both lanes have to run the largest dims, so that both have taken memory for them.
    await engine.warmup({ x: [rows, 512] });
    const taken = (await usedBytes()) - before;
    const measured = engine.memory();
    await engine.close();

    const told = `estimated ${JSON.stringify(estimate)}, measured ${JSON.stringify(measured)}, CUDA says ${taken}`;
    console.log(told);
    expect(estimate.weights, told).toBeGreaterThan(140 * MiB);
    const close = (a: number, b: number): boolean => Math.abs(a - b) <= 0.05 * Math.max(a, b);
    expect(close(estimate.deviceBytes, measured.deviceBytes), told).toBe(true);
    expect(close(estimate.deviceBytes, taken), told).toBe(true);
    for (const part of ['weights', 'contexts', 'bindings'] as const) {
      // Of small parts the rounding is more than 5 %.
      if (measured[part] > 50 * MiB)
        expect(close(estimate[part], measured[part]), `${part}: ${told}`).toBe(true);
    }
  });

  it('of contexts is taken once where four lanes share it, and their results are right', async () => {
    const engine = await load({ lanes: 4, contextMemory: 'shared' });
    const separate = await trtNode.estimateMemory(built, { lanes: 4 });
    const { contexts } = engine.memory();
    expect(contexts).toBeLessThan(separate.contexts / 2);
    for (let round = 0; round < 3; round += 1) {
      await Promise.all([64, 100, 7, 512, 33, 64, 100, 1].map((count) => inferRow(engine, count)));
    }
    await engine.close();
  });
});

describe('engine.profile()', () => {
  it('times layers that the inspector knows, whose sum is near the time of the whole', async () => {
    const engine = await load({ lanes: 1 });
    const profile = await engine.profile({ shapes: { x: [1024, 512] }, iterations: 20 });
    console.log(profile.toTable());
    expect(profile.layers.length).toBeGreaterThanOrEqual(4);
    const known = new Set((await engine.inspect()).layers.map(({ name }) => name));
    expect(profile.layers.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([]);
    const sum = profile.layers.reduce((total, { medianMs }) => total + medianMs, 0);
    expect(sum).toBeGreaterThan(0.7 * profile.compute.medianMs);
    expect(sum).toBeLessThan(1.3 * profile.compute.medianMs);
    // And near what an inference without a profiler takes: 1024 rows keep the GPU busy for longer than events do.
    await inferRow(engine, 1024);
    const { timing } = await engine.inferTimed({ x: ones(1024) });
    expect(sum).toBeGreaterThan(0.5 * timing.compute);
    expect(sum).toBeLessThan(2 * timing.compute);
    await engine.close();
  });

  it('leaves the engine as it was', async () => {
    const engine = await load({ lanes: 2 });
    const before = engine.memory();
    await engine.profile({ iterations: 3, warmup: 1 });
    expect(engine.memory()).toEqual(before);
    await inferRow(engine, 64);
    await engine.close();
  });
});

it('engine.inspect() tells layers with types, dims, kernels and nodes', async () => {
  const engine = await load({ lanes: 1 });
  const { layers, bindings, raw } = await engine.inspect();
  await engine.close();
  expect(bindings).toEqual(expect.arrayContaining(['x', 'y']));
  expect(raw).toHaveProperty('Layers');
  const outputs = layers.flatMap((layer) => layer.outputs);
  const last = outputs.find(({ name }) => name === 'y');
  // TensorRT 10.6 leaves the axis of the profile open.
  expect(last).toMatchObject({ dims: [-1, 512], type: 'float32' });
  expect(new Set(layers.flatMap(({ nodes }) => nodes))).toContain('m1');
  expect(layers.some(({ tactic }) => tactic !== null)).toBe(true);
});

it('NVTX ranges on request change no result', async () => {
  const engine = await load({ lanes: 1, nvtx: true });
  await inferRow(engine, 64);
  await engine.close();
});
