// What the event loop and libuv's threads have to do with inference: nothing.
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { root } from '../support/native-host';
import { loadStub, setFaults } from '../support/stub-host';
import { counting, identity, vector } from '../support/stub-models';
import { stubAbis } from '../support/stub-plans';
import { runOnStubs } from '../support/stub-scripts';

beforeEach(() => setFaults());

/** How often a 1 ms timer came while `work` was under way. */
async function ticksDuring(work: () => Promise<unknown>): Promise<number> {
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), 1);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return ticks;
}

describe.each(stubAbis)('#50 the event loop beside %s', (abi) => {
  // On a loop that is held up there is no tick, or the one that comes when all is over. Elsewhere 250 fit in; two cores that seven
  // times as much work shared left two in 100 ms.
  const held = 250_000;
  const turning = 1;

  it.each(['auto', 'spin', 'block'] as const)(
    'turns while the GPU is at it (waiting: %s)',
    async (waiting) => {
      await using engine = await loadStub(abi, { ...identity, delay: held }, { waiting, lanes: 1 });
      const x = vector(counting(8));
      for (let i = 0; i < 3; i += 1) {
        expect(await ticksDuring(() => engine.infer({ x }))).toBeGreaterThan(turning);
        expect(await ticksDuring(() => engine.inferTimed({ x }))).toBeGreaterThan(turning);
      }
    },
  );

  it.each(['deserializeCudaEngine', 'createExecutionContext', 'enqueueV3'] as const)(
    'turns while TensorRT is inside of %s',
    async (at) => {
      const plan = { ...identity, pause: [{ at, for: held }] };
      const ticks = await ticksDuring(async () => {
        await using engine = await loadStub(abi, plan, { lanes: 1 });
        await engine.infer({ x: vector(counting(8)) });
      });
      expect(ticks).toBeGreaterThan(turning);
    },
  );

  it('turns while an engine warms up, is profiled and closed', async () => {
    const engine = await loadStub(abi, { ...identity, delay: held }, { lanes: 1 });
    expect(await ticksDuring(() => engine.warmup())).toBeGreaterThan(turning);
    const once = { iterations: 1, warmup: 0 };
    expect(await ticksDuring(() => engine.profile(once))).toBeGreaterThan(turning);
    const running = engine.infer({ x: vector(counting(8)) });
    expect(await ticksDuring(() => engine.close({ drain: true }))).toBeGreaterThan(turning);
    await running;
  });
});

describe.each(stubAbis)('#51 all of libuv’s threads are busy beside %s', (abi) => {
  it('and inference goes on', async () => {
    const exit = await runOnStubs(
      abi,
      `const { execFileSync } = require('node:child_process');
       const fs = require('node:fs');
       const { DeviceTensor } = require(${JSON.stringify(path.join(root, 'dist', 'index.js'))});
       const pipe = __filename + '.pipe';
       execFileSync('mkfifo', [pipe]);
       stubs.discover().then(async (found) => {
         // Each waits in one of libuv's four threads for somebody who writes, and what comes behind them waits for a thread.
         const readers = Array.from({ length: 8 }, () => fs.promises.open(pipe, 'r'));
         let isFree = false;
         const behind = fs.promises.stat(pipe).then(() => (isFree = true));
         const engine = await stubs.load(found);
         await engine.warmup();
         const all = [5, 100_000, 1 << 20].map((count) => engine.infer(stubs.inputs(count)));
         const dims = (await Promise.all(all)).map(({ y }) => y.dims.join());
         const { layers } = await engine.profile({ iterations: 1 });
         const tensor = await DeviceTensor.from(stubs.inputs(3).x);
         const data = await tensor.getData();
         await tensor.close();
         await engine.close();
         console.log(dims.join(), layers.length, data.join(), isFree);
         const writer = fs.openSync(pipe, 'r+');
         for (const reader of await Promise.all(readers)) await reader.close();
         fs.closeSync(writer);
         await behind;
         console.log(isFree);
       });`,
      { engine: identity, env: { UV_THREADPOOL_SIZE: '4' } },
    );
    const stdout = '5,100000,1048576 1 1,1,1 false\ntrue\n';
    expect(exit).toEqual({ code: 0, signal: null, stderr: '', stdout });
  });
});
