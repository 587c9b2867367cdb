import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import { describe, expect, it } from 'vitest';
import type { LadderResult, MeasuredRung } from '../../lib/ladder/result';
import { cli, root, temporaryFolder } from '../support/native-host';
import { runNode, type NodeExit } from '../support/native-processes';
import { float32Npy, storedZip } from '../support/npy-writer';
import { writeOnnx } from '../support/onnx-writer';
import { freshFolder, identityModel } from '../support/stub-build';
import { stubDriver, stubLibraries } from '../support/stub-host';
import type { StubAbi } from '../support/stub-plans';

const folder = await temporaryFolder();
const model = path.join(folder, 'identity.onnx');
await writeFile(model, writeOnnx(identityModel));

const validate = new Ajv2020({ allowUnionTypes: true }).compile(
  JSON.parse(await readFile(path.join(root, 'schemas', 'ladder.schema.json'), 'utf8')) as object,
);

/** A ladder of the identity model, whose engines the stub builds and runs. */
async function ladder(abi: StubAbi, home: string, args: readonly string[]): Promise<NodeExit> {
  const line = ['ladder', model, '--library', stubLibraries[abi], '--profile', 'n:1/2/8'];
  return await runNode(cli, [...line, '--iterations', '5', '--warmup', '1', ...args], {
    env: { ...process.env, LD_LIBRARY_PATH: stubDriver, TRT_NODE_HOME: home, NO_COLOR: '1' },
    deadlineMs: 100_000,
  });
}

function resultOf({ code, stdout, stderr }: NodeExit): LadderResult {
  expect(code, stderr).toBe(0);
  const result = JSON.parse(stdout) as LadderResult;
  expect(validate(result), JSON.stringify(validate.errors)).toBe(true);
  return result;
}

const statuses = ({ rungs }: LadderResult): unknown =>
  Object.fromEntries(rungs.map(({ rung, status }) => [rung, status]));

describe('trt-node ladder', () => {
  it('builds every rung that TensorRT 10 has, and measures each way', async () => {
    const home = await freshFolder();
    const report = path.join(home, 'ladder.json');
    const out = path.join(home, 'out');
    const exit = await ladder('v10', home, [
      ...['--json', '--lanes', '1,2', '--batch', '1,4', '--report', report, '--out', out],
    ]);
    const result = resultOf(exit);
    expect(statuses(result)).toEqual({
      ...{ fp32: 'measured', tf32: 'measured', fp16: 'measured', bf16: 'measured' },
      // No calibration was given, and the model has no Q/DQ nodes.
      ...{ int8: 'skipped', best: 'measured' },
    });
    const [fp32, tf32] = result.rungs as readonly MeasuredRung[];
    expect(fp32?.accuracy).toBeNull();
    expect(result.referenceRung).toBe('fp32');
    // The engine gives back what it is given: nothing can differ.
    expect(tf32?.accuracy).toMatchObject({
      ...{ holds: true, reference: 'rung', referenceRung: 'fp32', cases: 1 },
      outputs: { y: { maxAbs: 0 } },
    });
    expect(fp32?.points).toHaveLength(8);
    for (const { graphs, replayed, batch, samplesPerSecond, inferencesPerSecond } of fp32!.points) {
      expect(replayed).toBe(graphs === 'on');
      expect(samplesPerSecond).toBeCloseTo(inferencesPerSecond * batch!);
    }
    expect(result.recommendation).not.toBeNull();
    expect((await readdir(out)).filter((name) => name.endsWith('.engine')).sort()).toEqual([
      ...['best.engine', 'bf16.engine', 'fp16.engine', 'fp32.engine', 'tf32.engine'],
    ]);
    const written = JSON.parse(await readFile(report, 'utf8')) as { data: unknown };
    expect(validate(written.data)).toBe(true);
  });

  it('takes rungs that it built before from the engine cache', async () => {
    const home = await freshFolder();
    const cache = path.join(home, 'engines');
    const args = ['--json', '--rungs', 'fp32,fp16', '--graphs', 'off', '--cache', cache];
    const engines = async () =>
      (await readdir(cache, { recursive: true })).filter((name) => name.endsWith('.engine')).sort();
    const first = resultOf(
      await ladder('v10', home, [...args.slice(0, 2), 'fp32', ...args.slice(3)]),
    );
    const [one] = await engines();
    expect(first.rungs).toHaveLength(1);
    const second = resultOf(await ladder('v10', home, args));
    expect(await engines()).toHaveLength(2);
    expect(await engines()).toContain(one);
    const [before, after] = [first, second].map(({ rungs }) => rungs[0] as MeasuredRung);
    // The record of the very build.
    expect(after?.buildSeconds).toBe(before?.buildSeconds);
    expect(after?.planPath).toBe(before?.planPath);
  });

  it('passes over what TensorRT 11 does not have', async () => {
    const result = resultOf(
      await ladder('v11', await freshFolder(), ['--json', '--graphs', 'off']),
    );
    expect(statuses(result)).toMatchObject({ fp32: 'measured', tf32: 'measured', fp16: 'skipped' });
  });

  it('exits with 6 where outputs are not the given ones, and says what differs', async () => {
    const home = await freshFolder();
    const cases = path.join(home, 'cases.npz');
    const zip = storedZip([
      { name: 'x.npy', data: float32Npy([1, 4], Float32Array.of(1, 2, 3, 4)) },
      { name: 'y.npy', data: float32Npy([1, 4], Float32Array.of(1, 2, 9, 4)) },
    ]);
    await writeFile(cases, zip);
    const args = ['--rungs', 'fp32', '--graphs', 'off', '--verify', cases];
    const { code, stdout } = await ladder('v10', home, args);
    expect(code).toBe(6);
    expect(stdout).toMatch(/^fp32: .*expected 9/m);
  });

  it('stops after one build where the inputs do not fit', async () => {
    const home = await freshFolder();
    const cases = path.join(home, 'cases.npz');
    const x = { name: 'x.npy', data: float32Npy([1, 5], new Float32Array(5)) };
    await writeFile(cases, storedZip([x]));
    const args = ['--rungs', 'fp32,tf32', '--graphs', 'off', '--verify', cases];
    const { code, stderr } = await ladder('v10', home, args);
    expect(code, stderr).toBe(1);
    expect(stderr).toContain('ERR_TRT_INPUT_DIMS');
    expect(stderr.match(/: building$/gm)).toEqual([': building']);
  });

  it.each([
    ['an unknown rung', ['--rungs', 'fp4']],
    ['no inference', ['--iterations', '0']],
    ['a report of another kind', ['--report', 'ladder.pdf']],
    ['a tolerance without cases', ['--atol', '1']],
  ])('refuses %s', async (_what, args) => {
    const { code, stdout } = await ladder('v10', await freshFolder(), args);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('ends clean on Ctrl-C while it measures', async () => {
    const home = await freshFolder();
    const out = path.join(home, 'out');
    const line = ['ladder', model, '--library', stubLibraries.v10, '--profile', 'n:1/2/8'];
    const args = ['--iterations', '900000000', '--rungs', 'fp32', '--out', out];
    const child = spawn(process.execPath, [cli, ...line, ...args], {
      env: { ...process.env, LD_LIBRARY_PATH: stubDriver, TRT_NODE_HOME: home, NO_COLOR: '1' },
    });
    let stderr = '';
    let interrupted = false;
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      // A second one would end the process at once.
      if (interrupted || !stderr.includes('measuring')) return;
      interrupted = true;
      child.kill('SIGINT');
    });
    const [code] = (await once(child, 'close')) as [number | null];
    expect(stderr).toContain('measuring');
    expect(code).toBe(130);
    // What was built by then is whole.
    expect((await readdir(out)).sort()).toEqual(['fp32.engine', 'fp32.engine.json']);
  });

  it('builds nothing without a GPU', async () => {
    const home = await freshFolder();
    const { code, stderr } = await runNode(cli, ['ladder', model], {
      env: { ...process.env, LD_LIBRARY_PATH: '', CUDA_VISIBLE_DEVICES: '-1', TRT_NODE_HOME: home },
    });
    expect(code).toBe(5);
    expect(stderr).not.toContain('building');
  });
});
