import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../lib/engine';
import type { TrtError } from '../../lib/errors';
import { failure } from '../support/native-host';
import { expectNothingHeld } from '../support/stub-held';
import { held, loadStub, nothingHeld, setFaults, stubReport } from '../support/stub-host';
import { begun, inferWell } from '../support/stub-inferences';
import { counting, everything, identity, vector } from '../support/stub-models';
import { stubAbis } from '../support/stub-plans';

beforeEach(() => {
  setFaults();
});
afterEach(async () => {
  setFaults();
  await expectNothingHeld();
});

/** One inference of `identity` whose reply can be nobody else's. */
async function inferOwn(engine: Engine, value: number, count = 1 + (value % 7)): Promise<void> {
  const x = counting(count, value + 0.5);
  const { y } = await engine.infer({ x: vector(x) });
  expect(y?.data).toEqual(x);
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe.each(stubAbis)('lanes of %s', (abi) => {
  it.each(
    [1, 2, 4, 8].flatMap((lanes) =>
      (['off', 'auto', 'on'] as const).map((graphs) => ({ lanes, graphs })),
    ),
  )(
    '#41 a thousand at once: each its own reply ($lanes lanes, graphs $graphs)',
    async ({ lanes, graphs }) => {
      await using engine = await loadStub(abi, identity, { lanes, graphs });
      expect(engine.lanes).toBe(lanes);
      await Promise.all(range(1000).map((i) => inferOwn(engine, i)));
    },
  );

  it.each(['off', 'on'] as const)(
    '#42 several engines, lanes and profiles at once (graphs %s)',
    async (graphs) => {
      const engines = await Promise.all(
        [1, 2, 3].map((lanes) =>
          loadStub(abi, { ...everything, delay: lanes * 50 }, { lanes, graphs }),
        ),
      );
      await Promise.all(
        engines.flatMap((engine, which) =>
          range(4).map(async (stream) => {
            // Of 1 to 32 elements it is the first profile, of 33 and more the second.
            for (const round of range(12))
              await inferWell(engine, 4 + ((which + stream + round * 23) % 60));
          }),
        ),
      );
      await Promise.all(engines.map((engine) => engine.close()));
    },
  );

  it('work side by side: a slow inference does not keep the next one waiting', async () => {
    const slow = { call: 1, for: 400_000 };
    await using engine = await loadStub(abi, { ...identity, slow }, { lanes: 2 });
    const ends: number[] = [];
    await Promise.all([0, 1, 2].map((i) => inferOwn(engine, i).then(() => ends.push(i))));
    // Which of the first two is the slow one is up to the lanes; one after the other, the third would be last.
    expect(ends.at(-1)).not.toBe(2);
  });

  it('begin requests in their order', async () => {
    await using engine = await loadStub(abi, { ...identity, delay: 300 }, { lanes: 1 });
    const ends: number[] = [];
    await Promise.all(range(50).map((i) => inferOwn(engine, i).then(() => ends.push(i))));
    expect(ends).toEqual(range(50));
  });

  it.each(['auto', 'spin', 'block'] as const)('wait as they are told (%s)', async (waiting) => {
    await using engine = await loadStub(abi, { ...identity, delay: 200 }, { lanes: 2, waiting });
    for (const burst of [1, 1, 20, 1]) {
      await Promise.all(range(burst).map((i) => inferOwn(engine, i)));
    }
    expect(engine.inferSync({ x: vector(counting(4)) })['y']?.data).toEqual(counting(4));
  });

  it('have a context each, or share the memory of one', async () => {
    const activationBytes = 1 << 20;
    const used = async (contextMemory: 'separate' | 'shared'): Promise<number> => {
      // The stub dies when two lanes use one context's memory at a time.
      const plan = { ...identity, activationBytes, delay: 100 };
      await using engine = await loadStub(abi, plan, { lanes: 4, contextMemory, graphs: 'on' });
      await Promise.all(range(60).map((i) => inferOwn(engine, i)));
      return stubReport().devices[0]!.usedBytes;
    };
    const separate = await used('separate');
    const shared = await used('shared');
    expect(separate).toBeGreaterThanOrEqual(4 * activationBytes);
    expect(shared).toBeGreaterThanOrEqual(activationBytes);
    expect(shared).toBeLessThan(2 * activationBytes);
  });

  it('that do not fit are refused before anything is taken for them', async () => {
    const plan = { ...identity, activationBytes: 2 ** 30 };
    await failure('ERR_TRT_OUT_OF_MEMORY', loadStub(abi, plan, { lanes: 8 }));
    expect(held()).toEqual(nothingHeld);
    await using engine = await loadStub(abi, plan, { lanes: 8, contextMemory: 'shared' });
    await inferOwn(engine, 1);
  });

  it('are warm after warmup', async () => {
    await using engine = await loadStub(abi, identity, { lanes: 2, graphs: 'on' });
    await engine.warmup({ x: [5] });
    setFaults();
    await Promise.all(range(20).map((i) => inferOwn(engine, i, 5)));
    const { calls } = stubReport();
    expect(calls['cuMemAlloc'] ?? 0).toBe(0);
    expect(calls['cuStreamBeginCapture'] ?? 0).toBe(0);
    expect(calls['cuGraphLaunch']).toBe(20);
  });
});

describe.each(stubAbis)('#45 the queue of %s', (abi) => {
  const busy = { ...identity, delay: 100_000 };

  it('is full at its limit: at once, and only then', async () => {
    await using engine = await loadStub(abi, busy, { lanes: 1, queueLimit: 4 });
    const ends: string[] = [];
    await Promise.all(
      range(12).map((i) =>
        inferOwn(engine, i).then(
          () => ends.push('done'),
          (error: unknown) => ends.push((error as TrtError).code),
        ),
      ),
    );
    // One for the lane, four in the queue.
    expect(ends).toEqual([
      ...Array<string>(7).fill('ERR_TRT_QUEUE_FULL'),
      ...Array<string>(5).fill('done'),
    ]);
    await inferOwn(engine, 3);
  });

  it('lets inferSync by', async () => {
    await using engine = await loadStub(
      abi,
      { ...identity, delay: 2000 },
      { lanes: 1, queueLimit: 2 },
    );
    const pending = [inferOwn(engine, 1), inferOwn(engine, 2)];
    expect(engine.inferSync({ x: vector(counting(4)) })['y']?.data).toEqual(counting(4));
    await Promise.all(pending);
  });

  it('drops what did not begin by its deadline', async () => {
    const slow = { call: 1, for: 500_000 };
    await using engine = await loadStub(abi, { ...identity, slow }, { lanes: 1 });
    const x = vector(counting(3));
    const first = engine.infer({ x });
    const late = range(5).map(() =>
      failure('ERR_TRT_DEADLINE', engine.infer({ x }, { deadlineMs: 20 })),
    );
    const patient = engine.infer({ x }, { deadlineMs: 60_000 });
    let firstIsDone = false;
    void first.then(() => (firstIsDone = true));
    await Promise.all(late);
    expect(firstIsDone).toBe(false);
    expect((await first)['y']?.data).toEqual(x.data);
    expect((await patient)['y']?.data).toEqual(x.data);
    // Those five never ran.
    expect(engine.graphs.replays + engine.graphs.eager).toBe(2);
  });

  it('#78 gives work that hangs up at its deadline, and keeps its memory until it is done', async () => {
    const slow = { call: 1, for: 1_500_000 };
    const engine = await loadStub(abi, { ...identity, slow }, { lanes: 2 });
    const x = vector(counting(1000));
    const target = engine.allocate('y', [1000]);
    const options = { outputs: { y: target } };
    const hung = failure('ERR_TRT_DEADLINE', engine.infer({ x }, { ...options, deadlineMs: 300 }));
    await begun(engine, 1);
    await hung;
    await failure('ERR_TRT_INVALID_ARG', engine.infer({ x }, options));
    await inferOwn(engine, 5);
    await engine.close();
    expect(target.data).toEqual(x.data);
    target.close();
  });
});

describe.each(stubAbis)('#47 close of %s', (abi) => {
  const x = vector(counting(5));

  it('rejects what is queued and resolves what runs', async () => {
    const engine = await loadStub(abi, { ...identity, delay: 20_000 }, { lanes: 2 });
    const pending = range(100).map(() => engine.infer({ x }));
    await begun(engine, 2);
    const closing = engine.close();
    expect(engine.close()).toBe(closing);
    await failure('ERR_TRT_ENGINE_CLOSED', engine.infer({ x }));
    const ends = await Promise.allSettled(pending);
    const done = ends.filter(({ status }) => status === 'fulfilled');
    expect(done.length).toBeGreaterThanOrEqual(2);
    expect(done.length).toBeLessThan(20);
    for (const end of ends) {
      if (end.status === 'fulfilled') expect(end.value['y']?.data).toEqual(x.data);
      else expect(end.reason).toMatchObject({ code: 'ERR_TRT_ENGINE_CLOSED' });
    }
    await closing;
    await engine.close();
  });

  it.each(['profile', 'benchmark', 'warmup'] as const)(
    'rejects what is queued at once, and waits for a %s',
    async (kind) => {
      // A profile and a warm-up of so many runs take longer than the inference that is on the GPU.
      const engine = await loadStub(abi, { ...identity, delay: 20_000 }, { lanes: 2 });
      const work = {
        profile: () => engine.profile({ iterations: 40, warmup: 0 }),
        benchmark: () => engine.benchmark({ inputs: { x }, iterations: 1000, warmup: 0 }),
        warmup: () => engine.warmup(range(40).map((i) => ({ x: [1 + i] }))),
      }[kind]();
      let worked = false;
      const working = work.then(
        () => ((worked = true), 'done'),
        (error: unknown) => ((worked = true), (error as TrtError).code),
      );
      const pending = range(50).map(() => engine.infer({ x }));
      await begun(engine, 2);
      const closing = engine.close().then(() => worked);
      const ends = await Promise.allSettled(pending);
      if (kind === 'profile') expect(worked).toBe(false);
      expect(ends.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(30);
      expect(await closing).toBe(true);
      // Neither goes on without the lanes.
      expect(await working).toBe(kind === 'profile' ? 'done' : 'ERR_TRT_ENGINE_CLOSED');
    },
  );

  it('with drain runs the queue', async () => {
    const engine = await loadStub(abi, { ...identity, delay: 100 }, { lanes: 2 });
    const pending = range(100).map(() => engine.infer({ x }));
    const closing = engine.close({ drain: true });
    await failure('ERR_TRT_ENGINE_CLOSED', engine.infer({ x }));
    for (const { y } of await Promise.all(pending)) expect(y?.data).toEqual(x.data);
    await closing;
  });

  it('with drain and a limit rejects what the limit leaves', async () => {
    const engine = await loadStub(abi, { ...identity, delay: 20_000 }, { lanes: 1 });
    const pending = range(100).map(() => engine.infer({ x }));
    const closing = engine.close({ drain: true, timeoutMs: 100 });
    const ends = await Promise.allSettled(pending);
    const done = ends.filter(({ status }) => status === 'fulfilled').length;
    expect(done).toBeGreaterThanOrEqual(1);
    expect(done).toBeLessThan(50);
    await closing;
  });

  it('may be called where an inference has just ended', async () => {
    const engine = await loadStub(abi, { ...identity, delay: 100 }, { lanes: 2 });
    const ends = await Promise.allSettled(
      range(20).map((i) =>
        engine.infer({ x }).finally(() => (i === 3 ? engine.close() : undefined)),
      ),
    );
    expect(ends[3]?.status).toBe('fulfilled');
    for (const end of ends) {
      if (end.status === 'rejected') {
        expect(end.reason).toMatchObject({ code: 'ERR_TRT_ENGINE_CLOSED' });
      }
    }
    await engine.close();
  });
});
