import { describe, expect, it } from 'vitest';
import { identity } from '../support/stub-models';
import { stubAbis, type StubAbi } from '../support/stub-plans';
import { runOnStubs, type StubScript } from '../support/stub-scripts';

const millisecond = 1000; // of StubEngine.delay

const run = (abi: StubAbi, source: string, options: Partial<StubScript> = {}) =>
  runOnStubs(abi, source, { engine: identity, deadlineMs: 100_000, ...options });

const quiet = { signal: null, stderr: '' };

describe.each(stubAbis)('a process with an engine of %s', (abi) => {
  it('#55 ends by itself with an engine open and idle', async () => {
    const exit = await run(
      abi,
      `loadEngine(stubs.plan(), { library: stubs.library }).then(async (engine) => {
         await engine.infer(stubs.inputs());
         globalThis.kept = engine;
         console.log('idle');
       });`,
    );
    expect(exit).toEqual({ code: 0, ...quiet, stdout: 'idle\n' });
  });

  it('#55 stays while an inference is pending', async () => {
    const exit = await run(
      abi,
      `loadEngine(stubs.plan(), { library: stubs.library }).then((engine) => {
         engine.infer(stubs.inputs(5)).then(({ y }) => console.log(y.dims.join('x')));
       });`,
      { engine: { ...identity, delay: 200 * millisecond } },
    );
    expect(exit).toEqual({ code: 0, ...quiet, stdout: '5\n' });
  });

  it.each([
    ['process.exit(7)', { code: 7, signal: null }],
    [`process.kill(process.pid, 'SIGTERM')`, { code: null, signal: 'SIGTERM' }],
    [`process.kill(process.pid, 'SIGINT')`, { code: null, signal: 'SIGINT' }],
    [`throw new Error('uncaught')`, { code: 1, signal: null }],
  ])('#56 ends as %s says with a hundred inferences in flight', async (how, expected) => {
    const { code, signal, stderr } = await run(
      abi,
      `stubs.discover().then(stubs.load).then((engine) => {
         for (let i = 0; i < 100; i += 1) engine.infer(stubs.inputs());
         setImmediate(() => { ${how}; });
       });`,
      // 100 × 300 ms: whoever waited for all of them would take longer than this.
      { engine: { ...identity, delay: 300 * millisecond }, deadlineMs: 60_000 },
    );
    expect({ code, signal }).toEqual(expected);
    if (!how.startsWith('throw')) expect(stderr).toBe('');
  });

  it.each([
    ['child_process.fork', `require('node:child_process').fork(__filename)`],
    ['cluster', `require('node:cluster').fork()`],
  ])('#63 may begin another by %s in the middle of inferences: both infer', async (_, begin) => {
    const exit = await run(
      abi,
      `(async () => {
         const engine = await loadEngine(stubs.plan(), { library: stubs.library });
         const all = Array.from({ length: 20 }, () => engine.infer(stubs.inputs(5)));
         if (process.connected) {
           await Promise.all(all);
           process.send((await engine.infer(stubs.inputs(3))).y.dims.join());
           process.disconnect();
           return;
         }
         await all[0];
         const child = ${begin};
         child.on('message', (dims) => console.log('child', dims));
         child.on('exit', async (code) => {
           await Promise.all(all);
           console.log(code, (await engine.infer(stubs.inputs(7))).y.dims.join());
         });
       })();`,
      { engine: { ...identity, delay: 2 * millisecond } },
    );
    expect(exit).toEqual({ code: 0, ...quiet, stdout: 'child 3\n0 7\n' });
  });

  it('#62 #56 ends whenever it wants while TensorRT’s own threads log', async () => {
    for (const turns of [0, 2, 5, 10, 30]) {
      const exit = await run(
        abi,
        `stubs.discover().then((found) => {
           let turns = ${turns};
           const leave = () => (turns-- > 0 ? setImmediate(leave) : process.exit(7));
           stubs.load(found).then((engine) => {
             const next = () => engine.infer(stubs.inputs()).then(next);
             next();
             next();
           });
           leave();
         });`,
        { engine: { ...identity, chatter: 20 } },
      );
      expect({ turns, ...exit }).toEqual({ turns, code: 7, ...quiet, stdout: '' });
    }
  });

  it('#65 hears of an exception in a callback of its own, and goes on', async () => {
    const exit = await run(
      abi,
      `const heard = [];
       process.on('uncaughtException', ({ message }) => heard.push(message));
       stubs.discover().then(stubs.load).then(async (engine) => {
         const getter = { get x() { throw new Error('of a getter'); } };
         await engine.infer(getter).catch(({ message }) => heard.push(message));
         engine.infer(stubs.inputs()).then(() => { throw new Error('of a reaction'); });
         await engine.infer(stubs.inputs());
         await new Promise(setImmediate);
         const { y } = await engine.infer(stubs.inputs(4));
         await engine.close();
         console.log(heard.join(), y.dims.join());
       });`,
    );
    expect(exit).toEqual({ code: 0, ...quiet, stdout: 'of a getter,of a reaction 4\n' });
  });

  it('#49 has no unhandled rejection but the caller’s', async () => {
    const exit = await run(
      abi,
      `const unhandled = [];
       process.on('unhandledRejection', ({ code }) => unhandled.push(code));
       stubs.discover().then(async (found) => {
         const engine = await stubs.load(found);
         const large = engine.infer(stubs.inputs(1 << 20)).catch(({ code }) => code);
         console.log(await engine.infer(stubs.inputs()).catch(({ code }) => code), await large);
         engine.infer(stubs.inputs()); // nobody takes this one
         await engine.close({ drain: true });
         await new Promise(setImmediate);
         console.log(unhandled.join());
       });`,
      { engine: { ...identity, fail: [{ at: 'enqueueV3', andLater: true }] } },
    );
    const failed = 'ERR_TRT_INFER_FAILED';
    expect(exit).toEqual({ code: 0, ...quiet, stdout: `${failed} ${failed}\n${failed}\n` });
  });
});
