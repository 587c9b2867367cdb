import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundledLibraries } from '../../lib/bundle/bundled-libraries';
import type { CheckedPlan } from '../../lib/bundle/bundled-plan';
import { librariesOf } from '../../lib/bundle/choose-libraries';
import { newestVersions } from '../../lib/bundle/dependencies';
import { providerOf } from '../../lib/bundle/library-kinds';
import { licencesOf } from '../../lib/bundle/licences';
import { dependenciesOf, runtimeFilesOf } from '../../lib/bundle/node-packages';
import { readBundleRecord, recordName, recordSchema } from '../../lib/bundle/record';
import { discovery, unusable, usable } from './fake-discovery';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'trt-node-bundle-')));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a file below the test's folder and returns its path. */
function put(file: string, content: unknown = ''): string {
  const full = path.join(folder, file);
  mkdirSync(path.dirname(full), { recursive: true });
  writeFileSync(full, typeof content === 'string' ? content : JSON.stringify(content));
  return full;
}

describe('providerOf', () => {
  it.each([
    ['libc.so.6', 'glibc'],
    ['ld-linux-x86-64.so.2', 'glibc'],
    ['libpthread.so.0', 'glibc'],
    ['libstdc++.so.6', 'node'],
    ['libgcc_s.so.1', 'node'],
    ['libcuda.so.1', 'driver'],
    ['libcuda.so', 'driver'],
    ['libnvidia-ml.so.1', 'driver'],
    ['libnvidia-ptxjitcompiler.so.1', 'driver'],
    ['libcudart.so.12', 'bundle'],
    ['libcudnn.so.9', 'bundle'],
    ['libnvinfer.so.10', 'bundle'],
    ['libcrypt.so.1', 'bundle'],
  ])('%s: %s', (name, provider) => {
    expect(providerOf(name)).toBe(provider);
  });
});

describe('newestVersions', () => {
  it('compares numbers, family by family', () => {
    const asked = ['GLIBC_2.9', 'GLIBC_2.28', 'GLIBCXX_3.4.9', 'GLIBCXX_3.4.22', 'CXXABI_1.3'];
    expect(newestVersions(asked)).toEqual({ glibc: '2.28', glibcxx: '3.4.22' });
    expect(newestVersions(['GCC_3.0'])).toEqual({ glibc: null, glibcxx: null });
  });
});

describe('dependenciesOf', () => {
  const json = (name: string, version: string, ...needs: string[]): unknown => ({
    name,
    version,
    dependencies: Object.fromEntries(needs.map((each) => [each, '*'])),
  });

  it('puts packages at the top, and a second version below who needs it', async () => {
    put('app/node_modules/trt-node/package.json', json('trt-node', '1.0.0', 'a', 'b'));
    put('app/node_modules/a/package.json', json('a', '1.0.0', 'shared'));
    put('app/node_modules/b/package.json', json('b', '1.0.0', 'shared', 'a'));
    put('app/node_modules/shared/package.json', json('shared', '1.0.0'));
    put('app/node_modules/b/node_modules/shared/package.json', json('shared', '2.0.0'));
    const found = await dependenciesOf(path.join(folder, 'app/node_modules/trt-node'));
    expect(found.map(({ target, version }) => [target, version])).toEqual([
      ['node_modules/a', '1.0.0'],
      ['node_modules/b', '1.0.0'],
      ['node_modules/b/node_modules/shared', '2.0.0'],
      ['node_modules/shared', '1.0.0'],
    ]);
  });

  it('follows the links of pnpm', async () => {
    const store = 'app/node_modules/.pnpm/trt-node@1.0.0/node_modules';
    put(`${store}/trt-node/package.json`, json('trt-node', '1.0.0', 'a'));
    const real = put(
      'app/node_modules/.pnpm/a@1.0.0/node_modules/a/package.json',
      json('a', '1.0.0'),
    );
    symlinkSync(path.dirname(real), path.join(folder, store, 'a'));
    const link = path.join(folder, 'app/node_modules/trt-node');
    symlinkSync(path.join(folder, store, 'trt-node'), link);
    expect(await dependenciesOf(link)).toMatchObject([
      { name: 'a', folder: path.dirname(real), target: 'node_modules/a' },
    ]);
  });

  it('names the package that is not installed', async () => {
    put('app/package.json', json('trt-node', '1.0.0', 'missing-package-of-a-test'));
    await expect(dependenciesOf(path.join(folder, 'app'))).rejects.toMatchObject({
      code: 'ERR_TRT_ADDON_LOAD',
      details: { package: 'missing-package-of-a-test' },
    });
  });
});

describe('runtimeFilesOf', () => {
  it('leaves out types, maps and what is for reading, and keeps licences', async () => {
    for (const file of [
      'index.js',
      'index.d.ts',
      'index.js.map',
      'README.md',
      'LICENSE',
      'a/LICENSE.md',
    ]) {
      put(`package/${file}`);
    }
    put('package/node_modules/other/index.js');
    expect(await runtimeFilesOf(path.join(folder, 'package'))).toEqual([
      ...['LICENSE', 'a/LICENSE.md', 'index.js'],
    ]);
  });
});

describe('licencesOf', () => {
  const relative = async (file: string): Promise<string[]> =>
    (await licencesOf(file, folder)).map((each) => path.relative(folder, each));

  it('finds them beside the library, as setup leaves them', async () => {
    const library = put('runtimes/x/libtensorrt_rtx.so.1');
    put('runtimes/x/LICENSE.txt');
    expect(await relative(library)).toEqual(['runtimes/x/LICENSE.txt']);
  });

  it('finds them in the wheel that has the library, and in no other', async () => {
    const library = put('site/tensorrt_libs/libnvinfer.so.10');
    put(
      'site/tensorrt_cu12_libs-10.6.0.dist-info/RECORD',
      'tensorrt_libs/libnvinfer.so.10,sha256=x,1\n',
    );
    put('site/tensorrt_cu12_libs-10.6.0.dist-info/LICENSE.txt');
    put('site/numpy-2.0.dist-info/RECORD', 'numpy/__init__.py,,\n');
    put('site/numpy-2.0.dist-info/LICENSE.txt');
    expect(await relative(library)).toEqual([
      'site/tensorrt_cu12_libs-10.6.0.dist-info/LICENSE.txt',
    ]);
  });

  it('finds them in an unpacked archive', async () => {
    const library = put('opt/TensorRT-10.6.0.26/targets/x86_64-linux-gnu/lib/libnvinfer.so.10');
    put('opt/TensorRT-10.6.0.26/doc/TensorRT-SLA.pdf');
    expect(await relative(library)).toEqual(['opt/TensorRT-10.6.0.26/doc/TensorRT-SLA.pdf']);
  });

  it("finds Debian's copyright by the package's list of files", async () => {
    const library = put('usr/lib/x86_64-linux-gnu/libnvinfer.so.10.6.0');
    put('var/lib/dpkg/info/libnvinfer10:amd64.list', `/.\n${library}\n`);
    put('var/lib/dpkg/info/libother.list', '/usr/lib/libother.so\n');
    put('usr/share/doc/libnvinfer10/copyright');
    expect(await relative(library)).toEqual(['usr/share/doc/libnvinfer10/copyright']);
  });

  it('is empty where there is none', async () => {
    expect(await relative(put('somewhere/lib/libplugin.so'))).toEqual([]);
  });
});

describe('librariesOf', () => {
  const plan = (changes: Partial<CheckedPlan>): CheckedPlan => ({
    ...{ path: '/x.engine', name: 'x.engine', sizeBytes: 1, sha256: '', described: null },
    ...{ manifest: null, standardPlugins: null, versionCompatible: false },
    ...{ flavour: 'tensorrt', version: '10.6.0.26' },
    ...changes,
  });
  const [ten, rtx] = [usable('tensorrt', '10.6.0'), usable('tensorrt-rtx', '1.7.1')];

  it('takes the release of each plan, once', () => {
    const plans = [plan({}), plan({ flavour: 'tensorrt-rtx', version: '1.7.1.116' }), plan({})];
    expect(librariesOf(discovery([rtx, ten]), { plans, builder: true })).toEqual([ten, rtx]);
  });

  it('refuses a plan of another release', () => {
    const wish = { plans: [plan({ version: '10.8.0.1' })], builder: false };
    expect(() => librariesOf(discovery([ten]), wish)).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_ENGINE_VERSION' }),
    );
  });

  it('takes the only one without plans, and asks which of several', () => {
    const wish = { plans: [], builder: true };
    const broken = unusable('tensorrt', '8.6', 'ERR_TRT_LIBRARY_UNSUPPORTED');
    expect(librariesOf(discovery([broken, rtx]), wish)).toEqual([rtx]);
    expect(() => librariesOf(discovery([ten, rtx]), wish)).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' }),
    );
    expect(() => librariesOf(discovery([]), wish)).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_LIBRARY_NOT_FOUND' }),
    );
  });

  it('wants a builder only with the builder', () => {
    const lean = usable('tensorrt-rtx', '1.7.1', { hasBuilder: false });
    expect(librariesOf(discovery([lean]), { plans: [], builder: false })).toEqual([lean]);
    expect(() => librariesOf(discovery([lean]), { plans: [], builder: true })).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_BUILDER_MISSING' }),
    );
  });
});

describe('the record', () => {
  const record = { schema: recordSchema, schemaVersion: 1, state: 'complete', files: [] };

  it('is found two folders above the package, when it is complete', () => {
    const root = path.join(folder, 'trt/node_modules/trt-node');
    expect(bundledLibraries(root)).toBeNull();
    put(`trt/${recordName}`, { ...record, state: 'incomplete' });
    expect(bundledLibraries(root)).toBeNull();
    put(`trt/${recordName}`, record);
    expect(bundledLibraries(root)).toBe(path.join(folder, 'trt/lib'));
    expect(bundledLibraries(path.join(folder, 'trt/packages/trt-node'))).toBeNull();
  });

  it.each([
    ['another program’s file', { name: 'bundle' }],
    ['a later version', { ...record, schemaVersion: 2 }],
    ['a path that leads out', { ...record, files: [{ path: '../outside' }] }],
    ['an absolute path', { ...record, files: [{ path: '/etc/passwd' }] }],
    ['a hidden way out', { ...record, files: [{ path: 'lib/../../outside' }] }],
    ['no path', { ...record, files: [null] }],
    ['text', 'not JSON'],
  ])('is none when it is %s', (_name, content) => {
    put(recordName, content);
    expect(readBundleRecord(folder)).toBeNull();
  });
});
