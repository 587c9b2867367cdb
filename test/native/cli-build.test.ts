import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import { describe, expect, it } from 'vitest';
import { cli, digits, requireRtx, root, temporaryFolder } from '../support/native-host';

await requireRtx();
const folder = await temporaryFolder();

const validate = new Ajv2020({ allowUnionTypes: true }).compile(
  JSON.parse(await readFile(path.join(root, 'schemas', 'build.schema.json'), 'utf8')) as object,
);

interface Exit {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `trt-node build` in `cwd`; `onStderr` hears what it says meanwhile. */
async function build(
  cwd: string,
  args: readonly string[],
  onStderr: (text: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
): Promise<Exit> {
  const env = { ...process.env, NO_COLOR: '1' };
  const child = spawn(process.execPath, [cli, 'build', ...args], { cwd, env });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    onStderr(stderr, (signal) => child.kill(signal));
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

async function freshFolder(): Promise<string> {
  const fresh = await mkdtemp(path.join(folder, 'test-'));
  await cp(digits, path.join(fresh, 'digits.onnx'));
  return fresh;
}

const target = ['--compute-capability', '8.6'];
const shapes = [
  '--minShapes=images:1x1x8x8',
  '--optShapes=images:8x1x8x8',
  '--maxShapes=images:64x1x8x8',
];
const profile = { images: { min: [1, 1, 8, 8], opt: [8, 1, 8, 8], max: [64, 1, 8, 8] } };

describe('trt-node build', () => {
  it('builds from a command line of trtexec, and says in JSON what it built', async () => {
    const cwd = await freshFolder();
    const line = ['--onnx=digits.onnx', '--saveEngine=d.plan', '--memPoolSize=workspace:64'];
    const { code, stdout } = await build(cwd, [...line, ...shapes, ...target, '--json']);
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as { path: string; manifest: Record<string, unknown> };
    expect(validate(result), JSON.stringify(validate.errors)).toBe(true);
    expect(result.path).toBe('d.plan');
    expect(result.manifest).toMatchObject({
      profiles: [profile],
      options: { memoryPools: { workspace: 64 * 2 ** 20 } },
    });
    expect((await readdir(cwd)).sort()).toEqual(['d.plan', 'd.plan.json', 'digits.onnx']);
  });

  it('builds nothing where a line of trtexec would measure', async () => {
    const cwd = await freshFolder();
    const { code, stdout, stderr } = await build(cwd, [
      ...['--onnx=digits.onnx', '--saveEngine=d.plan', '--iterations=100'],
      ...[...shapes, ...target],
    ]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.trim()).toMatch(/trt-node bench d\.plan --iterations=100$/);
    expect(await readdir(cwd)).toEqual(['digits.onnx']);
  });

  it('writes a report', async () => {
    const cwd = await freshFolder();
    const args = ['digits.onnx', ...shapes, ...target, '--report', 'r.json', '-q'];
    expect(await build(cwd, args)).toMatchObject({ code: 0, stdout: '' });
    const report = JSON.parse(await readFile(path.join(cwd, 'r.json'), 'utf8')) as {
      sections: { id: string }[];
      data: unknown;
    };
    expect(report).toMatchObject({ schema: 'trt-node/report' });
    expect(report.sections.map(({ id }) => id)).toEqual(['build', 'tensors', 'profiles', 'layers']);
    expect(validate(report.data), JSON.stringify(validate.errors)).toBe(true);
  });

  it('refuses a report that it could not write, before it builds', async () => {
    const cwd = await freshFolder();
    const { code } = await build(cwd, ['digits.onnx', ...shapes, ...target, '--report', 'r.pdf']);
    expect(code).toBe(2);
    expect(await readdir(cwd)).toEqual(['digits.onnx']);
  });

  it("prints TensorRT's log when asked, and ends clean on Ctrl-C", async () => {
    const cwd = await freshFolder();
    const args = ['digits.onnx', ...shapes, ...target, '--verbose'];
    let interrupted = false;
    const { code, stderr } = await build(cwd, args, (text, kill) => {
      // A second one would end the process at once.
      if (interrupted || !text.includes('[info]')) return;
      interrupted = true;
      kill('SIGINT');
    });
    expect(stderr).toContain('[info]');
    expect(code).toBe(130);
    expect(await readdir(cwd)).toEqual(['digits.onnx']);
  });
});

describe('trt-node build of a config file', () => {
  async function withConfig(models: Readonly<Record<string, unknown>>): Promise<string> {
    const cwd = await freshFolder();
    const defaults = { computeCapabilities: ['8.6'], profiles: [profile] };
    const text = `import { defineConfig } from 'trt-node';
      export default defineConfig(${JSON.stringify({ defaults, models })});`;
    await writeFile(path.join(cwd, 'trt-node.config.ts'), text);
    return cwd;
  }
  const model = (output: string) => ({ model: 'digits.onnx', output });
  const gone = { model: 'gone.onnx' };
  const engines = async (cwd: string) =>
    (await readdir(cwd)).filter((name) => name.endsWith('.engine')).sort();

  it('builds every model, those that are named, and with flags over the file', async () => {
    const cwd = await withConfig({ a: model('a.engine'), b: model('b.engine') });
    const { code, stdout } = await build(cwd, ['--label', 'by=flag', '--json']);
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as { models: { name: string; manifest: unknown }[] };
    expect(validate(result), JSON.stringify(validate.errors)).toBe(true);
    expect(result.models.map(({ name }) => name)).toEqual(['a', 'b']);
    for (const { manifest } of result.models) {
      expect(manifest).toMatchObject({ labels: { by: 'flag' }, profiles: [profile] });
    }
    expect(await engines(cwd)).toEqual(['a.engine', 'b.engine']);

    const one = await build(cwd, ['b', '-o', 'c.engine', '-q']);
    expect(one).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(await engines(cwd)).toEqual(['a.engine', 'b.engine', 'c.engine']);
  });

  it('stops at the first failure, with its exit code', async () => {
    const cwd = await withConfig({ a: gone, b: model('b.engine') });
    const { code, stdout } = await build(cwd, ['--json']);
    expect(code).toBe(3);
    const result = JSON.parse(stdout) as unknown;
    expect(validate(result), JSON.stringify(validate.errors)).toBe(true);
    expect(result).toMatchObject({
      models: [
        { name: 'a', status: 'failed', error: { code: 'ERR_TRT_ONNX_NOT_FOUND' } },
        { name: 'b', status: 'not-built' },
      ],
    });
    expect(await engines(cwd)).toEqual([]);
  });

  it('goes on with --keep-going, and fails all the same', async () => {
    const cwd = await withConfig({ a: gone, b: model('b.engine') });
    expect(await build(cwd, ['--keep-going'])).toMatchObject({ code: 3 });
    expect(await engines(cwd)).toEqual(['b.engine']);
  });

  it.each([
    ['an unknown name', ['c']],
    ['an output for two', ['-o', 'x.engine']],
    ['a config that is not there', ['--config', 'gone.ts']],
    ['names beside an ONNX file', ['digits.onnx', '--only', 'a']],
    ['two ONNX files', ['digits.onnx', 'other.onnx']],
    ['--keep-going for one file', ['digits.onnx', '--keep-going']],
  ])('refuses %s', async (_what, args) => {
    const cwd = await withConfig({ a: model('a.engine'), b: model('b.engine') });
    const { code, stdout, stderr } = await build(cwd, args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.trim()).not.toContain('\n');
    expect(await engines(cwd)).toEqual([]);
  });

  it('builds nothing where one model has a wrong option', async () => {
    const cwd = await withConfig({
      a: model('a.engine'),
      b: { ...model('b.engine'), optimizationLevel: 9 },
    });
    const { code, stderr } = await build(cwd, []);
    expect(code).toBe(2);
    expect(stderr).toContain('models.b.optimizationLevel');
    expect(await engines(cwd)).toEqual([]);
  });

  it('does not look at the file where an ONNX file is named', async () => {
    const cwd = await freshFolder();
    await writeFile(path.join(cwd, 'trt-node.config.mjs'), "throw new Error('run');");
    expect(await build(cwd, ['digits.onnx', ...shapes, ...target])).toMatchObject({ code: 0 });
    expect(await build(cwd, [])).toMatchObject({ code: 2, stdout: '' });
  });
});
