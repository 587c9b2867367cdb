import { constants } from 'node:buffer';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Engine } from '../../lib/engine';
import { infer } from '../../lib/infer';
import { sliceBytes } from '../../lib/input-copy';
import { Tensor } from '../../lib/tensor';
import {
  FakeNativeEngine,
  fakeTiming,
  nativeError,
  tensorInfo,
} from '../support/fake-native-engine';
import { manifestFixture } from '../support/manifests';

const float32s = sliceBytes / 4;

function outputBytes(...values: number[]): ArrayBuffer {
  return Float32Array.from(values).buffer;
}

/** x: float32 of any length up to 16 Mi → scores: float32[1, 2], label: int64[1] */
function makeEngine(): { engine: Engine; native: FakeNativeEngine } {
  const native = new FakeNativeEngine(
    [tensorInfo('x', 'float32', [-1])],
    [tensorInfo('scores', 'float32', [1, 2]), tensorInfo('label', 'int64', [1])],
    [{ x: { min: [0], opt: [4], max: [2 ** 24] } }],
    [
      { dims: [1, 2], data: outputBytes(0.25, 0.75) },
      { dims: [1], data: BigInt64Array.of(1n).buffer },
    ],
  );
  return { engine: new Engine(native, { manifest: null, integrity: 'unverified' }), native };
}

function x(length: number): { x: Tensor<'float32'> } {
  const data = Float32Array.from({ length }, (_, i) => i);
  return { x: new Tensor('float32', data, [length]) };
}

function code(expected: string): unknown {
  return expect.objectContaining({ name: 'TrtError', code: expected });
}

describe('what an engine tells', () => {
  it('is the native engine’s, and nobody can change it', () => {
    const { engine, native } = makeEngine();
    expect(engine.inputs).toEqual(native.inputs);
    expect(engine.device).toEqual({ index: 0, name: 'Test GPU', computeCapability: '9.0' });
    expect([engine.flavour, engine.version]).toEqual(['tensorrt', '10.6.0']);
    expect([engine.manifest, engine.integrity]).toEqual([null, 'unverified']);
    expect(() => ((engine.inputs[0]?.dims as number[])[0] = 7)).toThrow(TypeError);
    expect(() => ((engine.profiles[0]?.['x']?.max as number[])[0] = 7)).toThrow(TypeError);
  });

  it('includes the inspector’s JSON', async () => {
    const { engine, native } = makeEngine();
    native.inspection = '{"Layers":[{"Name":"conv"}]}';
    expect((await engine.inspect()).raw).toEqual({ Layers: [{ Name: 'conv' }] });
    native.inspection = '{"Layers":[{"Name":"unescaped\ttab"}]}';
    expect((await engine.inspect()).layers[0]?.name).toBe('unescaped\ttab');
    native.inspection = 'not JSON';
    await expect(engine.inspect()).rejects.toEqual(code('ERR_TRT_INTERNAL'));
  });
});

describe('infer', () => {
  it('gives each output as a tensor', async () => {
    const { engine, native } = makeEngine();
    const outputs = await engine.infer(x(4));
    expect(Object.keys(outputs)).toEqual(['scores', 'label']);
    expect(outputs['scores']).toBeInstanceOf(Tensor);
    expect(outputs['scores']).toMatchObject({ type: 'float32', dims: [1, 2] });
    expect(outputs['scores']?.data).toEqual(Float32Array.of(0.25, 0.75));
    expect(outputs['label']?.data).toEqual(BigInt64Array.of(1n));
    expect(native.lastRequest).toMatchObject({ profile: 0, dims: [[4]], timed: false });
  });

  it('is the same as a function', async () => {
    const { engine } = makeEngine();
    expect(await infer(engine, x(4))).toEqual(await engine.infer(x(4)));
    await expect(infer({} as never, x(4))).rejects.toEqual(code('ERR_TRT_INVALID_ARG'));
  });

  it('copies back only the outputs that were asked for', async () => {
    const { engine, native } = makeEngine();
    const outputs = await engine.infer(x(4), { outputs: ['label'] });
    expect(Object.keys(outputs)).toEqual(['label']);
    expect(native.lastRequest.call.targets).toEqual([0, 1]);
  });

  it.each([
    ['an unknown output', { outputs: ['lable'] }, 'ERR_TRT_OUTPUT_UNKNOWN'],
    ['an output twice', { outputs: ['label', 'label'] }, 'ERR_TRT_INVALID_ARG'],
    ['outputs that are no array', { outputs: 'label' }, 'ERR_TRT_INVALID_ARG'],
    ['an output that is no name', { outputs: [1] }, 'ERR_TRT_INVALID_ARG'],
    ['a profile that is not there', { profile: 1 }, 'ERR_TRT_INVALID_ARG'],
    ['a negative profile', { profile: -1 }, 'ERR_TRT_INVALID_ARG'],
    ['a profile that is no number', { profile: '0' }, 'ERR_TRT_INVALID_ARG'],
    ['an option that there is not', { profil: 0 }, 'ERR_TRT_INVALID_ARG'],
    ['options that are no object', 3, 'ERR_TRT_INVALID_ARG'],
  ])('refuses %s before anything native is taken', async (_, options, expected) => {
    const { engine, native } = makeEngine();
    await expect(engine.infer(x(4), options as never)).rejects.toEqual(code(expected));
    expect(native.requests).toEqual([]);
  });

  it('refuses wrong inputs before anything native is taken', async () => {
    const { engine, native } = makeEngine();
    await expect(engine.infer({ y: new Float32Array(1) })).rejects.toEqual(
      code('ERR_TRT_INPUT_UNKNOWN'),
    );
    expect(native.requests).toEqual([]);
  });

  it('gives an output whatever name it has', async () => {
    const native = new FakeNativeEngine(
      [],
      [tensorInfo('__proto__', 'float32', [1])],
      [{}],
      [{ dims: [1], data: outputBytes(5) }],
    );
    const engine = new Engine(native, { manifest: null, integrity: 'off' });
    const outputs = await engine.infer({});
    expect(Object.keys(outputs)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(outputs)).toBe(Object.prototype);
  });
});

describe('the profile', () => {
  it('may be called by the name that the manifest has for it', async () => {
    const range = { min: [1], opt: [1], max: [8] };
    const native = new FakeNativeEngine(
      [tensorInfo('x', 'float32', [-1])],
      [tensorInfo('y', 'float32', [1])],
      [{ x: range }, { x: range }],
      [{ dims: [1], data: outputBytes(5) }],
    );
    const manifest = manifestFixture('plan', { profileNames: ['small', 'large'] });
    const engine = new Engine(native, { manifest, integrity: 'digest' });
    await engine.infer(x(4));
    await engine.infer(x(4), { profile: 'large' });
    expect(native.requests.map(({ profile }) => profile)).toEqual([0, 1]);
    await expect(engine.infer(x(4), { profile: 'huge' })).rejects.toEqual(
      code('ERR_TRT_INVALID_ARG'),
    );
  });

  it('has no name without a manifest', async () => {
    const { engine } = makeEngine();
    await expect(engine.infer(x(4), { profile: 'small' })).rejects.toEqual(
      code('ERR_TRT_INVALID_ARG'),
    );
  });
});

describe('inferTimed', () => {
  it('gives where the time went beside the outputs', async () => {
    const { engine, native } = makeEngine();
    const { outputs, timing } = await engine.inferTimed(x(4));
    expect(timing).toEqual(fakeTiming);
    expect(Object.keys(outputs)).toEqual(['scores', 'label']);
    expect(native.lastRequest.timed).toBe(true);
  });
});

describe('inferSync', () => {
  it('hands everything over at once and runs before it returns', () => {
    const { engine, native } = makeEngine();
    const inputs = x(2 * float32s + 1);
    const outputs = engine.inferSync(inputs);
    expect(outputs['scores']?.data).toEqual(Float32Array.of(0.25, 0.75));
    expect(native.lastRequest.ran).toBe('runSync');
    expect(Buffer.from(inputs.x.data.buffer).equals(native.lastRequest.received(0))).toBe(true);
  });

  it('fails with the addon’s code', () => {
    const { engine, native } = makeEngine();
    native.runError = nativeError('ERR_TRT_INFER_FAILED');
    expect(() => engine.inferSync(x(4))).toThrow(code('ERR_TRT_INFER_FAILED'));
  });

  it('has no deadline, and looks at the signal before it begins', () => {
    const { engine, native } = makeEngine();
    expect(() => engine.inferSync(x(4), { deadlineMs: 5 })).toThrow(code('ERR_TRT_INVALID_ARG'));
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    expect(() => engine.inferSync(x(4), { signal })).toThrow(reason);
    expect(native.requests).toEqual([]);
  });
});

describe('copies', () => {
  it.each([1, float32s - 1, float32s])(
    'of %i elements (1 MiB and less) are done when infer returns its promise',
    async (length) => {
      const { engine, native } = makeEngine();
      const inputs = x(length);
      const expected = new Uint8Array(inputs.x.data.slice().buffer);
      const promise = engine.infer(inputs);
      inputs.x.data.fill(-1);
      await promise;
      expect(native.stagings).toEqual([]);
      expect(Buffer.from(expected).equals(native.lastRequest.received(0))).toBe(true);
    },
  );

  it('of more go in slices of at most 1 MiB with a turn of the event loop between each two', async () => {
    const { engine, native } = makeEngine();
    const inputs = x(3 * float32s + 1);
    const written: number[] = [];
    const promise = engine.infer(inputs);
    for (let turn = 0; turn < 5; turn += 1) {
      written.push(native.lastStaging.writes.length);
      await nextTurn();
    }
    await promise;
    // Nothing before the staging is there, which is taken off the JS thread.
    expect(written).toEqual([0, 1, 2, 3, 4]);
    expect(native.lastStaging.prepared).toBe(1);
    const { writes } = native.lastStaging;
    expect(writes.map(({ offsetBytes }) => offsetBytes / sliceBytes)).toEqual([0, 1, 2, 3]);
    expect(writes.map(({ data }) => data.length)).toEqual([sliceBytes, sliceBytes, sliceBytes, 4]);
    expect(Buffer.from(inputs.x.data.buffer).equals(native.lastRequest.received(0))).toBe(true);
  });

  it('of several inputs share one budget per turn', async () => {
    const native = new FakeNativeEngine(
      [tensorInfo('a', 'uint8', [sliceBytes - 1]), tensorInfo('b', 'uint8', [2])],
      [],
    );
    const engine = new Engine(native, { manifest: null, integrity: 'off' });
    const promise = engine.infer({
      a: new Uint8Array(sliceBytes - 1).fill(1),
      b: Uint8Array.of(7, 8),
    });
    await nextTurn();
    const atOnce = native.lastStaging.writes.length;
    await promise;
    expect(atOnce).toBe(2);
    expect(native.lastStaging.writes.map(({ data }) => data.length)).toEqual([
      sliceBytes - 1,
      1,
      1,
    ]);
    expect(native.lastRequest.received(1)).toEqual(Uint8Array.of(7, 8));
  });

  it('start where the caller’s view starts', async () => {
    const { engine, native } = makeEngine();
    const view = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
    await engine.infer({ x: { type: 'float32', data: view, dims: [2] } });
    expect(native.lastRequest.received(0)).toEqual(new Uint8Array(Float32Array.of(1, 2).buffer));
  });

  it('of no elements are none', async () => {
    const { engine, native } = makeEngine();
    await engine.infer(x(0));
    expect(native.lastRequest.received(0)).toEqual(new Uint8Array(0));
    expect(native.lastRequest.ran).toBe('submit');
  });

  it('of pinned memory are not made, however large it is', async () => {
    const { engine, native } = makeEngine();
    const pinned = engine.allocate('x', [3 * float32s]);
    await engine.infer({ x: pinned });
    expect(native.stagings).toEqual([]);
    expect(native.lastRequest.received(0)).toHaveLength(3 * sliceBytes);
  });

  it('of a small array beside large pinned ones are the addon’s, before infer returns', async () => {
    const native = new FakeNativeEngine(
      [tensorInfo('x', 'float32', [3 * float32s]), tensorInfo('scale', 'float32', [1])],
      [tensorInfo('y', 'float32', [1])],
      [{}],
      [{ dims: [1], data: new ArrayBuffer(4) }],
    );
    const engine = new Engine(native, { manifest: null, integrity: 'unverified' });
    const scale = Float32Array.of(7);
    const running = engine.infer({ x: engine.allocate('x'), scale });
    scale[0] = 8;
    expect(native.stagings).toEqual([]);
    expect(native.lastRequest.inputs[0]).toHaveLength(3 * sliceBytes);
    expect(native.lastRequest.received(1)).toEqual(new Uint8Array(Float32Array.of(7).buffer));
    await running;
  });

  it('end with ERR_TRT_INPUT_DETACHED when the buffer is transferred meanwhile', async () => {
    const { engine, native } = makeEngine();
    const inputs = x(3 * float32s);
    const promise = engine.infer(inputs);
    await nextTurn();
    structuredClone(inputs.x.data.buffer, { transfer: [inputs.x.data.buffer as ArrayBuffer] });
    await expect(promise).rejects.toEqual(code('ERR_TRT_INPUT_DETACHED'));
    expect(native.requests).toEqual([]);
    expect(native.lastStaging.released).toBe(1);
    expect(native.lastStaging.writes).toHaveLength(1);
  });

  it('end with ERR_TRT_INPUT_LENGTH when the buffer is shrunk meanwhile', async () => {
    const { engine, native } = makeEngine();
    const bytes = 3 * sliceBytes;
    // @ts-expect-error maxByteLength is ES2024, and Node has it since version 20
    const buffer = new ArrayBuffer(bytes, { maxByteLength: bytes }) as ArrayBuffer & {
      resize(size: number): void;
    };
    const data = new Float32Array(buffer);
    const promise = engine.infer({ x: { type: 'float32', data, dims: [data.length] } });
    await nextTurn();
    buffer.resize(8);
    await expect(promise).rejects.toEqual(code('ERR_TRT_INPUT_LENGTH'));
    expect(native.requests).toEqual([]);
    expect(native.lastStaging.released).toBe(1);
  });

  it('give the staging back when one of them fails', async () => {
    const { engine, native } = makeEngine();
    native.beforeWrite = () => {
      throw nativeError('ERR_TRT_INTERNAL');
    };
    await expect(engine.infer(x(2 * float32s))).rejects.toEqual(code('ERR_TRT_INTERNAL'));
    expect(native.lastStaging.released).toBe(1);
  });
});

describe('errors of the addon', () => {
  it('of a run keep their code', async () => {
    const { engine, native } = makeEngine();
    native.runError = nativeError('ERR_TRT_CUDA_CONTEXT_LOST');
    await expect(engine.infer(x(4))).rejects.toEqual(code('ERR_TRT_CUDA_CONTEXT_LOST'));
  });

  it.each([
    ['at once', 4],
    ['after the copies', 2 * float32s],
  ])('of a full queue come %s', async (_, length) => {
    const { engine, native } = makeEngine();
    native.submitError = nativeError('ERR_TRT_QUEUE_FULL');
    await expect(engine.infer(x(length))).rejects.toEqual(code('ERR_TRT_QUEUE_FULL'));
    expect(native.stagings.map(({ released }) => released)).toEqual(length === 4 ? [] : [1]);
  });

  it('of registering a call keep their code', async () => {
    const { engine, native } = makeEngine();
    native.createError = nativeError('ERR_TRT_OUT_OF_MEMORY');
    await expect(engine.infer(x(4))).rejects.toEqual(code('ERR_TRT_OUT_OF_MEMORY'));
    expect(() => engine.inferSync(x(4))).toThrow(code('ERR_TRT_OUT_OF_MEMORY'));
  });

  it('do not keep the next inference from running', async () => {
    const { engine, native } = makeEngine();
    native.runError = nativeError('ERR_TRT_INFER_FAILED');
    await expect(engine.infer(x(4))).rejects.toEqual(code('ERR_TRT_INFER_FAILED'));
    native.runError = null;
    await expect(engine.infer(x(4))).resolves.toHaveProperty('scores');
  });
});

describe('close', () => {
  it('makes every method fail with ERR_TRT_ENGINE_CLOSED, at once', async () => {
    const { engine, native } = makeEngine();
    const closing = engine.close();
    const closed = code('ERR_TRT_ENGINE_CLOSED');
    await expect(engine.infer(x(4))).rejects.toEqual(closed);
    await expect(engine.inferTimed(x(4))).rejects.toEqual(closed);
    await expect(engine.inspect()).rejects.toEqual(closed);
    expect(() => engine.inferSync(x(4))).toThrow(closed);
    await closing;
    await expect(engine.infer(x(4))).rejects.toEqual(closed);
    expect(native.requests).toEqual([]);
  });

  it('gives the same promise each time and closes once', async () => {
    const { engine, native } = makeEngine();
    const first = engine.close();
    expect(engine.close()).toBe(first);
    await first;
    expect(engine.close()).toBe(first);
    expect(native.closed).toBe(1);
  });

  it('leaves what is under way to the native side', async () => {
    const { engine, native } = makeEngine();
    native.holdRuns = true;
    const running = engine.infer(x(4));
    await engine.close();
    expect(native.closed).toBe(1);
    native.lastRequest.finish();
    await expect(running).resolves.toHaveProperty('scores');
  });

  it('settles what was complete when it ended', async () => {
    const { engine, native } = makeEngine();
    native.holdRuns = true;
    let settled = false;
    const running = engine.infer(x(4)).then(() => (settled = true));
    native.close = () => {
      native.lastRequest.finish();
      return Promise.resolve();
    };
    await engine.close();
    await Promise.resolve();
    expect([settled, native.wakeUps]).toEqual([true, 0]);
    await running;
  });

  it('waits with `drain` for all runs in flight, of which some fail', async () => {
    const { engine, native } = makeEngine();
    native.holdRuns = true;
    native.holdQueued = true;
    const running = [engine.infer(x(1)), engine.infer(x(2))];
    await nextTurn();
    const closing = engine.close({ drain: true });
    native.requests[0]?.fail(nativeError('ERR_TRT_INFER_FAILED'));
    await expect(running[0]).rejects.toEqual(code('ERR_TRT_INFER_FAILED'));
    await nextTurn();
    expect(native.closed).toBe(0);
    native.requests[1]?.finish();
    await running[1];
    await closing;
    expect(native.closed).toBe(1);
  });

  it('waits with `drain` for an inference whose inputs are still being copied', async () => {
    const { engine, native } = makeEngine();
    const running = engine.infer(x(2 * float32s));
    await nextTurn();
    expect(native.lastStaging.writes).toHaveLength(1);
    const closing = engine.close({ drain: true });
    expect(native.closed).toBe(0);
    await expect(running).resolves.toHaveProperty('scores');
    await closing;
    expect(native.closed).toBe(1);
  });

  it('fails an inference whose inputs are still being copied, as one that is queued', async () => {
    const { engine, native } = makeEngine();
    const running = engine.infer(x(2 * float32s));
    await nextTurn();
    const closing = engine.close();
    await expect(running).rejects.toEqual(code('ERR_TRT_ENGINE_CLOSED'));
    await closing;
    expect(native.requests).toEqual([]);
    expect(native.lastStaging.released).toBe(1);
  });

  it('drains no longer than it may', async () => {
    const { engine, native } = makeEngine();
    native.holdRuns = true;
    native.holdQueued = true;
    const running = engine.infer(x(4));
    const closing = engine.close({ drain: true, timeoutMs: 1 });
    await expect(running).rejects.toEqual(code('ERR_TRT_ENGINE_CLOSED'));
    await closing;
    expect(native.closed).toBe(1);
  });

  it.each([
    ['warmup', (engine: Engine) => engine.warmup()],
    ['profile', (engine: Engine) => engine.profile()],
    ['benchmark', (engine: Engine) => engine.benchmark({ inputs: x(4), iterations: 1 })],
  ])('#47 waits for a %s; what is queued need not', async (kind, begin) => {
    const { engine, native } = makeEngine();
    native.holdRuns = true;
    let endWork = (_error: Error): void => undefined;
    const work = new Promise<never>((_resolve, reject) => (endWork = reject));
    native.warm = native.profileLayers = () => work;
    const working = begin(engine).catch((error: unknown) => error);
    while (kind === 'benchmark' && native.requests.length === 0) await nextTurn();
    native.holdQueued = true;
    const queued = engine.infer(x(4));
    const closing = engine.close();
    await expect(queued).rejects.toEqual(code('ERR_TRT_ENGINE_CLOSED'));
    expect(native.closed).toBe(0);
    const error = nativeError('ERR_TRT_CUDA');
    if (native.requests.length > 1) native.requests[0]?.fail(error);
    else endWork(error);
    await expect(working).resolves.toEqual(code('ERR_TRT_CUDA'));
    await closing;
    expect(native.closed).toBe(1);
  });

  it.each([
    ['a limit without a drain', { timeoutMs: 5 }],
    ['a negative limit', { drain: true, timeoutMs: -1 }],
    ['a limit that is no number', { drain: true, timeoutMs: '5' }],
    ['a drain that is no boolean', { drain: 1 }],
    ['an option that there is not', { drained: true }],
  ])('refuses %s, and the engine stays open', async (_, options) => {
    const { engine } = makeEngine();
    await expect(engine.close(options as never)).rejects.toEqual(code('ERR_TRT_INVALID_ARG'));
    await expect(engine.infer(x(4))).resolves.toHaveProperty('scores');
  });

  it('may come from where an inference is awaited', async () => {
    const { engine, native } = makeEngine();
    await engine.infer(x(4)).then(() => engine.close());
    expect(native.closed).toBe(1);
  });

  it('may come from a getter of an input: nothing is taken from the engine then', async () => {
    const { engine, native } = makeEngine();
    const inputs = {
      x: {
        type: 'float32' as const,
        data: new Float32Array(1),
        get dims() {
          void engine.close();
          return [1];
        },
      },
    };
    expect(() => engine.inferSync(inputs)).toThrow(code('ERR_TRT_ENGINE_CLOSED'));
    await engine.close();
    expect(native.requests).toEqual([]);
  });

  it('rejects with the addon’s error', async () => {
    const { engine, native } = makeEngine();
    native.close = () => Promise.reject(nativeError('ERR_TRT_CUDA'));
    await expect(engine.close()).rejects.toEqual(code('ERR_TRT_CUDA'));
  });

  it('is what `using` and `await using` do', async () => {
    const first = makeEngine();
    await first.engine[Symbol.asyncDispose]();
    expect(first.native.closed).toBe(1);
    const second = makeEngine();
    second.engine[Symbol.dispose]();
    await second.engine.close();
    expect(second.native.closed).toBe(1);
  });
});

describe('an output that is larger than a typed array can be', () => {
  it('#40 is named, with what can be done', async () => {
    const { MAX_LENGTH } = constants;
    const dims = [MAX_LENGTH + 8];
    // Not a byte of it is touched.
    const results = [{ dims, data: new ArrayBuffer(MAX_LENGTH + 8) }];
    const info = tensorInfo('y', 'uint8', [-1]);
    const large = new Engine(new FakeNativeEngine([], [info], [{}], results), {
      manifest: null,
      integrity: 'unverified',
    });
    const refusal = { code: 'ERR_TRT_UNSUPPORTED', details: { output: 'y', dims } };
    await expect(large.infer({})).rejects.toMatchObject(refusal);
    expect(() => large.inferSync({})).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_UNSUPPORTED' }) as Error,
    );
  });
});
