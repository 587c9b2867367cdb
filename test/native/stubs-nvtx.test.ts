import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/native-host';
import { stubFolder } from '../support/stub-host';
import { identity } from '../support/stub-models';
import { stubAbis, type StubAbi } from '../support/stub-plans';
import { runOnStubs } from '../support/stub-scripts';

const profiler = path.join(stubFolder, 'nvtx', 'libstub_profiler.so');
const folder = await temporaryFolder();
let runs = 0;

/** Runs three inferences under a profiler, and gives what that was told: null when it was not even asked in. */
async function profiled(
  abi: StubAbi,
  options: string,
  env: NodeJS.ProcessEnv = {},
): Promise<readonly string[] | null> {
  const file = path.join(folder, String((runs += 1)));
  const script = `
    (async () => {
      const x = { type: 'float32', data: Float32Array.of(1, 2), dims: [2] };
      const engine = await loadEngine(stubs.plan(), { library: stubs.library, ...${options} });
      for (const infer of ['infer', 'inferTimed', 'inferSync']) await engine[infer]({ x });
      await engine.close();
      console.log('well');
    })();`;
  const exit = await runOnStubs(abi, script, {
    engine: identity,
    env: { NVTX_INJECTION64_PATH: profiler, TRT_NODE_STUB_NVTX: file, ...env },
  });
  expect(exit).toMatchObject({ code: 0, signal: null, stdout: 'well\n' });
  const text = await readFile(file, 'utf8').catch(() => null);
  return text === null ? null : text.trimEnd().split('\n');
}

/** The number of functions of NVTX's modules, of which the first is none: what NVIDIA's own headers offer. */
const offered = 'modules 16 9 15 7 16 7';

describe.each(stubAbis)('nvtx under %s', (abi) => {
  it('marks each inference for a profiler', async () => {
    const told = await profiled(abi, '{ nvtx: true, lanes: 1 }');
    const inference = ['push trt-node:infer', 'pop'];
    expect(told).toEqual([offered, ...inference, ...inference, ...inference]);
  });

  it('leaves the profiler alone unless it is wanted', async () => {
    expect(await profiled(abi, '{}')).toBeNull();
  });
});

it('nvtx does without a profiler that is not there, is none, or will not', async () => {
  const wanted = '{ nvtx: true }';
  expect(await profiled('v10', wanted, { NVTX_INJECTION64_PATH: '/none.so' })).toBeNull();
  const other = path.join(stubFolder, 'plugin', 'libstub_plugin.so');
  expect(await profiled('v10', wanted, { NVTX_INJECTION64_PATH: other })).toBeNull();
  expect(await profiled('v10', wanted, { TRT_NODE_STUB_NVTX_REFUSES: '1' })).toEqual([offered]);
});
