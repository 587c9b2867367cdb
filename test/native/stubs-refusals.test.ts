import { afterEach, describe, expect, it } from 'vitest';
import { failure, trtNode } from '../support/native-host';
import { held, loadStub, nothingHeld, stubLibraries } from '../support/stub-host';
import { engines, inferWell, inputs } from '../support/stub-inferences';
import { counting, everything, identity, vector } from '../support/stub-models';
import { stubAbis, stubPlan, type StubStep } from '../support/stub-plans';

afterEach(() => {
  expect(held()).toEqual(nothingHeld);
});

describe.each(stubAbis)('#14 a call that TensorRT refuses under %s', (abi) => {
  const warning = { severity: 'warning', message: 'a warning before it' } as const;
  const told = (at: StubStep) => ({ severity: 'error', message: `stub: told to fail at ${at}` });

  it.each([
    ['deserializeCudaEngine', 'ERR_TRT_ENGINE_DESERIALIZE'],
    ['createExecutionContext', 'ERR_TRT_OUT_OF_MEMORY'],
  ] as const)('%s: %s, with the log', async (at, code) => {
    const plan = { ...everything, fail: [{ at }], log: [{ at, ...warning }] };
    const error = await failure(code, loadStub(abi, plan));
    expect(error.log).toEqual([warning, told(at)]);
  });

  it('keeps errors and warnings of its log, oldest first, and nothing below', async () => {
    const severities = ['verbose', 'error', 'info', 'warning', 'internal-error'] as const;
    const at = 'enqueueV3';
    await using engine = await loadStub(abi, {
      ...everything,
      fail: [{ at }],
      log: severities.map((severity) => ({ at, severity, message: `${severity} ✓` })),
    });
    const error = await failure('ERR_TRT_INFER_FAILED', engine.infer(inputs(8)));
    const kept = ['error', 'warning', 'internal-error'];
    expect(error.log).toEqual([
      ...kept.map((severity) => ({ severity, message: `${severity} ✓` })),
      told(at),
    ]);
  });

  it('#7 a plan that is cut off after its header', async () => {
    const plan = stubPlan(abi, everything);
    const library = stubLibraries[abi];
    for (const length of [64, 100, plan.length - 8]) {
      const loading = trtNode.loadEngine(plan.subarray(0, length), { library });
      const error = await failure('ERR_TRT_ENGINE_DESERIALIZE', loading);
      expect(error.log).toHaveLength(1);
    }
  });

  it('#13 a plan that needs a plugin: the plugin is named, and opened with the library of plugins when asked', async () => {
    const plan = { ...everything, plugin: 'Frobnicate_TRT' };
    const error = await failure('ERR_TRT_ENGINE_DESERIALIZE', loadStub(abi, plan));
    expect(error.message).toContain('Frobnicate_TRT');
    const loading = loadStub(abi, plan, { standardPlugins: true });
    if (abi === 'rtx') {
      // It has no such library.
      expect(error.message).not.toContain('standardPlugins');
      await failure('ERR_TRT_UNSUPPORTED', loading);
    } else {
      expect(error.message).toContain('standardPlugins: true');
      await using engine = await loading;
      await inferWell(engine, 8);
    }
  });

  const refusals = (
    [
      'setOptimizationProfileAsync',
      'setInputShape',
      'setTensorAddress',
      'setOutputAllocator',
      'getTensorShape',
      'enqueueV3',
    ] as const
  ).flatMap((at) => engines.map((engine) => ({ at, ...engine })));

  it.each(refusals)(
    '$at of $what: ERR_TRT_INFER_FAILED with the log, and the next inference works',
    async ({ at, plan, inferOne }) => {
      let reached = 0;
      for (let call = 1; call <= 8; call += 1) {
        // One lane, and no graph: a replay tells TensorRT nothing, and two lanes may share the profiles between them.
        await using engine = await loadStub(
          abi,
          { ...plan, fail: [{ at, call }], log: [{ at, ...warning }] },
          { lanes: 1, graphs: 'off' },
        );
        let failures = 0;
        // To and fro, in both profiles: what was true before the refusal is asked for again right after it.
        for (const count of [4, 5, 4, 40, 4, 33, 5, 5]) {
          const error = await inferOne(engine, count).then(
            () => null,
            (reason: unknown) => reason,
          );
          if (error === null) continue;
          failures += 1;
          expect(error).toMatchObject({
            code: 'ERR_TRT_INFER_FAILED',
            message: expect.stringContaining('told to fail') as string,
            log: expect.arrayContaining([warning, told(at)]) as unknown[],
          });
        }
        expect(failures).toBeLessThanOrEqual(1);
        reached += failures;
      }
      // An allocator is set once for an engine, and only where the data decides.
      const expected = at !== 'setOutputAllocator' ? 4 : plan === everything ? 1 : 0;
      expect(reached).toBeGreaterThanOrEqual(expected);
    },
  );

  it('createEngineInspector: the engine goes on', async () => {
    await using engine = await loadStub(abi, {
      ...everything,
      fail: [{ at: 'createEngineInspector' }],
    });
    await failure('ERR_TRT_UNSUPPORTED', engine.inspect());
    expect((await engine.inspect()).layers).toEqual([]);
    await inferWell(engine, 8);
  });

  it('keeps the lines of one inference out of the error of another', async () => {
    await using chatty = await loadStub(abi, {
      ...identity,
      log: [{ at: 'enqueueV3', severity: 'error', message: 'of the other engine' }],
      delay: 300,
    });
    await using failing = await loadStub(abi, {
      ...identity,
      fail: [{ at: 'enqueueV3', andLater: true }],
      delay: 300,
    });
    const x = vector(counting(5));
    for (let i = 0; i < 10; i += 1) {
      const [, error] = await Promise.all([
        chatty.infer({ x }),
        failure('ERR_TRT_INFER_FAILED', failing.infer({ x })),
      ]);
      expect(error.log).toEqual([told('enqueueV3')]);
    }
  });
});
