import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeRelease, otherMajors } from '../../scripts/node-release.mjs';
import { identity } from '../support/stub-models';
import { stubPlan } from '../support/stub-plans';
import { installPackage, type InstalledPackage } from './installed-package';

/** Inferences of each kind, one that fails, an engine that nobody closes and one that is closed. */
const script = `
  const { loadEngine, DeviceTensor } = require('trt-node');
  const [plan, library] = process.argv.slice(2);
  const vector = (count) => ({ type: 'float32', data: new Float32Array(count).fill(1.5), dims: [count] });
  (async () => {
    const [engine, forgotten] = await Promise.all([
      loadEngine(plan, { library, lanes: 2, graphs: 'on' }),
      loadEngine(plan, { library }),
    ]);
    const seen = [];
    for (const count of [8, 8, 100_000, 1 << 20]) {
      const { y } = await engine.infer({ x: vector(count) });
      seen.push(y.dims[0] === count && y.data.every((value) => value === 1.5));
    }
    seen.push(engine.inferSync({ x: vector(3) }).y.data.join());
    const x = engine.allocate('x', [5]);
    x.data.fill(2);
    seen.push((await engine.infer({ x })).y.data.join());
    const { y } = await forgotten.infer({ x: vector(4) }, { outputs: { y: 'device' } });
    seen.push((await y.getData()).join(), (await DeviceTensor.from(vector(2))).dims.join());
    seen.push(await engine.infer({ z: vector(1) }).catch(({ code }) => code));
    await engine.close();
    seen.push(await engine.infer({ x }).catch(({ code }) => code));
    console.log(JSON.stringify(seen));
  })();`;

const expected = [
  ...[true, true, true, true, '1.5,1.5,1.5', '2,2,2,2,2', '1.5,1.5,1.5,1.5', '2'],
  ...['ERR_TRT_INPUT_UNKNOWN', 'ERR_TRT_ENGINE_CLOSED'],
];

describe('#66 the installed package', () => {
  let installed: InstalledPackage;
  let stubs: string;
  beforeAll(() => {
    installed = installPackage();
    const build = path.join(installed.root, 'scripts', 'build-stubs.mjs');
    stubs = execFileSync(process.execPath, [build], { encoding: 'utf8' }).trim();
    fs.writeFileSync(path.join(installed.project, 'stub.engine'), stubPlan('v10', identity));
    fs.writeFileSync(path.join(installed.project, 'infer.cjs'), script);
  });
  afterAll(() => installed.remove());

  const infer = (node: string, flags: readonly string[] = []): unknown => {
    const library = path.join(stubs, 'v10', 'libnvinfer.so.10');
    const { status, stdout, stderr } = installed.run('env', [
      `LD_LIBRARY_PATH=${path.join(stubs, 'driver')}`,
      ...[node, ...flags, 'infer.cjs', 'stub.engine', library],
    ]);
    return { status, stderr, seen: JSON.parse(stdout || 'null') as unknown };
  };
  const well = { status: 0, stderr: '', seen: expected };

  it(`infers under this Node.js, ${process.version}`, () => {
    expect(infer(process.execPath)).toEqual(well);
  });

  it.each(otherMajors)('infers under Node.js %s', (major) => {
    const node = nodeRelease(major);
    expect(execFileSync(node, ['-p', 'process.versions.node.split(".")[0]']).toString()).toBe(
      `${major}\n`,
    );
    expect(infer(node)).toEqual(well);
  });

  it.each([
    ['--jitless', '--no-expose-wasm'], // no code is compiled at run time
    ['--frozen-intrinsics', '--no-warnings'], // nobody may change what JavaScript itself brings
  ])('infers under %s %s', (...flags) => {
    expect(infer(process.execPath, flags)).toEqual(well);
  });
});
