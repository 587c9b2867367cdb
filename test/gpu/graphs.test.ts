import { beforeAll, describe, expect, it } from 'vitest';
import type { BuiltEngine, Engine } from '../../lib/index';
import { writeOnnx } from '../support/onnx-writer';
import { doubling, ramp, runningSum } from '../support/step-models';
import { trtNode } from './gpu-host';

const { DeviceTensor, Tensor } = trtNode;

const width = 64;
/** Batches of dynamic batching. The largest first, as a lane's memory that grows ends its graphs. */
const batches = [4, 1, 3, 2] as const;

let ramps: BuiltEngine;
let doubles: BuiltEngine;
let sums: BuiltEngine;
beforeAll(async () => {
  const options = { runtime: 'tensorrt', optimizationLevel: 0 } as const;
  ramps = await trtNode.buildEngine(writeOnnx(ramp), {
    ...options,
    profiles: [
      { x: { min: [1], opt: [4], max: [64] } },
      { x: { min: [65], opt: [128], max: [4096] } },
    ],
  });
  doubles = await trtNode.buildEngine(writeOnnx(doubling), {
    ...options,
    profiles: [{ x: { min: [1, width], opt: [2, width], max: [8, width] } }],
  });
  sums = await trtNode.buildEngine(writeOnnx(runningSum(256)), options);
});

let seed = 0;
/** Other numbers each time, small enough to stay exact. */
const numbers = (count: number) => {
  seed += 1;
  return Float32Array.from({ length: count }, (_, i) => ((i * 7 + seed * 13) % 1000) - 500);
};

/** Element i of `y` is x[i] + i, and `last` is the number of elements less one: dims that kernels of before knew would show in both. */
async function inferRamp(engine: Engine, count: number): Promise<void> {
  const x = numbers(count);
  const { y, last } = await engine.infer({ x: new Tensor('float32', x, [count]) });
  expect(y?.data).toEqual(x.map((value, i) => value + i));
  expect(last?.data).toEqual(x.map(() => count - 1));
}

async function inferDouble(engine: Engine, batch: number): Promise<void> {
  const data = numbers(batch * width);
  const { y } = await engine.infer({ x: new Tensor('float32', data, [batch, width]) });
  expect(y?.data).toEqual(data.map((value) => 2 * value));
}

describe('graphs of shapes that come in turns', () => {
  it('#43 keep the dims that they were captured with', async () => {
    await using engine = await ramps.load({ lanes: 1, graphs: 'on' });
    for (const count of [60, 60, 7, 60, 7, 33, 60, 7, 33, 60]) await inferRamp(engine, count);
    expect(engine.graphs).toMatchObject({
      held: 3,
      captured: 3,
      eager: 3,
      replays: 7,
      reason: null,
    });
  });

  it('keep the profile that they were captured with', async () => {
    await using engine = await ramps.load({ lanes: 1, graphs: 'on' });
    for (const count of [1000, 5, 1000, 5, 64, 65, 1000, 64, 5, 65]) await inferRamp(engine, count);
    expect(engine.graphs).toMatchObject({
      held: 4,
      captured: 4,
      eager: 4,
      replays: 6,
      reason: null,
    });
  });

  it.each([
    { contextMemory: 'separate', lanes: 1, graphs: 'auto' },
    { contextMemory: 'separate', lanes: 2, graphs: 'on' },
    { contextMemory: 'shared', lanes: 2, graphs: 'auto' },
  ] as const)('are replayed: $contextMemory, $lanes lanes, $graphs', async (options) => {
    await using engine = await doubles.load(options);
    await using eager = await doubles.load({ ...options, graphs: 'off' });
    await engine.warmup(); // the opt dims
    for (const batch of batches) await inferDouble(engine, batch);
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(batches.map((batch) => inferDouble(engine, batch)));
      await Promise.all(batches.map((batch) => inferDouble(eager, batch)));
    }
    const before = engine.graphs;
    const rounds = 10;
    for (let round = 0; round < rounds; round += 1) {
      for (const batch of batches) await inferDouble(engine, batch);
    }
    const after = engine.graphs;
    expect(after.reason).toBeNull();
    expect(after.held).toBeLessThanOrEqual(batches.length * options.lanes);
    expect(after.replays).toBeGreaterThan(after.eager);
    if (options.lanes === 1) {
      expect(after.held).toBe(batches.length);
      // Nothing is captured any more, and nothing enqueued.
      expect(after).toEqual({ ...before, replays: before.replays + rounds * batches.length });
    }
    expect(eager.graphs).toMatchObject({ captured: 0, replays: 0 });
  });

  it('share the activation memory of their lane', async () => {
    await using one = await doubles.load({ lanes: 2, graphs: 'off' });
    await using many = await doubles.load({ lanes: 2, graphs: 'on' });
    for (let round = 0; round < 8; round += 1) {
      await Promise.all(batches.map((batch) => inferDouble(one, batch)));
      await Promise.all(batches.map((batch) => inferDouble(many, batch)));
    }
    const { contexts, contextPerLane } = many.memory();
    const perLane = one.memory().contexts / 2;
    // What TensorRT takes for a context beside its activations, it takes once for each shape.
    expect(contexts).toBeLessThanOrEqual(
      2 * contextPerLane + 2 * (batches.length + 1) * (perLane - contextPerLane),
    );
  });

  it('of more shapes than there is room for run on', async () => {
    await using engine = await ramps.load({ lanes: 1, graphs: { mode: 'on', max: 3 } });
    for (let i = 0; i < 60; i += 1) await inferRamp(engine, 60 - ((i * i) % 7));
    expect(engine.graphs).toMatchObject({ held: 3, reason: null });
  });
});

describe('graphs of device tensors', () => {
  it('that swap roles are two of one shape', async () => {
    await using engine = await sums.load({ lanes: 1, graphs: 'on' });
    const pair = [
      await DeviceTensor.allocate('float32', [256]),
      await DeviceTensor.allocate('float32', [256]),
    ] as const;
    let total = 0;
    for (let step = 1; step <= 12; step += 1) {
      const [past, present] = step % 2 === 1 ? pair : [pair[1], pair[0]];
      const token = new Float32Array(256).fill(step);
      const { logits } = await engine.infer(
        { token, past },
        { outputs: { logits: true, present } },
      );
      total += step;
      expect(logits.data).toEqual(new Float32Array(256).fill(2 * total));
    }
    expect(engine.graphs).toMatchObject({
      held: 2,
      captured: 2,
      eager: 2,
      replays: 10,
      reason: null,
    });
    for (const tensor of pair) await tensor.close();
  });

  it('are in order with a copy that is begun when the request is settled, and with its close', async () => {
    await using engine = await doubles.load({ lanes: 2, graphs: 'on' });
    const x = await DeviceTensor.allocate('float32', [8, width]);
    const y = await DeviceTensor.allocate('float32', [8, width]);
    for (let round = 0; round < 50; round += 1) {
      const data = numbers(8 * width);
      const filling = x.copyFrom(data);
      await engine.infer({ x }, { outputs: { y } });
      const reading = y.getData();
      const clearing = x.copyFrom(new Float32Array(8 * width));
      expect(await reading).toEqual(data.map((value) => 2 * value));
      await Promise.all([filling, clearing]);
    }
    const last = engine.infer({ x }, { outputs: { y } });
    await Promise.all([x.close(), y.close(), last]);
  });
});
