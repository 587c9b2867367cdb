import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { createContext, runInContext, runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TrtError, TrtErrorCode } from '../../lib/errors';
import { failure } from '../support/native-host';
import { held, loadStub, nothingHeld, setFaults, stubReport } from '../support/stub-host';
import { counting, everything, identity, vector } from '../support/stub-models';
import { stubAbis } from '../support/stub-plans';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

beforeEach(() => {
  setFaults();
});
afterEach(() => {
  setFaults();
});

/** Of 4 MiB: it is copied in four slices, with a turn of the event loop between two. */
const largeCount = 1 << 20;

describe.each(stubAbis)('#35 a buffer that goes away in flight, under %s', (abi) => {
  const ways: Record<string, () => [Float32Array, () => void, TrtErrorCode]> = {
    transferred: () => {
      const data = counting(largeCount);
      return [data, () => transfer(data), 'ERR_TRT_INPUT_DETACHED'];
    },
    shrunk: () => {
      const buffer = new (ArrayBuffer as unknown as ResizableConstructor)(largeCount * 4, {
        maxByteLength: largeCount * 4,
      });
      return [new Float32Array(buffer), () => buffer.resize(4096), 'ERR_TRT_INPUT_LENGTH'];
    },
  };

  it.each(Object.keys(ways))('%s: a typed error, and the next inference works', async (how) => {
    await using engine = await loadStub(abi, identity);
    for (const turns of [0, 1, 2]) {
      const [data, take, code] = ways[how]!();
      const inference = engine.infer({ x: vector(data) });
      for (let i = 0; i < turns; i += 1) await nextTurn();
      take();
      await failure(code, inference);
    }
    const x = vector(counting(5));
    expect((await engine.infer({ x }))['y']?.data).toEqual(x.data);
  });

  it('of a small input: what was there when infer was called is what counts', async () => {
    await using engine = await loadStub(abi, { ...identity, delay: 1000 });
    const data = counting(1000);
    const inference = engine.infer({ x: vector(data) });
    transfer(data);
    expect((await inference)['y']?.data).toEqual(counting(1000));
  });

  it('shared with a thread that writes meanwhile: a mixture, and no crash', async () => {
    await using engine = await loadStub(abi, identity);
    const shared = new SharedArrayBuffer(largeCount * 4);
    const writer = new Worker(
      `const data = new Float32Array(require('node:worker_threads').workerData);
       for (let value = 1; ; value = 3 - value) data.fill(value);`,
      { eval: true, workerData: shared },
    );
    try {
      for (let i = 0; i < 2; i += 1) {
        const { y } = await engine.infer({ x: vector(new Float32Array(shared)) });
        const data = y!.data as Float32Array;
        expect(data).toHaveLength(largeCount);
        expect(data.every((value) => value === 0 || value === 1 || value === 2)).toBe(true);
      }
    } finally {
      await writer.terminate();
    }
  });
});

describe.each(stubAbis)('inferences of %s', (abi) => {
  it('#36 have what they need when the caller lets go of everything', async () => {
    const engine = await loadStub(abi, { ...identity, delay: 3000 });
    const start = (value: number) =>
      engine.infer({ x: vector(new Float32Array(30_000).fill(value)) });
    for (const value of [1, 2, 3]) {
      const inference = start(value);
      let settled = false;
      void inference.finally(() => (settled = true));
      while (!settled) {
        collect();
        await nextTurn();
      }
      const { y } = await inference;
      expect(new Set(y?.data as Float32Array)).toEqual(new Set([value]));
    }
    await engine.close();
  });

  it('#41 each get their own outputs, a thousand at once', async () => {
    await using engine = await loadStub(abi, identity);
    const ends = await Promise.all(
      Array.from({ length: 1000 }, (_, i) =>
        engine.infer({ x: vector(Float32Array.from({ length: i % 17 }, () => i)) }),
      ),
    );
    for (const [i, { y }] of ends.entries()) {
      expect(Array.from(y!.data as Float32Array)).toEqual(Array<number>(i % 17).fill(i));
    }
  });

  it('#41 wait for each other where inferSync meets infer', async () => {
    // The stub dies when two threads are in one context.
    const pause = [{ at: 'enqueueV3', for: 2000 }] as const;
    await using engine = await loadStub(abi, { ...identity, pause });
    const infer = (value: number) => engine.infer({ x: vector(Float32Array.of(value)) });
    const pending = [infer(1), infer(2), infer(3)];
    for (const value of [4, 5]) {
      const { y } = engine.inferSync({ x: vector(Float32Array.of(value)) });
      expect(y?.data).toEqual(Float32Array.of(value));
    }
    const ends = await Promise.all(pending);
    expect(ends.map(({ y }) => y?.data[0])).toEqual([1, 2, 3]);
  });

  it('#41 of several engines at once do not meet', async () => {
    const engines = await Promise.all(
      Array.from({ length: 6 }, (_, i) => loadStub(abi, { ...identity, delay: i * 100 })),
    );
    await Promise.all(
      engines.map(async (engine, i) => {
        for (let round = 0; round < 20; round += 1) {
          const x = vector(Float32Array.of(i, round));
          expect((await engine.infer({ x }))['y']?.data).toEqual(x.data);
        }
      }),
    );
    await Promise.all(engines.map((engine) => engine.close()));
  });

  it('#60 take arrays of another context of V8', async () => {
    await using engine = await loadStub(abi, identity);
    const context = createContext({});
    const x = runInContext(
      `({ type: 'float32', data: Float32Array.of(1, 2, 3), dims: [3] })`,
      context,
    ) as ReturnType<typeof vector>;
    expect(Array.from((await engine.infer({ x }))['y']!.data as Float32Array)).toEqual([1, 2, 3]);
  });
});

describe.each(stubAbis)('#47 close of %s', (abi) => {
  const x = vector(counting(5));

  it('is the same promise each time, and refuses what comes after it', async () => {
    const engine = await loadStub(abi, { ...identity, delay: 100 });
    const pending = Array.from({ length: 100 }, () => engine.infer({ x }));
    const closing = engine.close({ drain: true });
    expect(engine.close()).toBe(closing);
    await failure('ERR_TRT_ENGINE_CLOSED', engine.infer({ x }));
    await failure('ERR_TRT_ENGINE_CLOSED', engine.inspect());
    expect(() => engine.inferSync({ x })).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_ENGINE_CLOSED' }),
    );
    for (const { y } of await Promise.all(pending)) expect(y?.data).toEqual(x.data);
    await closing;
    await engine.close();
    expect(held()).toMatchObject({ streams: 0, devices: [{ usedBytes: 0 }] });
  });

  it.each([false, true])('may be called while inputs are copied (drain: %s)', async (drain) => {
    const engine = await loadStub(abi, identity);
    const large = engine.infer({ x: vector(counting(largeCount)) });
    const end = large.then(
      ({ y }) => y?.dims,
      (error: unknown) => (error as TrtError).code,
    );
    await nextTurn();
    await engine.close({ drain });
    expect(await end).toEqual(drain ? [largeCount] : 'ERR_TRT_ENGINE_CLOSED');
    await failure('ERR_TRT_ENGINE_CLOSED', engine.infer({ x }));
  });

  it('is done by the collector where nobody calls it', async () => {
    for (let i = 0; i < 5; i += 1) await (await loadStub(abi, identity)).infer({ x });
    for (let i = 0; i < 200 && stubReport().streams > 0; i += 1) {
      collect();
      await nextTurn();
    }
    expect(held()).toMatchObject({ streams: 0, events: 0, devices: [nothingHeld.devices[0]] });
  });
});

describe.each(stubAbis)('#49 a rejection of %s', (abi) => {
  it('has the caller on its stack', async () => {
    const broken = { ...identity, fail: [{ at: 'enqueueV3', andLater: true }] } as const;
    await using engine = await loadStub(abi, broken);
    const x = vector(counting(5));
    async function theCallerOfInfer(): Promise<void> {
      await engine.infer({ x });
    }
    async function theCallerOfLoad(): Promise<void> {
      await loadStub(abi, { ...identity, fail: [{ at: 'deserializeCudaEngine' }] });
    }
    const inferred = await failure('ERR_TRT_INFER_FAILED', theCallerOfInfer());
    expect(inferred.stack).toContain('theCallerOfInfer');
    const loaded = await failure('ERR_TRT_ENGINE_DESERIALIZE', theCallerOfLoad());
    expect(loaded.stack).toContain('theCallerOfLoad');
  });
});

describe.each(stubAbis)('#64 a C++ exception under %s', (abi) => {
  const codes = ['ERR_TRT_OUT_OF_MEMORY', 'ERR_TRT_INTERNAL'];
  const inputs = () => ({ x: vector(counting(8)), rows: BigInt64Array.of(4n) });

  it('in the driver, on any thread of ours: a rejection, and the next call works', async () => {
    const engine = await loadStub(abi, everything);
    setFaults();
    await engine.infer(inputs());
    const calls = Object.entries(stubReport().calls)
      .filter(([name]) => !/Free|Destroy|tensorrt/.test(name))
      .flatMap(([name, count]) => Array.from({ length: count }, (_, i) => `${name}:${i + 1}`));
    await engine.close();
    expect(calls.length).toBeGreaterThan(6);
    for (const call of calls) {
      const fresh = await loadStub(abi, everything);
      setFaults(`${call}=throw`);
      const code = await codeOf(fresh.infer(inputs()));
      expect({ call, codes }).toEqual({ call, codes: expect.arrayContaining([code]) as string[] });
      setFaults();
      expect((await fresh.infer(inputs()))['same']?.data).toEqual(counting(8));
      await fresh.close();
    }
  });

  it.each(['cuStreamCreate', 'cuEventCreate', 'cuMemGetInfo'])(
    'in the driver while an engine is loaded (%s)',
    async (name) => {
      setFaults(`${name}:1+=throw`);
      const loading = loadStub(abi, { ...identity, activationBytes: 2 ** 40 });
      expect(codes).toContain(await codeOf(loading));
    },
  );

  it.each(['bad-alloc', 'exception', 'null'])('in TensorRT’s factory (%s)', async (what) => {
    process.env['TRT_NODE_STUB_FACTORY'] = what;
    try {
      const expected = what === 'null' ? ['ERR_TRT_ENGINE_DESERIALIZE'] : codes;
      expect(expected).toContain(await codeOf(loadStub(abi, identity)));
    } finally {
      delete process.env['TRT_NODE_STUB_FACTORY'];
    }
    await (await loadStub(abi, identity)).close();
  });
});

function transfer({ buffer }: Float32Array): void {
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
}

/** The code that a call fails with; `none` when it succeeds. */
function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'none',
    (error: unknown) => (error as TrtError).code,
  );
}

type ResizableConstructor = new (
  length: number,
  options: { readonly maxByteLength: number },
) => ArrayBuffer & { resize(length: number): void };
