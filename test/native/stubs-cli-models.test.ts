/** The commands that run engines, as a user runs them: in processes of their own, on the stub TensorRTs, whose engines are identities. */
import fs from 'node:fs/promises';
import path from 'node:path';
import Ajv from 'ajv/dist/2020';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../lib/manifest-schema';
import { manifestFixture, planDigestOf } from '../support/manifests';
import { cli, root, temporaryFolder } from '../support/native-host';
import { runNode, type NodeExit } from '../support/native-processes';
import { float32Npy, storedZip } from '../support/npy-writer';
import { writeOnnx } from '../support/onnx-writer';
import { stubDriver, stubLibraries } from '../support/stub-host';
import { stubPlan, type StubEngine } from '../support/stub-plans';

const folder = await temporaryFolder();
const inFolder = (name: string): string => path.join(folder, name);
const library = ['--library', stubLibraries.v10];

const rows: StubEngine = {
  inputs: [{ name: 'x', dims: [-1, 3] }],
  outputs: [{ name: 'y' }],
  profiles: [{ x: { min: [1, 3], opt: [4, 3], max: [8, 3] } }],
};

const described = (plan: Uint8Array): Manifest => ({
  ...manifestFixture('', {
    flavour: 'tensorrt',
    version: '10.6.0',
    options: { precision: ['fp32'] },
    inputs: [{ name: 'x', type: 'float32', dims: [-1, 3], isShapeTensor: false }],
    outputs: [{ name: 'y', type: 'float32', dims: [-1, 3], isShapeTensor: false }],
    profiles: [{ x: { min: [1, 3], opt: [4, 3], max: [8, 3] } }],
    computeCapabilities: ['8.6'],
    gpu: { name: 'Stub GPU', computeCapability: '8.6' },
    layers: [
      { name: 'conv + relu', type: 'CaskConvolution', outputTypes: ['Half'], tactic: 'kernel_a' },
      { name: 'cast', type: 'Reformat', outputTypes: ['Float'] },
    ],
    memory: {
      weights: 4096,
      context: 8192,
      profiles: [{ context: 8192, inputs: 96, outputs: 96 }],
    },
  }),
  plan: planDigestOf(plan),
});

/** A plan, with a manifest where it is given one. */
async function planAt(name: string, engine: StubEngine, manifest = false): Promise<string> {
  const plan = stubPlan('v10', engine);
  await fs.writeFile(inFolder(name), plan);
  if (manifest) await fs.writeFile(inFolder(`${name}.json`), JSON.stringify(described(plan)));
  return inFolder(name);
}

// As TensorRT's engine inspector tells of them; the stub times the layer of this name.
const inspection = JSON.stringify({
  Layers: [
    {
      Name: 'layer of y',
      LayerType: 'CaskConvolution',
      Outputs: [
        { Name: 'y', 'Format/Datatype': 'Row major linear FP16 format', Dimensions: [1, 3] },
      ],
      TacticName: 'kernel_b',
      Metadata: '[ONNX Layer: conv]\u001e[ONNX Layer: relu]',
    },
  ],
  Bindings: ['x', 'y'],
});
const plain = await planAt('plain.engine', { ...rows, inspection });
const known = await planAt('known.engine', rows, true);
const other = await planAt('other.engine', {
  ...rows,
  inputs: [{ name: 'z', dims: [-1, 3] }],
  profiles: [{ z: rows.profiles![0]!['x']! }],
});
const wider = await planAt('wider.engine', {
  inputs: [{ name: 'x', dims: [-1, 4] }],
  outputs: [{ name: 'y' }],
  profiles: [{ x: { min: [1, 4], opt: [4, 4], max: [8, 4] } }],
});

async function npzAt(
  name: string,
  arrays: Readonly<Record<string, readonly number[]>>,
): Promise<string> {
  const entries = Object.entries(arrays).map(([array, values]) => ({
    name: `${array}.npy`,
    data: float32Npy([values.length / 3, 3], Float32Array.from(values)),
  }));
  await fs.writeFile(inFolder(name), storedZip(entries));
  return inFolder(name);
}

function trtNode(...args: readonly string[]): Promise<NodeExit> {
  const env: NodeJS.ProcessEnv = { ...process.env, LD_LIBRARY_PATH: stubDriver, NO_COLOR: '1' };
  delete env['CUDA_VISIBLE_DEVICES'];
  return runNode(cli, args, { env });
}

/** The JSON of a command line, once the published schema has found nothing wrong with it. */
async function jsonOf(
  name: string,
  ...args: readonly string[]
): Promise<{ code: number | null; told: Record<string, unknown> }> {
  const { code, stdout, stderr } = await trtNode(name, ...args, '--json');
  expect(stdout, stderr).not.toBe('');
  const told = JSON.parse(stdout) as Record<string, unknown>;
  const schema = await fs.readFile(path.join(root, 'schemas', `${name}.schema.json`), 'utf8');
  const ajv = new Ajv({ allowUnionTypes: true });
  expect(ajv.validate(JSON.parse(schema) as object, told), ajv.errorsText()).toBe(true);
  return { code, told };
}

async function reportAt(file: string): Promise<{ kinds: string[]; data: unknown }> {
  const report = JSON.parse(await fs.readFile(file, 'utf8')) as {
    sections: { kind: string }[];
    data: unknown;
  };
  return { kinds: report.sections.map(({ kind }) => kind), data: report.data };
}

describe('trt-node verify', () => {
  it('passes an engine that gives what is expected', async () => {
    const cases = await npzAt('good.npz', { x: [1, 2, 3, 4, 5, 6], y: [1, 2, 3, 4, 5, 6] });
    const report = inFolder('verify.json');
    const { code, told } = await jsonOf(
      'verify',
      known,
      '--cases',
      cases,
      '--report',
      report,
      ...library,
    );
    expect(code).toBe(0);
    expect(told).toMatchObject({
      passed: true,
      cases: 1,
      reference: 'given',
      arithmetic: 'float32',
      outputs: { y: { maxAbs: { value: 0 }, cosine: { value: 1 } } },
      failures: [],
    });
    const { kinds, data } = await reportAt(report);
    expect(kinds).toEqual(['table', 'facts']);
    expect(data).toEqual(told);
  });

  it('names the worst case of an engine that does not, and exits with 6', async () => {
    const cases = inFolder('cases');
    await fs.mkdir(cases, { recursive: true });
    await npzAt('cases/first.npz', { x: [1, 2, 3], y: [1, 2, 3.5] });
    await npzAt('cases/second.npz', { x: [1, 2, 3], y: [1, 2, 7] });
    const { code, told } = await jsonOf('verify', known, '--cases', cases, ...library);
    expect(code).toBe(6);
    expect(told).toMatchObject({ passed: false, cases: 2, failedCases: 2 });
    const { outputs, failures } = told as unknown as {
      outputs: { y: { maxAbs: { value: number; case: string } } };
      failures: Record<string, unknown>[];
    };
    // 7 was expected of 3.
    expect(outputs.y.maxAbs).toEqual({
      value: 4,
      case: expect.stringContaining('second') as string,
    });
    expect(failures).toHaveLength(2);
    expect(failures[0]).toMatchObject({
      reason: 'tolerance',
      index: [0, 2],
      got: 3,
      expected: 3.5,
    });
    const wide = await trtNode(
      'verify',
      known,
      '--cases',
      cases,
      '--atol',
      '5',
      '--quiet',
      ...library,
    );
    expect(wide).toMatchObject({ code: 0, stdout: '' });
    const metric = ['--metric', 'maxAbs', '--maximum', '1'];
    expect((await trtNode('verify', known, '--cases', cases, ...metric, ...library)).code).toBe(6);
  });

  it('wants a tolerance where no manifest says the precision, and a model where cases have no outputs', async () => {
    const given = await npzAt('given.npz', { x: [1, 2, 3], y: [1, 2, 3] });
    const bare = await npzAt('bare.npz', { x: [1, 2, 3] });
    expect((await trtNode('verify', plain, '--cases', given, ...library)).code).toBe(2);
    expect((await trtNode('verify', plain, '--cases', given, '--rtol', '0', ...library)).code).toBe(
      0,
    );
    expect((await trtNode('verify', known, '--cases', bare, ...library)).code).toBe(2);
    const none = ['--reference', 'none'];
    expect((await trtNode('verify', known, '--cases', bare, ...none, ...library)).code).toBe(0);
    const missing = inFolder('nowhere.npz');
    expect((await trtNode('verify', known, '--cases', missing, ...library)).code).toBe(3);
    expect((await trtNode('verify', inFolder('no.engine'), '--cases', bare)).code).toBe(3);
    expect((await trtNode('verify', known)).code).toBe(2);
  });
});

describe('trt-node profile', () => {
  it('times every layer', async () => {
    const report = inFolder('profile.json');
    const exported = inFolder('times.json');
    const args = [plain, '--shapes', 'x:2x3', '--iterations', '4', '--warmup', '1', ...library];
    const { code, told } = await jsonOf(
      'profile',
      ...args,
      '--report',
      report,
      '--exportProfile',
      exported,
    );
    expect(code).toBe(0);
    expect(told).toMatchObject({
      iterations: 4,
      warmup: 1,
      inputs: { source: 'random', shapes: { x: [2, 3] }, profile: 0 },
      layers: [
        {
          name: 'layer of y',
          type: 'CaskConvolution',
          precision: 'float16',
          meanMs: 0.25,
          share: 1,
        },
      ],
    });
    const { kinds, data } = await reportAt(report);
    expect(kinds).toContain('layers');
    expect(data).toEqual(told);
    // As trtexec writes it: 4 runs of 0.25 ms.
    expect(JSON.parse(await fs.readFile(exported, 'utf8'))).toEqual([
      { count: 4 },
      { name: 'layer of y', timeMs: 1, averageMs: 0.25, medianMs: 0.25, percentage: 100 },
    ]);
    const text = await trtNode('profile', ...args, '--dumpProfile', '--separateProfileRun');
    expect(text.stdout).toMatch(/layer of y .*0\.2500 +0\.2500 +0\.2500 +100\.0%/);
  });

  it('refuses what it cannot run, with the exit code for it', async () => {
    expect((await trtNode('profile', inFolder('no.engine'))).code).toBe(3);
    expect((await trtNode('profile', plain, '--shapes', 'x:9x3', ...library)).code).toBe(2);
    expect((await trtNode('profile', plain, '--sort', 'size', ...library)).code).toBe(2);
    const foreign = inFolder('mine.json');
    await fs.writeFile(foreign, '{"mine":1}');
    expect((await trtNode('profile', plain, '--export-profile', foreign, ...library)).code).toBe(1);
    expect(await fs.readFile(foreign, 'utf8')).toBe('{"mine":1}');
    const { code } = await runNode(cli, ['profile', plain], {
      env: { ...process.env, LD_LIBRARY_PATH: '', CUDA_VISIBLE_DEVICES: '-1' },
    });
    expect(code).toBe(5);
  });
});

describe('trt-node compare', () => {
  it('finds two identities equal', async () => {
    const report = inFolder('compare.json');
    const args = [plain, known, '--runs', '3', '--atol', '0', ...library];
    const { code, told } = await jsonOf('compare', ...args, '--report', report);
    expect(code).toBe(0);
    expect(told).toMatchObject({
      agrees: true,
      runs: 3,
      inputs: { source: 'random', seed: 0, shapes: { x: [4, 3] } },
      // 3 runs of 4 rows.
      outputs: [{ output: 'y', elements: 36, maxAbs: 0, argmax: { rows: 12, same: 12 } }],
    });
    const { kinds, data } = await reportAt(report);
    expect(kinds).toEqual(['table', 'bars', 'facts']);
    expect(data).toEqual(told);
  });

  it('runs an ONNX model beside an engine, and exits with 6 where they differ', async () => {
    const model = inFolder('half.onnx');
    const value = (name: string) => ({ name, type: 'float32' as const, dims: ['n', 3] });
    const node = { op: 'Identity', inputs: ['x'], outputs: ['y'] };
    await fs.writeFile(
      model,
      writeOnnx({ inputs: [value('x')], nodes: [node], outputs: [value('y')] }),
    );
    // In the place of onnxruntime-node, which is a peer that is not installed here: it adds a half to what it is given.
    const project = inFolder('project');
    const runtime = path.join(project, 'node_modules', 'onnxruntime-node');
    await fs.mkdir(runtime, { recursive: true });
    await fs.writeFile(path.join(project, 'package.json'), '{}');
    await fs.writeFile(path.join(runtime, 'package.json'), '{"main":"index.cjs"}');
    await fs.writeFile(
      path.join(runtime, 'index.cjs'),
      `class Tensor { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } }
       const run = async ({ x }) => ({ y: new Tensor(x.type, x.data.map((value) => value + 0.5), x.dims) });
       exports.Tensor = Tensor;
       exports.InferenceSession = { create: async () => ({ run }) };`,
    );
    const inputs = await npzAt('compare.npz', { x: [1, 2, 3, 4, 5, 6] });
    const script = inFolder('in-project.cjs');
    await fs.writeFile(
      script,
      `process.chdir(${JSON.stringify(project)}); process.argv.splice(1, 1); require(process.argv[1]);`,
    );
    const env: NodeJS.ProcessEnv = { ...process.env, LD_LIBRARY_PATH: stubDriver, NO_COLOR: '1' };
    delete env['CUDA_VISIBLE_DEVICES'];
    const run = (...args: string[]) =>
      runNode(script, [cli, 'compare', known, model, '--inputs', inputs, ...args, ...library], {
        env,
      });
    const told = await run('--json');
    expect(told.code, told.stderr).toBe(0);
    expect(JSON.parse(told.stdout)).toMatchObject({
      a: { kind: 'engine' },
      b: { kind: 'onnx' },
      agrees: null,
      outputs: [
        {
          elements: 6,
          maxAbs: 0.5,
          meanAbs: 0.5,
          // By the largest that is expected, 6.5.
          maxRel: 0.5 / 6.5,
          argmax: { rows: 2, same: 2 },
          mismatches: null,
          histogram: [
            { atMost: 0, elements: 0 },
            { above: 0.1, atMost: 1, elements: 6 },
          ],
        },
      ],
    });
    expect((await run('--atol', '0.5')).code).toBe(0);
    const failed = await run('--atol', '0.4');
    expect(failed.code).toBe(6);
    expect(failed.stdout).toMatch(/y +6 +0\.5/);
  });

  it('refuses models that do not belong together, and files that are none', async () => {
    expect((await trtNode('compare', plain, other, ...library)).code).toBe(2);
    expect((await trtNode('compare', plain, wider, ...library)).code).toBe(2);
    expect((await trtNode('compare', plain, inFolder('no.engine'), ...library)).code).toBe(3);
    const text = inFolder('text.onnx');
    await fs.writeFile(text, 'no model');
    expect((await trtNode('compare', plain, text, ...library)).code).toBe(4);
    expect((await trtNode('compare', plain, ...library)).code).toBe(2);
  });
});

describe('trt-node inspect', () => {
  it('tells all that the manifest of an engine says', async () => {
    const { code, told } = await jsonOf('inspect', known);
    expect(code).toBe(0);
    expect(told).toMatchObject({
      kind: 'engine',
      described: true,
      memory: { weights: 4096, contexts: 2 * 8192 },
      layers: [
        { name: 'conv + relu', precision: 'float16', fused: ['conv', 'relu'], tactic: 'kernel_a' },
        { name: 'cast', precision: 'float32', fused: [] },
      ],
    });
    const { stdout } = await trtNode('inspect', known, '--layers', '--filter', 'conv');
    expect(stdout).toMatch(/0 +conv \+ relu +CaskConvolution +float16 +2 +kernel_a/);
    expect(stdout).not.toMatch(/Reformat/);
  });

  it('loads a plan without a manifest, and asks TensorRT', async () => {
    const alone = await jsonOf('inspect', plain);
    expect(alone.told).toMatchObject({ inputs: null, layers: null, memory: null, loadedOn: null });
    const exported = inFolder('layers.json');
    const args = [plain, '--load', '--exportLayerInfo', exported, ...library];
    const { code, told } = await jsonOf('inspect', ...args);
    expect(code).toBe(0);
    expect(told).toMatchObject({
      inputs: [{ name: 'x', dims: [-1, 3] }],
      outputs: [{ name: 'y' }],
    });
    expect(told['layers']).toMatchObject([
      { name: 'layer of y', precision: 'float16', fused: ['conv', 'relu'], tactic: 'kernel_b' },
    ]);
    const { layers } = JSON.parse(await fs.readFile(exported, 'utf8')) as { layers: unknown };
    expect(layers).toEqual(told['layers']);
  });

  it('writes a report of a model and of an engine', async () => {
    const file = inFolder('inspect.json');
    expect((await trtNode('inspect', known, '--report', file, '--quiet')).stdout).toBe('');
    expect((await reportAt(file)).kinds).toEqual(['table', 'facts', 'table']);
    const digits = path.join(root, 'models', 'digits', 'digits.onnx');
    const { told } = await jsonOf('inspect', digits, '--report', file);
    expect(told).toMatchObject({ kind: 'onnx', nodes: 9 });
    const { kinds, data } = await reportAt(file);
    expect(kinds).toContain('table');
    expect(data).toEqual(told);
    expect((await trtNode('inspect', digits, '--layers')).code).toBe(2);
  });
});

describe('trt-node types', () => {
  it('reads an engine’s manifest, and refuses a plan without or of another', async () => {
    const { code, told } = await jsonOf('types', known);
    expect(code).toBe(0);
    expect(told).toMatchObject({
      models: [
        {
          name: 'Known',
          from: 'engine',
          inputs: [{ name: 'x', type: 'float32', dims: [null, 3] }],
        },
      ],
    });
    const { stdout } = await trtNode('types', known);
    expect(stdout).toContain('/** 1…8 × 3 */');
    expect((await trtNode('types', plain)).code).toBe(1);
    const altered = await planAt('altered.engine', rows, true);
    await fs.appendFile(altered, ' ');
    expect((await trtNode('types', altered)).code).toBe(1);
  });
});
