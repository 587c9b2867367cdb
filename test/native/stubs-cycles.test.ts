// Engines that come and go: closed, forgotten, or let go of while something of theirs is in use.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { judgeGrowth, type Sample } from '../../scripts/soak/growth.mjs';
import { trtNode } from '../support/native-host';
import { held, loadStub, nothingHeld, setFaults, stubReport } from '../support/stub-host';
import { counting, identity, vector } from '../support/stub-models';
import { stubAbis } from '../support/stub-plans';
import { runOnStubs } from '../support/stub-scripts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Lets the garbage collector, and the threads that close what it found, come to their end. */
async function collected(): Promise<void> {
  for (let i = 0; i < 500 && JSON.stringify(held()) !== JSON.stringify(nothingHeld); i += 1) {
    collect();
    await nextTurn();
  }
  expect(held()).toEqual(nothingHeld);
}

beforeEach(() => setFaults());
afterEach(async () => {
  setFaults();
  await collected();
});

describe.each(stubAbis)('#52 engines of %s that are loaded and closed', (abi) => {
  // What the three ABIs share is most of it: one of them goes the whole way.
  const cycles = abi === 'v10' ? 2000 : 400;

  it(`leave nothing behind, up to ${cycles} times`, async () => {
    const { code, signal, stdout, stderr } = await runOnStubs(
      abi,
      `const { readdirSync } = require('node:fs');
       require('node:v8').setFlagsFromString('--expose-gc');
       const collect = require('node:vm').runInNewContext('gc');
       stubs.discover().then(async (found) => {
         const samples = [];
         const end = performance.now() + 30_000; // so many as a busy machine can
         for (let cycle = 0; cycle < ${cycles} && (samples.length < 10 || performance.now() < end); cycle += 1) {
           const engine = await stubs.load(found);
           // Pinned output on every tenth, which is the garbage collector's.
           await engine.infer(stubs.inputs(cycle % 10 === 0 ? 20_000 : 8));
           await engine.close();
           if (cycle % 20 !== 0) continue;
           collect();
           await new Promise((done) => setTimeout(done, 5));
           collect();
           const count = (folder) => readdirSync(folder).length;
           samples.push([process.memoryUsage.rss(), count('/proc/self/fd'), count('/proc/self/task')]);
         }
         console.log(JSON.stringify({ samples, held: await stubs.settled() }));
       });`,
      { engine: identity, deadlineMs: 110_000 },
    );
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    const result = JSON.parse(stdout) as { samples: number[][]; held: string | null };
    expect(result.held).toBeNull();
    const growthOf = (column: number, limit: number) =>
      judgeGrowth(
        result.samples.map((one, i): Sample => ({ seconds: i, value: one[column] ?? NaN })),
        limit,
      );
    // 10 MiB in the last two thirds: half of what bench:gpu allows a thousand of them. Descriptors and threads do not come in halves.
    expect(growthOf(0, 10 * 2 ** 20)).toMatchObject({ flat: true });
    expect(growthOf(1, 0.5)).toMatchObject({ flat: true });
    expect(growthOf(2, 0.5)).toMatchObject({ flat: true });
  });
});

describe.each(stubAbis)('#53 engines of %s that nobody closes', (abi) => {
  it('are given back by the garbage collector', async () => {
    const forget = async (): Promise<void> => {
      const engine = await loadStub(abi, identity);
      await engine.infer({ x: vector(counting(20_000)) });
    };
    for (let i = 0; i < 50; i += 1) await forget();
    await collected();
  });

  it('make it come by itself, as it is told of their device memory', async () => {
    // Eighty times of this is more than V8 lets pass, and than the GPU has.
    const large = { ...identity, activationBytes: 2 ** 26 };
    let most = 0;
    const forget = async (): Promise<void> => {
      await loadStub(abi, large, { lanes: 1 });
      most = Math.max(most, held().devices[0]?.allocations ?? 0);
    };
    for (let i = 0; i < 80; i += 1) {
      // Where the GPU is full before the collector came, that is what this is about.
      await forget();
      await nextTurn();
    }
    expect(stubReport().streams).toBeLessThan(80);
  });
});

describe.each(stubAbis)('#54 an engine of %s that nobody holds any more', (abi) => {
  // The stub dies when an engine goes before its context, or a runtime before its engine.
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 20; i += 1) {
      collect();
      await nextTurn();
    }
  };

  it('lives as long as an inference of its', async () => {
    const start = async () => {
      const engine = await loadStub(abi, { ...identity, delay: 100_000 }, { lanes: 1 });
      return [1, 2].map((from) => ({
        from,
        running: engine.infer({ x: vector(counting(5, from)) }),
      }));
    };
    const inferences = await start();
    await turns();
    for (const { from, running } of inferences) {
      expect((await running)['y']?.data).toEqual(counting(5, from));
    }
  });

  it('lives as long as a context, and a graph of it', async () => {
    const { DeviceTensor, CudaStream } = trtNode;
    const x = await DeviceTensor.from(new trtNode.Tensor('float32', counting(4)));
    const y = await DeviceTensor.allocate('float32', [4]);
    const stream = await CudaStream.create();
    const makeContext = async () => {
      const engine = await loadStub(abi, identity);
      const context = await engine.createContext();
      context.setInput('x', x);
      context.setOutput('y', y);
      return context;
    };
    const makeGraph = async () => (await makeContext()).capture(stream);
    let context: Awaited<ReturnType<typeof makeContext>> | null = await makeContext();
    await turns();
    context.enqueue(stream);
    expect(await y.getData()).toEqual(counting(4));
    context = null;
    await turns();
    const graph = await makeGraph();
    await turns();
    await x.copyFrom(counting(4, 7));
    graph.launch();
    expect(await y.getData()).toEqual(counting(4, 7));
    await Promise.all([x.close(), y.close()]);
    await graph.close();
    stream.close();
  });

  it('is outlived by its outputs, on pinned memory and on the GPU', async () => {
    const infer = async () => {
      const engine = await loadStub(abi, identity);
      const x = vector(counting(20_000));
      const [pinned, device] = await Promise.all([
        engine.infer({ x }),
        engine.infer({ x }, { outputs: { y: 'device' } }),
      ]);
      return { pinned: pinned['y'], device: device.y };
    };
    const { pinned, device } = await infer();
    await turns();
    expect(stubReport().streams).toBe(0);
    expect(pinned?.data).toEqual(counting(20_000));
    expect(await device.getData()).toEqual(counting(20_000));
    await device.close();
  });
});
