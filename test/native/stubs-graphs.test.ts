import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeviceTensor } from '../../lib/device-tensor';
import type { Engine } from '../../lib/engine';
import { failure, rejectionOf, trtNode } from '../support/native-host';
import { expectNothingHeld } from '../support/stub-held';
import { loadStub, loadStubPlan, setFaults, stubReport } from '../support/stub-host';
import { buildOnStub, weightsModel } from '../support/stub-build';
import { inferPair, inferWell } from '../support/stub-inferences';
import { counting, everything, identity, pair, vector } from '../support/stub-models';
import { stubAbis, type StubEngine } from '../support/stub-plans';

beforeEach(() => {
  setFaults();
});
afterEach(async () => {
  setFaults();
  await expectNothingHeld();
});

let inferences = 0;

/** One inference of `identity`, whose numbers are other ones each time. */
async function inferOne(engine: Engine, count: number): Promise<void> {
  inferences += 1000;
  const x = counting(count, inferences);
  const { y } = await engine.infer({ x: vector(x) });
  expect(y?.data).toEqual(x);
}

/** One output, whose dims the values of a shape tensor decide. */
const rowsOf: StubEngine = {
  inputs: [
    { name: 'x', dims: [8] },
    { name: 'rows', type: 'int64', dims: [1], shapeTensor: true },
  ],
  outputs: [{ name: 'y', dims: [{ elementOf: 'rows', index: 0 }] }],
  profiles: [
    {
      x: { min: [8], opt: [8], max: [8] },
      rows: { ...{ min: [1], opt: [1], max: [1] }, values: { min: [0], opt: [1], max: [8] } },
    },
  ],
};

describe.each(stubAbis)('CUDA graphs of %s', (abi) => {
  const load = (options: Parameters<typeof loadStub>[2], engine: StubEngine = identity) =>
    loadStub(abi, engine, { lanes: 1, ...options });

  it.each([
    { graphs: 'on', captured: 1, eager: 1, replays: 5 },
    { graphs: 'auto', captured: 1, eager: 2, replays: 4 },
    { graphs: 'off', captured: 0, eager: 6, replays: 0 },
  ] as const)('are captured as the mode says: $graphs', async ({ graphs, ...counts }) => {
    await using engine = await load({ graphs });
    setFaults();
    for (let i = 0; i < 6; i += 1) await inferOne(engine, 5);
    expect(engine.graphs).toEqual({
      ...{ mode: graphs, ...counts, held: counts.captured, reason: null },
    });
    const { calls } = stubReport();
    expect(calls['cuGraphLaunch'] ?? 0).toBe(counts.replays);
    expect(calls['cuStreamBeginCapture'] ?? 0).toBe(counts.captured);
  });

  it('serve inferSync and inferTimed too', async () => {
    await using engine = await load({ graphs: 'on' });
    const x = vector(counting(7));
    await engine.infer({ x });
    expect(engine.inferSync({ x })['y']?.data).toEqual(x.data);
    const { outputs, timing } = await engine.inferTimed({ x });
    expect(outputs['y']?.data).toEqual(x.data);
    expect(timing.compute).toBeGreaterThanOrEqual(0);
    expect(engine.graphs.replays).toBe(2);
  });

  it.each([
    { graphs: 'on', eager: 4 },
    { graphs: 'auto', eager: 8 },
  ] as const)(
    '#43 of shapes that come in turns are captured once each: $graphs',
    async ({ graphs, eager }) => {
      await using engine = await load({ graphs });
      const rounds = 5;
      for (let round = 0; round < rounds; round += 1) {
        for (const batch of [9, 2, 7, 1]) await inferOne(engine, batch);
      }
      expect(engine.graphs).toEqual({
        ...{ mode: graphs, held: 4, captured: 4, eager, replays: 4 * rounds - eager, reason: null },
      });
      const { contexts, contextPerLane } = engine.memory();
      expect([contexts, contextPerLane]).toEqual([8192, 8192]);
    },
  );

  it('of two profiles in turns are captured once each', async () => {
    await using engine = await load({ graphs: 'on' }, pair);
    // 40 is in the second profile alone.
    for (const count of [40, 30, 40, 30, 40, 30]) await inferPair(engine, count);
    expect(engine.graphs).toMatchObject({ held: 2, captured: 2, eager: 2, replays: 4 });
  });

  it('stay where TensorRT makes no context for another shape, which then runs without', async () => {
    const fail = [{ at: 'createExecutionContext', call: 3, andLater: true }] as const;
    await using engine = await load({ graphs: 'on' }, { ...identity, fail });
    for (const count of [9, 5, 9, 5]) await inferOne(engine, count);
    expect(engine.graphs).toMatchObject({ held: 2, captured: 2, reason: null });
    for (const count of [3, 9, 5, 3, 3, 9]) await inferOne(engine, count);
    expect(engine.graphs.reason).toEqual(expect.any(String));
    expect(engine.graphs.held).toBe(1);
  });

  it('that would hold nothing are none: it says so and works without', async () => {
    await using engine = await load({ graphs: 'on' }, { ...identity, captureEmpty: true });
    for (let i = 0; i < 4; i += 1) await inferOne(engine, 5);
    expect(engine.graphs).toMatchObject({ captured: 0, replays: 0, eager: 4 });
    expect(engine.graphs.reason).toEqual(expect.any(String));
  });

  it('are dropped where their memory grew', async () => {
    await using engine = await load({ graphs: 'on' });
    // The stub dies when a graph comes to memory that was freed.
    const counts = [5, 5, 2000, 2000, 5, 5, 5, 9000, 9000, 2000, 2000, 2000];
    for (const count of counts) await inferOne(engine, count);
    expect(engine.graphs.replays).toBeGreaterThanOrEqual(4);
  });

  it('make room for each other at the limit', async () => {
    await using engine = await load({ graphs: { mode: 'on', max: 3 } });
    await inferOne(engine, 20); // as large as it gets
    const one = stubReport().graphs;
    expect(one).toBe(1);
    const x = vector(counting(20));
    const tensors = await Promise.all([1, 2, 3, 4, 5, 6].map(() => trtNode.DeviceTensor.from(x)));
    // Of one shape, each at an address of its own.
    const use = (number: number) => engine.infer({ x: tensors[number - 1] as DeviceTensor });
    for (const number of [1, 2, 3, 4, 5, 6]) {
      await use(number);
      expect(stubReport().graphs).toBeLessThanOrEqual(3);
    }
    setFaults();
    // 4, 5 and 6 are there; 1 is not, and takes the place of the one that was not used for longest: 4.
    for (const number of [4, 5, 6]) await use(number);
    expect(stubReport().calls['cuStreamBeginCapture'] ?? 0).toBe(0);
    await use(1);
    for (const number of [5, 6, 1]) await use(number);
    expect(stubReport().calls['cuStreamBeginCapture']).toBe(1);
    await use(4);
    expect(stubReport().calls['cuStreamBeginCapture']).toBe(2);
    expect(stubReport().graphs).toBe(3);
    for (const tensor of tensors) await tensor.close();
  });

  it('of different values of a shape tensor are different', async () => {
    await using engine = await load({ graphs: 'on' }, rowsOf);
    for (const rows of [3n, 5n, 3n, 0n, 5n, 3n, 3n, 3n]) {
      const x = counting(8, Number(rows));
      const { y } = await engine.infer({ x, rows: BigInt64Array.of(rows) });
      expect(y?.data).toEqual(x.subarray(0, Number(rows)));
    }
    expect(engine.graphs).toMatchObject({ held: 3, captured: 3, replays: 5 });
  });

  it('#43 are not what an engine becomes that waits for the GPU: it says so and works without', async () => {
    await using engine = await load({ graphs: 'on' }, { ...identity, captureUnsafe: true });
    for (let i = 0; i < 6; i += 1) await inferOne(engine, 5);
    expect(engine.graphs).toMatchObject({ captured: 0, replays: 0, eager: 6 });
    expect(engine.graphs.reason).toEqual(expect.any(String));
    expect(stubReport().graphs).toBe(0);
  });

  it('are not what an engine becomes whose dims depend on the data', async () => {
    await using engine = await load({ graphs: 'on' }, everything);
    for (let i = 0; i < 6; i += 1) await inferWell(engine, 8);
    expect(engine.graphs).toMatchObject({ captured: 0, replays: 0, eager: 6 });
    expect(engine.graphs.reason).toEqual(expect.any(String));
    expect(stubReport().calls['cuStreamBeginCapture'] ?? 0).toBe(0);
  });

  it.each([
    'cuStreamBeginCapture:1=900',
    'cuStreamEndCapture:1=901',
    'cuStreamEndCapture:1=2',
    'cuGraphGetNodes:1=1',
    'cuGraphInstantiate:1=2',
    'cuGraphInstantiate:1=801',
  ])('#73 that cannot be made cost no inference (%s)', async (fault) => {
    await using engine = await load({ graphs: 'on' });
    await inferOne(engine, 9); // the lane's memory
    setFaults(fault);
    for (let i = 0; i < 3; i += 1) await inferOne(engine, 5);
    expect(engine.graphs.reason).toEqual(expect.any(String));
    setFaults();
    for (let i = 0; i < 3; i += 1) await inferOne(engine, 9);
    for (let i = 0; i < 3; i += 1) await inferOne(engine, 5);
  });

  it.each([
    [1, 'ERR_TRT_CUDA'],
    [2, 'ERR_TRT_OUT_OF_MEMORY'],
  ] as const)('#72 whose launch fails (%s) fail one inference: %s', async (cudaError, code) => {
    await using engine = await load({ graphs: 'on' });
    await inferOne(engine, 5);
    setFaults(`cuGraphLaunch:1=${cudaError}`);
    await failure(code, engine.infer({ x: vector(counting(5)) }));
    for (let i = 0; i < 3; i += 1) await inferOne(engine, 5);
  });

  it('#70 that lose the context take it from every engine', async () => {
    const poison = { call: 4, cudaError: 700 };
    const poisoned = await load({ graphs: 'on' }, { ...identity, poison });
    const other = await load({ graphs: 'on' });
    for (let i = 0; i < 3; i += 1) await inferOne(poisoned, 5);
    await inferOne(other, 5);
    const x = vector(counting(5));
    for (const engine of [poisoned, poisoned, other, other]) {
      const error = await failure('ERR_TRT_CUDA_CONTEXT_LOST', engine.infer({ x }));
      expect(error.fatal).toBe(true);
    }
    await Promise.all([poisoned.close(), other.close()]);
  });

  it('of a swapped pair of device tensors are two', async () => {
    await using engine = await load(
      { graphs: 'on' },
      {
        inputs: ['a', 'b'].map((name) => ({ name, dims: [16] })),
        outputs: ['a', 'b'].map((source) => ({ name: `${source} out`, source })),
      },
    );
    const tensors = await Promise.all(
      [1, 100].map((from) =>
        trtNode.DeviceTensor.from(new trtNode.Tensor('float32', counting(16, from), [16])),
      ),
    );
    const [one, two] = tensors as [(typeof tensors)[0], (typeof tensors)[0]];
    for (let i = 0; i < 6; i += 1) {
      const [a, b] = i % 2 === 0 ? [one, two] : [two, one];
      const outputs = await engine.infer({ a, b });
      expect(outputs['a out']?.data).toEqual(counting(16, i % 2 === 0 ? 1 : 100));
      expect(outputs['b out']?.data).toEqual(counting(16, i % 2 === 0 ? 100 : 1));
    }
    expect(engine.graphs).toMatchObject({ captured: 2, eager: 2, replays: 4 });
    await Promise.all(tensors.map((tensor) => tensor.close()));
  });

  it('#74 survive a GPU whose memory somebody else has taken', async () => {
    await using engine = await load({ graphs: 'on' });
    await inferOne(engine, 100);
    setFaults('cuMemAlloc:1+=2', 'cuMemHostAlloc:1+=2', 'cuGraphInstantiate:1+=2');
    await inferOne(engine, 100);
    await inferOne(engine, 50);
    const refused = await rejectionOf(engine.infer({ x: vector(counting(12_000)) }));
    expect(refused).toMatchObject({ code: 'ERR_TRT_OUT_OF_MEMORY', fatal: false });
    await inferOne(engine, 100);
    setFaults();
    await inferOne(engine, 12_000);
  });
});

describe.each(stubAbis)('a refit of %s', (abi) => {
  it('drops the graphs: what runs later has the new weights', async () => {
    const { plan } = await buildOnStub(abi, {
      model: weightsModel([1, 2], [3]),
      tuning: { refit: 'all' },
      device: 0,
      computeCapabilities: [],
    });
    await using engine = await loadStubPlan(abi, plan, { lanes: 2, graphs: 'on' });
    const x = Float32Array.of(1, 2);
    for (const value of [10, 20, 30]) {
      await engine.refit({
        'weights.v': new trtNode.Tensor('float32', Float32Array.of(value, value + 1), [2]),
        'weights.w': new trtNode.Tensor('float32', Float32Array.of(value + 2), [1]),
      });
      expect(stubReport().graphs).toBe(0);
      // The stub dies when a graph of before the refit runs after it.
      await Promise.all(
        Array.from({ length: 12 }, async () => {
          const { v, w } = await engine.infer({ x });
          expect(v?.data).toEqual(Float32Array.of(value, value + 1));
          expect(w?.data).toEqual(Float32Array.of(value + 2));
        }),
      );
      expect(engine.graphs.replays).toBeGreaterThan(0);
    }
  });
});
