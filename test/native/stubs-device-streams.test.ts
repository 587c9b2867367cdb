import { beforeEach, describe, expect, it } from 'vitest';
import { failure, trtNode } from '../support/native-host';
import { held, loadStub, nothingHeld, setFaults } from '../support/stub-host';
import type { StubEngine } from '../support/stub-plans';

const { CudaEvent, CudaStream, DeviceTensor } = trtNode;

/** Each run is said to take 3 ms. */
const slow: StubEngine = {
  inputs: [{ name: 'x', dims: [4] }],
  outputs: [{ name: 'y' }],
  delay: 3000,
};

beforeEach(() => setFaults());

describe('streams and events', () => {
  it('measure what runs between two of them', async () => {
    const engine = await loadStub('v10', slow);
    const context = await engine.createContext();
    const x = await DeviceTensor.allocate('float32', [4]);
    const y = await DeviceTensor.allocate('float32', [4]);
    context.setInput('x', x);
    context.setOutput('y', y);
    const stream = await CudaStream.create();
    const start = new CudaEvent();
    const end = new CudaEvent();
    expect(end.query()).toBe(true); // never recorded
    start.record(stream);
    context.enqueue(stream);
    context.enqueue(stream);
    end.record(stream);
    expect(end.query()).toBe(false);
    await failure('ERR_TRT_INVALID_ARG', () => CudaEvent.elapsedTime(start, end));
    await end.synchronize();
    expect(end.query()).toBe(true);
    expect(CudaEvent.elapsedTime(start, end)).toBeGreaterThanOrEqual(6);
    expect(CudaEvent.elapsedTime(end, end)).toBe(0);
    await stream.synchronize();
    for (const thing of [start, end, stream]) thing.close();
    for (const thing of [context, x, y, engine]) await thing.close();
    expect(held()).toEqual(nothingHeld);
  });

  it('leave the event loop free while they are waited for', async () => {
    await using engine = await loadStub('v10', { ...slow, delay: 30_000 });
    await using graph = await engine.capture();
    graph.launch();
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 1);
    await graph.synchronize();
    clearInterval(timer);
    expect(ticks).toBeGreaterThanOrEqual(5);
  });

  it('let one stream wait for another', async () => {
    await using engine = await loadStub('v10', slow);
    await using first = await engine.capture();
    using other = await CudaStream.create();
    const [started, done, after] = [new CudaEvent(), new CudaEvent(), new CudaEvent()];
    started.record(first.stream);
    first.launch();
    done.record(first.stream);
    other.wait(done);
    after.record(other);
    await after.synchronize();
    expect(done.query()).toBe(true);
    expect(CudaEvent.elapsedTime(started, after)).toBeGreaterThanOrEqual(3);
    for (const event of [started, done, after]) event.close();
  });

  it('may be of other CUDA code, whose they stay', async () => {
    using stream = await CudaStream.create();
    const borrowed = CudaStream.fromHandle(stream.handle);
    expect(borrowed.handle).toBe(stream.handle);
    await borrowed.synchronize();
    borrowed.close();
    await stream.synchronize();
    await CudaStream.fromHandle(0n).synchronize();
  });

  it('#48 fail by code when they are closed', async () => {
    const stream = await CudaStream.create();
    const event = new CudaEvent({ timing: false });
    event.record(stream);
    event.close();
    event.close();
    await failure('ERR_TRT_INVALID_ARG', () => event.query());
    await failure('ERR_TRT_INVALID_ARG', () => event.record(stream));
    await failure('ERR_TRT_INVALID_ARG', event.synchronize());
    stream.close();
    stream.close();
    await failure('ERR_TRT_INVALID_ARG', stream.synchronize());
    await failure('ERR_TRT_INVALID_ARG', () => new CudaEvent().record(stream));
  });

  it('refuse what they cannot do', async () => {
    using stream = await CudaStream.create();
    using untimed = new CudaEvent({ timing: false });
    using timed = new CudaEvent();
    untimed.record(stream);
    await stream.synchronize();
    await failure('ERR_TRT_INVALID_ARG', () => CudaEvent.elapsedTime(untimed, untimed));
    await failure('ERR_TRT_INVALID_ARG', () => CudaEvent.elapsedTime(timed, timed));
    await failure('ERR_TRT_INVALID_ARG', () => stream.wait({} as never));
    await failure('ERR_TRT_INVALID_ARG', () => timed.record({} as never));
    await failure('ERR_TRT_INVALID_ARG', () => new CudaEvent({ timing: 1 } as never));
    await failure('ERR_TRT_INVALID_ARG', CudaStream.create({ device: 9 }));
    await failure('ERR_TRT_INVALID_ARG', () => CudaStream.fromHandle(5 as never));
  });

  it('say when the context was lost while they were waited for', async () => {
    await using engine = await loadStub('v10', { ...slow, poison: { call: 1, cudaError: 700 } });
    await using context = await engine.createContext();
    await using x = await DeviceTensor.allocate('float32', [4]);
    await using y = await DeviceTensor.allocate('float32', [4]);
    using stream = await CudaStream.create();
    context.setInput('x', x);
    context.setOutput('y', y);
    context.enqueue(stream);
    const lost = await failure('ERR_TRT_CUDA_CONTEXT_LOST', stream.synchronize());
    expect(lost.fatal).toBe(true);
    await failure('ERR_TRT_CUDA_CONTEXT_LOST', y.getData());
  });
});
