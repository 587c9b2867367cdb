import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../lib/engine';
import type { TrtErrorCode } from '../../lib/errors';
import { trtNode } from '../support/native-host';
import { buildOnStub, weightsModel } from '../support/stub-build';
import { expectNothingHeld } from '../support/stub-held';
import { loadStubPlan, setFaults } from '../support/stub-host';

const folder = await mkdtemp(path.join(os.tmpdir(), 'trt-node-states-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(() => {
  setFaults();
});
afterEach(async () => {
  setFaults();
  await expectNothingHeld();
});

const x = Float32Array.of(1, 2);
const newWeights = () => ({
  'weights.v': new trtNode.Tensor('float32', Float32Array.of(10, 20), [2]),
  'weights.w': new trtNode.Tensor('float32', Float32Array.of(30), [1]),
});

/** Whatever can be asked of an engine. */
const uses = {
  infer: (engine: Engine) => engine.infer({ x }),
  inferTimed: (engine: Engine) => engine.inferTimed({ x }),
  inferSync: (engine: Engine) => engine.inferSync({ x }),
  warmup: (engine: Engine) => engine.warmup(),
  refit: (engine: Engine) => engine.refit(newWeights()),
  refittableWeights: (engine: Engine) => engine.refittableWeights(),
  save: (engine: Engine) => engine.save(path.join(folder, 'saved.engine')),
  inspect: (engine: Engine) => engine.inspect(),
  allocate: (engine: Engine) => engine.allocate('x').close(),
  graphs: (engine: Engine) => engine.graphs,
  close: (engine: Engine) => engine.close(),
  dispose: (engine: Engine) => engine[Symbol.dispose](),
} as const;
type Use = keyof typeof uses;
const names = Object.keys(uses) as Use[];

/** Of a closed engine these mean something, too. */
const ofClosedOnes: readonly Use[] = ['graphs', 'close', 'dispose'];
/** Nothing of the GPU is needed for these, or the driver is not asked. */
const ofLostOnes: readonly Use[] = [
  ...ofClosedOnes,
  'allocate',
  'refittableWeights',
  'save',
  'inspect',
];

/** Brings an engine into a state; what it returns ends that. */
const states: Record<string, (engine: Engine) => Promise<() => Promise<unknown>>> = {
  idle: () => Promise.resolve(() => Promise.resolve()),
  busy: (engine) => {
    const pending = Promise.allSettled(Array.from({ length: 10 }, () => engine.infer({ x })));
    return Promise.resolve(() => pending);
  },
  capturing: (engine) => {
    setFaults('cuStreamEndCapture:1+=slow20000');
    const pending = Promise.allSettled(Array.from({ length: 4 }, () => engine.infer({ x })));
    return Promise.resolve(() => pending);
  },
  closing: (engine) => {
    const pending = Promise.allSettled(Array.from({ length: 10 }, () => engine.infer({ x })));
    const closing = engine.close();
    return Promise.resolve(() => Promise.all([pending, closing]));
  },
  closed: async (engine) => {
    await engine.close();
    return () => Promise.resolve();
  },
  poisoned: async (engine) => {
    setFaults('cuStreamSynchronize:1=700', 'cuStreamQuery:1=700', 'cuEventSynchronize:1=700');
    await Promise.allSettled([engine.infer({ x })]);
    return () => Promise.resolve();
  },
};

function expectedOf(use: Use, state: string): TrtErrorCode | null {
  if (state === 'closing' || state === 'closed') {
    return ofClosedOnes.includes(use) ? null : 'ERR_TRT_ENGINE_CLOSED';
  }
  if (state === 'poisoned') return ofLostOnes.includes(use) ? null : 'ERR_TRT_CUDA_CONTEXT_LOST';
  return null;
}

const { plan } = await buildOnStub('v10', {
  model: weightsModel([1, 2], [3]),
  tuning: { refit: 'all' },
});
const delayed = Buffer.concat([
  plan.subarray(0, Buffer.from(plan).lastIndexOf('end\n')),
  Buffer.from('delay 3000\nend\n'),
]);

describe('#48 each use of an engine in each state', () => {
  it.each(Object.keys(states).flatMap((state) => names.map((use) => ({ state, use }))))(
    '$use when it is $state',
    async ({ state, use }) => {
      const engine = await loadStubPlan('v10', delayed, { lanes: 2, graphs: 'on' });
      const leave = await states[state]!(engine);
      const code = await Promise.resolve()
        .then(() => uses[use](engine) as unknown)
        .then(
          () => null,
          (error: unknown) => (error as { code?: string }).code ?? String(error),
        );
      const expected = expectedOf(use, state);
      // A lost context may show in what needs no GPU, too.
      if (state === 'poisoned' && expected === null && code !== null) {
        expect(code).toBe('ERR_TRT_CUDA_CONTEXT_LOST');
      } else {
        expect(code).toBe(expected);
      }
      await leave();
      await engine.close();
    },
  );
});
