import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { Ajv2020, type AnySchema } from 'ajv/dist/2020';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BundleFile, BundleRecord } from '../../lib/bundle/record';
import {
  canChangeRoot,
  makeEmptyRoot,
  type EmptyRoot,
  type RootOutcome,
} from '../support/empty-root';
import { cli, digits, requireRtx, root, temporaryFolder, trtNode } from '../support/native-host';
import { runNode } from '../support/native-processes';
import { stubDriver, stubLibraries } from '../support/stub-host';
import { identity } from '../support/stub-models';
import { stubPlan } from '../support/stub-plans';

const rtx = await requireRtx();
const folder = await temporaryFolder();
const plan = path.join(folder, 'digits.engine');

const bundle = (...args: string[]): ReturnType<typeof runNode> =>
  runNode(cli, ['bundle', ...args], { env: { ...process.env, NO_COLOR: '1' } });

async function recordOf(target: string): Promise<BundleRecord> {
  return JSON.parse(await fs.readFile(path.join(target, 'bundle.json'), 'utf8')) as BundleRecord;
}

const filesOf = ({ files }: BundleRecord): readonly BundleFile[] =>
  files.filter((file) => 'sha256' in file);

/** Every file and link below a folder, relative to it. */
async function everythingIn(target: string): Promise<string[]> {
  const entries = await fs.readdir(target, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(target, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** A TensorRT of some kilobytes: where what is written matters, and not that it is NVIDIA's. */
const stubbed = ['--library', stubLibraries.v10];

async function stubEngine(): Promise<string> {
  const file = path.join(folder, 'stub.engine');
  await fs.writeFile(file, stubPlan('v10', identity));
  return file;
}

const withBuilder = path.join(folder, 'with-builder');
const without = path.join(folder, 'without');

beforeAll(async () => {
  const { buildEngine } = trtNode;
  await buildEngine(digits, {
    computeCapabilities: ['8.6', '8.9'],
    library: rtx.core,
    profiles: [{ batch: [1, 8, 32] }],
    output: plan,
  });
  const args = ['--plan', plan, '--library', rtx.core];
  expect(await bundle('--out', withBuilder, ...args)).toMatchObject({ code: 0, stderr: '' });
  expect(await bundle('--out', without, ...args, '--no-builder')).toMatchObject({ code: 0 });
});

describe('the record of a bundle', () => {
  it('lists every file with its digest and size, and nothing else is there', async () => {
    const record = await recordOf(withBuilder);
    expect(record).toMatchObject({ state: 'complete', builder: true, platform: 'linux-x64' });
    const listed = [...record.files.map((file) => file.path), 'bundle.json'].sort();
    expect(await everythingIn(withBuilder)).toEqual(listed);
    for (const { path: file, sha256, sizeBytes } of filesOf(record)) {
      const bytes = await fs.readFile(path.join(withBuilder, file));
      expect(bytes.length, file).toBe(sizeBytes);
      expect(createHash('sha256').update(bytes).digest('hex'), file).toBe(sha256);
    }
    expect(record.totalBytes).toBe(
      filesOf(record).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    );
  });

  it('has TensorRT-RTX under the name that its parser links to, the licence, plan and manifest', async () => {
    const names = await everythingIn(withBuilder);
    expect(names.filter((name) => name.startsWith('lib/'))).toEqual([
      'lib/libtensorrt_onnxparser_rtx.so.1',
      'lib/libtensorrt_rtx.so.1',
    ]);
    expect(names.filter((name) => name.startsWith('licences/'))).toHaveLength(1);
    expect(names).toEqual(
      expect.arrayContaining(['plans/digits.engine', 'plans/digits.engine.json', 'bin/trt-node']),
    );
    const { libraries } = await recordOf(withBuilder);
    expect(libraries).toMatchObject([
      { flavour: 'tensorrt-rtx', core: 'lib/libtensorrt_rtx.so.1' },
    ]);
  });

  it('is the same of the same inputs', async () => {
    const targets = ['once', 'twice'].map((name) => path.join(folder, name));
    const records = [];
    for (const target of targets) {
      expect(await bundle('--out', target, ...stubbed)).toMatchObject({ code: 0 });
      records.push(await recordOf(target));
    }
    expect(records[1]).toEqual(records[0]);
  });

  it('has what others may read, whatever the umask', async () => {
    const target = path.join(folder, 'umask');
    const line = `umask 077; exec "${process.execPath}" "${cli}" bundle --out "${target}" --library "${stubLibraries.v10}" -q`;
    execFileSync('sh', ['-c', line]);
    for (const name of ['', 'lib', 'lib/libnvinfer.so.10', 'bin', 'bundle.json']) {
      expect((await fs.stat(path.join(target, name))).mode & 0o004, name).toBe(0o004);
    }
    await fs.rm(target, { recursive: true });
  });

  it('leaves the builder out', async () => {
    const names = await everythingIn(without);
    expect(names.filter((name) => name.startsWith('lib/'))).toEqual(['lib/libtensorrt_rtx.so.1']);
    const record = await recordOf(without);
    expect(record).toMatchObject({ builder: false, libraries: [{ parser: null }] });
  });
});

describe('in an empty root', () => {
  let emptyRoot: EmptyRoot;
  beforeAll(async () => {
    // Without it these tests would prove less than they say.
    expect(canChangeRoot(), 'user namespaces are needed (unshare -rm)').toBe(true);
    emptyRoot = makeEmptyRoot(path.join(folder, 'root'));
    // What the bundle says that it needs, no more.
    for (const name of (await recordOf(withBuilder)).requires.libraries) emptyRoot.addLibrary(name);
  });

  const at = '/opt/trt';
  const inRoot = (target: string, ...args: string[]): RootOutcome =>
    emptyRoot.node(args, { mounts: [{ from: target, at }] });
  const doctor = (target: string, ...args: string[]): RootOutcome =>
    inRoot(target, `${at}/bin/trt-node`, 'doctor', ...args);

  it('can write nothing, and has no variables', () => {
    const script = `require('node:fs').writeFileSync('/x', '')`;
    expect(inRoot(without, '-e', script).stderr).toContain('EROFS');
    expect(inRoot(without, '-p', 'JSON.stringify(process.env)').stdout).toBe('{}\n');
  });

  it('doctor finds the library by itself, and its builder', () => {
    const { code, stdout } = doctor(
      withBuilder,
      '--for',
      'build',
      '--require',
      'tensorrt-rtx>=1.5',
      '--json',
    );
    expect(JSON.parse(stdout)).toMatchObject({
      libraries: [
        { path: `${at}/lib/libtensorrt_rtx.so.1`, source: 'trt-node bundle', canBuild: true },
      ],
      requirements: [{ holds: true }],
      missing: { build: [] },
    });
    expect(code).toBe(0);
  });

  it('doctor misses the builder where it was left out', () => {
    const { code, stdout } = doctor(without, '--for', 'build', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      libraries: [{ canBuild: false, canLoad: true }],
      missing: { build: [{ code: 'ERR_TRT_BUILDER_MISSING' }] },
    });
  });

  const script = (body: string): string[] => [
    '-e',
    `const trt = require('${at}/node_modules/trt-node');
     (async () => { ${body} })().then(
       (value) => console.log(JSON.stringify(value)),
       (error) => console.log(JSON.stringify({ code: error.code })));`,
  ];

  it('builds where /tmp can be written', async () => {
    const model = path.join(folder, 'model');
    await fs.mkdir(model, { recursive: true });
    await fs.copyFile(digits, path.join(model, 'digits.onnx'));
    const { stdout, stderr } = emptyRoot.node(
      script(`const built = await trt.buildEngine('/model/digits.onnx', {
        computeCapabilities: ['8.6'], profiles: [{ batch: [1, 2, 3] }] });
        return built.manifest.flavour;`),
      {
        mounts: [
          { from: withBuilder, at },
          { from: model, at: '/model' },
        ],
        writableTmp: true,
      },
    );
    expect({ stdout, stderr }).toEqual({ stdout: '"tensorrt-rtx"\n', stderr: '' });
  });

  it('buildEngine says that the builder is not there', async () => {
    const model = path.join(folder, 'model');
    await fs.mkdir(model, { recursive: true });
    await fs.copyFile(digits, path.join(model, 'digits.onnx'));
    const { stdout } = emptyRoot.node(
      script(`await trt.buildEngine('/model/digits.onnx', {
        computeCapabilities: ['8.6'], profiles: [{ batch: [1, 2, 3] }] })`),
      {
        mounts: [
          { from: without, at },
          { from: model, at: '/model' },
        ],
        writableTmp: true,
      },
    );
    expect(JSON.parse(stdout)).toEqual({ code: 'ERR_TRT_BUILDER_MISSING' });
  });

  it('inspect reads the plan and its manifest', () => {
    const { code, stdout } = inRoot(
      ...([
        without,
        `${at}/bin/trt-node`,
        'inspect',
        `${at}/plans/digits.engine`,
        '--json',
      ] as const),
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      described: true,
      manifest: { computeCapabilities: ['8.6', '8.9'] },
    });
  });

  it('loadEngine needs nothing more than a driver', () => {
    const { stdout } = inRoot(
      without,
      ...script(`await trt.loadEngine('${at}/plans/digits.engine')`),
    );
    expect(JSON.parse(stdout)).toEqual({ code: 'ERR_TRT_NO_DRIVER' });
  });

  it('infers, with a TensorRT and a driver that are stubs', async () => {
    const target = path.join(folder, 'stub-bundle');
    const args = ['--out', target, '--plan', await stubEngine(), ...stubbed, '--no-builder'];
    const { code, stderr } = await bundle(...args);
    expect(code).toBe(0);
    // A plan without a manifest, a library without a licence.
    expect(stderr.match(/^note: /gm)).toHaveLength(2);
    const [input] = identity.inputs;
    const { stdout } = emptyRoot.node(
      script(`const engine = await trt.loadEngine('${at}/plans/stub.engine');
        const values = Float32Array.from({ length: 4 }, (_, i) => i + 0.5);
        const dims = engine.inputs[0].dims.map((dim, i) => (i === 0 && dim < 0 ? 4 : dim));
        const out = await engine.infer({ '${input?.name ?? ''}': { type: 'float32', data: values, dims } });
        const data = [...Object.values(out)[0].data];
        await engine.close();
        return data;`),
      {
        mounts: [
          { from: target, at },
          { from: stubDriver, at: '/driver' },
        ],
        env: { LD_LIBRARY_PATH: '/driver' },
      },
    );
    expect(JSON.parse(stdout)).toEqual([0.5, 1.5, 2.5, 3.5]);
  });
});

describe('code in the image', () => {
  it('finds trt-node by its name, in the bundle and through a link', async () => {
    const app = path.join(withBuilder, 'app');
    const elsewhere = path.join(folder, 'elsewhere');
    await fs.mkdir(app);
    await fs.mkdir(path.join(elsewhere, 'node_modules'), { recursive: true });
    await fs.symlink(
      path.join(withBuilder, 'node_modules', 'trt-node'),
      path.join(elsewhere, 'node_modules', 'trt-node'),
    );
    const source = `import { probeRuntimes } from 'trt-node';
      const { libraries } = await probeRuntimes();
      console.log(libraries[0].source);`;
    for (const where of [app, elsewhere]) {
      await fs.writeFile(path.join(where, 'main.mjs'), source);
      const { stdout, stderr } = await runNode(path.join(where, 'main.mjs'), [], { env: {} });
      expect({ stdout, stderr }).toEqual({ stdout: 'trt-node bundle\n', stderr: '' });
    }
    await fs.rm(app, { recursive: true });
  });
});

describe('bundle --out', () => {
  it('replaces a bundle, and keeps what is not its own', async () => {
    const target = path.join(folder, 'replaced');
    const args = ['--out', target, ...stubbed, '--quiet'];
    expect(await bundle(...args)).toMatchObject({ code: 0, stdout: '' });
    expect(await everythingIn(target)).toContain('lib/libnvonnxparser.so.10');
    await fs.writeFile(path.join(target, 'mine.txt'), 'mine');
    expect(await bundle(...args, '--plan', await stubEngine(), '--no-builder')).toMatchObject({
      code: 0,
    });
    const names = await everythingIn(target);
    expect(names).toContain('mine.txt');
    expect(names).toContain('plans/stub.engine');
    expect(names).not.toContain('lib/libnvonnxparser.so.10');
    await fs.rm(target, { recursive: true });
  });

  it('refuses a folder that holds something else, but with --force', async () => {
    const target = path.join(folder, 'occupied');
    await fs.mkdir(target);
    await fs.writeFile(path.join(target, 'mine.txt'), 'mine');
    const args = ['--out', target, ...stubbed];
    const { code, stderr } = await bundle(...args);
    expect(code).toBe(1);
    expect(stderr).toContain('ERR_TRT_WRITE');
    expect(await everythingIn(target)).toEqual(['mine.txt']);
    expect(await bundle(...args, '--force')).toMatchObject({ code: 0 });
    expect(await fs.readFile(path.join(target, 'mine.txt'), 'utf8')).toBe('mine');
    await fs.rm(target, { recursive: true });
  });

  it('leaves nothing when a plan is not the one of its manifest', async () => {
    const damaged = path.join(folder, 'damaged.engine');
    const bytes = await fs.readFile(plan);
    bytes[bytes.length - 1]! ^= 1;
    await fs.writeFile(damaged, bytes);
    await fs.copyFile(`${plan}.json`, `${damaged}.json`);
    const target = path.join(folder, 'never');
    const { code, stderr } = await bundle('--out', target, '--plan', damaged);
    expect(code).toBe(1);
    expect(stderr).toContain('ERR_TRT_ENGINE_DIGEST');
    expect(existsSync(target)).toBe(false);
  });

  it('exits with 3 for a plan that is not there, and with 2 without --out', async () => {
    const target = path.join(folder, 'never');
    expect(await bundle('--out', target, '--plan', path.join(folder, 'none'))).toMatchObject({
      code: 3,
    });
    expect(await bundle('--plan', plan)).toMatchObject({ code: 2 });
    expect(existsSync(target)).toBe(false);
  });
});

describe('a plan', () => {
  it('of another TensorRT is refused', async () => {
    const target = path.join(folder, 'never');
    const args = ['--out', target, '--plan', await stubEngine(), '--library', rtx.core];
    const { code, stderr } = await bundle(...args);
    expect(code).toBe(1);
    expect(stderr).toContain('ERR_TRT_ENGINE_FLAVOUR');
    expect(existsSync(target)).toBe(false);
  });
});

describe('bundle --json', () => {
  it('prints the record with its folder and notes, and agrees with its schema', async () => {
    const target = path.join(folder, 'json');
    const { code, stdout } = await bundle(
      '--out',
      target,
      '--plan',
      await stubEngine(),
      ...stubbed,
      '--json',
    );
    expect(code).toBe(0);
    const { folder: where, notes, ...record } = JSON.parse(stdout) as Record<string, unknown>;
    expect(record).toEqual(await recordOf(target));
    expect(where).toBe(target);
    expect(notes).toHaveLength(2);
    const schema = JSON.parse(
      await fs.readFile(path.join(root, 'schemas', 'bundle.schema.json'), 'utf8'),
    ) as AnySchema;
    for (const value of [JSON.parse(stdout), record, await recordOf(without)]) {
      const ajv = new Ajv2020({ allErrors: true, strict: true });
      const validate = ajv.compile(schema);
      void validate(value);
      expect(validate.errors).toBeNull();
    }
  });
});
