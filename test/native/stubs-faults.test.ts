import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine, TrtError, TrtErrorCode } from '../../lib/index';
import { failure, loadBinding, rejectionOf } from '../support/native-host';
import { held, loadStub, nothingHeld, setFaults, stubReport } from '../support/stub-host';
import { engines, inferPair, inferWell, inputs } from '../support/stub-inferences';
import { counting, everything, identity, pair, vector } from '../support/stub-models';
import { stubAbis, type StubAbi } from '../support/stub-plans';

beforeEach(() => {
  setFaults();
});
afterEach(() => {
  setFaults();
  expect(held()).toEqual(nothingHeld);
});

/** A failure of these has nobody to go to: their callers are destructors. */
const releases = [
  ...['cuMemFree', 'cuMemFreeHost', 'cuStreamDestroy', 'cuEventDestroy'],
  ...['cuGraphDestroy', 'cuGraphExecDestroy'],
];

/** What CUDA's error becomes. */
const codes: readonly (readonly [cudaError: number, code: TrtErrorCode])[] = [
  [1, 'ERR_TRT_CUDA'], // CUDA_ERROR_INVALID_VALUE
  [2, 'ERR_TRT_OUT_OF_MEMORY'],
  [700, 'ERR_TRT_CUDA_CONTEXT_LOST'], // CUDA_ERROR_ILLEGAL_ADDRESS
];

const codeOf = (call: Promise<unknown>): Promise<TrtErrorCode | null> =>
  call.then(
    () => null,
    (reason: unknown) => (reason as TrtError).code,
  );

/** Each call that `work` makes of the driver and that can fail: `cuMemAlloc:2`. */
async function callsOf(work: () => Promise<unknown>): Promise<string[]> {
  setFaults();
  await work();
  return Object.entries(stubReport().calls)
    .filter(([name]) => !releases.includes(name) && name !== 'tensorrt')
    .flatMap(([name, count]) => Array.from({ length: count }, (_, i) => `${name}:${i + 1}`));
}

async function loadAndClose(abi: StubAbi): Promise<void> {
  const engine = await loadStub(abi, everything);
  await engine.close();
}

describe.each(stubAbis)('#72 #73 a driver call that fails under %s', (abi) => {
  it.each(codes)('while an engine is loaded: %s → %s', async (cudaError, code) => {
    await loadAndClose(abi); // what a process does once
    const calls = await callsOf(() => loadAndClose(abi));
    expect(calls).toEqual(
      expect.arrayContaining(['cuStreamCreate:1', 'cuEventCreate:4', 'cuCtxSetCurrent:1']),
    );
    const codesSeen = new Map<string, TrtErrorCode>();
    for (const call of calls) {
      setFaults(`${call}=${cudaError}`);
      // Where the call was one of close, or its failure means nothing, the load succeeds.
      const error = await loadAndClose(abi).then(
        () => null,
        (reason: unknown) => reason as TrtError,
      );
      if (error) codesSeen.set(call, error.code);
      setFaults();
      expect({ call, ...held() }).toEqual({ call, ...nothingHeld });
      await loadAndClose(abi);
    }
    expect(Object.fromEntries(codesSeen)).toEqual(
      Object.fromEntries(Array.from(codesSeen.keys(), (call) => [call, code])),
    );
    expect(codesSeen.size).toBeGreaterThanOrEqual(6);
  });

  it.each(
    codes.flatMap(([cudaError, code]) => engines.map((engine) => ({ cudaError, code, ...engine }))),
  )(
    'in the first inference of $what: $cudaError → $code',
    async ({ cudaError, code, plan, inferOne }) => {
      const calls = await callsOf(async () => {
        await using engine = await loadStub(abi, plan);
        setFaults();
        await inferOne(engine, 8);
      });
      expect(calls).toEqual(
        expect.arrayContaining(['cuMemAlloc:3', 'cuMemHostAlloc:1', 'cuMemcpyDtoHAsync:2']),
      );
      let failed = 0;
      for (const call of calls) {
        const engine = await loadStub(abi, plan);
        setFaults(`${call}=${cudaError}`);
        const error = await inferOne(engine, 8).then(
          () => null,
          (reason: unknown) => reason as TrtError,
        );
        expect({ call, code: error?.code ?? null }).toEqual({ call, code: error ? code : null });
        failed += error ? 1 : 0;
        setFaults();
        // Of another size and of another profile too: what the failure left behind serves them all. A lost context is lost.
        if (error === null || !error.fatal) {
          for (const count of [8, 4, 40, 33]) await inferOne(engine, count);
        }
        await engine.close();
        expect({ call, ...held() }).toEqual({ call, ...nothingHeld });
      }
      expect(failed).toBeGreaterThanOrEqual(8);
    },
  );

  it.each(codes)('in a later inference, which grows: %s → %s', async (cudaError, code) => {
    const load = async () => {
      const engine = await loadStub(abi, everything);
      await inferWell(engine, 8);
      return engine;
    };
    let engine = await load();
    const calls = await callsOf(() => inferWell(engine, 1000));
    for (const call of calls) {
      await inferWell(engine, 4);
      setFaults(`${call}=${cudaError}`);
      const error = await codeOf(engine.inferTimed(inputs(1056)));
      expect({ call, error }).toEqual({ call, error: error === null ? null : code });
      setFaults();
      if (error === 'ERR_TRT_CUDA_CONTEXT_LOST') {
        await engine.close();
        engine = await load();
      }
      await inferWell(engine, 1000);
    }
    await engine.close();
  });

  it.each(codes)('in a capture and in replays: %s → %s', async (cudaError, code) => {
    const load = () => loadStub(abi, identity, { lanes: 1, graphs: 'on' });
    const x = vector(counting(20));
    const inferThrice = async (engine: Engine) => {
      for (let i = 0; i < 3; i += 1) {
        expect((await engine.infer({ x }))['y']?.data).toEqual(x.data);
      }
    };
    const calls = await callsOf(async () => {
      await using engine = await load();
      setFaults();
      await inferThrice(engine);
    });
    expect(calls).toEqual(
      expect.arrayContaining(['cuStreamBeginCapture:1', 'cuGraphInstantiate:1', 'cuGraphLaunch:2']),
    );
    for (const call of calls) {
      const engine = await load();
      setFaults(`${call}=${cudaError}`);
      const error = await codeOf(inferThrice(engine));
      // A graph that could not be made costs nothing but its speed.
      const isCapture = /Capture|Instantiate|Upload/.test(call) && cudaError !== 700;
      const expected = isCapture || error === null ? null : code;
      expect({ call, error }).toEqual({ call, error: expected });
      setFaults();
      if (error !== 'ERR_TRT_CUDA_CONTEXT_LOST') await inferThrice(engine);
      await engine.close();
      expect({ call, ...held() }).toEqual({ call, ...nothingHeld });
    }
  });

  it('after copies were queued: they write into nobody else’s memory', async () => {
    await using engine = await loadStub(abi, {
      ...pair,
      pause: [{ at: 'enqueueV3', for: 2000 }],
    });
    for (const call of ['cuMemcpyDtoHAsync:2', 'cuMemcpyDtoHAsync:1', 'cuMemcpyHtoDAsync:2']) {
      setFaults(`${call}=1`);
      await failure('ERR_TRT_CUDA', inferPair(engine, 20));
      setFaults();
      // What the failed one had is staging and outputs of these, filled before the first of them runs.
      await Promise.all([1, 2, 3, 4].map(() => inferPair(engine, 20)));
    }
  });

  it.each(releases)('in a release, %s: nothing crashes', async (name) => {
    const engine = await loadStub(abi, identity, { graphs: 'on' });
    setFaults(`${name}:1+=1`);
    for (const count of [8, 8, 2000, 2000]) {
      expect((await engine.infer({ x: vector(counting(count)) }))['y']?.dims).toEqual([count]);
    }
    await engine.close();
    expect(stubReport().calls[name]).toBeGreaterThan(0);
    setFaults();
    await loadAndClose(abi);
  });
});

describe.each(stubAbis)('memory that runs out under %s', (abi) => {
  const rejected = (call: Promise<unknown>) => failure('ERR_TRT_OUT_OF_MEMORY', call);

  it('#73 at the context: earlier engines keep working, and a smaller one loads', async () => {
    await using earlier = await loadStub(abi, everything);
    // It does not fit, so TensorRT is not even asked.
    await rejected(loadStub(abi, { ...everything, activationBytes: 2 ** 33 }));
    // It seems to, but the driver has none: the weights are the first that is asked for, a lane's activation memory the second.
    setFaults('cuMemAlloc:2+=2');
    const error = await rejected(loadStub(abi, everything));
    expect(error.fatal).toBe(false);
    expect(error.details).toMatchObject({ bytes: everything.activationBytes });
    setFaults();
    await inferWell(earlier, 8);
    await loadAndClose(abi);
  });

  it('for the weights: the log says so', async () => {
    const error = await rejectionOf(loadStub(abi, { ...everything, weightBytes: 2 ** 33 }));
    expect((error as TrtError).code).toMatch(/^ERR_TRT_(OUT_OF_MEMORY|ENGINE_DESERIALIZE)$/);
    expect((error as TrtError).log.map(({ message }) => message).join()).toContain('CUDA error 2');
  });

  it('#74 to another process, in the middle: what needs no more goes on, and the rest when it is back', async () => {
    // A second lane would need memory of its own, should it take the next inference.
    await using engine = await loadStub(abi, identity, { lanes: 1 });
    const x = vector(counting(100));
    await engine.infer({ x });
    setFaults('cuMemAlloc:1+=2', 'tensorrt:1+=2');
    expect((await engine.infer({ x }))['y']?.data).toEqual(x.data);
    const larger = vector(counting(10_000));
    await rejected(engine.infer({ x: larger }));
    await rejected(loadStub(abi, { ...identity, weightBytes: 0 }));
    expect(() => engine.inferSync({ x: larger })).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_OUT_OF_MEMORY' }),
    );
    setFaults();
    expect((await engine.infer({ x: larger }))['y']?.dims).toEqual([10_000]);
  });

  it('#75 when it cannot be pinned', async () => {
    await using engine = await loadStub(abi, identity);
    setFaults('cuMemHostAlloc:1+=2');
    await rejected(engine.infer({ x: vector(counting(100)) }));
    await rejected(engine.infer({ x: vector(counting(1 << 20)) }));
    setFaults();
    expect((await engine.infer({ x: vector(counting(100)) }))['y']?.dims).toEqual([100]);
  });
});

describe.each(stubAbis)('#70 #71 a lost context of %s', (abi) => {
  // Illegal address, launch timeout, assert, stack error, instruction, alignment, address space, pc, launch failure, ECC
  it.each([700, 702, 710, 714, 715, 716, 717, 718, 719, 214])(
    'fails every later call of every engine, and lets them be closed (%s)',
    async (cudaError) => {
      const lost = (call: Promise<unknown>) => failure('ERR_TRT_CUDA_CONTEXT_LOST', call);
      const poisoned = await loadStub(abi, { ...identity, poison: { call: 2, cudaError } });
      const other = await loadStub(abi, everything);
      const x = vector(counting(5));
      await poisoned.infer({ x });
      await inferWell(other, 8);
      const error = await lost(poisoned.infer({ x }));
      expect(error.details['cudaError']).toBe(cudaError);
      await lost(poisoned.infer({ x }));
      await lost(other.infer(inputs(8)));
      expect(() => other.inferSync(inputs(8))).toThrow(
        expect.objectContaining({ code: 'ERR_TRT_CUDA_CONTEXT_LOST' }),
      );
      await lost(loadStub(abi, identity));
      await lost(loadBinding().deviceMemory(0));
      await Promise.all([poisoned.close(), other.close()]);
    },
  );

  it('fails what was queued behind it', async () => {
    const poison = { call: 3, cudaError: 700 };
    const engine = await loadStub(abi, { ...identity, poison, delay: 500 }, { lanes: 1 });
    const x = vector(counting(5));
    const ends = await Promise.allSettled(Array.from({ length: 20 }, () => engine.infer({ x })));
    expect(ends.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'fulfilled'],
      ...Array<string>(18).fill('rejected'),
    ]);
    for (const end of ends) {
      if (end.status === 'rejected') {
        expect(end.reason).toMatchObject({ code: 'ERR_TRT_CUDA_CONTEXT_LOST' });
      }
    }
    await engine.close();
  });
});
