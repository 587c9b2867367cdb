import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPackage, type InstalledPackage } from './installed-package';

/** What a user downloads: the binary, the JavaScript, the types, the docs and the examples. */
const largestTarballBytes = 2_000_000;

describe('the installed package', () => {
  let installed: InstalledPackage;
  beforeAll(() => {
    installed = installPackage();
  });
  afterAll(() => installed.remove());

  const folder = () => path.join(installed.project, 'node_modules', 'trt-node');
  const read = (name: string) => fs.readFileSync(path.join(folder(), name), 'utf8');
  const textFiles = () =>
    installed.files.map((file) => file.path).filter((name) => !name.endsWith('.node'));
  const bin = (name: string) => path.join(installed.root, 'node_modules', '.bin', name);

  it('holds one binary, the licence and nothing of NVIDIA', () => {
    const names = installed.files.map((file) => file.path);
    // The top level: no native sources, which nobody could build without the repository's tools.
    expect([...new Set(names.map((name) => name.replace(/\/.*/, '/')))].sort()).toEqual([
      ...['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'THIRD-PARTY-NOTICES.md'],
      ...['dist/', 'docker/', 'docs/', 'examples/', 'package.json', 'prebuilds/', 'schemas/'],
    ]);
    expect(names.filter((name) => name.endsWith('.node'))).toEqual([
      'prebuilds/linux-x64/trt-node.glibc.node',
    ]);
    expect(names.filter((name) => /\.(so|a|dll|whl|engine|onnx)(\.|$)/.test(name))).toEqual([]);
    expect(names.filter((name) => /(^|\/)(Nv\w*|cuda)\.h$/.test(name))).toEqual([]);
    const theirs = textFiles().filter((name) => /copyright[^\n]*nvidia/i.test(read(name)));
    expect(theirs).toEqual(['THIRD-PARTY-NOTICES.md']); // which tells of the headers
  });

  it('holds what its code and its pages speak of', () => {
    const names = new Set(installed.files.map((file) => file.path));
    const inRepository = fs.readdirSync(path.join(installed.root, 'schemas'));
    for (const name of inRepository) expect(names).toContain(`schemas/${name}`);
    // A source map that is not here is a warning in every debugger.
    const maps = textFiles().flatMap((name) =>
      [...read(name).matchAll(/^\/\/[#@] sourceMappingURL=(\S+)/gm)].map(([, map]) =>
        path.posix.join(path.posix.dirname(name), map ?? ''),
      ),
    );
    expect(maps.filter((map) => !names.has(map))).toEqual([]);
    const javascript = [...names].filter((name) => /^dist\/.*\.js$/.test(name));
    const required = javascript.flatMap((name) =>
      [...read(name).matchAll(/require\("(\.[^"]+)"\)/g)].map(([, to]) =>
        path.posix.join(path.posix.dirname(name), to ?? ''),
      ),
    );
    const missing = required.filter(
      (file) => !['', '.js', '.json'].some((ending) => names.has(`${file}${ending}`)),
    );
    expect(missing).toEqual([]);
    expect(required.length).toBeGreaterThan(100);
  });

  it('names the licences of what it contains of others', () => {
    const script = path.join(installed.root, 'scripts', 'third-party-notices.mjs');
    expect(installed.run(process.execPath, [script, '--check'])).toMatchObject({ status: 0 });
    const notices = read('THIRD-PARTY-NOTICES.md');
    // What code of others says of itself where it stands in dist.
    const banners = textFiles()
      .filter((name) => name.startsWith('dist/'))
      .flatMap((name) => [...read(name).matchAll(/^(\S+) v?(\d+\.\d+\.\d+) \(https?:/gm)])
      .map(([, name, version]) => `## ${name} ${version}`);
    for (const banner of banners) expect(notices).toContain(banner);
  });

  it('is small', () => {
    expect(fs.statSync(installed.tarball).size).toBeLessThan(largestTarballBytes);
  });

  it('has a binary that runs on glibc 2.28', () => {
    const binary = 'node_modules/trt-node/prebuilds/linux-x64/trt-node.glibc.node';
    const script = path.join(installed.root, 'scripts', 'check-native.mjs');
    const args = [script, path.join(installed.project, binary), '--glibc', '2.28'];
    expect(installed.run(process.execPath, args)).toMatchObject({ status: 0, stderr: '' });
  });

  it('gives require and import the same classes', () => {
    const outcome = installed.node(
      'same.mjs',
      `import { createRequire } from 'node:module';
       import * as imported from 'trt-node';
       const required = createRequire(import.meta.url)('trt-node');
       const names = Object.keys(required).sort();
       console.log(JSON.stringify({
         names,
         missing: names.filter((name) => !(name in imported)),
         extra: Object.keys(imported).filter((name) => !(name in required)),
         different: names.filter((name) => required[name] !== imported[name]),
         tensor: new required.Tensor('float32', new Float32Array(2), [2]) instanceof imported.Tensor,
       }));`,
    );
    expect(outcome.stderr).toBe('');
    const seen = JSON.parse(outcome.stdout);
    expect(seen).toMatchObject({ missing: [], extra: [], different: [], tensor: true });
    expect(seen.names).toEqual(
      expect.arrayContaining([
        'Tensor',
        'TrtError',
        'buildEngine',
        'infer',
        'loadEngine',
        'probeRuntimes',
      ]),
    );
  });

  it('loads its binary: probeRuntimes names the compiled ABIs', () => {
    const outcome = installed.node(
      'probe.cjs',
      `require('trt-node').probeRuntimes().then((report) => console.log(JSON.stringify(report.addon)));`,
    );
    expect(outcome.stderr).toBe('');
    const addon = JSON.parse(outcome.stdout);
    expect(addon.problem).toBeNull();
    expect(Object.keys(addon.abis).sort()).toEqual(['rtx', 'v10', 'v11']);
  });

  it('has a command that runs', () => {
    const { stdout, status } = installed.run('npx', [
      '--no-install',
      'trt-node',
      'doctor',
      '--json',
    ]);
    expect(() => JSON.parse(stdout)).not.toThrow();
    // 1: a job cannot be done on this machine. Anything else is a failure of the command.
    expect([0, 1]).toContain(status);
  });

  it('passes publint', () => {
    const outcome = installed.run(bin('publint'), ['run', installed.tarball, '--strict']);
    expect(outcome, outcome.stdout + outcome.stderr).toMatchObject({ status: 0 });
  });

  it('passes attw', () => {
    const outcome = installed.run(bin('attw'), [installed.tarball, '--no-emoji', '--no-color']);
    expect(outcome, outcome.stdout + outcome.stderr).toMatchObject({ status: 0 });
  });

  it('has types that both kinds of module compile with', () => {
    const use = `const tensor: Tensor = new Tensor('float32', new Float32Array(4), [1, 4]);
      export const built: Promise<BuiltEngine> = buildEngine('model.onnx', { output: 'model.engine' });
      export const code: TrtErrorCode = 'ERR_TRT_INVALID_ARG';
      export const dims: readonly number[] = tensor.dims;\n`;
    const names = '{ buildEngine, Tensor, type BuiltEngine, type TrtErrorCode }';
    for (const file of ['consumer.mts', 'consumer.cts']) {
      fs.writeFileSync(
        path.join(installed.project, file),
        `import ${names} from 'trt-node';\n${use}`,
      );
    }
    const options = {
      compilerOptions: {
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        target: 'es2022',
        lib: ['es2023', 'esnext.disposable'],
        module: 'node16',
        types: ['node'],
        typeRoots: [path.join(installed.root, 'node_modules', '@types')],
      },
      files: ['consumer.mts', 'consumer.cts'],
    };
    fs.writeFileSync(path.join(installed.project, 'tsconfig.json'), JSON.stringify(options));
    const outcome = installed.run(bin('tsc'), ['--project', 'tsconfig.json']);
    expect(outcome, outcome.stdout).toMatchObject({ status: 0 });
  });

  describe('on a platform without a binary', () => {
    const pretend = (platform: string) =>
      `Object.defineProperty(process, 'platform', { value: '${platform}' });`;

    it.each(['darwin', 'win32'])(
      'imports on %s, and the first call says which there are',
      (name) => {
        fs.writeFileSync(path.join(installed.project, 'pretend.cjs'), pretend(name));
        const model = path.join(installed.root, 'models', 'digits', 'digits.onnx');
        const outcome = installed.node(
          'elsewhere.mjs',
          `import { buildEngine, Tensor, TrtError } from 'trt-node';
         const tensor = new Tensor('int8', new Int8Array(3), [3]);
         const error = await buildEngine(${JSON.stringify(model)}, { computeCapabilities: ['8.6'] }).then(
           () => null,
           (error) => error,
         );
         console.log(JSON.stringify({
           dims: tensor.dims,
           typed: error instanceof TrtError,
           code: error?.code,
           message: error?.message,
         }));`,
          ['--require', './pretend.cjs'],
        );
        expect(outcome.stderr).toBe('');
        const seen = JSON.parse(outcome.stdout);
        expect(seen).toMatchObject({
          dims: [3],
          typed: true,
          code: 'ERR_TRT_UNSUPPORTED_PLATFORM',
        });
        expect(seen.message).toMatch(/linux/i);
        expect(seen.message).toMatch(/x64/);
        expect(seen.message).toMatch(/glibc/);
      },
    );
  });
});
