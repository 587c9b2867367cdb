import { afterEach, describe, expect, it } from 'vitest';
import type { NativeDeviceMemory, NativeEngine } from '../../lib/binding';
import { defaultLaneRequest } from '../../lib/infer/lane-options';
import { loadBinding, rejectionOf } from '../support/native-host';
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

const before = weightsModel([1, 2], [3, 4, 5]);
const after = weightsModel([10, 20], [30, 40, 50]);

async function refittable(abi: 'v10' | 'v11'): Promise<NativeEngine> {
  const binding = loadBinding();
  const tuning = { refit: 'all', stripPlan: false } as const;
  const { planPath } = await buildOnStub(abi, { model: before, tuning });
  return binding.loadEngine({
    library: { core: stubLibraries[abi], parser: null },
    plan: await binding.readPlan(planPath),
    ...{ device: 0, plugins: [], standardPlugins: false, hostCode: false },
    ...{ weightStreamingBudget: null, awaitRefit: false },
    ...defaultLaneRequest,
  });
}

async function refit(engine: NativeEngine, abi: 'v10' | 'v11', parser = stubParsers[abi]) {
  const { path, sha256: modelSha256 } = await writtenModel(after);
  const stage = await freshFolder();
  return engine.refit({ model: path, modelSha256, externalData: null, stage, parser });
}

const numbers = async (memory: NativeDeviceMemory): Promise<number[]> => [
  ...new Float32Array(await memory.read(0, memory.sizeBytes)),
];

describe.each(['v10', 'v11'] as const)('contexts and graphs of %s in a refit', (abi) => {
  it('go on with the new weights; graphs from before are refused', async () => {
    const binding = loadBinding();
    const engine = await refittable(abi);
    const context = await engine.createContext(0);
    const stream = await binding.createStream(0);
    const x = await binding.allocateDevice(0, 8);
    await x.write(0, floats([7, 8]));
    context.bind('input', 0, x);
    const outputs: NativeDeviceMemory[] = [];
    for (const index of engine.outputs.keys()) {
      const [count = 0] = context.outputDims(index);
      const memory = await binding.allocateDevice(0, 4 * count);
      context.bind('output', index, memory);
      outputs.push(memory);
    }
    const read = async () => {
      const all = await Promise.all(outputs.map(numbers));
      return Object.fromEntries(engine.outputs.map(({ name }, i) => [name, all[i]]));
    };
    const graph = await context.capture();
    graph.launch(stream);
    expect(await read()).toEqual({ y: [7, 8], v: [1, 2], w: [3, 4, 5] });
    expect(await refit(engine, abi)).toEqual([]);
    expect(await rejectionOf(() => graph.launch(stream))).toMatchObject({
      code: 'ERR_TRT_REFIT',
      details: { reason: 'graph' },
    });
    context.enqueue(stream);
    expect(await read()).toEqual({ y: [7, 8], v: [10, 20], w: [30, 40, 50] });
    const again = await context.capture();
    again.launch(stream);
    expect(await read()).toEqual({ y: [7, 8], v: [10, 20], w: [30, 40, 50] });
    graph.close();
    again.close();
    await context.close();
    await Promise.all([x, ...outputs].map((memory) => memory.release()));
    stream.close();
    await engine.close();
  });
});
