import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../lib/engine';
import { failure } from '../support/native-host';
import { buildOnStub } from '../support/stub-build';
import { expectNothingHeld } from '../support/stub-held';
import { loadStub, loadStubPlan, setFaults, stubReport } from '../support/stub-host';
import { counting, identity, vector } from '../support/stub-models';
import { stubAbis, type StubEngine } from '../support/stub-plans';
import type { TinyModel } from '../support/onnx-writer';

beforeEach(() => {
  setFaults();
});
afterEach(async () => {
  setFaults();
  await expectNothingHeld();
});

/** `x` goes through `first` and `second` to `y`. */
const chain: TinyModel = {
  inputs: [{ name: 'x', type: 'float32', dims: [3] }],
  nodes: [
    { op: 'Identity', name: 'one', inputs: ['x'], outputs: ['layer/first'] },
    { op: 'Identity', name: 'two', inputs: ['layer/first'], outputs: ['layer/second'] },
    { op: 'Identity', name: 'three', inputs: ['layer/second'], outputs: ['y'] },
  ],
  outputs: [{ name: 'y', type: 'float32', dims: [3] }],
};

/** Debug tensors of each kind: on the GPU, of another type and dims, on the host. */
const marked: StubEngine = {
  ...identity,
  debug: [
    { name: 'same' },
    { name: 'narrow', type: 'uint8', dims: [2, 2] },
    { name: 'on the host', type: 'int32', dims: [1], onHost: true },
  ],
};

describe.each(stubAbis)('debug tensors of a build on %s', (abi) => {
  it('are marked, and their values come out', async () => {
    const debugTensors = ['layer/first', 'layer/second'];
    const { plan, record } = await buildOnStub(abi, { model: chain, tuning: { debugTensors } });
    expect(record.debugTensors).toEqual(debugTensors);
    await using engine = await loadStubPlan(abi, plan);
    const x = vector(Float32Array.of(1, 2, 3));
    const { outputs, debug } = await engine.inferTimed({ x }, { debug: ['layer/second'] });
    expect(outputs['y']?.data).toEqual(x.data);
    expect(debug['layer/second']).toMatchObject({ type: 'float32', dims: [3], data: x.data });
    expect(Object.keys(debug)).toEqual(['layer/second']);
  });

  it('are none unless they are asked for', async () => {
    const { record } = await buildOnStub(abi, { model: chain });
    expect(record.debugTensors).toEqual([]);
  });

  it('that the network does not have are refused, with those that are near', async () => {
    for (const [name, nearest] of [
      ['layer/fist', ['layer/first']],
      ['second', ['layer/second']],
      ['nothing like it', []],
    ] as const) {
      const options = { model: chain, tuning: { debugTensors: ['layer/first', name] } };
      const error = await failure('ERR_TRT_INVALID_ARG', buildOnStub(abi, options));
      expect(error.details).toMatchObject({ tensor: name, nearest });
    }
  });

  it('are none of the inputs, but may be an output', async () => {
    const options = { model: chain, tuning: { debugTensors: ['x'] } };
    const error = await failure('ERR_TRT_INVALID_ARG', buildOnStub(abi, options));
    expect(error.details).toMatchObject({ tensor: 'x' });
    const { record } = await buildOnStub(abi, { model: chain, tuning: { debugTensors: ['y'] } });
    expect(record.debugTensors).toEqual(['y']);
  });

  it('that TensorRT does not take are refused', async () => {
    const model: TinyModel = {
      ...chain,
      nodes: [
        { op: 'Identity', name: 'one', inputs: ['x'], outputs: ['unmarkable'] },
        { op: 'Identity', name: 'two', inputs: ['unmarkable'], outputs: ['y'] },
      ],
    };
    const options = { model, tuning: { debugTensors: ['unmarkable'] } };
    const error = await failure('ERR_TRT_UNSUPPORTED', buildOnStub(abi, options));
    expect(error.details).toMatchObject({ option: 'debugTensors', tensor: 'unmarkable' });
  });
});

describe.each(stubAbis)('inferTimed with debug under %s', (abi) => {
  const x = vector(counting(8));
  const bytes = new Uint8Array(x.data.buffer);

  async function inferPlainly(engine: Engine): Promise<void> {
    const { outputs, ...rest } = await engine.inferTimed({ x });
    expect(outputs['y']?.data).toEqual(x.data);
    expect(rest).not.toHaveProperty('debug');
  }

  it('gives each value in its type and dims, in the order asked', async () => {
    await using engine = await loadStub(abi, marked);
    const asked = ['on the host', 'same', 'narrow'] as const;
    const { debug, timing } = await engine.inferTimed({ x }, { debug: asked });
    expect(Object.keys(debug)).toEqual(asked);
    expect(debug.same).toMatchObject({ type: 'float32', dims: [8], data: x.data });
    expect(debug.narrow).toMatchObject({ type: 'uint8', dims: [2, 2] });
    expect(debug.narrow.data).toEqual(bytes.slice(0, 4));
    expect(debug['on the host']).toMatchObject({ type: 'int32', dims: [1] });
    expect(debug['on the host'].data).toEqual(new Int32Array(bytes.slice(0, 4).buffer));
    expect(timing.total).toBeGreaterThan(0);
  });

  it('takes no names, tensors without elements, and large ones', async () => {
    await using engine = await loadStub(abi, marked);
    expect((await engine.inferTimed({ x }, { debug: [] })).debug).toEqual({});
    const none = await engine.inferTimed({ x: vector(new Float32Array(0)) }, { debug: ['same'] });
    expect(none.debug.same).toMatchObject({ dims: [0], data: new Float32Array(0) });
    const large = vector(counting(100_000));
    const { outputs, debug } = await engine.inferTimed({ x: large }, { debug: ['same'] });
    expect(debug.same.data).toEqual(large.data);
    expect(outputs['y']?.data).toEqual(large.data);
    debug.same.close();
    outputs['y']?.close();
  });

  it.each(['on', 'auto', 'off'] as const)(
    'runs without a graph, and leaves those of others as they are: graphs %s',
    async (graphs) => {
      await using engine = await loadStub(abi, marked, { lanes: 1, graphs });
      for (let i = 0; i < 4; i += 1) await inferPlainly(engine);
      const { eager, replays } = engine.graphs;
      for (let i = 1; i <= 3; i += 1) {
        const { debug, outputs } = await engine.inferTimed({ x }, { debug: ['same'] });
        expect(debug.same.data).toEqual(x.data);
        expect(outputs['y']?.data).toEqual(x.data);
        expect(engine.graphs).toMatchObject({ eager: eager + i, replays });
      }
      for (let i = 0; i < 3; i += 1) await inferPlainly(engine);
      expect(engine.graphs.replays).toBeGreaterThanOrEqual(graphs === 'off' ? 0 : replays + 1);
      expect(engine.graphs.reason).toBeNull();
    },
  );

  it('is over with its inference: the next one hands nothing out', async () => {
    await using engine = await loadStub(abi, marked, { lanes: 1, graphs: 'off' });
    await inferPlainly(engine);
    // A stub takes memory for each value that it hands out.
    setFaults();
    await engine.inferTimed({ x }, { debug: ['same', 'narrow'] });
    expect(stubReport().calls['cuMemAlloc']).toBe(2);
    setFaults();
    await inferPlainly(engine);
    expect(stubReport().calls['cuMemAlloc'] ?? 0).toBe(0);
    setFaults();
    await engine.inferTimed({ x }, { debug: ['narrow'] });
    expect(stubReport().calls['cuMemAlloc']).toBe(1);
  });

  it('goes on beside inferences on other lanes, whose memory they share', async () => {
    await using engine = await loadStub(abi, marked, { lanes: 3, contextMemory: 'shared' });
    const runs = Array.from({ length: 12 }, async (_, i) => {
      const own = vector(counting(8, i * 100));
      if (i % 3 === 0) {
        const { debug } = await engine.inferTimed({ x: own }, { debug: ['same'] });
        expect(debug.same.data).toEqual(own.data);
      } else {
        expect((await engine.infer({ x: own }))['y']?.data).toEqual(own.data);
      }
    });
    await Promise.all(runs);
  });

  it('refuses what the plan was not built with, and what infer does not have', async () => {
    await using engine = await loadStub(abi, marked);
    for (const debug of [
      ['sane'],
      ['same\0'],
      ['y'],
      ['same', 'x'],
      ['same', 'same'],
      [1],
      'same',
    ]) {
      const options = { debug: debug as string[] };
      const error = await failure('ERR_TRT_INVALID_ARG', engine.inferTimed({ x }, options));
      expect(error.details).toMatchObject({ argument: 'options.debug' });
    }
    const options = { debug: ['same'] } as object;
    await failure('ERR_TRT_INVALID_ARG', engine.infer({ x }, options));
    await failure('ERR_TRT_INVALID_ARG', () => engine.inferSync({ x }, options));
    await inferPlainly(engine);
  });

  it.each(['processDebugTensor', 'setDebugListener', 'setTensorDebugState'] as const)(
    'fails where TensorRT does at %s, and the next inference is right',
    async (at) => {
      const plan = { ...marked, fail: [{ at, call: 1 }] };
      await using engine = await loadStub(abi, plan, { lanes: 1, graphs: 'on' });
      await inferPlainly(engine);
      const asked = { debug: ['same', 'narrow'] } as const;
      await failure('ERR_TRT_INFER_FAILED', engine.inferTimed({ x }, asked));
      await inferPlainly(engine);
      const { debug } = await engine.inferTimed({ x }, asked);
      expect(debug.same.data).toEqual(x.data);
      await inferPlainly(engine);
    },
  );

  it.each([
    ['cuMemHostAlloc', 2, 'ERR_TRT_OUT_OF_MEMORY'],
    ['cuMemcpyDtoHAsync', 2, 'ERR_TRT_OUT_OF_MEMORY'],
    ['cuStreamSynchronize', 2, 'ERR_TRT_OUT_OF_MEMORY'],
    ['cuMemcpyDtoHAsync', 'throw', 'ERR_TRT_OUT_OF_MEMORY'],
  ] as const)('#72 fails where the driver does at %s with %s', async (name, fault, code) => {
    await using engine = await loadStub(abi, marked, { lanes: 1, waiting: 'spin' });
    await inferPlainly(engine);
    setFaults(`${name}:1=${fault}`);
    const wide = vector(counting(50_000));
    const error = await engine
      .inferTimed({ x: wide }, { debug: ['same'] })
      .catch((e: unknown) => e);
    expect(error).toMatchObject({ code });
    setFaults();
    await inferPlainly(engine);
    expect((await engine.inferTimed({ x }, { debug: ['same'] })).debug.same.data).toEqual(x.data);
  });

  it('says so when the engine is closed', async () => {
    const engine = await loadStub(abi, marked);
    const first = engine.inferTimed({ x }, { debug: ['same'] });
    await engine.close({ drain: true });
    expect((await first).debug.same.data).toEqual(x.data);
    await failure('ERR_TRT_ENGINE_CLOSED', engine.inferTimed({ x }, { debug: ['narrow'] }));
  });
});
