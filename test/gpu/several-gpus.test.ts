// #76: needs a host with two GPUs; on a host with one, only what does not need the second runs.
import { beforeAll, describe, expect, it } from 'vitest';
import type { BuiltEngine, Engine } from '../../lib/index';
import { writeOnnx } from '../support/onnx-writer';
import { doubling } from '../support/step-models';
import { loadBinding, trtNode } from './gpu-host';

const gpus = (await loadBinding().probeDriver()).gpus.length;

let built: BuiltEngine;
beforeAll(async () => {
  built = await trtNode.buildEngine(writeOnnx(doubling), {
    runtime: 'tensorrt',
    optimizationLevel: 0,
    profiles: [{ x: { min: [1, 64], opt: [64, 64], max: [4096, 64] } }],
  });
});

const rowsOf = (rows: number, seed: number) => ({
  type: 'float32' as const,
  data: Float32Array.from({ length: rows * 64 }, (_, i) => (i % 1000) + seed),
  dims: [rows, 64],
});

async function expectDoubled(engine: Engine, rows: number, seed: number): Promise<void> {
  const x = rowsOf(rows, seed);
  const { y } = await engine.infer({ x });
  expect(y?.data).toEqual(x.data.map((value) => 2 * value));
}

it('#77 a GPU that is not there is an error by code', async () => {
  await expect(built.load({ device: gpus })).rejects.toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
});

describe.runIf(gpus >= 2)('#76 engines on two GPUs', () => {
  it('run side by side from one thread, with equal results', async () => {
    await using first = await built.load({ device: 0 });
    await using second = await built.load({ device: 1 });
    expect([first.device.index, second.device.index]).toEqual([0, 1]);
    const calls = Array.from({ length: 200 }, (_, i) =>
      expectDoubled(i % 2 === 0 ? first : second, 1 + ((i * 37) % 4096), i),
    );
    await Promise.all(calls);
    // And in turns, on this very thread.
    for (let i = 0; i < 20; i += 1) {
      for (const engine of [first, second]) {
        const x = rowsOf(8, i);
        expect(engine.inferSync({ x }).y?.data).toEqual(x.data.map((value) => 2 * value));
      }
    }
  });

  it('keep device tensors, contexts and events apart', async () => {
    await using second = await built.load({ device: 1 });
    const x = rowsOf(8, 1);
    await using there = await trtNode.DeviceTensor.from(x, { device: 1 });
    const { y } = await second.infer({ x: there }, { outputs: { y: 'device' } });
    expect(await y.getData()).toEqual(x.data.map((value) => 2 * value));
    await using here = await trtNode.DeviceTensor.from(x, { device: 0 });
    await expect(second.infer({ x: here })).rejects.toThrow(trtNode.TrtError);
    await expectDoubled(second, 8, 2);
  });

  it('leave each other alone: one is closed with work in flight, the other goes on', async () => {
    await using first = await built.load({ device: 0 });
    const second = await built.load({ device: 1 });
    const doomed = Array.from({ length: 50 }, () => second.infer({ x: rowsOf(4096, 0) }));
    const settled = Promise.allSettled(doomed);
    const closing = second.close();
    await Promise.all(Array.from({ length: 50 }, (_, i) => expectDoubled(first, 512, i)));
    await closing;
    for (const outcome of await settled) {
      if (outcome.status === 'fulfilled') continue;
      expect(outcome.reason).toMatchObject({ code: 'ERR_TRT_ENGINE_CLOSED' });
    }
    await expectDoubled(first, 1, 5);
  });
});
