// Inferences that were submitted while weights are set, and the weights then cannot be.
import { describe, expect, it } from 'vitest';
import { buildOnStub, weightsModel } from '../support/stub-build';
import { identity } from '../support/stub-models';
import { runOnStubs } from '../support/stub-scripts';

describe.each(['v10', 'v11'] as const)('a refit that fails on the stub of %s', (abi) => {
  it('fails what was submitted meanwhile: half of the weights may be new', async () => {
    const { plan } = await buildOnStub(abi, {
      model: weightsModel([1, 2], [3, 4, 5]),
      tuning: { refit: 'all' },
    });
    const exit = await runOnStubs(
      abi,
      `const named = (...values) => ({ type: 'float32', data: Float32Array.from(values), dims: [values.length] });
       const weights = { 'weights.v': named(5, 6), 'weights.w': named(7, 8, 9) };
       const x = Float32Array.of(1, 2);
       const told = (work) => work.then(() => 'done', ({ code }) => code);
       stubs.discover().then(stubs.load).then(async (engine) => {
         stubs.control().setFaults('cuStreamSynchronize:1=2'); // the refit's, which is out of memory
         const submitted = new Promise((resolve) => {
           stubs.atPhase('refitCudaEngineAsync', () => resolve(told(engine.infer({ x }))));
         });
         const refit = await told(engine.refit(weights));
         const after = await told(engine.infer({ x }));
         const again = await told(engine.refit(weights));
         const last = await told(engine.infer({ x }));
         console.log(JSON.stringify([refit, await submitted, after, again, last]));
         await engine.close();
         process.exit(); // the pipe of atPhase keeps it alive
       });`,
      {
        engine: identity,
        env: { TRT_NODE_STUB_PLAN: Buffer.from(plan).toString('base64') },
        deadlineMs: 60_000,
      },
    );
    expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
    const noMemory = 'ERR_TRT_OUT_OF_MEMORY';
    expect(JSON.parse(exit.stdout)).toEqual([noMemory, noMemory, 'ERR_TRT_REFIT', 'done', 'done']);
  });
});
