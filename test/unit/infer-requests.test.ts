import { allocateTensor } from '../../lib/infer/allocate';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { NativeWaiting } from '../../lib/binding';
import { DeviceTensor } from '../../lib/device-tensor';
import { Engine } from '../../lib/engine';
import type { Profile } from '../../lib/manifest-schema';
import { Tensor } from '../../lib/tensor';
import {
  fakeDeviceMemory,
  FakeNativeEngine,
  nativeError,
  tensorInfo,
} from '../support/fake-native-engine';

/** x: float32 of up to 1000 → y: float32[2], z: int32[1] */
function makeEngine(change: (native: FakeNativeEngine) => void = () => undefined): {
  engine: Engine;
  native: FakeNativeEngine;
} {
  const native = new FakeNativeEngine(
    [tensorInfo('x', 'float32', [-1])],
    [tensorInfo('y', 'float32', [2]), tensorInfo('z', 'int32', [1])],
    [{ x: { min: [0], opt: [4], max: [1000] } }],
    [
      { dims: [2], data: Float32Array.of(0.25, 0.75).buffer },
      { dims: [1], data: Int32Array.of(7).buffer },
    ],
  );
  change(native);
  return { engine: new Engine(native, { manifest: null, integrity: 'unverified' }), native };
}

const x = (length: number) => ({ x: new Tensor('float32', new Float32Array(length)) });
const code = (expected: string): unknown =>
  expect.objectContaining({ name: 'TrtError', code: expected });
const hold = (native: FakeNativeEngine): void => {
  native.holdRuns = true;
};
const queue = (native: FakeNativeEngine): void => {
  native.holdRuns = true;
  native.holdQueued = true;
};
const device = (elements: number, gpu = 0) =>
  new DeviceTensor('float32', [elements], fakeDeviceMemory(elements * 4, gpu));

describe('a call', () => {
  it('is registered once for requests of equal dims and outputs', async () => {
    const { engine, native } = makeEngine();
    for (const length of [4, 4, 5, 4, 5]) await engine.infer(x(length));
    await engine.infer(x(4), { outputs: ['z'] });
    await engine.infer(x(4), { outputs: { z: true } });
    expect(native.calls.map(({ dims, targets }) => [dims, targets])).toEqual([
      [[[4]], [1, 1]],
      [[[5]], [1, 1]],
      [[[4]], [0, 1]],
    ]);
  });

  it('that repeats has its lengths checked all the same', async () => {
    const { engine } = makeEngine();
    await engine.infer(x(4));
    const short = { type: 'float32', data: new Float32Array(3), dims: [4] } as const;
    await expect(engine.infer({ x: short })).rejects.toEqual(code('ERR_TRT_INPUT_LENGTH'));
    const { data } = x(4).x;
    structuredClone(data.buffer, { transfer: [data.buffer as ArrayBuffer] });
    const gone = { type: 'float32', data, dims: [4] } as const;
    await expect(engine.infer({ x: gone })).rejects.toEqual(code('ERR_TRT_INPUT_DETACHED'));
  });

  it('that was not used for longest makes room for new ones', async () => {
    const { engine, native } = makeEngine((made) => {
      (made.profiles[0]?.['x']?.max as number[])[0] = 5000;
    });
    for (let length = 1; length <= 1025; length += 1) {
      await engine.infer(x(length));
      await engine.infer(x(1));
    }
    const released = native.calls.filter((call) => call.released);
    expect(released.map(({ dims }) => dims)).toEqual([[[2]]]);
  });

  it('tells each tensor its own dims, though the addon tells them once', async () => {
    const { engine } = makeEngine();
    const first = await engine.infer(x(4));
    (first['y']?.dims as number[])[0] = 9;
    expect((await engine.infer(x(4)))['y']?.dims).toEqual([2]);
  });
});

describe('completions', () => {
  const waits = (waiting: NativeWaiting) => (made: FakeNativeEngine) => {
    made.waiting = waiting;
  };

  it('of many requests come with one wake-up, where JavaScript sleeps', async () => {
    const { engine, native } = makeEngine(waits('block'));
    await Promise.all(Array.from({ length: 20 }, () => engine.infer(x(4))));
    expect([native.requests.length, native.wakeUps, native.polls]).toEqual([20, 1, 0]);
  });

  it.each(['auto', 'spin'] as const)(
    'are asked for while something is under way, and then no more (%s)',
    async (waiting) => {
      const { engine, native } = makeEngine(waits(waiting));
      await Promise.all([engine.infer(x(4)), engine.infer(x(4))]);
      expect(native.wakeUps).toBe(0);
      await nextTurn();
      const { polls } = native;
      expect(polls).toBeGreaterThan(0);
      for (let i = 0; i < 5; i += 1) await nextTurn();
      expect(native.polls).toBe(polls);
    },
  );

  it('are asked for once in a turn of the event loop', async () => {
    const { engine, native } = makeEngine(hold);
    const running = [engine.infer(x(1)), engine.infer(x(2))];
    for (let turn = 1; turn <= 5; turn += 1) {
      await nextTurn();
      expect(native.polls).toBe(turn);
    }
    native.requests.forEach((request) => request.finish());
    await Promise.all(running);
  });

  it('are told when the addon says so, and asked for again behind that', async () => {
    const { engine, native } = makeEngine((made) => {
      hold(made);
      made.patience = 3;
    });
    const running = [engine.infer(x(1)), engine.infer(x(2))];
    for (let i = 0; i < 10; i += 1) await nextTurn();
    expect(native.polls).toBe(3);
    native.requests[0]?.finish();
    await running[0];
    expect(native.wakeUps).toBe(1);
    for (let i = 0; i < 10; i += 1) await nextTurn();
    expect(native.polls).toBeGreaterThan(3);
    // Asleep again: a new request begins to ask, for the old one too.
    const { polls } = native;
    running.push(engine.infer(x(3)));
    native.requests[1]?.finish();
    native.requests[2]?.finish();
    await Promise.all(running);
    expect(native.polls).toBeGreaterThan(polls);
    expect(native.wakeUps).toBe(1);
  });

  it('are asked for in real turns, whatever became of the timers', async () => {
    const { engine, native } = makeEngine(hold);
    vi.useFakeTimers();
    try {
      const running = engine.infer(x(4));
      native.lastRequest.finish();
      await expect(running).resolves.toHaveProperty('y');
    } finally {
      vi.useRealTimers();
    }
  });

  it('in any order belong to their requests', async () => {
    const { engine, native } = makeEngine(hold);
    const running = [engine.infer(x(1)), engine.infer(x(2))];
    native.requests[1]?.finish();
    native.requests[0]?.fail(nativeError('ERR_TRT_INFER_FAILED'));
    await expect(running[0]).rejects.toEqual(code('ERR_TRT_INFER_FAILED'));
    await expect(running[1]).resolves.toHaveProperty('y');
  });

  it('#49 that fail have the stack of the one who called', async () => {
    const { engine, native } = makeEngine();
    native.runError = nativeError('ERR_TRT_INFER_FAILED');
    const theCaller = async () => await engine.infer(x(4));
    const error = await theCaller().catch((caught: unknown) => caught as Error);
    expect((error as Error).stack).toContain('theCaller');
  });
});

describe('a signal', () => {
  const reason = new RangeError('enough');

  it('that was aborted before rejects with its reason, and nothing is submitted', async () => {
    const { engine, native } = makeEngine();
    const signal = AbortSignal.abort(reason);
    await expect(engine.infer(x(4), { signal })).rejects.toBe(reason);
    expect(native.requests).toEqual([]);
  });

  it('takes a request that is queued out of the queue', async () => {
    const { engine, native } = makeEngine(queue);
    const controller = new AbortController();
    const running = engine.infer(x(4), { signal: controller.signal });
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(native.lastRequest).toMatchObject({ cancelled: true, discarded: false });
    // Its slot is free at once.
    void engine.infer(x(4)).catch(() => undefined);
    expect(native.lastRequest.slot).toBe(0);
  });

  it('rejects at once while the GPU is at it, and the result is dropped when it comes', async () => {
    const { engine, native } = makeEngine(hold);
    const controller = new AbortController();
    const running = engine.infer(x(4), { signal: controller.signal });
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    const [request] = native.requests;
    request?.finish();
    await nextTurn();
    await nextTurn();
    expect(request).toMatchObject({ cancelled: false, collected: false, discarded: true });
  });

  it('that is aborted afterwards changes nothing', async () => {
    const { engine } = makeEngine();
    const controller = new AbortController();
    await expect(
      engine.infer(x(4), { signal: controller.signal, deadlineMs: 1e6 }),
    ).resolves.toHaveProperty('y');
    controller.abort(reason);
  });

  it('ends the copies of a large input', async () => {
    const native = new FakeNativeEngine([tensorInfo('x', 'uint8', [3 << 20])], [], [{}]);
    const engine = new Engine(native, { manifest: null, integrity: 'off' });
    const controller = new AbortController();
    const inputs = { x: new Uint8Array(3 << 20) };
    const running = engine.infer(inputs, { signal: controller.signal });
    await nextTurn();
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect([native.requests.length, native.lastStaging.released]).toEqual([0, 1]);
  });
});

describe('a deadline', () => {
  it('removes what is queued, and leaves what runs', async () => {
    for (const change of [queue, hold]) {
      const { engine, native } = makeEngine(change);
      const running = engine.infer(x(4), { deadlineMs: 1 });
      await expect(running).rejects.toEqual(code('ERR_TRT_DEADLINE'));
      expect(native.lastRequest.cancelled).toBe(change === queue);
    }
  });

  it('is known to the native side, which never begins late', async () => {
    const { engine, native } = makeEngine();
    await engine.infer(x(4), { deadlineMs: 1000 });
    expect(native.lastRequest.deadlineMs).toBeGreaterThan(0);
    expect(native.lastRequest.deadlineMs).toBeLessThanOrEqual(1000);
  });

  it.each([0, -1, NaN, Infinity, '5', null])('is not %s', async (deadlineMs) => {
    const { engine } = makeEngine();
    await expect(engine.infer(x(4), { deadlineMs } as never)).rejects.toEqual(
      code('ERR_TRT_INVALID_ARG'),
    );
  });
});

describe('outputs', () => {
  it('#37 are written into arrays and tensors of the caller’s', async () => {
    const { engine } = makeEngine();
    const y = new Float32Array(3);
    const z = new Tensor('int32', new Int32Array(1), [1]);
    const given = await engine.infer(x(4), { outputs: { y, z } });
    expect([...y]).toEqual([0.25, 0.75, 0]);
    expect(given.y.dims).toEqual([2]);
    expect(given.y.data.buffer).toBe(y.buffer);
    expect(given.z).toBe(z);
    expect([...z.data]).toEqual([7]);
    const again = engine.inferSync(x(4), { outputs: { z: new Int32Array(1), y: 'cpu' } });
    expect(again.z.data).toEqual(Int32Array.of(7));
    expect(again.y.data).toEqual(Float32Array.of(0.25, 0.75));
  });

  it('may stay on the GPU', async () => {
    const { engine, native } = makeEngine();
    const { y } = await engine.infer(x(4), { outputs: { y: 'device' } });
    expect(y).toBeInstanceOf(DeviceTensor);
    expect([y.type, y.dims]).toEqual(['float32', [2]]);
    expect(native.lastRequest.call.targets).toEqual([2, 0]);
    const other = device(2);
    expect((await engine.infer(x(4), { outputs: { y: other } })).y).toBe(other);
  });

  it.each([
    ['too small', { y: new Float32Array(1) }],
    ['of another type', { y: new Int32Array(2) }],
    ['a tensor of another type', { y: new Tensor('int32', new Int32Array(2)) }],
    ['on another GPU', { y: device(2, 1) }],
    ['a device tensor that is too small', { y: device(1) }],
    ['another word', { y: 'gpu' }],
    ['false', { y: false }],
    ['null', { y: null }],
    ['the same twice', { y: new Float32Array(2), z: 'aliased' }],
  ])('#37 are not %s', async (_, outputs: Record<string, unknown>) => {
    const { engine, native } = makeEngine();
    if (outputs['z'] === 'aliased') {
      outputs['z'] = new Int32Array((outputs['y'] as Float32Array).buffer, 4, 1);
    }
    await expect(engine.infer(x(4), { outputs } as never)).rejects.toEqual(
      code('ERR_TRT_INVALID_ARG'),
    );
    expect(native.requests).toEqual([]);
  });

  it('#37 are not an input of the same request', async () => {
    const { engine } = makeEngine();
    const data = new Float32Array(4);
    const inputs = { x: new Tensor('float32', data) };
    const options = { outputs: { y: data.subarray(2) } };
    await expect(engine.infer(inputs, options)).rejects.toEqual(code('ERR_TRT_INVALID_ARG'));
  });

  it('#37 are not in use by another request, and free again when that is done', async () => {
    const { engine, native } = makeEngine(hold);
    const y = new Float32Array(2);
    const running = engine.infer(x(4), { outputs: { y } });
    await expect(engine.infer(x(4), { outputs: { y } })).rejects.toEqual(
      code('ERR_TRT_INVALID_ARG'),
    );
    const inputs = { x: new Tensor('float32', y) };
    await expect(engine.infer(inputs)).rejects.toEqual(code('ERR_TRT_INVALID_ARG'));
    native.lastRequest.finish();
    await running;
    native.holdRuns = false;
    await expect(engine.infer(inputs)).resolves.toHaveProperty('z');
  });

  it('that were given up stay in use until the GPU is done', async () => {
    const { engine, native } = makeEngine(hold);
    const y = new Float32Array(2);
    const controller = new AbortController();
    const running = engine.infer(x(4), { outputs: { y }, signal: controller.signal });
    controller.abort();
    await expect(running).rejects.toThrow();
    await expect(engine.infer(x(4), { outputs: { y } })).rejects.toEqual(
      code('ERR_TRT_INVALID_ARG'),
    );
    native.requests[0]?.finish();
    native.holdRuns = false;
    await nextTurn();
    await nextTurn();
    await expect(engine.infer(x(4), { outputs: { y } })).resolves.toHaveProperty('y');
  });
});

describe('device tensors', () => {
  it('are inputs', async () => {
    const { engine, native } = makeEngine();
    await engine.infer({ x: device(4) });
    expect(native.lastRequest.inputs[0]).toMatchObject({ sizeBytes: 16 });
    expect(native.lastRequest.dims).toEqual([[4]]);
  });

  it('may be read by several requests at a time, but not be written to meanwhile', async () => {
    const { engine, native } = makeEngine(hold);
    const tensor = device(2);
    const running = [engine.infer({ x: tensor }), engine.infer({ x: tensor })];
    await expect(engine.infer(x(4), { outputs: { y: tensor } })).rejects.toEqual(
      code('ERR_TRT_INVALID_ARG'),
    );
    native.requests.forEach((request) => request.finish());
    await Promise.all(running);
  });

  it('on another GPU are refused', async () => {
    const { engine } = makeEngine();
    await expect(engine.infer({ x: device(4, 1) })).rejects.toEqual(code('ERR_TRT_INPUT_TYPE'));
  });
});

describe('what an engine offers beside', () => {
  it('allocates tensors on pinned memory', () => {
    const { engine } = makeEngine();
    expect(engine.allocate('x', [5])).toMatchObject({ type: 'float32', dims: [5] });
    expect(engine.allocate('z')).toMatchObject({ type: 'int32', dims: [1] });
  });

  it.each([
    ['an unknown tensor', ['w']],
    ['open dims', ['x']],
    ['other dims', ['y', [3]]],
    ['another rank', ['y', [2, 1]]],
    ['a negative dim', ['x', [-1]]],
    ['dims that are no array', ['x', 5]],
  ])('allocates nothing for %s', (_, given) => {
    const { engine } = makeEngine();
    expect(() => engine.allocate(...(given as [string]))).toThrow(code('ERR_TRT_INVALID_ARG'));
  });

  it('allocates an output of any profile where the first leaves no axis open', () => {
    const tensor = (name: string, dims: number[]) => ({
      ...{ name, type: 'float32' as const, dims },
      isShapeTensor: false,
    });
    const range = (min: number, max: number) => ({ x: { min: [min], opt: [max], max: [max] } });
    const engine = {
      inputs: [tensor('x', [-1])],
      outputs: [tensor('y', [1, 10])],
      profiles: [range(1, 1), range(2, 8)],
    };
    const native = { allocate: (bytes: number) => new ArrayBuffer(bytes) };
    expect(allocateTensor(native, engine, 'y', [8, 10]).dims).toEqual([8, 10]);
    expect(allocateTensor(native, engine, 'y', undefined).dims).toEqual([1, 10]);
    expect(() => allocateTensor(native, engine, 'y', [8])).toThrow(code('ERR_TRT_INVALID_ARG'));
    const open = { ...engine, profiles: [range(1, 8), range(9, 16)] };
    expect(() => allocateTensor(native, open, 'y', [8, 10])).toThrow(code('ERR_TRT_INVALID_ARG'));
  });

  it('warms every lane up with zeros of the profiles’ dims, or of those that are given', async () => {
    const { engine, native } = makeEngine();
    await engine.warmup();
    await engine.warmup([{ x: [7] }, { x: [8] }]);
    expect(native.calls.map(({ dims }) => dims)).toEqual([[[4]], [[7]], [[8]]]);
    expect(native.warmed).toHaveLength(3);
    await expect(engine.warmup({ w: [1] })).rejects.toEqual(code('ERR_TRT_INPUT_UNKNOWN'));
    for (const length of [2000, 2 ** 40]) {
      await expect(engine.warmup({ x: [length] })).rejects.toEqual(code('ERR_TRT_INPUT_DIMS'));
    }
  });

  it('warms each profile up, though an earlier one takes its dims too', async () => {
    const { engine, native } = makeEngine((made) => {
      (made.profiles as Profile[]).push({ x: { min: [0], opt: [8], max: [16] } });
    });
    await engine.warmup();
    expect(native.calls.map(({ profile, dims }) => [profile, dims])).toEqual([
      [0, [[4]]],
      [1, [[8]]],
    ]);
  });

  it('warms nothing up that no array can hold', async () => {
    const { engine } = makeEngine((made) => {
      (made.profiles as Profile[])[0] = { x: { min: [0], opt: [4], max: [2 ** 52] } };
    });
    await expect(engine.warmup({ x: [2 ** 52] })).rejects.toEqual(code('ERR_TRT_UNSUPPORTED'));
  });

  it('tells what became of graphs', () => {
    const { engine } = makeEngine();
    expect([engine.lanes, engine.graphs]).toEqual([
      2,
      { mode: 'auto', held: 2, captured: 4, replays: 6, eager: 8, reason: 'it synchronizes' },
    ]);
  });
});
