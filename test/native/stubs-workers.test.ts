import { describe, expect, it } from 'vitest';
import { identity } from '../support/stub-models';
import { stubAbis } from '../support/stub-plans';
import { runOnStubs } from '../support/stub-scripts';

const quiet = { code: 0, signal: null, stderr: '' };

/**
 * `eachWorker(count, rounds, work, until, seconds)`: that many workers at a time, each in so many fresh threads one after the other, run
 * `work(stubs, found, say)`. Each ends by itself, or is terminated when `until(number of its messages, round)` says so. After `seconds` no
 * third round begins, nor any later one.
 */
const crew = `
  const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
  const eachWorker = async (count, rounds, work, until = () => false, seconds = Infinity) => {
    if (!isMainThread) return;
    const end = performance.now() + seconds * 1000;
    const found = await stubs.discover();
    const source = 'const { parentPort, workerData } = require("node:worker_threads");' +
      'const stubs = require(workerData.stubs);' +
      '(' + work + ')(stubs, workerData.found, (message) => parentPort.postMessage(message))';
    const one = (round) => new Promise((resolve, reject) => {
      const workerData = { found, stubs: require.resolve(process.env.TRT_NODE_STUB_SCRIPT) };
      const worker = new Worker(source, { eval: true, workerData });
      let messages = 0, ended = false;
      const look = () => {
        // Once: each call of terminate() adds a listener.
        if (ended || !until(messages, round)) return;
        ended = true;
        worker.terminate();
      };
      worker.on('message', () => { messages += 1; look(); });
      worker.on('online', look);
      worker.once('error', reject);
      worker.once('exit', resolve);
    });
    const codes = new Set();
    await Promise.all(Array.from({ length: count }, async () => {
      for (let round = 0; round < rounds; round += 1) {
        if (round >= 2 && performance.now() > end) return;
        codes.add(await one(round));
      }
    }));
    return [...codes].sort();
  };
  // What finishes in the background after a thread has ended is waited for, but not for ever.
  const settled = async () => {
    for (let i = 0; i < 500 && stubs.held() !== null; i += 1) {
      await new Promise((done) => setTimeout(done, 10));
    }
    return stubs.held();
  };
`;

describe.each(stubAbis)('worker threads with engines of %s', (abi) => {
  // What the three ABIs share is most of it: one of them goes the whole way.
  const threads = abi === 'v10' ? 20 : 3;
  it(`#58 load, infer and exit, sixteen at once, in up to ${threads * 5} rounds`, async () => {
    // Every fifth round in a fresh thread, and every second engine is left open.
    const exit = await runOnStubs(
      abi,
      `${crew}
       eachWorker(16, ${threads}, async (stubs, found) => {
         for (let round = 0; round < 5; round += 1) {
           const engine = await stubs.load(found);
           const { y } = await engine.infer(stubs.inputs(round));
           if (y.data.length !== round || !y.data.every((value) => value === 1)) throw new Error(y);
           engine.inferSync(stubs.inputs(100));
           if (round % 2 === 0) await engine.close();
         }
       }, undefined, 30).then(async (codes) => console.log(codes.join(), await settled()));`,
      { engine: identity, deadlineMs: 110_000 },
    );
    expect(exit).toEqual({ ...quiet, stdout: '0 null\n' });
  });

  it.each([
    ['before anything', 0],
    ['while they load', 1],
    ['while they infer', 2],
    ['in a reaction to an inference', 3],
    ['later', 9],
  ])('#59 may be terminated %s, and their memory is back', async (_when, messages) => {
    const exit = await runOnStubs(
      abi,
      `${crew}
       eachWorker(4, 6, async (stubs, found, say) => {
         say('loading');
         const engine = await stubs.load(found);
         say('loaded');
         for (;;) {
           const all = Array.from({ length: 5 }, (_, i) =>
             engine.infer(stubs.inputs(i % 2 ? 10 : 100_000)));
           engine.inferSync(stubs.inputs());
           await Promise.race(all);
           say('inferred');
         }
       }, (messages) => messages >= ${messages}).then(async (codes) => {
         console.log(codes.join(), await settled());
         const engine = await stubs.load(await stubs.discover());
         console.log((await engine.infer(stubs.inputs(3))).y.dims.join());
       });`,
      { engine: { ...identity, delay: 500, chatter: 100 } },
    );
    expect(exit).toEqual({ ...quiet, stdout: '1 null\n3\n' });
  });

  it.each([
    ['deserializeCudaEngine', 1],
    ['createExecutionContext', 1],
    ['enqueueV3', 2],
  ] as const)('#59 may be terminated inside of %s', async (at, messages) => {
    const exit = await runOnStubs(
      abi,
      `${crew}
       eachWorker(3, 2, async (stubs, found, say) => {
         const loading = stubs.load(found);
         say('loading');
         const engine = await loading;
         const inference = engine.infer(stubs.inputs());
         say('inferring');
         await inference;
         say('too late');
       }, (messages) => messages >= ${messages}).then(async (codes) => {
         console.log(codes.join(), await settled());
       });`,
      { engine: { ...identity, pause: [{ at, for: 150_000 }], chatter: 100 } },
    );
    expect(exit).toEqual({ ...quiet, stdout: '1 null\n' });
  });

  it('#60 share their TensorRT with the main thread, each with its own engines', async () => {
    const exit = await runOnStubs(
      abi,
      `${crew}
       stubs.discover().then(stubs.load).then(async (engine) => {
         const own = async () => { for (let i = 0; i < 50; i += 1) await engine.infer(stubs.inputs(i)); };
         const [codes] = await Promise.all([
           eachWorker(3, 2, async (stubs, found) => {
             const engine = await stubs.load(found);
             for (let i = 0; i < 50; i += 1) await engine.infer(stubs.inputs(i));
           }),
           own(),
         ]);
         // What the workers left behind has not touched this thread's.
         console.log(codes.join(), (await engine.infer(stubs.inputs(7))).y.dims.join());
         console.log(JSON.parse(stubs.held()).streams === engine.lanes);
         await engine.close();
         console.log(await settled());
       });`,
      { engine: identity },
    );
    expect(exit).toEqual({ ...quiet, stdout: '0 7\ntrue\nnull\n' });
  });

  it('#61 come and go alone: the last one ends, and a first one starts again', async () => {
    const exit = await runOnStubs(
      abi,
      `${crew}
       eachWorker(1, 8, async (stubs, found) => {
         const engine = await stubs.load(found);
         await engine.infer(stubs.inputs());
       }).then(async (codes) => console.log(codes.join(), await settled()));`,
      { engine: { ...identity, chatter: 50 } },
    );
    expect(exit).toEqual({ ...quiet, stdout: '0 null\n' });
  });
});
