import { describe, expect, it } from 'vitest';
import { failure, trtNode } from '../support/native-host';
import { held, loadStub } from '../support/stub-host';
import type { StubEngine } from '../support/stub-plans';

// Before anything asks the driver.
process.env['TRT_NODE_STUB_GPUS'] = 'First@8.6@4096,Second@8.9@4096';

const { CudaEvent, CudaStream, DeviceTensor, Tensor } = trtNode;

const identity: StubEngine = {
  inputs: [{ name: 'x', dims: [4] }],
  outputs: [{ name: 'y' }],
  delay: 500,
};

const vector = (start: number) =>
  new Tensor('float32', Float32Array.of(start, start + 1, start + 2, start + 3));

describe('#76 device tensors on several GPUs, from one thread', () => {
  it('keep to their own', async () => {
    const engines = [
      await loadStub('v10', identity),
      await loadStub('v10', identity, { device: 1 }),
    ];
    const graphs = await Promise.all(engines.map((engine) => engine.capture()));
    for (const round of [0, 10, 20]) {
      const filling = graphs.map(({ inputs }, gpu) => inputs['x']!.copyFrom(vector(round + gpu)));
      for (const graph of graphs) graph.launch();
      const results = await Promise.all(graphs.map(({ outputs }) => outputs['y']!.getData()));
      expect(results).toEqual([vector(round).data, vector(round + 1).data]);
      await Promise.all(filling);
    }
    await using context = await engines[1]!.createContext();
    await using here = await DeviceTensor.allocate('float32', [4]);
    await using there = await DeviceTensor.from(vector(7), { device: 1 });
    using stream = await CudaStream.create();
    expect([here.device, there.device, stream.device]).toEqual([0, 1, 0]);
    await failure('ERR_TRT_INPUT_TYPE', () => context.setInput('x', here));
    await failure('ERR_TRT_INVALID_ARG', () => context.setOutput('y', here));
    await failure('ERR_TRT_INVALID_ARG', () => context.enqueue(stream));
    await failure('ERR_TRT_INVALID_ARG', () => graphs[1]!.launch(stream));
    await failure('ERR_TRT_INVALID_ARG', here.copyFrom(there));
    await here.copyFrom(await there.getData());
    expect(await here.getData()).toEqual(vector(7).data);
    await failure('ERR_TRT_INPUT_TYPE', engines[1]!.infer({ x: here }));
    for (const closable of [...graphs, ...engines]) await closable.close();
  });

  it('wait for each other’s events, which stay on their GPU', async () => {
    await using first = await loadStub('v10', identity);
    await using graph = await first.capture();
    using other = await CudaStream.create({ device: 1 });
    using done = new CudaEvent();
    using after = new CudaEvent();
    graph.launch();
    done.record(graph.stream);
    other.wait(done);
    after.record(other);
    await after.synchronize();
    expect(done.query()).toBe(true);
    await failure('ERR_TRT_INVALID_ARG', () => done.record(other));
    await failure('ERR_TRT_INVALID_ARG', () => CudaEvent.elapsedTime(done, after));
  });

  it('leave nothing behind', () => {
    expect(held()).toMatchObject({
      devices: [
        { usedBytes: 0, allocations: 0 },
        { usedBytes: 0, allocations: 0 },
      ],
      streams: 0,
      events: 0,
    });
  });
});
