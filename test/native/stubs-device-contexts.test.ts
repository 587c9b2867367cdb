import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { failure, trtNode } from '../support/native-host';
import { held, loadStub, nothingHeld, setFaults, stubReport } from '../support/stub-host';
import { reshapeOf } from '../support/stub-models';
import { stubAbis, type StubEngine } from '../support/stub-plans';

const { CudaStream, DeviceTensor, Tensor } = trtNode;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** A cache of one step: what comes out is what went in the step before. */
const decoder: StubEngine = {
  inputs: [
    { name: 'token', dims: [4] },
    { name: 'past', dims: [4] },
  ],
  outputs: [
    { name: 'logits', source: 'past' },
    { name: 'present', source: 'token' },
  ],
  activationBytes: 4096,
  delay: 200,
};

const rows: StubEngine = {
  inputs: [{ name: 'x', dims: [-1, 3] }],
  outputs: [{ name: 'y' }],
  profiles: [
    { x: { min: [1, 3], opt: [4, 3], max: [8, 3] } },
    { x: { min: [9, 3], opt: [9, 3], max: [64, 3] } },
  ],
};

const reshape = reshapeOf({ min: 6, opt: 6, max: 6 });

const four = (start: number) => Float32Array.of(start, start + 1, start + 2, start + 3);
const tensorOf = (data: Float32Array) => DeviceTensor.from(new Tensor('float32', data));

beforeEach(() => setFaults());

describe.each(stubAbis)('an execution context of %s', (abi) => {
  it('swaps two tensors between steps without a copy', async () => {
    const engine = await loadStub(abi, decoder);
    const context = await engine.createContext();
    const stream = await CudaStream.create();
    const token = await DeviceTensor.allocate('float32', [4]);
    const logits = await DeviceTensor.allocate('float32', [4]);
    let [past, present] = [await tensorOf(four(0)), await DeviceTensor.allocate('float32', [4])];
    context.setInput('token', token);
    context.setOutput('logits', logits);
    setFaults(); // counts anew
    for (let step = 1; step <= 4; step += 1) {
      const filling = token.copyFrom(four(10 * step));
      context.setInput('past', past);
      context.setOutput('present', present);
      context.enqueue(stream);
      expect(await logits.getData()).toEqual(four(10 * (step - 1)));
      await filling;
      [past, present] = [present, past];
    }
    expect(stubReport().calls['cuMemcpyDtoDAsync']).toBeUndefined();
    for (const thing of [context, token, logits, past, present]) await thing.close();
    stream.close();
    await engine.close();
    expect(held()).toEqual(nothingHeld);
  });

  it('does the same with two graphs', async () => {
    const engine = await loadStub(abi, decoder);
    const context = await engine.createContext();
    const stream = await CudaStream.create();
    const token = await DeviceTensor.allocate('float32', [4]);
    const logits = await DeviceTensor.allocate('float32', [4]);
    const pair = [await tensorOf(four(0)), await tensorOf(four(0))] as const;
    context.setInput('token', token);
    context.setOutput('logits', logits);
    const capture = (past: 0 | 1) => {
      context.setInput('past', pair[past]);
      context.setOutput('present', pair[past === 0 ? 1 : 0]);
      return context.capture(stream);
    };
    const graphs = [await capture(0), await capture(1)] as const;
    expect(graphs[0].inputs['past']).toBe(pair[0]);
    expect(graphs[1].outputs['present']).toBe(pair[0]);
    await pair[0].copyFrom(four(0));
    for (let step = 1; step <= 4; step += 1) {
      const filling = token.copyFrom(four(10 * step));
      graphs[step % 2 === 1 ? 0 : 1].launch();
      expect(await logits.getData()).toEqual(four(10 * (step - 1)));
      await filling;
    }
    for (const thing of [...graphs, context, token, logits, ...pair]) await thing.close();
    stream.close();
    await engine.close();
    expect(held()).toEqual(nothingHeld);
  });

  it('takes dims of its profile, and tells those of the outputs', async () => {
    await using engine = await loadStub(abi, rows);
    await using context = await engine.createContext({ profile: 1 });
    using stream = await CudaStream.create();
    await using x = await DeviceTensor.from(
      new Tensor('float32', Float32Array.from({ length: 30 }, Math.sqrt), [10, 3]),
    );
    await using small = await DeviceTensor.allocate('float32', [4, 3]);
    expect(context.profile).toBe(1);
    expect(context.outputDims('y')).toEqual([-1, 3]);
    await failure('ERR_TRT_INPUT_MISSING', () => context.enqueue(stream));
    await failure('ERR_TRT_INPUT_DIMS', () => context.setInput('x', small));
    context.setInput('x', x);
    expect(context.outputDims('y')).toEqual([10, 3]);
    await failure('ERR_TRT_INVALID_ARG', () => context.enqueue(stream));
    context.setOutput('y', small);
    await failure('ERR_TRT_INVALID_ARG', () => context.enqueue(stream));
    await failure('ERR_TRT_INVALID_ARG', context.capture(stream));
    await using y = await DeviceTensor.allocate('float32', [10, 3]);
    context.setOutput('y', y);
    context.enqueue(stream);
    expect(await y.getData()).toEqual(await x.getData());
    // A view has other dims on the same memory.
    await using nine = x.view([9, 3]);
    await using into = y.view([9, 3]);
    context.setInput('x', nine);
    context.setOutput('y', into);
    context.enqueue(stream);
    await stream.synchronize();
  });

  it('takes values of shape tensors from the host', async () => {
    await using engine = await loadStub(abi, reshape);
    await using context = await engine.createContext();
    using stream = await CudaStream.create();
    await using x = await tensorOf(Float32Array.from({ length: 6 }, (_, i) => i));
    await using flat = await DeviceTensor.allocate('float32', [64]);
    context.setInput('x', x);
    for (const dims of [
      [2, 3],
      [3, 2],
      [1, 6],
    ] as const) {
      context.setInput('shape', BigInt64Array.from(dims, BigInt));
      expect(context.outputDims('y')).toEqual(dims);
      await using y = flat.view(dims);
      context.setOutput('y', y);
      context.enqueue(stream);
      expect(await y.getData()).toEqual(await x.getData());
    }
    await failure('ERR_TRT_INPUT_VALUES', () =>
      context.setInput('shape', BigInt64Array.of(0n, 1n)),
    );
    await failure('ERR_TRT_INPUT_TYPE', () => context.setInput('shape', x));
    await using graph = await engine.capture();
    expect(graph.outputs['y']?.dims).toEqual([2, 3]);
    expect(Object.keys(graph.inputs)).toEqual(['x']);
  });

  it('is captured with tensors of its own by engine.capture()', async () => {
    const engine = await loadStub(abi, rows);
    const graph = await engine.capture({ x: [2, 3] });
    const { x } = graph.inputs;
    const { y } = graph.outputs;
    expect([x?.dims, y?.dims]).toEqual([
      [2, 3],
      [2, 3],
    ]);
    for (let i = 0; i < 3; i += 1) {
      const data = Float32Array.from({ length: 6 }, (_, k) => 100 * i + k);
      const filling = x?.copyFrom(data);
      graph.launch();
      expect(await y?.getData()).toEqual(data);
      await filling;
    }
    await graph.synchronize();
    await graph.close();
    expect(() => graph.launch()).toThrow(expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' }));
    await failure('ERR_TRT_INPUT_DIMS', engine.capture({ x: [65, 3] }));
    await failure('ERR_TRT_INPUT_UNKNOWN', engine.capture({ z: [1] }));
    await engine.close();
    expect(held()).toEqual(nothingHeld);
  });

  it('fails with ERR_TRT_ENGINE_CLOSED once its engine is closed, which gives everything back', async () => {
    const engine = await loadStub(abi, decoder);
    const graph = await engine.capture();
    const context = await engine.createContext();
    graph.launch();
    await engine.close();
    expect(() => graph.launch()).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_ENGINE_CLOSED' }),
    );
    await failure('ERR_TRT_ENGINE_CLOSED', () => context.outputDims('logits'));
    await failure('ERR_TRT_ENGINE_CLOSED', engine.createContext());
    await failure('ERR_TRT_ENGINE_CLOSED', engine.capture());
    await context.close();
    await graph.close();
    expect(held()).toEqual(nothingHeld);
  });
});

describe('an execution context', () => {
  it('keeps what is bound when its tensor is closed', async () => {
    const engine = await loadStub('v10', rows);
    const context = await engine.createContext();
    const stream = await CudaStream.create();
    const x = await DeviceTensor.from(new Tensor('float32', Float32Array.of(1, 2, 3), [1, 3]));
    const y = await DeviceTensor.allocate('float32', [1, 3]);
    context.setInput('x', x);
    context.setOutput('y', y);
    await x.close();
    context.enqueue(stream);
    expect(await y.getData()).toEqual(Float32Array.of(1, 2, 3));
    await y.close();
    await context.close();
    stream.close();
    await engine.close();
    expect(held()).toEqual(nothingHeld);
  });

  it('puts its own work in order over two streams, and that of others', async () => {
    await using engine = await loadStub('v10', { ...decoder, delay: 3000 });
    await using first = await engine.createContext();
    await using second = await engine.createContext();
    using one = await CudaStream.create();
    using two = await CudaStream.create();
    await using token = await tensorOf(four(1));
    await using past = await tensorOf(four(2));
    await using between = await DeviceTensor.allocate('float32', [4]);
    await using other = await DeviceTensor.allocate('float32', [4]);
    await using result = await DeviceTensor.allocate('float32', [4]);
    first.setInput('token', token);
    first.setInput('past', past);
    first.setOutput('logits', other);
    first.setOutput('present', between);
    second.setInput('token', between);
    second.setInput('past', past);
    second.setOutput('logits', other);
    second.setOutput('present', result);
    // Written on `one`, read on `two`; then overwritten while `two` may still read.
    first.enqueue(one);
    second.enqueue(two);
    const overwriting = between.copyFrom(four(9));
    expect(await result.getData()).toEqual(four(1));
    await overwriting;
    expect(await between.getData()).toEqual(four(9));
    first.enqueue(two);
    expect(await between.getData()).toEqual(four(1));
  });

  it('refuses wrong tensors, names and streams', async () => {
    await using engine = await loadStub('v10', decoder);
    await using context = await engine.createContext();
    using stream = await CudaStream.create();
    await using wrong = await DeviceTensor.allocate('int32', [4]);
    await using token = await DeviceTensor.allocate('float32', [128]);
    await using unaligned = DeviceTensor.fromPointer(token.pointer + 4n, 'float32', [4]);
    await failure('ERR_TRT_INPUT_UNKNOWN', () => context.setInput('tokens', wrong));
    await failure('ERR_TRT_OUTPUT_UNKNOWN', () => context.setOutput('x', wrong));
    await failure('ERR_TRT_OUTPUT_UNKNOWN', () => context.outputDims('x'));
    await failure('ERR_TRT_INPUT_TYPE', () => context.setInput('token', wrong));
    await failure('ERR_TRT_INPUT_TYPE', () => context.setInput('token', four(1)));
    await failure('ERR_TRT_INPUT_DIMS', () => context.setInput('token', token));
    await failure('ERR_TRT_INVALID_ARG', () => context.setInput('token', unaligned));
    await failure('ERR_TRT_INVALID_ARG', () => context.setOutput('logits', wrong));
    await failure('ERR_TRT_INVALID_ARG', () => context.setOutput('logits', four(1) as never));
    await failure('ERR_TRT_INVALID_ARG', () => context.enqueue({} as never));
    await failure('ERR_TRT_INVALID_ARG', engine.createContext({ profile: 7 }));
    await failure('ERR_TRT_INVALID_ARG', engine.createContext({ profiles: 0 } as never));
    const closed = await DeviceTensor.allocate('float32', [4]);
    await closed.close();
    await failure('ERR_TRT_INVALID_ARG', () => context.setInput('token', closed));
    await context.close();
    await failure('ERR_TRT_INVALID_ARG', () => context.enqueue(stream));
  });

  it('leaves outputs whose dims depend on the data, or lie on the host, to infer', async () => {
    await using nonZero = await loadStub('v10', {
      inputs: [{ name: 'x', dims: [4] }],
      outputs: [{ name: 'y', withoutZeros: true, dims: [{ nonZeroOf: 'x' }] }],
    });
    await using context = await nonZero.createContext();
    await using x = await tensorOf(four(0));
    await using y = await DeviceTensor.allocate('float32', [4]);
    using stream = await CudaStream.create();
    context.setInput('x', x);
    context.setOutput('y', y);
    await failure('ERR_TRT_UNSUPPORTED', () => context.enqueue(stream));
    await failure('ERR_TRT_UNSUPPORTED', nonZero.capture());
    await using onHost = await loadStub('v10', {
      inputs: [{ name: 'n', type: 'int64', dims: [2], shapeTensor: true }],
      outputs: [{ name: 'm', onHost: true }],
    });
    await failure('ERR_TRT_UNSUPPORTED', onHost.createContext());
  });

  it('has outputs that share the memory of an input', async () => {
    await using engine = await loadStub('v10', {
      inputs: [{ name: 'cache', dims: [4] }],
      outputs: [{ name: 'updated', source: 'cache', alias: 'cache' }],
    });
    await using context = await engine.createContext();
    using stream = await CudaStream.create();
    await using cache = await tensorOf(four(5));
    await using apart = await DeviceTensor.allocate('float32', [4]);
    context.setInput('cache', cache);
    context.setOutput('updated', apart);
    await failure('ERR_TRT_INFER_FAILED', () => context.enqueue(stream));
    context.setOutput('updated', cache);
    context.enqueue(stream);
    await stream.synchronize();
  });

  it('says why it cannot be captured, and goes on without', async () => {
    await using engine = await loadStub('v10', { ...decoder, captureUnsafe: true });
    await failure('ERR_TRT_UNSUPPORTED', engine.capture());
    expect(await engine.infer({ token: four(1), past: four(2) })).toMatchObject({
      logits: { data: four(2) },
    });
  });

  it('gives back what it took when there is no memory for it', async () => {
    const engine = await loadStub('v10', decoder, { lanes: 1 });
    const before = held();
    setFaults('cuMemAlloc:1=2', 'cuMemAllocAsync:1=2');
    await failure('ERR_TRT_OUT_OF_MEMORY', engine.createContext());
    setFaults('cuGraphInstantiate:1=2');
    await failure('ERR_TRT_OUT_OF_MEMORY', engine.capture());
    setFaults('cuMemAlloc:3=2');
    await failure('ERR_TRT_OUT_OF_MEMORY', engine.capture());
    expect(held()).toEqual(before);
    await engine.close();
    expect(held()).toEqual(nothingHeld);
  });

  it('keeps its engine, and is freed by the garbage collector where nobody closes it', async () => {
    const contextAlone = async () => (await loadStub('v10', decoder)).createContext();
    let context: Awaited<ReturnType<typeof contextAlone>> | null = await contextAlone();
    for (let i = 0; i < 5; i += 1) {
      collect();
      await sleep(0);
    }
    expect(context.outputDims('logits')).toEqual([4]);
    context = null;
    for (let i = 0; i < 200 && held().devices[0]?.usedBytes !== 0; i += 1) {
      collect();
      await sleep(1); // finalizers run on the event loop, and freeing on a thread
    }
    expect(held()).toMatchObject({ devices: [{ usedBytes: 0 }], streams: 0 });
  });
});
