import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Engine, LoadOptions } from '../../lib/index';
import { failure } from '../support/native-host';
import {
  buildOnStub,
  floats,
  freshFolder,
  stubPlugin,
  weightsModel,
  writtenModel,
  type StubBuildOptions,
} from '../support/stub-build';
import { held, loadStubPlan, nothingHeld, setFaults } from '../support/stub-host';
import { stubAbis, type StubAbi } from '../support/stub-plans';

afterEach(() => {
  setFaults();
  expect(held()).toEqual(nothingHeld);
});

const ours = weightsModel([1, 2], [3, 4, 5]);
const others = weightsModel([10, 20], [30, 40, 50]);

async function load(
  abi: StubAbi,
  tuning: StubBuildOptions['tuning'],
  options: LoadOptions = {},
): Promise<Engine> {
  // TensorRT-RTX strips and refits where it builds for the GPU that is here.
  const here = { device: 0, computeCapabilities: [] };
  const { plan } = await buildOnStub(abi, {
    model: ours,
    ...here,
    ...(tuning ? { tuning } : {}),
  });
  return await loadStubPlan(abi, plan, options);
}

/** What the engine says that its weights are. */
async function weightsOf(engine: Engine): Promise<readonly (readonly number[])[]> {
  const { v, w } = await engine.infer({ x: Float32Array.of(1, 2) });
  return [Array.from(v?.data as Float32Array), Array.from(w?.data as Float32Array)];
}

const named = (...values: number[]) =>
  ({ type: 'float32', data: Float32Array.from(values), dims: [values.length] }) as const;

const both = [
  { name: 'weights.v', elements: 2 },
  { name: 'weights.w', elements: 3 },
].map((weights) => ({ ...weights, type: 'float32' }));

describe.each(stubAbis)('weights of an engine on the stub of %s', (abi) => {
  it('come from another model, once what was submitted before is done', async () => {
    await using engine = await load(abi, { refit: 'all' });
    expect(engine.refittable).toBe(true);
    expect(await engine.refittableWeights()).toEqual({ all: both, missing: [] });
    const before = Array.from({ length: 5 }, () => weightsOf(engine));
    expect(await engine.refit((await writtenModel(others)).path)).toEqual([]);
    for (const weights of await Promise.all(before))
      expect(weights).toEqual([
        [1, 2],
        [3, 4, 5],
      ]);
    expect(await weightsOf(engine)).toEqual([
      [10, 20],
      [30, 40, 50],
    ]);
    expect(engine.inferSync({ x: Float32Array.of(1, 2) })['v']?.data).toEqual(
      Float32Array.of(10, 20),
    );
  });

  it('are set by name, in one call or several', async () => {
    await using engine = await load(abi, { stripPlan: true, refit: 'all' }, { weights: undefined });
    expect(await engine.refittableWeights()).toEqual({
      all: both,
      missing: ['weights.v', 'weights.w'],
    });
    const waiting = await failure('ERR_TRT_REFIT', weightsOf(engine));
    expect(waiting.details).toMatchObject({
      reason: 'missing',
      weights: ['weights.v', 'weights.w'],
    });
    expect(await engine.refit({ 'weights.w': named(7, 8, 9) })).toEqual(['weights.v']);
    await failure('ERR_TRT_REFIT', weightsOf(engine));
    expect(() => engine.inferSync({ x: Float32Array.of(1, 2) })).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_REFIT' }) as Error,
    );
    expect(await engine.refit({ 'weights.v': named(5, 6) })).toEqual([]);
    expect(await weightsOf(engine)).toEqual([
      [5, 6],
      [7, 8, 9],
    ]);
    expect(await engine.refit({ 'weights.v': named(1, 1) })).toEqual([]);
    expect(await weightsOf(engine)).toEqual([
      [1, 1],
      [7, 8, 9],
    ]);
  });

  it('are refused with the reason, and stay as they were', async () => {
    await using engine = await load(abi, { refit: 'all' });
    const reasonOf = async (refit: Promise<unknown>): Promise<unknown> =>
      (await failure('ERR_TRT_REFIT', refit)).details['reason'];
    expect(await reasonOf(engine.refit({ 'weights.x': named(1, 2) }))).toBe('unknown');
    expect(await reasonOf(engine.refit({ 'weights.v': named(1, 2, 3) }))).toBe('count');
    const integers = { type: 'int32', data: Int32Array.of(1, 2), dims: [2] } as const;
    expect(await reasonOf(engine.refit({ 'weights.v': integers }))).toBe('type');
    const narrower = await writtenModel(weightsModel([1], [3, 4, 5]));
    expect(await reasonOf(engine.refit(narrower.path))).toBe('model');
    expect(await weightsOf(engine)).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
  });

  it('are fixed unless the plan says otherwise', async () => {
    await using engine = await load(abi, {});
    expect(engine.refittable).toBe(false);
    expect(await engine.refittableWeights()).toEqual({ all: [], missing: [] });
    const { path: model } = await writtenModel(others);
    const refused = await failure('ERR_TRT_REFIT', engine.refit(model));
    expect(refused.details['reason']).toBe('not-refittable');
    await failure('ERR_TRT_REFIT', load(abi, {}, { weights: model }));
  });

  it('are brought to a stripped plan at load, and saved with it', async () => {
    const { path: model } = await writtenModel(ours);
    const saved = path.join(await freshFolder(), 'saved.engine');
    const stripped = await load(abi, { stripPlan: true }, { weights: model });
    expect(await weightsOf(stripped)).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    await stripped.save(saved);
    await stripped.close();
    await using engine = await loadStubPlan(abi, await readFile(saved));
    expect(await weightsOf(engine)).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
  });

  it('a stripped plan is not saved before it has them', async () => {
    await using engine = await load(abi, { stripPlan: true });
    const output = path.join(await freshFolder(), 'none.engine');
    await failure('ERR_TRT_REFIT', engine.save(output));
  });

  it('are given back when a refit and a close meet', async () => {
    const engine = await load(abi, { refit: 'all' });
    const refitting = engine.refit(floatsModel());
    const closing = engine.close();
    await refitting;
    await closing;
    await failure('ERR_TRT_ENGINE_CLOSED', engine.refit(floatsModel()));
  });

  function floatsModel(): Record<string, ReturnType<typeof named>> {
    return { 'weights.v': named(1, 2), 'weights.w': named(1, 2, 3) };
  }

  it('are streamed as the budget says', async () => {
    const all = floats([1, 2, 3, 4, 5]).length;
    for (const [weightStreamingBudget, budgetBytes] of [
      [undefined, all],
      [8, 8],
      [0, 0],
      [1e9, all],
      ['auto', all / 2],
    ] as const) {
      await using engine = await load(abi, { weightStreaming: true }, { weightStreamingBudget });
      expect(engine.weightStreaming).toEqual({ streamableBytes: all, budgetBytes });
      expect(await weightsOf(engine)).toEqual([
        [1, 2],
        [3, 4, 5],
      ]);
    }
    await failure('ERR_TRT_UNSUPPORTED', load(abi, {}, { weightStreamingBudget: 8 }));
    await using engine = await load(abi, {}, { weightStreamingBudget: 'auto' });
    expect(engine.weightStreaming).toEqual({ streamableBytes: 0, budgetBytes: 0 });
  });

  it('a plugin library is registered once, whoever asks', async () => {
    for (let i = 0; i < 2; ++i) {
      await using engine = await load(abi, {}, { plugins: [stubPlugin] });
      expect(await weightsOf(engine)).toEqual([
        [1, 2],
        [3, 4, 5],
      ]);
    }
    const missing = path.join(await freshFolder(), 'libnothing.so');
    const error = await failure('ERR_TRT_PLUGIN', load(abi, {}, { plugins: [missing] }));
    expect(error.details['path']).toBe(missing);
    const noPlugins = stubPlugin.replace(/plugin\/.*/, 'driver/libcuda.so.1');
    await failure('ERR_TRT_PLUGIN', load(abi, {}, { plugins: [noPlugins] }));
  });
});
