import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../lib/index';
import { writeOnnx } from '../support/onnx-writer';
import { doubling } from '../support/step-models';
import { codeOf, loadBinding, trtNode } from './gpu-host';

const { CudaEvent, CudaStream, DeviceTensor, Tensor } = trtNode;

const counting = (count: number) => Float32Array.from({ length: count }, (_, i) => i % 1000);
const rowsOf = (rows: number) => new Tensor('float32', counting(rows * 64), [rows, 64]);
const doubled = (data: Float32Array) => data.map((value) => 2 * value);

let engine: Engine;
beforeAll(async () => {
  const built = await trtNode.buildEngine(writeOnnx(doubling), {
    runtime: 'tensorrt',
    optimizationLevel: 0,
    profiles: [{ x: { min: [1, 64], opt: [64, 64], max: [1 << 18, 64] } }],
  });
  engine = await built.load();
  return () => engine.close();
});

describe('device tensors', () => {
  it('go there and back', async () => {
    await using zeros = await DeviceTensor.allocate('float32', [3, 64]);
    expect(await zeros.getData()).toEqual(new Float32Array(192));
    const { data, dims } = rowsOf(5);
    await using tensor = await DeviceTensor.from(new Tensor('float32', data, dims));
    expect(await tensor.getData()).toEqual(data);
    const adopted = DeviceTensor.fromPointer(tensor.pointer, 'float32', [320]);
    expect(await adopted.getData()).toEqual(data);
    await adopted.close();
    await using part = tensor.view([3, 64], 64);
    await zeros.copyFrom(part);
    expect(await zeros.getData()).toEqual(data.subarray(64, 256));
  });

  it('go from one inference into the next without the host', async () => {
    const x = rowsOf(100);
    await using input = await DeviceTensor.from(x);
    const { y } = await engine.infer({ x: input }, { outputs: { y: 'device' } });
    const again = await engine.infer({ x: y }, { outputs: { y: 'device' } });
    expect(again.y.dims).toEqual([100, 64]);
    expect(await again.y.getData()).toEqual(doubled(doubled(x.data)));
    // Into memory that is there already, also when it is closed meanwhile.
    const written = await engine.infer({ x: again.y }, { outputs: { y } });
    expect(await written.y.getData()).toEqual(doubled(doubled(doubled(x.data))));
    const last = engine.infer({ x: again.y });
    await again.y.close();
    expect((await last)['y']?.data).toEqual(doubled(doubled(doubled(x.data))));
    await y.close();
  });

  it('move 64 MiB each way while the event loop turns', async () => {
    const data = counting(1 << 24);
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 1);
    await using tensor = await DeviceTensor.from(new Tensor('float32', data));
    const back = await tensor.getData();
    clearInterval(timer);
    expect(
      Buffer.compare(
        Buffer.from(back.buffer, back.byteOffset, back.byteLength),
        Buffer.from(data.buffer),
      ),
    ).toBe(0);
    expect(ticks).toBeGreaterThan(2);
  });

  it('give their memory back', async () => {
    const free = async () => (await loadBinding().deviceMemory(0)).freeBytes;
    const cycle = async () => {
      await using tensor = await DeviceTensor.allocate('uint8', [64 << 20]);
      await tensor.getData();
    };
    await cycle();
    const before = await free();
    for (let i = 0; i < 5; i += 1) await cycle();
    expect(Math.abs(before - (await free()))).toBeLessThanOrEqual(2 << 20);
    expect(await codeOf(DeviceTensor.allocate('uint8', [2 ** 45]))).toBe('ERR_TRT_OUT_OF_MEMORY');
  });
});

describe('streams and events', () => {
  it('measure the GPU, in order', async () => {
    await using graph = await engine.capture({ x: [1 << 16, 64] });
    const { stream } = graph;
    using start = new CudaEvent();
    using middle = new CudaEvent();
    using end = new CudaEvent();
    const before = performance.now();
    start.record(stream);
    graph.launch();
    middle.record(stream);
    for (let i = 0; i < 10; i += 1) graph.launch();
    end.record(stream);
    await end.synchronize();
    const onTheHost = performance.now() - before;
    const first = CudaEvent.elapsedTime(start, middle);
    const rest = CudaEvent.elapsedTime(middle, end);
    const whole = CudaEvent.elapsedTime(start, end);
    // How long each takes depends on what else the GPU does. Not so: their order, that the parts make the whole, each of the three
    // within the resolution of half a microsecond, that no GPU moves a third of a GiB in a microsecond, and that the host waited.
    expect(first).toBeGreaterThan(0);
    expect(rest).toBeGreaterThan(0);
    expect(Math.abs(whole - (first + rest))).toBeLessThan(0.002);
    expect(whole).toBeGreaterThan(0.001);
    expect(whole).toBeLessThan(onTheHost);
  });

  it('order two streams, and borrow one', async () => {
    await using graph = await engine.capture({ x: [1 << 16, 64] });
    using other = await CudaStream.create();
    const borrowed = CudaStream.fromHandle(graph.stream.handle);
    using done = new CudaEvent();
    using after = new CudaEvent();
    for (let i = 0; i < 20; i += 1) graph.launch();
    done.record(borrowed);
    other.wait(done);
    after.record(other);
    await after.synchronize();
    expect(done.query()).toBe(true);
    expect(CudaEvent.elapsedTime(done, after)).toBeGreaterThanOrEqual(0);
    await borrowed.synchronize();
    borrowed.close();
    await CudaStream.fromHandle(0n).synchronize();
  });
});
