import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine, ExecutionContext } from '../../lib/index';
import { writeOnnx } from '../support/onnx-writer';
import { doubling, runningSum } from '../support/step-models';
import { codeOf, trtNode } from './gpu-host';

const { CudaStream, DeviceTensor, Tensor } = trtNode;

const count = 256;
const filled = (value: number, length = count) => new Float32Array(length).fill(value);

let sums: Engine;
let doubles: Engine;
beforeAll(async () => {
  const options = { runtime: 'tensorrt', optimizationLevel: 0 } as const;
  const sum = await trtNode.buildEngine(writeOnnx(runningSum(count)), options);
  const double = await trtNode.buildEngine(writeOnnx(doubling), {
    ...options,
    profiles: [
      { x: { min: [1, 64], opt: [4, 64], max: [8, 64] } },
      { x: { min: [9, 64], opt: [64, 64], max: [1024, 64] } },
    ],
  });
  sums = await sum.load();
  doubles = await double.load();
  return async () => {
    await sums.close();
    await doubles.close();
  };
});

/** A context of `sums` with everything but the pair that swaps. */
async function decoder() {
  const context: ExecutionContext = await sums.createContext();
  const token = await DeviceTensor.allocate('float32', [count]);
  const logits = await DeviceTensor.allocate('float32', [count]);
  const pair = [
    await DeviceTensor.allocate('float32', [count]),
    await DeviceTensor.allocate('float32', [count]),
  ] as const;
  context.setInput('token', token);
  context.setOutput('logits', logits);
  const bind = (past: 0 | 1) => {
    context.setInput('past', pair[past]);
    context.setOutput('present', pair[past === 0 ? 1 : 0]);
  };
  return {
    ...{ context, token, logits, pair, bind },
    async [Symbol.asyncDispose]() {
      for (const thing of [context, token, logits, ...pair]) await thing.close();
    },
  };
}

describe('an execution context', () => {
  it('swaps two tensors between steps: enqueued', async () => {
    await using made = await decoder();
    using stream = await CudaStream.create();
    let total = 0;
    for (let step = 1; step <= 20; step += 1) {
      const filling = made.token.copyFrom(filled(step));
      made.bind(step % 2 === 1 ? 0 : 1);
      made.context.enqueue(stream);
      total += step;
      await filling;
    }
    expect(await made.logits.getData()).toEqual(filled(2 * total));
    expect(await made.pair[0].getData()).toEqual(filled(total));
  });

  it('swaps two tensors between steps: two graphs', async () => {
    await using made = await decoder();
    using stream = await CudaStream.create();
    made.bind(0);
    await using even = await made.context.capture(stream);
    made.bind(1);
    await using odd = await made.context.capture(stream);
    await made.pair[0].copyFrom(filled(0));
    let total = 0;
    for (let step = 1; step <= 20; step += 1) {
      const filling = made.token.copyFrom(filled(step));
      (step % 2 === 1 ? even : odd).launch();
      total += step;
      await filling;
    }
    expect(await made.logits.getData()).toEqual(filled(2 * total));
  });

  it('feeds another on another stream without the host', async () => {
    await using first = await doubles.createContext({ profile: 1 });
    await using second = await doubles.createContext({ profile: 1 });
    using one = await CudaStream.create();
    using two = await CudaStream.create();
    const data = Float32Array.from({ length: 1024 * 64 }, (_, i) => i % 500);
    await using x = await DeviceTensor.from(new Tensor('float32', data, [1024, 64]));
    await using between = await DeviceTensor.allocate('float32', [1024, 64]);
    await using y = await DeviceTensor.allocate('float32', [1024, 64]);
    expect(first.outputDims('y')).toEqual([-1, 64]);
    first.setInput('x', x);
    expect(first.outputDims('y')).toEqual([1024, 64]);
    first.setOutput('y', between);
    second.setInput('x', between);
    second.setOutput('y', y);
    for (let round = 0; round < 50; round += 1) {
      first.enqueue(one);
      second.enqueue(two);
    }
    expect(await y.getData()).toEqual(data.map((value) => 4 * value));
    await using small = await DeviceTensor.allocate('float32', [8, 64]);
    expect(await codeOf((async () => first.setInput('x', small))())).toBe('ERR_TRT_INPUT_DIMS');
    // Views of other dims, in the same context.
    await using rows = x.view([10, 64], 64);
    await using into = y.view([10, 64]);
    first.setInput('x', rows);
    first.setOutput('y', into);
    first.enqueue(two);
    expect(await into.getData()).toEqual(data.subarray(64, 704).map((value) => 2 * value));
  });

  it('is a graph with tensors of its own by engine.capture()', async () => {
    await using graph = await doubles.capture({ x: [3, 64] });
    const { x } = graph.inputs;
    const { y } = graph.outputs;
    for (const value of [1, 7, 42]) {
      await x?.copyFrom(filled(value, 192));
      graph.launch();
      await graph.synchronize();
      expect(await y?.getData()).toEqual(filled(2 * value, 192));
    }
  });

  it('fails by code after its engine was closed', async () => {
    const built = await trtNode.buildEngine(writeOnnx(runningSum(8)), {
      runtime: 'tensorrt',
      optimizationLevel: 0,
    });
    const engine = await built.load();
    const graph = await engine.capture();
    for (let i = 0; i < 100; i += 1) graph.launch();
    await engine.close();
    expect(() => graph.launch()).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_ENGINE_CLOSED' }),
    );
    await graph.close();
  });
});
