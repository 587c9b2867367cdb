import fs from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { maxRelativeDifference } from '../../bench/digits.mjs';
import type { BuildOptions, BuiltEngine, Engine } from '../../lib/index';
import { nms } from '../support/nms-model';
import { writeOnnx } from '../support/onnx-writer';
import { layersModel, layersOutput, rowsOf, weightsOf } from '../support/weighted-models';
import { codeOf, loadBinding, temporaryFolder, trtNode } from './gpu-host';

const folder = await temporaryFolder();

const rows = 8;
const profiles = [{ n: [1, rows, rows] as const }];

// W1 and W2 are most of the plan: 4.6 MiB.
const widths = [64, 16_384, 10];
const ours = weightsOf(widths, 1);
const others = weightsOf(widths, 2);
const x = rowsOf(rows, 64);
const expected = {
  ours: Float32Array.from(layersOutput(widths, ours, x)),
  others: Float32Array.from(layersOutput(widths, others, x)),
};
/** Float32 sums of 16,384 products against float64 ones. */
const bar = 1e-4;

// Six matrices of 16 MiB.
const wideWidths = Array.from({ length: 7 }, () => 2048);

const models = {
  ours: path.join(folder, 'ours.onnx'),
  others: path.join(folder, 'others.onnx'),
  narrower: path.join(folder, 'narrower.onnx'),
  wide: path.join(folder, 'wide.onnx'),
  nms: path.join(folder, 'nms.onnx'),
};

const builds = {
  refittable: { model: models.ours, refit: 'all' },
  stripped: { model: models.ours, stripPlan: true },
  strippedOfAny: { model: models.ours, stripPlan: true, refit: true },
  others: { model: models.others },
  wide: { model: models.wide, weightStreaming: true },
  nms: { model: models.nms, standardPlugins: true, profiles: undefined },
} as const satisfies Record<string, BuildOptions & { model: string }>;
type Name = keyof typeof builds;

const building = new Map<Name, Promise<BuiltEngine>>();
const plan = (name: Name): Promise<BuiltEngine> => building.get(name) as Promise<BuiltEngine>;

beforeAll(async () => {
  await fs.writeFile(models.ours, layersModel(widths, ours));
  await fs.writeFile(models.others, layersModel(widths, others));
  const narrower = [64, 1024, 10];
  await fs.writeFile(models.narrower, layersModel(narrower, weightsOf(narrower, 3)));
  await fs.writeFile(models.wide, layersModel(wideWidths, weightsOf(wideWidths, 4)));
  await fs.writeFile(models.nms, writeOnnx(nms));
  for (const [name, { model, ...options }] of Object.entries(builds)) {
    const built = trtNode.buildEngine(model, {
      runtime: 'tensorrt',
      precision: 'fp32',
      optimizationLevel: 0,
      profiles,
      output: path.join(folder, `${name}.engine`),
      ...options,
    });
    building.set(name as Name, built);
  }
  // Each failure is that of the tests that ask for the plan.
  await Promise.allSettled([...building.values()]);
});

async function outputOf(engine: Engine, data = x): Promise<Float32Array> {
  const width = data.length / rows;
  const { y } = await engine.infer({ x: { type: 'float32', data, dims: [rows, width] } });
  return y?.data as Float32Array;
}

function tensor(data: Float32Array, dims: readonly number[]) {
  return { type: 'float32', data, dims } as const;
}

/** All weights of the model, as `refit` takes them. */
function named({ W1, b1, W2, b2 }: Record<string, Float32Array>) {
  return {
    W1: tensor(W1!, [64, 16_384]),
    b1: tensor(b1!, [16_384]),
    W2: tensor(W2!, [16_384, 10]),
    b2: tensor(b2!, [10]),
  };
}

function reason(expectedReason: string): unknown {
  return expect.objectContaining({
    name: 'TrtError',
    code: 'ERR_TRT_REFIT',
    details: expect.objectContaining({ reason: expectedReason }) as unknown,
  });
}

describe('an engine built with refit', () => {
  it('gives other outputs with the weights of another model: those of an engine built from it', async () => {
    await using engine = await (await plan('refittable')).load();
    expect(engine.refittable).toBe(true);
    expect(maxRelativeDifference(await outputOf(engine), expected.ours)).toBeLessThan(bar);

    expect(await engine.refit(models.others)).toEqual([]);
    const refitted = await outputOf(engine);
    expect(maxRelativeDifference(refitted, expected.others)).toBeLessThan(bar);
    expect(maxRelativeDifference(refitted, expected.ours)).toBeGreaterThan(0.1);
    await using built = await (await plan('others')).load();
    expect(maxRelativeDifference(refitted, await outputOf(built))).toBeLessThan(bar);

    // And back, from bytes.
    expect(await engine.refit(layersModel(widths, ours))).toEqual([]);
    expect(maxRelativeDifference(await outputOf(engine), expected.ours)).toBeLessThan(bar);
  });

  it('takes weights by name: doubling the last layer doubles the outputs', async () => {
    await using engine = await (await plan('refittable')).load();
    const before = await outputOf(engine);
    const { all, missing } = await engine.refittableWeights();
    console.log(`refittable weights: ${JSON.stringify(all)}`);
    expect(missing).toEqual([]);
    const weights = named({
      ...ours,
      W2: ours['W2']!.map((value) => 2 * value),
      b2: ours['b2']!.map((value) => 2 * value),
    });
    let left = await engine.refit({ W2: weights.W2, b2: weights.b2 });
    if (left.length > 0) {
      // TensorRT made one of several: it says which others it needs, and no output comes of half of them.
      await expect(outputOf(engine)).rejects.toEqual(reason('missing'));
      const rest = Object.entries(weights).filter(([name]) => left.includes(name));
      left = await engine.refit(Object.fromEntries(rest));
    }
    expect(left).toEqual([]);
    const after = await outputOf(engine);
    expect(
      maxRelativeDifference(
        after,
        before.map((value) => 2 * value),
      ),
    ).toBeLessThan(1e-6);
  });

  it('names what does not fit, and stays as it was', async () => {
    await using engine = await (await plan('refittable')).load();
    const { W1 } = named(ours);
    await expect(engine.refit({ W9: W1 })).rejects.toEqual(reason('unknown'));
    await expect(engine.refit({ W1: tensor(W1.data.slice(16_384), [63, 16_384]) })).rejects.toEqual(
      reason('count'),
    );
    const halves = {
      type: 'float16',
      data: new Uint16Array(64 * 16_384),
      dims: [64, 16_384],
    } as const;
    await expect(engine.refit({ W1: halves })).rejects.toEqual(reason('type'));
    await expect(engine.refit(models.narrower)).rejects.toEqual(reason('model'));
    expect(maxRelativeDifference(await outputOf(engine), expected.ours)).toBeLessThan(bar);
  });

  it('never mixes weights while inferences go on', async () => {
    await using engine = await (await plan('refittable')).load();
    const before = Array.from({ length: 20 }, () => outputOf(engine));
    const refitting = engine.refit(models.others);
    const meanwhile: Promise<Float32Array>[] = [];
    let done = false;
    void refitting.finally(() => (done = true)).catch(() => undefined);
    while (!done) {
      meanwhile.push(outputOf(engine));
      await meanwhile.at(-1);
    }
    await refitting;
    for (const output of await Promise.all(before)) {
      expect(maxRelativeDifference(output, expected.ours)).toBeLessThan(bar);
    }
    for (const output of await Promise.all(meanwhile)) {
      const differences = [expected.ours, expected.others].map((reference) =>
        maxRelativeDifference(output, reference),
      );
      expect(Math.min(...differences)).toBeLessThan(bar);
    }
    expect(maxRelativeDifference(await outputOf(engine), expected.others)).toBeLessThan(bar);
  });

  it('is saved with the weights that it has', async () => {
    const output = path.join(folder, 'saved.engine');
    const refitted = await (await plan('refittable')).load({ weights: models.others });
    const outputs = await outputOf(refitted);
    await refitted.save(output);
    await refitted.close();
    await using engine = await trtNode.loadEngine(output);
    expect(engine.integrity).toBe('digest');
    expect(await outputOf(engine)).toEqual(outputs);
    const { manifest } = await plan('others');
    expect(engine.manifest?.model.sha256).toBe(manifest.model.sha256);
  });
});

it('an engine built without refit says so', async () => {
  await using engine = await (await plan('others')).load();
  expect(engine.refittable).toBe(false);
  expect(await engine.refittableWeights()).toEqual({ all: [], missing: [] });
  await expect(engine.refit(models.ours)).rejects.toEqual(reason('not-refittable'));
  expect(await codeOf((await plan('others')).load({ weights: models.ours }))).toBe('ERR_TRT_REFIT');
});

describe.each(['stripped', 'strippedOfAny'] as const)('a plan that is %s', (name) => {
  it('is far smaller, and infers once it has its weights', async () => {
    const [stripped, whole] = [await plan(name), await plan('refittable')];
    console.log(`plans: stripped ${stripped.sizeBytes}, whole ${whole.sizeBytes} bytes`);
    expect(stripped.sizeBytes).toBeLessThan(whole.sizeBytes / 2);

    await using engine = await stripped.load();
    await expect(outputOf(engine)).rejects.toEqual(reason('missing'));
    await expect(engine.save(path.join(folder, `${name}-none.engine`))).rejects.toEqual(
      reason('missing'),
    );
    expect((await engine.refittableWeights()).missing.length).toBeGreaterThan(0);
    expect(await engine.refit(models.ours)).toEqual([]);
    expect(maxRelativeDifference(await outputOf(engine), expected.ours)).toBeLessThan(bar);
  });

  it('is known to lack weights without its manifest', async () => {
    await using engine = await trtNode.loadEngine(await (await plan(name)).bytes());
    await expect(outputOf(engine)).rejects.toEqual(reason('missing'));
  });

  it('gets its weights at load, and is saved as a whole plan', async () => {
    const stripped = await plan(name);
    const output = path.join(folder, `${name}-whole.engine`);
    const refitted = await stripped.load({ weights: models.ours });
    const outputs = await outputOf(refitted);
    expect(maxRelativeDifference(outputs, expected.ours)).toBeLessThan(bar);
    await refitted.save(output);
    await refitted.close();
    expect((await fs.stat(output)).size).toBeGreaterThan(2 * stripped.sizeBytes);
    await using engine = await trtNode.loadEngine(output);
    expect(await outputOf(engine)).toEqual(outputs);
  });
});

describe('weight streaming', () => {
  const wide = rowsOf(rows, 2048);

  /** Device memory that a load and an inference take, and what came out. */
  async function measured(weightStreamingBudget?: number | 'auto') {
    const free = async () => (await loadBinding().deviceMemory(0)).freeBytes;
    const before = await free();
    const engine = await (
      await plan('wide')
    ).load(weightStreamingBudget === undefined ? {} : { weightStreamingBudget });
    const output = await outputOf(engine, wide);
    const { streamableBytes, budgetBytes } = engine.weightStreaming;
    const taken = before - (await free());
    await engine.close();
    return { taken, output, streamableBytes, budgetBytes };
  }

  it('keeps weights off the GPU, and gives the same', async () => {
    await measured(); // what the first one loads stays loaded
    const all = await measured();
    const none = await measured(0);
    const auto = await measured('auto');
    for (const [name, { taken, budgetBytes }] of Object.entries({ all, none, auto })) {
      console.log(`weight streaming, ${name}: budget ${budgetBytes}, ${taken} bytes taken`);
    }
    expect(all.streamableBytes).toBeGreaterThan(3 * 2048 * 2048 * 4);
    expect(all.budgetBytes).toBe(all.streamableBytes);
    expect(none.budgetBytes).toBe(0);
    expect(none.taken).toBeLessThan(all.taken - all.streamableBytes / 4);
    expect(maxRelativeDifference(none.output, all.output)).toBeLessThan(1e-6);
    expect(maxRelativeDifference(auto.output, all.output)).toBeLessThan(1e-6);
    expect(auto.budgetBytes).toBeGreaterThan(0);
  });

  it('is refused for a plan that cannot', async () => {
    const others_ = await plan('others');
    expect(await codeOf(others_.load({ weightStreamingBudget: 0 }))).toBe('ERR_TRT_UNSUPPORTED');
    await using engine = await others_.load({ weightStreamingBudget: 'auto' });
    expect(engine.weightStreaming).toEqual({ streamableBytes: 0, budgetBytes: 0 });
  });
});

it('standard plugins are registered when they are asked for, and only then', async () => {
  const built = await plan('nms');
  await expect(built.load()).rejects.toMatchObject({
    code: 'ERR_TRT_ENGINE_DESERIALIZE',
    message: expect.stringContaining('standardPlugins: true') as unknown,
  });
  await using engine = await built.load({ standardPlugins: true });
  const boxes = Float32Array.of(0, 0, 10, 10, 0, 0, 10, 9, 20, 20, 30, 30);
  const { num_detections } = await engine.infer({ boxes, scores: Float32Array.of(0.9, 0.8, 0.7) });
  expect(num_detections?.data).toEqual(Int32Array.of(2));
});
