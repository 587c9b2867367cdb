import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../lib/tensor';
import { byteLengthOf, tensorTypes, viewAs } from '../../lib/data-types';
import { failure, trtNode } from '../support/native-host';
import { held, loadStub, nothingHeld, stubLibraries, stubReport } from '../support/stub-host';
import { stubAbis, stubPlan, stubVersions, type StubEngine } from '../support/stub-plans';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Any number of rows of three. */
const rows: StubEngine = {
  inputs: [{ name: 'x', dims: [-1, 3] }],
  outputs: [{ name: 'y' }],
  profiles: [{ x: { min: [0, 3], opt: [4, 3], max: [1 << 20, 3] } }],
};

const float32 = (data: Float32Array, dims: readonly number[]) =>
  ({ type: 'float32', data, dims }) as const;

/** Numbers that differ from each other, so that a byte in the wrong place shows. */
const counting = (count: number) => Float32Array.from({ length: count }, (_, i) => i + 0.5);

describe.each(stubAbis)('an engine of %s', (abi) => {
  it('is found, loaded, described, run and closed', async () => {
    const plan = stubPlan(abi, {
      inputs: [{ name: 'x', dims: [2, 3] }],
      outputs: [{ name: 'y' }],
      weightBytes: 1000,
      activationBytes: 5000,
    });
    const engine = await trtNode.loadEngine(plan, { library: stubLibraries[abi] });
    expect(engine).toMatchObject({
      flavour: abi === 'rtx' ? 'tensorrt-rtx' : 'tensorrt',
      version: stubVersions[abi].join('.'),
      integrity: 'unverified',
      device: { index: 0, name: 'Stub GPU', computeCapability: '8.6' },
      inputs: [{ name: 'x', type: 'float32', dims: [2, 3], isShapeTensor: false }],
      outputs: [{ name: 'y', type: 'float32', dims: [2, 3] }],
    });
    // #34
    const x = Float32Array.of(1, -0, Infinity, -Infinity, 1e-45, NaN);
    const { y } = await engine.infer({ x });
    expect(y).toMatchObject({ type: 'float32', data: x, dims: [2, 3] });
    expect(held().devices[0]?.usedBytes).toBeGreaterThanOrEqual(6000);
    await engine.close();
    expect(held()).toEqual(nothingHeld);
  });

  it('runs in a promise, at once, and timed', async () => {
    await using engine = await loadStub(abi, { ...rows, delay: 2000 });
    const x = float32(counting(6), [2, 3]);
    expect(engine.inferSync({ x })).toMatchObject({ y: x });
    const { outputs, timing } = await engine.inferTimed({ x });
    expect(outputs).toMatchObject({ y: x });
    // The stub's work is said to take 2 ms.
    expect(timing.compute).toBeGreaterThanOrEqual(2);
    expect(timing.compute).toBeLessThanOrEqual(timing.total);
    expect(timing.h2d).toBeGreaterThanOrEqual(0);
    expect(timing.d2h).toBeGreaterThanOrEqual(0);
    expect(timing.total).toBeGreaterThanOrEqual(2);
  });

  it('takes dims that change from call to call, #33 zero-sized ones too', async () => {
    await using engine = await loadStub(abi, rows);
    for (const count of [1, 5, 0, 4000, 2, 0]) {
      const x = float32(counting(count * 3), [count, 3]);
      const { y } = await engine.infer({ x });
      expect(y?.dims).toEqual([count, 3]);
      expect(Buffer.compare(bytesOf(y!.data), bytesOf(x.data))).toBe(0);
    }
  });

  it('takes scalars', async () => {
    await using engine = await loadStub(abi, {
      inputs: [{ name: 'x', dims: [] }],
      outputs: [{ name: 'y' }],
    });
    expect(await engine.infer({ x: Float32Array.of(42) })).toMatchObject({
      y: float32(Float32Array.of(42), []),
    });
  });

  it('runs in the profile that takes the dims', async () => {
    const range = (min: number, max: number) => ({ x: { min: [min], opt: [min], max: [max] } });
    await using engine = await loadStub(abi, {
      inputs: [{ name: 'x', dims: [-1] }],
      outputs: [{ name: 'y' }],
      profiles: [range(1, 8), range(9, 64)],
    });
    expect(engine.profiles).toEqual([range(1, 8), range(9, 64)]);
    // The stub refuses dims outside of the profile that it was told.
    for (const count of [3, 20, 8, 9, 64, 1]) {
      const x = float32(counting(count), [count]);
      expect(await engine.infer({ x })).toMatchObject({ y: x });
    }
    const x = float32(counting(65), [65]);
    await failure('ERR_TRT_INPUT_DIMS', engine.infer({ x }));
    await failure(
      'ERR_TRT_INPUT_DIMS',
      engine.infer({ x: float32(counting(3), [3]) }, { profile: 1 }),
    );
  });

  it.each(tensorTypes)('#39 moves %s, of odd counts too', async (type) => {
    await using engine = await loadStub(abi, {
      inputs: [{ name: 'x', type, dims: [-1, 5] }],
      outputs: [{ name: 'y' }],
      profiles: [{ x: { min: [0, 5], opt: [1, 5], max: [99, 5] } }],
    });
    for (const count of [1, 2, 7, 0]) {
      const bytes = Uint8Array.from({ length: byteLengthOf(type, count * 5) }, (_, i) => i & 1);
      const x = { type, data: viewAs(type, bytes.buffer), dims: [count, 5] };
      const { y } = await engine.infer({ x });
      expect(y).toMatchObject(x);
      expect(y?.data.byteLength).toBe(bytes.length);
    }
  });

  it('has inputs and outputs of names in any script', async () => {
    const names = ['输入 1', 'وارد', 'a:b/c,d=%20', '🦀\n', 'constructor', '__proto__', ' '];
    await using engine = await loadStub(abi, {
      inputs: names.map((name) => ({ name, dims: [1] })),
      outputs: names.map((name) => ({ name: `${name}→`, source: name })),
    });
    expect(engine.inputs.map(({ name }) => name)).toEqual(names);
    const inputs = Object.fromEntries(names.map((name, i) => [name, Float32Array.of(i)]));
    const outputs = await engine.infer(inputs);
    expect(names.map((name) => outputs[`${name}→`]?.data[0])).toEqual(names.map((_, i) => i));
  });

  it('copies back the outputs that are asked for', async () => {
    await using engine = await loadStub(abi, {
      inputs: [
        { name: 'a', dims: [4] },
        { name: 'b', type: 'int64', dims: [2] },
      ],
      outputs: [
        { name: 'a out', source: 'a' },
        { name: 'b out', source: 'b' },
      ],
    });
    const inputs = { a: counting(4), b: BigInt64Array.of(-1n, 2n ** 62n) };
    const both = await engine.infer(inputs);
    expect(Object.keys(both)).toEqual(['a out', 'b out']);
    const some = await engine.infer(inputs, { outputs: ['b out'] });
    expect(some).toEqual({ 'b out': both['b out'] });
    expect(await engine.infer(inputs, { outputs: [] })).toEqual({});
    await failure('ERR_TRT_OUTPUT_UNKNOWN', engine.infer(inputs, { outputs: ['c out'] }));
  });

  it('copies inputs beyond 1 MiB in slices, between which the event loop turns', async () => {
    await using engine = await loadStub(abi, rows);
    const x = float32(counting(3 * (1 << 20)), [1 << 20, 3]); // 12 MiB
    let turns = 0;
    let running = true;
    const count = () => {
      turns += 1;
      if (running) setImmediate(count);
    };
    setImmediate(count);
    const { y } = await engine.infer({ x });
    running = false;
    expect(turns).toBeGreaterThanOrEqual(11);
    expect(Buffer.compare(bytesOf(y!.data), bytesOf(x.data))).toBe(0);
  });

  it('lends outputs of 64 KiB and more, and gets them back from the garbage collector', async () => {
    const engine = await loadStub(abi, rows);
    const x = float32(counting(3 * 20_000), [20_000, 3]);
    let kept: Tensor | null = (await engine.infer({ x }))['y']!;
    for (let i = 0; i < 40; i += 1) {
      await engine.infer({ x });
      collect();
      await sleep(0); // finalizers run on the event loop
    }
    // Input, output and the one that is kept, each of 256 KiB, and what the collector has not come to.
    expect(held().pinnedBytes).toBeLessThan(10 * 256 * 1024);
    await engine.close();
    // What is still in JavaScript's hands outlives its engine.
    expect(held()).toMatchObject({ streams: 0, events: 0, devices: [{ usedBytes: 0 }] });
    expect(stubReport().pinnedBytes).toBeGreaterThan(0);
    expect(Buffer.compare(bytesOf(kept.data), bytesOf(x.data))).toBe(0);
    kept = null;
    for (let i = 0; i < 100 && stubReport().pinnedBytes > 0; i += 1) {
      collect();
      await sleep(0);
    }
    expect(held()).toEqual(nothingHeld);
  });

  it('gives the inspector’s JSON', async () => {
    await using engine = await loadStub(abi, { ...rows, inspection: '{"Layers":["identity"]}' });
    expect((await engine.inspect()).raw).toEqual({ Layers: ['identity'] });
  });

  it('is refused where a tensor is not laid out linearly', async () => {
    const vectorized = {
      inputs: [{ name: 'x', dims: [1, 32, 2, 2], vectorized: true }],
      outputs: [{ name: 'y' }],
    };
    await failure('ERR_TRT_UNSUPPORTED', loadStub(abi, vectorized));
    expect(held()).toMatchObject({ streams: 0, devices: [{ usedBytes: 0 }] });
  });
});

function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
