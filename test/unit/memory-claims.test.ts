import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { DeviceTensor } from '../../lib/device-tensor';
import { Engine } from '../../lib/engine';
import { Tensor } from '../../lib/tensor';
import {
  fakeDeviceMemory,
  FakeNativeEngine,
  nativeError,
  tensorInfo,
} from '../support/fake-native-engine';

/** Elements of 64 KiB: from there on outputs lie in pinned memory, too. */
const pinnedElements = 16 * 1024;
/** Elements of 3 MiB: too many to copy them at once. */
const largeElements = 768 * 1024;

/** a, b: float32 of any length → y: float32 [2], z: float32 of 64 KiB */
function makeEngine(gpu = 0): { engine: Engine; native: FakeNativeEngine } {
  const range = { min: [0], opt: [4], max: [largeElements] };
  const native = new FakeNativeEngine(
    [tensorInfo('a', 'float32', [-1]), tensorInfo('b', 'float32', [-1])],
    [tensorInfo('y', 'float32', [2]), tensorInfo('z', 'float32', [pinnedElements])],
    [{ a: range, b: range }],
    [
      { dims: [2], data: new ArrayBuffer(8) },
      { dims: [pinnedElements], data: new ArrayBuffer(4 * pinnedElements) },
    ],
  );
  Object.assign(native, { gpu: { ...native.gpu, index: gpu } });
  native.holdRuns = true;
  return { engine: new Engine(native, { manifest: null, integrity: 'unverified' }), native };
}

const tensor = (data: Float32Array) => new Tensor('float32', data);
const b = tensor(new Float32Array(4));
const ab = { a: b, b };
const inUse = expect.objectContaining({ name: 'TrtError', code: 'ERR_TRT_INVALID_ARG' }) as unknown;
const device = (elements: number, address?: bigint, gpu = 0) =>
  new DeviceTensor('float32', [elements], fakeDeviceMemory(elements * 4, gpu, address));

/** Finishes whatever a test left under way: claims are a module's. */
async function finish({ requests }: FakeNativeEngine): Promise<void> {
  for (const request of requests) if (!request.done && !request.cancelled) request.finish();
  await nextTurn();
  await nextTurn();
}

async function submitted({ requests }: FakeNativeEngine): Promise<void> {
  while (!requests.some(({ ran }) => ran === 'submit')) await nextTurn();
}

describe('views of one device tensor', () => {
  it('are the same memory where they overlap', async () => {
    const { engine, native } = makeEngine();
    const whole = device(256);
    const inputs = { a: whole.view([65]), b };
    await expect(engine.infer(inputs, { outputs: { y: whole.view([2], 64) } })).rejects.toEqual(
      inUse,
    );
    await expect(engine.infer(inputs, { outputs: { y: whole } })).rejects.toEqual(inUse);
    expect(() => engine.inferSync(inputs, { outputs: { y: whole } })).toThrow(inUse);
    expect(native.requests).toEqual([]);
  });

  it('are used side by side where they do not', async () => {
    const { engine, native } = makeEngine();
    const whole = device(256);
    const options = { outputs: { y: whole.view([2], 64) } };
    const first = engine.infer({ a: whole.view([64]), b }, options);
    const second = engine.infer({ a: whole.view([64], 128), b }, { outputs: ['y'] });
    await finish(native);
    await expect(Promise.all([first, second])).resolves.toHaveLength(2);
  });

  it('are in the way of other requests', async () => {
    const { engine, native } = makeEngine();
    const whole = device(256);
    const running = engine.infer(ab, { outputs: { y: whole.view([2], 64) } });
    await expect(engine.infer({ a: whole.view([65]), b })).rejects.toEqual(inUse);
    await finish(native);
    await running;
    native.holdRuns = false;
    await expect(engine.infer({ a: whole.view([65]), b })).resolves.toHaveProperty('y');
  });

  it('without elements are in nobody’s way', async () => {
    const { engine, native } = makeEngine();
    native.holdRuns = false;
    const whole = device(256);
    const inputs = { a: whole.view([0], 64), b };
    await expect(engine.infer(inputs, { outputs: { y: whole } })).resolves.toHaveProperty('y');
  });
});

describe('device memory', () => {
  it('is the same at one address, whoever made the tensor', async () => {
    const { engine, native } = makeEngine();
    const address = 1n << 60n;
    const running = engine.infer({ a: device(4, address), b }, { outputs: ['y'] });
    const written = { outputs: { y: device(2, address + 8n) } };
    await expect(engine.infer(ab, written)).rejects.toEqual(inUse);
    // Behind it, and before it: one more byte would be shared.
    const behind = engine.infer(ab, { outputs: { y: device(2, address + 16n) } });
    const before = engine.infer(ab, { outputs: { y: device(2, address - 8n) } });
    await finish(native);
    await expect(Promise.all([running, behind, before])).resolves.toHaveLength(3);
  });

  it('is another at that address on another GPU', async () => {
    const [one, other] = [makeEngine(0), makeEngine(1)];
    const y = (gpu: number) => ({ outputs: { y: device(2, 1n << 59n, gpu) } });
    const running = [one.engine.infer(ab, y(0)), other.engine.infer(ab, y(1))];
    await finish(one.native);
    await finish(other.native);
    await expect(Promise.all(running)).resolves.toHaveLength(2);
  });

  it('is that of a tensor that was given back with the dims of the output', async () => {
    const { engine, native } = makeEngine();
    native.holdRuns = false;
    const given = device(4);
    const { y } = await engine.infer(ab, { outputs: { y: given } });
    expect([y === given, y.dims]).toEqual([false, [2]]);
    native.holdRuns = true;
    const running = engine.infer({ a: y, b });
    await expect(engine.infer(ab, { outputs: { y: given } })).rejects.toEqual(inUse);
    await finish(native);
    await running;
  });
});

describe('a pinned array that a request reads', () => {
  it.each([4, pinnedElements])(
    'is nobody’s output until the GPU has read its %i elements',
    async (elements) => {
      const { engine, native } = makeEngine();
      const a = engine.allocate('a', [elements]) as Tensor<'float32'>;
      const running = engine.infer({ a, b });
      const outputs = { y: a.data.subarray(0, 2) };
      await expect(engine.infer(ab, { outputs })).rejects.toEqual(inUse);
      expect(() => engine.inferSync(ab, { outputs })).toThrow(inUse);
      // To read it as well is no harm.
      const reading = engine.infer({ a: b, b: a });
      await finish(native);
      await Promise.all([running, reading]);
      native.holdRuns = false;
      await expect(engine.infer(ab, { outputs })).resolves.toHaveProperty('y');
    },
  );

  it('is one where it was an output itself, and in part', async () => {
    const { engine, native } = makeEngine();
    native.holdRuns = false;
    const { z } = (await engine.infer(ab)) as { z: Tensor<'float32'> };
    native.holdRuns = true;
    const running = engine.infer({ a: tensor(z.data.subarray(0, 4)), b });
    const refused = engine.infer(ab, { outputs: { y: z.data.subarray(3, 5) } });
    await expect(refused).rejects.toEqual(inUse);
    const beside = engine.infer(ab, { outputs: { y: z.data.subarray(4, 6) } });
    await finish(native);
    await expect(Promise.all([running, beside])).resolves.toHaveLength(2);
  });

  it('is free again after an error', async () => {
    const { engine, native } = makeEngine();
    const a = engine.allocate('a', [pinnedElements]) as Tensor<'float32'>;
    const running = engine.infer({ a, b });
    native.lastRequest.fail(nativeError('ERR_TRT_INFER_FAILED'));
    await expect(running).rejects.toHaveProperty('code', 'ERR_TRT_INFER_FAILED');
    native.submitError = nativeError('ERR_TRT_QUEUE_FULL');
    await expect(engine.infer({ a, b })).rejects.toHaveProperty('code', 'ERR_TRT_QUEUE_FULL');
    native.submitError = null;
    native.holdRuns = false;
    const outputs = { y: a.data.subarray(0, 2) };
    await expect(engine.infer(ab, { outputs })).resolves.toHaveProperty('y');
  });

  it('stays in use when the request is given up, until the GPU is done', async () => {
    const { engine, native } = makeEngine();
    const a = engine.allocate('a', [pinnedElements]) as Tensor<'float32'>;
    const controller = new AbortController();
    const running = engine.infer({ a, b }, { signal: controller.signal });
    controller.abort();
    await expect(running).rejects.toThrow();
    const outputs = { y: a.data.subarray(0, 2) };
    await expect(engine.infer(ab, { outputs })).rejects.toEqual(inUse);
    await finish(native);
    native.holdRuns = false;
    await expect(engine.infer(ab, { outputs })).resolves.toHaveProperty('y');
  });
});

describe('an ordinary array', () => {
  it('that is small is the caller’s again when the call returns', async () => {
    const { engine, native } = makeEngine();
    const a = tensor(new Float32Array(4));
    const running = engine.infer({ a, b });
    const second = engine.infer(ab, { outputs: { y: a.data.subarray(0, 2) } });
    await finish(native);
    await expect(Promise.all([running, second])).resolves.toHaveLength(2);
  });

  it('that is large is in use until it was copied, and what is pinned beside it until the end', async () => {
    const { engine, native } = makeEngine();
    const a = tensor(new Float32Array(largeElements));
    const pinned = engine.allocate('b', [pinnedElements]) as Tensor<'float32'>;
    const running = engine.infer({ a, b: pinned });
    const intoCopied = { outputs: { y: a.data.subarray(0, 2) } };
    const intoPinned = { outputs: { y: pinned.data.subarray(0, 2) } };
    expect(() => engine.inferSync(ab, intoCopied)).toThrow(inUse);
    expect(native.requests).toEqual([]);
    await submitted(native);
    await expect(engine.infer(ab, intoPinned)).rejects.toEqual(inUse);
    const second = engine.infer(ab, intoCopied);
    await finish(native);
    await expect(Promise.all([running, second])).resolves.toHaveLength(2);
  });

  it('that is small is the caller’s again at once beside pinned ones that are large, too', async () => {
    const { engine, native } = makeEngine();
    const a = engine.allocate('a', [largeElements]);
    const small = tensor(new Float32Array(4));
    const running = engine.infer({ a, b: small });
    expect(engine.inferSync(ab, { outputs: { y: small.data.subarray(0, 2) } })).toHaveProperty('y');
    await submitted(native);
    await finish(native);
    await running;
  });

  it('is free when the request is given up while it is copied', async () => {
    const { engine, native } = makeEngine();
    const a = tensor(new Float32Array(largeElements));
    const controller = new AbortController();
    const running = engine.infer({ a, b }, { signal: controller.signal });
    controller.abort();
    await expect(running).rejects.toThrow();
    native.holdRuns = false;
    const outputs = { y: a.data.subarray(0, 2) };
    await expect(engine.infer(ab, { outputs })).resolves.toHaveProperty('y');
  });
});
