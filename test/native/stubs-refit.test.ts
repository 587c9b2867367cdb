import { afterEach, describe, expect, it } from 'vitest';
import type {
  NativeEngine,
  NativeLoadRequest,
  NativeNamedWeights,
  NativeRefitMode,
  NativeRefitSource,
} from '../../lib/binding';
import { defaultLaneRequest } from '../../lib/infer/lane-options';
import { failure, loadBinding } from '../support/native-host';
import {
  buildOnStub,
  floats,
  freshFolder,
  stubParsers,
  weightsModel,
  writtenModel,
} from '../support/stub-build';
import { held, nothingHeld, setFaults, stubLibraries } from '../support/stub-host';

afterEach(() => {
  setFaults();
  expect(held()).toEqual(nothingHeld);
});

const abis = ['v10', 'v11'] as const;
type Abi = (typeof abis)[number];

const before = weightsModel([1, 2], [3, 4, 5]);
const after = weightsModel([10, 20], [30, 40, 50]);

async function load(
  abi: Abi,
  planPath: string,
  options: Partial<NativeLoadRequest> = {},
): Promise<NativeEngine> {
  const binding = loadBinding();
  return binding.loadEngine({
    library: { core: stubLibraries[abi], parser: null },
    plan: await binding.readPlan(planPath),
    ...{ device: 0, plugins: [], standardPlugins: false, hostCode: false },
    ...{ weightStreamingBudget: null, awaitRefit: false },
    ...defaultLaneRequest,
    ...options,
  });
}

const built = async (abi: Abi, tuning: Parameters<typeof buildOnStub>[1] = {}): Promise<string> =>
  (await buildOnStub(abi, { model: before, ...tuning })).planPath;

const withMode = (refit: NativeRefitMode | null, stripPlan = false) => ({
  tuning: { refit, stripPlan },
});

async function fromModel(abi: Abi, model: typeof before): Promise<NativeRefitSource> {
  const { path, sha256: modelSha256 } = await writtenModel(model);
  const stage = await freshFolder();
  return { model: path, modelSha256, externalData: null, stage, parser: stubParsers[abi] };
}

/** The weights as the engine uses them: its outputs v and w are copies of them. */
async function weightsOf(engine: NativeEngine): Promise<Record<string, number[]>> {
  const call = engine.registerCall(0, [[2]], [1, 1, 1]);
  const done = new Promise<readonly number[]>((resolve) => engine.setOnComplete(resolve));
  const slot = engine.submit(call, [floats([7, 8])], null, null, false, 0);
  expect(await done).toEqual([slot]);
  const outputs = engine.collect(slot, null);
  const names = engine.outputs.map(({ name }) => name);
  return Object.fromEntries(
    names.map((name, i) => [name, [...new Float32Array(outputs[i] as ArrayBuffer)]]),
  );
}

const old = { y: [7, 8], v: [1, 2], w: [3, 4, 5] };
const fresh = { y: [7, 8], v: [10, 20], w: [30, 40, 50] };

const named = (name: string, values: readonly number[]): NativeNamedWeights => ({
  ...{ name, type: 'float32', elements: values.length, data: floats(values) },
});

describe.each(abis)('a refit on %s', (abi) => {
  it.each(['all', 'identical', 'individual'] as const)(
    'with the mode %s takes the weights of a model',
    async (mode) => {
      const engine = await load(abi, await built(abi, withMode(mode)));
      try {
        expect(engine.refittable).toBe(true);
        expect(await weightsOf(engine)).toEqual(old);
        expect(await engine.refit(await fromModel(abi, after))).toEqual([]);
        expect(await weightsOf(engine)).toEqual(fresh);
      } finally {
        await engine.close();
      }
    },
  );

  it.each([
    ['all', true],
    // Of these TensorRT 10.6 says that they cannot be refitted: whoever knows better must not say that the weights are fixed.
    ['identical', false],
    [null, false],
  ] as const)(
    'is not asked about where the weights are fixed, unless the engine says otherwise: %s',
    async (mode, refittable) => {
      const engine = await load(abi, await built(abi, withMode(mode)), { fixedWeights: true });
      try {
        expect(engine.refittable).toBe(refittable);
        expect(await weightsOf(engine)).toEqual(old);
        if (refittable) expect(await engine.refit(await fromModel(abi, after))).toEqual([]);
        else await failure('ERR_TRT_REFIT', engine.refit({ weights: [] }));
      } finally {
        await engine.close();
      }
      const stripped = await built(abi, withMode('all', true));
      const awaiting = await load(abi, stripped, { fixedWeights: true, awaitRefit: true });
      expect((await awaiting.refittableWeights()).missing).not.toEqual([]);
      await awaiting.close();
    },
  );

  it('takes weights by name, one without the others', async () => {
    const engine = await load(abi, await built(abi, withMode('individual')));
    try {
      const { all, missing } = await engine.refittableWeights();
      expect([...all].sort((a, b) => a.name.localeCompare(b.name))).toEqual([
        { name: 'weights.v', type: 'float32', elements: 2 },
        { name: 'weights.w', type: 'float32', elements: 3 },
      ]);
      expect(missing).toEqual([]);
      expect(await engine.refit({ weights: [named('weights.v', [8, 9])] })).toEqual([]);
      expect(await weightsOf(engine)).toEqual({ ...old, v: [8, 9] });
    } finally {
      await engine.close();
    }
  });

  it.each([
    ['unknown', named('weights.u', [1])],
    ['count', named('weights.v', [1, 2, 3])],
    ['type', { ...named('weights.v', [1, 2]), type: 'int32' as const }],
  ])('refuses weights that the engine does not have: %s', async (reason, weights) => {
    const engine = await load(abi, await built(abi, withMode('all')));
    try {
      const error = await failure('ERR_TRT_REFIT', engine.refit({ weights: [weights] }));
      expect(error.details).toMatchObject({ reason });
      expect(await weightsOf(engine)).toEqual(old);
    } finally {
      await engine.close();
    }
  });

  it('refuses another model, and keeps the old weights', async () => {
    const engine = await load(abi, await built(abi, withMode('all')));
    try {
      const other = weightsModel([1, 2, 3], [4]);
      const error = await failure('ERR_TRT_REFIT', engine.refit(await fromModel(abi, other)));
      expect(error.details).toMatchObject({ reason: 'model' });
      expect(await weightsOf(engine)).toEqual(old);
    } finally {
      await engine.close();
    }
  });

  it('is refused where the plan was not built for it', async () => {
    const engine = await load(abi, await built(abi));
    try {
      expect(engine.refittable).toBe(false);
      await failure('ERR_TRT_REFIT', engine.refit(await fromModel(abi, after)));
    } finally {
      await engine.close();
    }
  });
});

describe.each(abis)('a stripped plan on %s', (abi) => {
  it('has no weights in it, and works once it has been refitted', async () => {
    const planPath = await built(abi, withMode(null, true));
    const engine = await load(abi, planPath, { awaitRefit: true });
    try {
      const { missing } = await engine.refittableWeights();
      expect([...missing].sort()).toEqual(['weights.v', 'weights.w']);
      expect(await engine.refit(await fromModel(abi, before))).toEqual([]);
      expect(await weightsOf(engine)).toEqual(old);
      const whole = `${planPath}.whole`;
      await engine.serialize(whole);
      const again = await load(abi, whole);
      try {
        expect(await weightsOf(again)).toEqual(old);
      } finally {
        await again.close();
      }
    } finally {
      await engine.close();
    }
  });

  it('does not run before', async () => {
    const engine = await load(abi, await built(abi, withMode(null, true)), { awaitRefit: true });
    try {
      const error = await failure('ERR_TRT_REFIT', () => weightsOf(engine));
      expect(error.details).toMatchObject({ reason: 'missing' });
    } finally {
      await engine.close();
    }
  });

  it('tells when no context could be made once the weights were there, and works after the next refit', async () => {
    const engine = await load(abi, await built(abi, withMode(null, true)), { awaitRefit: true });
    try {
      setFaults('cuEventCreate:1+=2');
      await failure('ERR_TRT_OUT_OF_MEMORY', engine.refit(await fromModel(abi, before)));
      setFaults();
      await failure('ERR_TRT_OUT_OF_MEMORY', () => weightsOf(engine));
      expect(await engine.refit(await fromModel(abi, before))).toEqual([]);
      expect(await weightsOf(engine)).toEqual(old);
    } finally {
      await engine.close();
    }
  });
});

describe.each(abis)('weight streaming on %s', (abi) => {
  const weightBytes = 20; // five floats of four bytes
  const streamed = { tuning: { weightStreaming: true } };

  it('keeps as much on the GPU as the budget says', async () => {
    const planPath = await built(abi, streamed);
    for (const [weightStreamingBudget, bytes] of [
      [null, weightBytes],
      [0, 0],
      [8, 8],
      ['auto', 10], // the stub's choice: half
      [1e9, weightBytes],
    ] as const) {
      const engine = await load(abi, planPath, { weightStreamingBudget });
      try {
        expect(engine.streamableWeightsBytes).toBe(weightBytes);
        expect(engine.weightStreamingBudgetBytes).toBe(bytes);
        expect(await weightsOf(engine)).toEqual(old);
      } finally {
        await engine.close();
      }
    }
  });

  it('is refused for a plan without streamable weights', async () => {
    const planPath = await built(abi);
    await failure('ERR_TRT_UNSUPPORTED', load(abi, planPath, { weightStreamingBudget: 4 }));
  });
});

describe.each(abis)('#6 host code on %s', (abi) => {
  it('runs only where it is allowed', async () => {
    const planPath = await built(abi, { tuning: { versionCompatible: true } });
    const error = await failure('ERR_TRT_ENGINE_DESERIALIZE', load(abi, planPath));
    expect(error.details).toMatchObject({ option: 'hostCode' });
    await (await load(abi, planPath, { hostCode: true })).close();
  });
});
