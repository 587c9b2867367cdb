// process.exit() while threads are inside of the driver or of TensorRT. Both stubs abort the process when exit() comes to
// their handlers first, and they register some late, as libraries do that open others while they work.
import { describe, expect, it } from 'vitest';
import { identity } from '../support/stub-models';
import { stubAbis, type StubAbi, type StubEngine } from '../support/stub-plans';
import { runOnStubs } from '../support/stub-scripts';

const millisecond = 1000; // of StubEngine.delay
const busy: StubEngine = { ...identity, delay: 50 * millisecond };

/** Runs a script that calls `leave()`, and says how it ended and whether it did so at once. */
async function run(
  abi: StubAbi,
  source: string,
  engine: StubEngine = identity,
): Promise<Record<string, unknown>> {
  const leave = 'const leave = () => { console.log(Date.now()); process.exit(7); };';
  const exit = await runOnStubs(abi, `${leave}\n${source}`, { engine, deadlineMs: 60_000 });
  const milliseconds = Date.now() - Number(/^\d{13}/.exec(exit.stdout)?.[0]);
  const said = exit.stdout.replace(/^\d{13}\n/, '');
  // A thread that never leaves is waited for 5 s.
  return { ...exit, stdout: said, atOnce: milliseconds < 4000 || milliseconds };
}

const well = { code: 7, signal: null, stderr: '', stdout: '', atOnce: true };

const phases = [
  'cuInit',
  'createInferRuntime',
  'deserializeCudaEngine',
  'createExecutionContext',
  'enqueueV3',
];

/** `startWorker(found, source)`: a thread with `stubs`, `found` and `say` in scope. */
const workers = `
  const { Worker } = require('node:worker_threads');
  const startWorker = (found, source) => {
    const prelude = 'const { parentPort, workerData } = require("node:worker_threads");' +
      'const stubs = require(workerData.stubs), { found } = workerData;' +
      'const say = (message) => parentPort.postMessage(message);';
    const workerData = { found, stubs: process.env.TRT_NODE_STUB_SCRIPT };
    return new Worker(prelude + source, { eval: true, workerData });
  };`;

describe.each(stubAbis)('#56 process.exit with %s', (abi) => {
  it.each(phases)('keeps its exit code while a thread is inside of %s', async (phase) => {
    const exit = await run(
      abi,
      `stubs.discover().then((found) => {
         stubs.atPhase('${phase}', leave);
         stubs.load(found).then((engine) => engine.infer(stubs.inputs()));
       });`,
    );
    expect(exit).toEqual(well);
  });

  it('keeps its exit code in the middle of later inferences', async () => {
    const exit = await run(
      abi,
      `stubs.discover().then(stubs.load).then(async (engine) => {
         await engine.infer(stubs.inputs());
         stubs.atPhase('enqueueV3', leave);
         for (let i = 0; i < 100; i += 1) engine.infer(stubs.inputs());
       });`,
      busy,
    );
    expect(exit).toEqual(well);
  });
});

// What threads share is the same for every ABI.
const abi = 'v10';

describe('#56 process.exit beside workers', () => {
  it.each(phases)('keeps its exit code while a worker is inside of %s', async (phase) => {
    const exit = await run(
      abi,
      `${workers}
       stubs.discover().then((found) => {
         stubs.loadBinding(); // this thread's too
         stubs.atPhase('${phase}', leave);
         startWorker(found, 'stubs.load(found).then((engine) => engine.infer(stubs.inputs()))');
       });`,
    );
    expect(exit).toEqual(well);
  });

  it.each([
    ['idle', 'setInterval(() => say("idle"), 10);', true],
    ['idle', 'setInterval(() => say("idle"), 10);', false],
    [
      'busy',
      'for (;;) { const next = engine.infer(stubs.inputs()); say("busy"); await next; }',
      true,
    ],
    ['closing', 'engine.infer(stubs.inputs()); engine.close(); say("closing");', true],
    ['inspecting', 'for (;;) { say("inspecting"); await engine.inspect(); }', true],
  ])('keeps its exit code while a worker’s engine is %s', async (_what, source, both) => {
    const exit = await run(
      abi,
      `${workers}
       stubs.discover().then(async (found) => {
         if (${both}) await (await stubs.load(found)).infer(stubs.inputs());
         const worker = startWorker(found, \`(async () => {
           const engine = (globalThis.engine = await stubs.load(found));
           await engine.infer(stubs.inputs());
           ${source}
         })()\`);
         worker.once('message', leave);
       });`,
      busy,
    );
    expect(exit).toEqual(well);
  });

  it('in a worker ends that worker alone', async () => {
    const exit = await run(
      abi,
      `${workers}
       stubs.discover().then(async (found) => {
         const engine = await stubs.load(found);
         const worker = startWorker(found, \`stubs.load(found).then(async (engine) => {
           await engine.infer(stubs.inputs());
           engine.infer(stubs.inputs());
           process.exit(3);
         })\`);
         worker.once('exit', async (code) => {
           const { y } = await engine.infer(stubs.inputs(5));
           process.on('exit', () => console.log(code, y.dims.join()));
           leave();
         });
       });`,
      busy,
    );
    expect(exit).toEqual({ ...well, stdout: '3 5\n' });
  });
});

describe.each(stubAbis)('#57 an exit handler with an engine of %s', (abi) => {
  it('may use and close it, wherever it stands, while inferences are in flight', async () => {
    const exit = await run(
      abi,
      `let engine;
       const use = (count) => () => {
         console.log(engine.inferSync(stubs.inputs(count)).y.dims.join());
         engine.infer(stubs.inputs());
       };
       process.on('exit', use(2)); // before the addon is there
       stubs.discover().then(stubs.load).then((loaded) => {
         engine = loaded;
         process.on('exit', use(3));
         process.on('exit', () => engine.close());
         for (let i = 0; i < 10; i += 1) engine.infer(stubs.inputs());
         leave();
       });`,
      busy,
    );
    expect(exit).toEqual({ ...well, stdout: '2\n3\n' });
  });

  it('may use and close it when the process ends by itself or by an exception', async () => {
    for (const [end, code] of [
      ['', 0],
      ['throw new Error("of my own");', 1],
    ] as const) {
      const { stderr, ...exit } = await run(
        abi,
        `stubs.discover().then(stubs.load).then(async (engine) => {
           process.on('exit', () => {
             engine.infer(stubs.inputs());
             console.log(engine.inferSync(stubs.inputs(3)).y.dims.join());
             engine.close();
           });
           await engine.infer(stubs.inputs());
           ${end}
         });`,
      );
      expect(exit).toMatchObject({ code, signal: null, stdout: '3\n' });
      expect(stderr).toMatch(code === 0 ? /^$/ : /of my own/);
    }
  });
});
