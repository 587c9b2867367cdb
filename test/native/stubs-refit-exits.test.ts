// The end of a process or of a worker while weights are set: a thread of the refit waits for the lane's, which is in TensorRT.
import { describe, expect, it } from 'vitest';
import { buildOnStub, weightsModel } from '../support/stub-build';
import { identity } from '../support/stub-models';
import { stubAbis, type StubAbi } from '../support/stub-plans';
import { runOnStubs } from '../support/stub-scripts';

const start = `
  const named = (...values) => ({ type: 'float32', data: Float32Array.from(values), dims: [values.length] });
  const weights = { 'weights.v': named(5, 6), 'weights.w': named(7, 8, 9) };
  const x = Float32Array.of(1, 2);`;

/** Runs a script whose `stubs.load` loads a plan with weights that can be exchanged. */
async function run(abi: StubAbi, source: string): Promise<Record<string, unknown>> {
  const { plan } = await buildOnStub(abi, {
    model: weightsModel([1, 2], [3, 4, 5]),
    device: 0,
    computeCapabilities: [],
    tuning: { refit: 'all' },
  });
  const exit = await runOnStubs(abi, start + source, {
    engine: identity,
    env: { TRT_NODE_STUB_PLAN: Buffer.from(plan).toString('base64') },
    deadlineMs: 60_000,
  });
  return { ...exit };
}

describe.each(stubAbis)('a refit on the stub of %s', (abi) => {
  it('#56 leaves process.exit its exit code', async () => {
    const exit = await run(
      abi,
      `stubs.discover().then(stubs.load).then((engine) => {
         stubs.atPhase('refitCudaEngineAsync', () => process.exit(7));
         engine.infer({ x });
         engine.refit(weights);
         engine.infer({ x });
       });`,
    );
    expect(exit).toMatchObject({ code: 7, signal: null, stderr: '' });
  });

  it('#58 ends with the worker that it is in, and gives everything back', async () => {
    const exit = await run(
      abi,
      `const { Worker } = require('node:worker_threads');
       stubs.discover().then((found) => {
         stubs.loadBinding();
         const work = async () => {
           const { workerData } = require('node:worker_threads');
           const stubs = require(workerData.stubs);
           const engine = await stubs.load(workerData.found);
           engine.infer({ x: Float32Array.of(1, 2) });
           engine.refit(workerData.weights);
           engine.infer({ x: Float32Array.of(1, 2) });
         };
         stubs.atPhase('refitCudaEngineAsync', () => worker.terminate());
         const workerData = { found, weights, stubs: process.env.TRT_NODE_STUB_SCRIPT };
         const worker = new Worker('(' + work + ')()', { eval: true, workerData });
         worker.once('exit', () => {
           console.log('held:', stubs.held());
           process.exit(); // the pipe of atPhase keeps it alive
         });
       });`,
    );
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '', stdout: 'held: null\n' });
  });
});
