import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DeviceTensor as DeviceTensorClass } from '../../lib/device-tensor';
import { byteLengthOf, tensorTypes, viewAs } from '../../lib/data-types';
import { failure, trtNode } from '../support/native-host';
import { held, loadStub, nothingHeld, setFaults, stubReport } from '../support/stub-host';
import type { StubEngine } from '../support/stub-plans';

const { DeviceTensor } = trtNode;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const counting = (count: number) => Float32Array.from({ length: count }, (_, i) => i + 0.5);

const rows: StubEngine = {
  inputs: [{ name: 'x', dims: [-1, 3] }],
  outputs: [{ name: 'y' }],
  profiles: [{ x: { min: [0, 3], opt: [4, 3], max: [1 << 20, 3] } }],
};

beforeEach(() => setFaults());

describe('a device tensor', () => {
  it('is allocated as zeros, described and freed', async () => {
    const tensor = await DeviceTensor.allocate('float32', [2, 3]);
    expect(tensor).toMatchObject({
      type: 'float32',
      dims: [2, 3],
      location: 'cuda',
      device: 0,
      size: 6,
      byteLength: 24,
    });
    expect(tensor.pointer).toBeGreaterThan(0n);
    expect(await tensor.getData()).toEqual(new Float32Array(6));
    expect(held().devices[0]?.allocations).toBe(1);
    await tensor.close();
    expect(held()).toEqual(nothingHeld);
  });

  it.each(tensorTypes)('takes %s there and back', async (type) => {
    const bytes = Uint8Array.from({ length: byteLengthOf(type, 35) }, (_, i) => i & 1);
    const data = viewAs(type, bytes.buffer);
    await using tensor = await DeviceTensor.from({ type, data, dims: [7, 5] });
    expect(await tensor.getData()).toEqual(data);
  });

  it('takes scalars and tensors without elements', async () => {
    await using scalar = await DeviceTensor.from(new trtNode.Tensor('int32', Int32Array.of(7), []));
    expect(await scalar.getData()).toEqual(Int32Array.of(7));
    await using none = await DeviceTensor.from(
      new trtNode.Tensor('int32', new Int32Array(0), [0, 4]),
    );
    expect(await none.getData()).toEqual(new Int32Array(0));
  });

  it('takes large ordinary arrays in slices, between which the event loop turns', async () => {
    const data = counting(3 << 18); // 3 MiB
    await using tensor = await DeviceTensor.allocate('float32', [data.length]);
    let turns = 0;
    let running = true;
    const count = () => {
      turns += 1;
      if (running) setImmediate(count);
    };
    setImmediate(count);
    await tensor.copyFrom(data);
    running = false;
    expect(turns).toBeGreaterThanOrEqual(2);
    expect(
      Buffer.compare(Buffer.from((await tensor.getData()).buffer), Buffer.from(data.buffer)),
    ).toBe(0);
  });

  it('takes arrays on pinned memory without a copy on the host', async () => {
    const data = counting(1 << 19); // 2 MiB
    await using tensor = await DeviceTensor.from(new trtNode.Tensor('float32', data));
    const pinned = await tensor.getData();
    await using other = await DeviceTensor.allocate('float32', [data.length]);
    setFaults(); // counts anew
    await other.copyFrom(pinned);
    expect(stubReport().calls['cuMemcpyHtoDAsync']).toBe(1);
    expect(
      Buffer.compare(Buffer.from((await other.getData()).buffer), Buffer.from(data.buffer)),
    ).toBe(0);
  });

  it('#35 says that an array was transferred while it was copied', async () => {
    await using tensor = await DeviceTensor.allocate('float32', [3 << 18]);
    const data = counting(3 << 18);
    const copying = tensor.copyFrom(data);
    structuredClone(data.buffer, { transfer: [data.buffer] });
    await failure('ERR_TRT_INPUT_DETACHED', copying);
    await tensor.copyFrom(counting(3 << 18));
  });

  it('copies from another on the GPU alone', async () => {
    await using source = await DeviceTensor.from(
      new trtNode.Tensor('float32', counting(6), [2, 3]),
    );
    await using tensor = await DeviceTensor.allocate('float32', [6]);
    setFaults(); // counts anew
    await tensor.copyFrom(source);
    const { calls } = stubReport();
    expect([
      calls['cuMemcpyDtoDAsync'],
      calls['cuMemcpyHtoDAsync'],
      calls['cuMemcpyDtoHAsync'],
    ]).toEqual([1, undefined, undefined]);
    expect(await tensor.getData()).toEqual(counting(6));
  });

  it('puts copies in order that nobody awaits', async () => {
    await using tensor = await DeviceTensor.allocate('float32', [2]);
    await using copy = await DeviceTensor.allocate('float32', [2]);
    const done = [
      tensor.copyFrom(Float32Array.of(1, 2)),
      copy.copyFrom(tensor),
      tensor.copyFrom(Float32Array.of(3, 4)),
    ];
    expect(await copy.getData()).toEqual(Float32Array.of(1, 2));
    expect(await tensor.getData()).toEqual(Float32Array.of(3, 4));
    await Promise.all(done);
  });

  it('may be closed while it is copied', async () => {
    const tensor = await DeviceTensor.from(new trtNode.Tensor('float32', counting(6)));
    const reading = tensor.getData();
    const closing = tensor.close();
    expect(tensor.close()).toBe(closing);
    expect(await reading).toEqual(counting(6));
    await closing;
    expect(held().devices).toEqual(nothingHeld.devices);
  });

  it('#48 fails by code when it is closed', async () => {
    const tensor = await DeviceTensor.allocate('float32', [2]);
    await using other = await DeviceTensor.allocate('float32', [2]);
    await tensor.close();
    await failure('ERR_TRT_INVALID_ARG', tensor.getData());
    await failure('ERR_TRT_INVALID_ARG', tensor.copyFrom(Float32Array.of(1, 2)));
    await failure('ERR_TRT_INVALID_ARG', other.copyFrom(tensor));
    await failure('ERR_TRT_INVALID_ARG', () => tensor.view([1]));
    await failure('ERR_TRT_INVALID_ARG', () => tensor.pointer);
  });

  it('has views, and its memory lives as long as one of them', async () => {
    const tensor = await DeviceTensor.from(new trtNode.Tensor('float32', counting(128), [2, 64]));
    const second = tensor.view([8, 8], 64);
    expect(second.pointer).toBe(tensor.pointer + 256n);
    expect(await second.getData()).toEqual(counting(128).subarray(64));
    await second.copyFrom(new Float32Array(64));
    expect((await tensor.getData()).subarray(60, 68)).toEqual(
      Float32Array.of(60.5, 61.5, 62.5, 63.5, 0, 0, 0, 0),
    );
    await failure('ERR_TRT_INVALID_ARG', () => tensor.view([64], 1));
    await failure('ERR_TRT_INVALID_ARG', () => tensor.view([65], 64));
    await tensor.close();
    expect(await second.getData()).toEqual(new Float32Array(64));
    await second.close();
    expect(held()).toEqual(nothingHeld);
  });

  it('adopts an address and never frees it', async () => {
    await using owner = await DeviceTensor.from(new trtNode.Tensor('float32', counting(4)));
    const adopted = DeviceTensor.fromPointer(owner.pointer, 'float32', [2, 2]);
    expect(await adopted.getData()).toEqual(counting(4));
    await adopted.close();
    expect(await owner.getData()).toEqual(counting(4));
    await failure('ERR_TRT_INVALID_ARG', () => DeviceTensor.fromPointer(0n, 'float32', [1]));
    await failure('ERR_TRT_INVALID_ARG', () =>
      DeviceTensor.fromPointer(1 as never, 'float32', [1]),
    );
  });

  it('is freed by the garbage collector where nobody closes it', async () => {
    await DeviceTensor.allocate('float32', [1000]);
    for (let i = 0; i < 100 && held().devices[0]?.allocations !== 0; i += 1) {
      collect();
      await sleep(1); // finalizers run on the event loop, and freeing on a thread
    }
    expect(held()).toEqual(nothingHeld);
  });

  it('says by code when there is no memory, and holds nothing then', async () => {
    await failure('ERR_TRT_OUT_OF_MEMORY', DeviceTensor.allocate('uint8', [2 ** 33]));
    setFaults('cuMemAlloc:1=2');
    await failure('ERR_TRT_OUT_OF_MEMORY', DeviceTensor.allocate('uint8', [16]));
    setFaults('cuMemHostAlloc:1=2');
    const tensor = await DeviceTensor.allocate('uint8', [16]);
    await failure('ERR_TRT_OUT_OF_MEMORY', tensor.getData());
    expect(await tensor.getData()).toEqual(new Uint8Array(16));
    await tensor.close();
    expect(held()).toEqual(nothingHeld);
  });

  it('says by code when the context is lost, and closes all the same', async () => {
    const tensor = await DeviceTensor.allocate('uint8', [16]);
    setFaults('cuMemcpyDtoHAsync:1=700');
    const lost = await failure('ERR_TRT_CUDA_CONTEXT_LOST', tensor.getData());
    expect(lost.fatal).toBe(true);
    await failure('ERR_TRT_CUDA_CONTEXT_LOST', tensor.copyFrom(new Uint8Array(16)));
    await tensor.close();
    expect(held()).toEqual(nothingHeld);
  });

  it.each([
    ['type', () => DeviceTensor.allocate('float99' as never, [1])],
    ['dims', () => DeviceTensor.allocate('int8', [-1])],
    ['device', () => DeviceTensor.allocate('int8', [1], { device: -1 })],
    ['a GPU that is not there', () => DeviceTensor.allocate('int8', [1], { device: 1 })],
    ['options', () => DeviceTensor.allocate('int8', [1], { gpu: 0 } as never)],
    ['data', () => DeviceTensor.from({ type: 'int8', data: Int8Array.of(1), dims: [2] })],
    ['a device tensor', () => DeviceTensor.from({} as never)],
  ])('refuses wrong %s', async (_, call) => {
    await failure('ERR_TRT_INVALID_ARG', call());
  });

  it('refuses to be overwritten by anything that does not fit', async () => {
    await using tensor = await DeviceTensor.allocate('int8', [4]);
    await using other = await DeviceTensor.allocate('int8', [5]);
    await failure('ERR_TRT_INVALID_ARG', tensor.copyFrom(other));
    await failure('ERR_TRT_INVALID_ARG', tensor.copyFrom(Int8Array.of(1, 2, 3)));
    await failure('ERR_TRT_INVALID_ARG', tensor.copyFrom(Float32Array.of(1)));
    await failure('ERR_TRT_INVALID_ARG', tensor.copyFrom(null as never));
    await failure(
      'ERR_TRT_INVALID_ARG',
      tensor.copyFrom({ type: 'uint8', data: new Uint8Array(4), dims: [4] }),
    );
  });

  it('is nobody’s to construct', async () => {
    const Constructor = DeviceTensor as unknown as new () => unknown;
    await failure('ERR_TRT_INVALID_ARG', () => new Constructor());
  });
});

describe('a device tensor and infer', () => {
  it('goes in, and comes out', async () => {
    const engine = await loadStub('v10', rows);
    const x = await DeviceTensor.from(new trtNode.Tensor('float32', counting(6), [2, 3]));
    const { y } = await engine.infer({ x }, { outputs: { y: 'device' } });
    expect(y).toMatchObject({ location: 'cuda', dims: [2, 3], type: 'float32' });
    expect(await y.getData()).toEqual(counting(6));
    // Into the next engine, without the host.
    const again = await engine.infer({ x: y });
    expect(again['y']?.data).toEqual(counting(6));
    await Promise.all([x.close(), y.close()]);
    await engine.close();
    expect(held()).toEqual(nothingHeld);
  });

  it('is written where it lies, and may be closed meanwhile', async () => {
    await using engine = await loadStub('v10', { ...rows, delay: 2000 });
    const target: DeviceTensorClass = await DeviceTensor.allocate('float32', [2, 3]);
    const x = { type: 'float32', data: counting(6), dims: [2, 3] } as const;
    const running = engine.infer({ x }, { outputs: { y: target } });
    await running;
    expect(await target.getData()).toEqual(counting(6));
    const closing = engine.infer({ x }, { outputs: { y: target } });
    await target.close();
    await closing;
  });

  it('is in order with copies that are begun while the network runs', async () => {
    const options = { lanes: 1, waiting: 'spin' } as const;
    await using engine = await loadStub('v10', { ...rows, delay: 20_000 }, options);
    await using x = await DeviceTensor.allocate('float32', [2, 3]);
    await using y = await DeviceTensor.allocate('float32', [2, 3]);
    for (let round = 1; round <= 3; round += 1) {
      const numbers = counting(6).map((value) => value * round);
      await x.copyFrom(numbers);
      setFaults(); // counts anew
      const running = engine.infer({ x }, { outputs: { y } });
      // The lane waits for what it has put on its stream.
      while (stubReport().calls['cuStreamSynchronize'] === undefined) await nextTurn();
      const overwriting = x.copyFrom(new Float32Array(6));
      expect(await y.getData()).toEqual(numbers);
      await Promise.all([running, overwriting]);
    }
  });

  it('of other CUDA code is closed when no request has it any more, not even in the queue', async () => {
    await using engine = await loadStub('v10', { ...rows, delay: 5000 }, { lanes: 1 });
    await using owner = await DeviceTensor.from(new trtNode.Tensor('float32', counting(6), [2, 3]));
    const adopted = DeviceTensor.fromPointer(owner.pointer, 'float32', [2, 3]);
    const ordinary = { type: 'float32', data: counting(6), dims: [2, 3] } as const;
    const requests = [engine.infer({ x: ordinary }), engine.infer({ x: adopted })];
    await adopted.close();
    // Its copy out of the GPU is queued behind the network.
    const { eager, replays } = engine.graphs;
    expect(eager + replays).toBe(2);
    for (const { y } of await Promise.all(requests)) expect(y?.data).toEqual(counting(6));
  });

  it('is closed where its request was aborted in the queue', async () => {
    await using engine = await loadStub('v10', { ...rows, delay: 5000 }, { lanes: 1 });
    const x = await DeviceTensor.from(new trtNode.Tensor('float32', counting(6), [2, 3]));
    const first = engine.infer({ x: { type: 'float32', data: counting(6), dims: [2, 3] } });
    const abort = new AbortController();
    const second = engine.infer({ x }, { signal: abort.signal });
    abort.abort();
    await expect(second).rejects.toBe(abort.signal.reason);
    await x.close();
    await first;
  });
});
