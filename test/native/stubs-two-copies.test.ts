import fs from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { root, temporaryFolder } from '../support/native-host';
import { identity } from '../support/stub-models';
import { stubAbis } from '../support/stub-plans';
import { runOnStubs, type StubScript } from '../support/stub-scripts';

/** A second trt-node, as another package's dependency is one: other files, another addon, another version. */
const copy = await temporaryFolder();
beforeAll(async () => {
  await fs.cp(path.join(root, 'dist'), path.join(copy, 'dist'), { recursive: true });
  const addon = path.join('build', 'Release', 'trt_node.node');
  await fs.mkdir(path.join(copy, path.dirname(addon)), { recursive: true });
  await fs.copyFile(path.join(root, addon), path.join(copy, addon));
  const text = await fs.readFile(path.join(root, 'package.json'), 'utf8');
  const facts = JSON.parse(text) as Record<string, unknown>;
  const other = { ...facts, version: '9.9.9' };
  await fs.writeFile(path.join(copy, 'package.json'), JSON.stringify(other));
  await fs.symlink(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
});

const both = `
  const one = require(${JSON.stringify(path.join(root, 'dist', 'index.js'))});
  const two = require(${JSON.stringify(path.join(copy, 'dist', 'index.js'))});
  const options = { library: stubs.library, lanes: 2 };
  const inputs = (count, value) => ({
    x: { type: 'float32', data: new Float32Array(count).fill(value), dims: [count] },
  });`;

describe.each(stubAbis)('#67 two copies of the package in one process, with %s', (abi) => {
  const run = (source: string, options: Partial<StubScript> = {}) =>
    runOnStubs(abi, `${both}\n${source}`, { engine: identity, ...options });
  const quiet = { signal: null, stderr: '' };

  it('infer side by side, and one is closed without the other', async () => {
    const exit = await run(
      `(async () => {
         if (one.Engine === two.Engine) throw new Error('it is the same copy');
         const engines = await Promise.all([one, two].map((each) => each.loadEngine(stubs.plan(), options)));
         const inferAll = () => Promise.all(Array.from({ length: 100 }, async (_, i) => {
           const count = i % 10 === 0 ? 20_000 : 5;
           const { y } = await engines[i % 2].infer(inputs(count, i));
           if (y.data.length !== count || !y.data.every((value) => value === i)) throw new Error(i);
         }));
         await inferAll();
         console.log(engines[0].inferSync(inputs(2, 3)).y.data.join(), engines[1].inferSync(inputs(2, 4)).y.data.join());
         await engines[0].close();
         console.log(await engines[0].infer(inputs(1, 1)).catch(({ code }) => code));
         console.log((await engines[1].infer(inputs(2, 5))).y.data.join());
         await engines[1].close();
       })();`,
    );
    const stdout = '3,3 4,4\nERR_TRT_ENGINE_CLOSED\n5,5\n';
    expect(exit).toEqual({ code: 0, ...quiet, stdout });
  });

  it('refuse each other’s tensors on the GPU and errors by code', async () => {
    const exit = await run(
      `(async () => {
         const engine = await one.loadEngine(stubs.plan(), options);
         const tensor = await two.DeviceTensor.from(inputs(4, 2).x);
         const error = await engine.infer({ x: tensor }).catch((error) => error);
         console.log(error.code, error instanceof one.TrtError, error instanceof two.TrtError);
         console.log((await tensor.getData()).join());
         await tensor.close();
         await engine.close();
       })();`,
    );
    expect(exit).toEqual({
      ...{ code: 0, ...quiet },
      stdout: 'ERR_TRT_INPUT_TYPE true false\n2,2,2,2\n',
    });
  });

  it('end with the process, whatever both have under way', async () => {
    const exit = await run(
      `(async () => {
         const engines = await Promise.all([one, two].map((each) => each.loadEngine(stubs.plan(), options)));
         for (let i = 0; i < 50; i += 1) engines[i % 2].infer(inputs(5, i));
         setImmediate(() => process.exit(7));
       })();`,
      { engine: { ...identity, delay: 20_000 } },
    );
    expect(exit).toEqual({ code: 7, ...quiet, stdout: '' });
  });

  it('share a thread, too, that is terminated', async () => {
    const exit = await run(
      `const { Worker } = require('node:worker_threads');
       const source = 'const { workerData: { entries, plan, library }, parentPort } = require("node:worker_threads");' +
         'const x = { type: "float32", data: new Float32Array(5), dims: [5] };' +
         '(async () => { const engines = await Promise.all(entries.map((entry) => require(entry).loadEngine(plan, { library })));' +
         'for (;;) { await Promise.all(engines.map((engine) => engine.infer({ x }))); parentPort.postMessage("inferred"); } })();';
       const entries = [require.resolve(${JSON.stringify(path.join(root, 'dist', 'index.js'))}),
         require.resolve(${JSON.stringify(path.join(copy, 'dist', 'index.js'))})];
       const workerData = { entries, plan: stubs.plan(), library: stubs.library };
       const worker = new Worker(source, { eval: true, workerData });
       worker.once('message', async () => {
         console.log(await worker.terminate());
         for (let i = 0; i < 500 && stubs.held() !== null; i += 1) {
           await new Promise((done) => setTimeout(done, 10));
         }
         console.log(stubs.held());
       });`,
    );
    expect(exit).toEqual({ code: 0, ...quiet, stdout: '1\nnull\n' });
  });
});
