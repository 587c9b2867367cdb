import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failure, rejectionOf, temporaryFolder, trtNode } from '../support/native-host';
import { buildOnStub } from '../support/stub-build';
import { held, loadStub, nothingHeld, setFaults } from '../support/stub-host';
import { inferWell } from '../support/stub-inferences';
import { counting, everything, identity, pair, vector } from '../support/stub-models';
import { stubAbis, type StubEngine } from '../support/stub-plans';

beforeEach(() => {
  setFaults();
});
afterEach(() => {
  setFaults();
  expect(held()).toEqual(nothingHeld);
});

describe.each(stubAbis)('engine.memory() under %s', (abi) => {
  // `identity` has 4096 bytes of weights, and 8192 of activations for each context.
  it('is what TensorRT holds, to the byte', async () => {
    await using engine = await loadStub(abi, identity, { lanes: 3 });
    expect(engine.memory()).toEqual({
      lanes: 3,
      weights: 4096,
      contexts: 3 * 8192,
      contextPerLane: 8192,
      bindings: 0,
      staging: 0,
      deviceBytes: 4096 + 3 * 8192,
    });
    expect(held().devices[0]?.usedBytes).toBe(engine.memory().deviceBytes);
  });

  it('counts a block that contexts share once', async () => {
    const options = { lanes: 3, contextMemory: 'shared' } as const;
    await using engine = await loadStub(abi, identity, options);
    expect(engine.memory()).toMatchObject({ weights: 4096, contexts: 8192 });
  });

  it('grows with the tensors of the lanes that ran', async () => {
    await using engine = await loadStub(abi, identity, { lanes: 2, graphs: 'off' });
    await engine.infer({ x: vector(counting(1000)) });
    const { bindings, staging, deviceBytes } = engine.memory();
    // One input and one output of 4000 bytes, on one of the lanes.
    expect(bindings).toBeGreaterThanOrEqual(8000);
    expect(bindings).toBeLessThan(16_000);
    expect(staging).toBeGreaterThanOrEqual(4000);
    expect(held().devices[0]?.usedBytes).toBe(deviceBytes);
  });

  it('fails once the engine is closed', async () => {
    const engine = await loadStub(abi, identity);
    await engine.close();
    await failure('ERR_TRT_ENGINE_CLOSED', () => engine.memory());
  });

  it('#73 #79 says how much did not fit, for the weights and for a context', async () => {
    for (const [size, plan] of [
      [2 ** 40, { ...identity, weightBytes: 2 ** 40 }],
      [2 ** 39, { ...identity, activationBytes: 2 ** 39 }],
    ] as const) {
      const error = await failure('ERR_TRT_OUT_OF_MEMORY', loadStub(abi, plan, { lanes: 1 }));
      const { bytes, neededBytes } = error.details as { bytes?: number; neededBytes?: number };
      expect(bytes ?? neededBytes).toBe(size);
    }
  });
});

describe.each(stubAbis)('engine.profile() under %s', (abi) => {
  // A stub's layers are its outputs: the first takes 0.25 ms, the second 0.5, and so on.
  it('times each layer of each run', async () => {
    await using engine = await loadStub(abi, { ...pair, delay: 2000 });
    const profile = await engine.profile({ iterations: 5, warmup: 2 });
    expect(profile.layers.map(({ name, meanMs }) => [name, meanMs])).toEqual([
      ['layer of a out', 0.25],
      ['layer of b out', 0.5],
    ]);
    expect(profile.iterations).toBe(5);
    expect(profile.graph).toBe(true);
  });

  it('enqueues without a graph what cannot be captured', async () => {
    await using engine = await loadStub(abi, everything);
    const profile = await engine.profile({ iterations: 3 });
    expect(profile.graph).toBe(false);
    expect(profile.layers).toHaveLength(3);
    await inferWell(engine, 8);
  });

  it('runs beside inferences, and gives back what it took', async () => {
    await using engine = await loadStub(abi, identity, { lanes: 2 });
    const x = vector(counting(100));
    await engine.infer({ x });
    const before = engine.memory();
    const profiling = engine.profile({ shapes: { x: [100] }, iterations: 20 });
    const outputs = await Promise.all([1, 2, 3, 4].map(() => engine.infer({ x })));
    for (const { y } of outputs) expect(y?.data).toEqual(x.data);
    await profiling;
    expect(engine.memory().contexts).toBe(before.contexts);
  });

  it.each([1, 2, 3, 4, 5, 6])('#72 survives a driver that fails at call %i', async (call) => {
    await using engine = await loadStub(abi, identity);
    for (const name of ['cuMemAlloc', 'cuMemHostAlloc', 'cuStreamSynchronize', 'cuGraphLaunch']) {
      setFaults(`${name}:${call}=2`);
      // A failed capture is no failure: it goes on without.
      const error = await engine.profile({ iterations: 2, warmup: 1 }).catch((e: unknown) => e);
      if (error instanceof trtNode.TrtError) expect(error.code).toBe('ERR_TRT_OUT_OF_MEMORY');
      setFaults();
      expect((await engine.profile({ iterations: 1 })).layers).toHaveLength(1);
    }
  });

  it('is ended by nothing but its end: close() waits', async () => {
    const engine = await loadStub(abi, { ...identity, delay: 500 });
    const profiling = engine.profile({ iterations: 20 });
    await engine.close();
    expect((await profiling).iterations).toBe(20);
    await failure('ERR_TRT_ENGINE_CLOSED', engine.profile());
  });
});

it.each(stubAbis)('a build under %s measures what a load takes then', async (abi) => {
  const { result } = await buildOnStub(abi, { device: 0 });
  // `y` is `x`: eight rows of four floats at most.
  expect(result.memory).toEqual({
    weights: 0,
    context: 0,
    profiles: [{ context: 0, inputs: 128, outputs: 128 }],
  });
});

describe('the runtime cache of TensorRT-RTX', async () => {
  const folder = await temporaryFolder();
  const file = path.join(folder, 'kernels.cache');
  afterEach(() => rm(file, { force: true }));

  const other: StubEngine = { inputs: [{ name: 'z', dims: [4] }], outputs: [{ name: 'y' }] };
  const run = async (plan: StubEngine, runtimeCache: string): Promise<void> => {
    const engine = await loadStub('rtx', plan, { runtimeCache });
    await engine.close();
  };
  const kernels = async (): Promise<string[]> =>
    (await readFile(file, 'utf8')).split('\n').filter((line) => line.startsWith('kernels'));

  it('is written when an engine closes, read when one is loaded, and kept when nothing is new', async () => {
    await run(identity, file);
    expect(await kernels()).toEqual(['kernels for x']);
    const { ino } = await stat(file);
    await run(identity, file);
    expect((await stat(file)).ino).toBe(ino); // the same file, not one like it
    await run(other, file);
    expect(await kernels()).toEqual(['kernels for x', 'kernels for z']);
  });

  it('is replaced where it is of another version, or damaged', async () => {
    for (const rubbish of ['stub runtime cache of 1.5.0\nkernels for q\n', '', '\0\xff']) {
      await writeFile(file, rubbish);
      await run(identity, file);
      expect(await kernels()).toEqual(['kernels for x']);
    }
  });

  it('is written by warmup(), before the engine closes', async () => {
    await using engine = await loadStub('rtx', identity, { runtimeCache: file });
    await engine.warmup({ x: [4] });
    expect(await kernels()).toEqual(['kernels for x']);
  });

  it('lies under a name of GPU and version in a folder', async () => {
    await run(identity, `${folder}/of-many/`);
    expect(await readdir(path.join(folder, 'of-many'))).toEqual([
      expect.stringMatching(/^[a-z0-9-]+-tensorrt-rtx-1\.7\.1\.cache$/),
    ]);
  });

  it('costs no engine when it cannot be written', async () => {
    const gone = path.join(folder, 'gone');
    const engine = await loadStub('rtx', identity, { runtimeCache: `${gone}/kernels.cache` });
    await rm(gone, { recursive: true });
    expect((await engine.infer({ x: vector(counting(4)) }))['y']?.dims).toEqual([4]);
    await engine.close();
    await expect(stat(gone)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each(['v10', 'v11'] as const)('is no option of %s', async (abi) => {
    const error = await rejectionOf(loadStub(abi, identity, { runtimeCache: file }));
    expect(error).toMatchObject({ code: 'ERR_TRT_UNSUPPORTED' });
  });
});
