// A plugin library by its path: test/stubs/plugin/roll.cc, which the compiler of the stubs makes. A GPU host without a compiler
// is given the library: TRT_NODE_TEST_PLUGIN=<path>.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BuildOptions, BuiltEngine, Engine } from '../../lib/index';
import { writeOnnx, type Constant } from '../support/onnx-writer';
import { codeOf, root, temporaryFolder, trtNode } from './gpu-host';

function pluginLibrary(): string {
  const given = process.env['TRT_NODE_TEST_PLUGIN'];
  if (given !== undefined) return path.resolve(given);
  const script = path.join(root, 'scripts', 'build-stubs.mjs');
  const stubs = execFileSync(process.execPath, [script], { encoding: 'utf8' }).trim();
  return path.join(stubs, 'plugin', 'libroll_plugin.so');
}

const plugin = pluginLibrary();
const folder = await temporaryFolder();
const model = path.join(folder, 'roll.onnx');
const plan = path.join(folder, 'roll.engine');
const columns = 4;
const shift = 3;

const scalar = (name: string, value: number): Constant => ({
  name,
  type: 'float32',
  dims: [1],
  data: new Uint8Array(Float32Array.of(value).buffer),
});

/** y = 2 × roll(x + 1): TensorRT's own layers before and after the plugin's. */
const onnx = writeOnnx({
  inputs: [{ name: 'x', type: 'float32', dims: ['rows', columns] }],
  outputs: [{ name: 'y', type: 'float32', dims: ['rows', columns] }],
  constants: [scalar('one', 1), scalar('two', 2)],
  nodes: [
    { op: 'Add', inputs: ['x', 'one'], outputs: ['more'] },
    {
      op: 'TrtNodeTestRoll',
      name: 'the_roll',
      inputs: ['more'],
      outputs: ['rolled'],
      attributes: { shift },
    },
    { op: 'Mul', inputs: ['rolled', 'two'], outputs: ['y'] },
  ],
});

const build = {
  runtime: 'tensorrt',
  precision: 'fp32',
  optimizationLevel: 0,
  profiles: [{ rows: [1, 2, 8] }],
} as const satisfies BuildOptions;

let building: Promise<BuiltEngine>;
beforeAll(async () => {
  await fs.writeFile(model, onnx);
  building = trtNode.buildEngine(model, { ...build, plugins: [plugin], output: plan });
  // Its failure is that of the tests that ask for the plan.
  await Promise.allSettled([building]);
});

async function expectRolled(engine: Engine, rows: number): Promise<void> {
  const x = Float32Array.from({ length: rows * columns }, (_, i) => i);
  const { y } = await engine.infer({ x: { type: 'float32', data: x, dims: [rows, columns] } });
  // As numpy.roll: row r comes to row (r + shift) mod rows. Small whole numbers are exact in float32.
  const expected = new Float32Array(rows * columns);
  x.forEach((value, i) => {
    const row = (Math.floor(i / columns) + shift) % rows;
    expected[row * columns + (i % columns)] = 2 * (value + 1);
  });
  expect(y?.dims).toEqual([rows, columns]);
  expect(y?.data).toEqual(expected);
}

describe('a model with a plugin’s operator', () => {
  it('is refused by the parser without the library', async () => {
    await expect(trtNode.buildEngine(model, build)).rejects.toMatchObject({
      code: 'ERR_TRT_ONNX_PARSE',
      message: expect.stringContaining('TrtNodeTestRoll') as unknown,
    });
  });

  it('builds with the library, whose digest the manifest keeps', async () => {
    const { manifest } = await building;
    const bytes = await fs.readFile(plugin);
    expect(manifest.plugins).toEqual([
      {
        name: path.basename(plugin),
        sha256: createHash('sha256').update(bytes).digest('hex'),
        sizeBytes: bytes.length,
      },
    ]);
  });

  it('is refused with a library that is no plugin library', async () => {
    const text = path.join(folder, 'libtext.so');
    await fs.writeFile(text, 'no library');
    const options = { ...build, plugins: [text] };
    expect(await codeOf(trtNode.buildEngine(model, options))).toBe('ERR_TRT_PLUGIN');
  });
});

describe('a plan with a plugin', () => {
  it('infers what the plugin computes, at each of its shapes', async () => {
    await building;
    await using engine = await trtNode.loadEngine(plan, { plugins: [plugin] });
    for (const rows of [2, 8, 1, 5]) await expectRolled(engine, rows);
  });

  it('is loaded twice in one process, which registers the library once', async () => {
    const built = await building;
    await using first = await built.load({ plugins: [plugin] });
    await using second = await built.load({ plugins: [plugin] });
    await Promise.all([expectRolled(first, 7), expectRolled(second, 4)]);
  });

  it('is refused without the library that its manifest lists', async () => {
    await building;
    await expect(trtNode.loadEngine(plan)).rejects.toMatchObject({
      code: 'ERR_TRT_PLUGIN',
      details: { reason: 'missing', name: path.basename(plugin) },
    });
  });

  it('is refused with another file of that name', async () => {
    await building;
    const changed = path.join(folder, path.basename(plugin));
    await fs.writeFile(changed, Buffer.concat([await fs.readFile(plugin), Buffer.of(0)]));
    await expect(trtNode.loadEngine(plan, { plugins: [changed] })).rejects.toMatchObject({
      code: 'ERR_TRT_PLUGIN',
      details: { reason: 'digest', path: changed },
    });
  });

  it('#13 is refused by TensorRT itself where no manifest is looked at and nothing is registered', async () => {
    await building;
    // In a process of its own: what the tests above registered stays registered in this one.
    const script = `
      const { loadEngine } = require(${JSON.stringify(path.join(root, 'dist', 'index.js'))});
      loadEngine(${JSON.stringify(plan)}, { integrity: 'off' }).then(
        () => console.log('loaded'),
        ({ code, details }) => console.log(code, details?.reason));`;
    const child = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    expect(child.stdout, child.stderr).toBe('ERR_TRT_ENGINE_DESERIALIZE plugin\n');
  });
});
