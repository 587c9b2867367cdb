import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { NativeLibraryFiles, NativeLibraryProbe } from '../../lib/binding';
import { findLibraries, type Discovery, type FindLibrariesOptions } from '../../lib/discovery';
import { TrtError } from '../../lib/errors';

let root: string;
let opened: string[];

beforeEach(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'trt-node-discovery-')));
  opened = [];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function touch(...names: string[]): void {
  for (const name of names) {
    const file = path.join(root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, name);
  }
}

/** Stands for the addon: every library opens as what its name says. */
function open(files: NativeLibraryFiles): Promise<NativeLibraryProbe> {
  opened.push(path.relative(root, files.core));
  const rtx = files.core.includes('rtx');
  return Promise.resolve({
    flavour: rtx ? 'tensorrt-rtx' : 'tensorrt',
    version: rtx ? '1.7.1' : '10.6.0',
    abi: rtx ? 'rtx' : 'v10',
    hasBuilder: true,
    hasRuntime: true,
    parserVersion: files.parser && '10.6.0',
  });
}

function find(options: FindLibrariesOptions = {}): Promise<Discovery> {
  const env = { HOME: path.join(root, 'home'), ...options.env };
  return findLibraries({ ...options, env }, { open, root, arch: 'x64' });
}

function cores(found: Discovery): string[] {
  return found.libraries.map(({ files }) => path.relative(root, files.core));
}

describe('findLibraries', () => {
  it('finds nothing on an empty machine and says where it looked', async () => {
    const found = await find({ env: { LD_LIBRARY_PATH: path.join(root, 'gone') } });
    expect(found.libraries).toEqual([]);
    expect(found.places).toContainEqual({
      path: path.join(root, 'gone'),
      source: 'LD_LIBRARY_PATH',
      exists: false,
    });
  });

  it.each(['', '.', 'home'])(
    'opens nothing below the working directory with HOME=%j',
    async (HOME) => {
      for (const home of ['.', 'home']) {
        touch(
          `${home}/.cache/trt-node/runtimes/tensorrt-rtx-1.7.1/libtensorrt_rtx.so.1`,
          `${home}/.cache/trt-node/runtimes/tensorrt-rtx-1.7.1/runtime.json`,
          `${home}/.local/lib/python3.11/site-packages/tensorrt_libs/libnvinfer.so.10`,
          `${home}/.pyenv/versions/3.11/lib/python3.11/site-packages/tensorrt_libs/libnvinfer.so.10`,
        );
      }
      const here = process.cwd();
      onTestFinished(() => process.chdir(here));
      process.chdir(root);
      // Node asks the process's own.
      vi.stubEnv('HOME', HOME);
      onTestFinished(() => void vi.unstubAllEnvs());
      await find({ env: { HOME } });
      // The home folder of the account that runs the tests may hold some.
      expect(opened.filter((file) => !file.startsWith('..'))).toEqual([]);
    },
  );

  it('tells what cannot be looked at from what is not there', async () => {
    const loop = path.join(root, 'loop');
    symlinkSync('loop', loop);
    const found = await find({ env: { LD_LIBRARY_PATH: loop } });
    expect(found.places).toContainEqual({
      path: loop,
      source: 'LD_LIBRARY_PATH',
      exists: false,
      unreadable: 'ELOOP',
    });
  });

  it('ranks by source', async () => {
    const rtx = 'libtensorrt_rtx.so.1';
    touch(
      `own/${rtx}`,
      'root/lib/libnvinfer.so.10',
      `home/.cache/trt-node/runtimes/tensorrt-rtx-1.6.0.5-cu13/${rtx}`,
      'home/.cache/trt-node/runtimes/tensorrt-rtx-1.6.0.5-cu13/runtime.json',
      `home/.cache/trt-node/runtimes/tensorrt-rtx-1.10.0.2-cu12/${rtx}`,
      'home/.cache/trt-node/runtimes/tensorrt-rtx-1.10.0.2-cu12/runtime.json',
      `home/.cache/trt-node/runtimes/tensorrt-rtx-1.10.0.2-cu13/${rtx}`,
      'home/.cache/trt-node/runtimes/tensorrt-rtx-1.10.0.2-cu13/runtime.json',
      `home/.cache/trt-node/runtimes/tensorrt-rtx-2.0.0-cu13/${rtx}`,
      'venv/lib/python3.12/site-packages/tensorrt_libs/libnvinfer.so.10',
      `usr/local/lib/python3.11/dist-packages/tensorrt_rtx_libs/${rtx}`,
      'ld/libnvinfer.so.10',
      'usr/lib/x86_64-linux-gnu/libnvinfer.so.10',
      'opt/TensorRT-10.6.0.26/lib/libnvinfer.so.10',
    );
    const found = await find({
      env: {
        TRT_NODE_LIBRARY_PATH: `:${path.join(root, 'own')}`,
        TENSORRT_ROOT: path.join(root, 'root'),
        VIRTUAL_ENV: path.join(root, 'venv'),
        LD_LIBRARY_PATH: path.join(root, 'ld'),
      },
    });
    expect(cores(found)).toEqual([
      `own/${rtx}`,
      'root/lib/libnvinfer.so.10',
      // Newest first, by number, and the older CUDA before the newer; the folder without runtime.json is a set-up that did not finish.
      `home/.cache/trt-node/runtimes/tensorrt-rtx-1.10.0.2-cu12/${rtx}`,
      `home/.cache/trt-node/runtimes/tensorrt-rtx-1.10.0.2-cu13/${rtx}`,
      `home/.cache/trt-node/runtimes/tensorrt-rtx-1.6.0.5-cu13/${rtx}`,
      'venv/lib/python3.12/site-packages/tensorrt_libs/libnvinfer.so.10',
      `usr/local/lib/python3.11/dist-packages/tensorrt_rtx_libs/${rtx}`,
      'ld/libnvinfer.so.10',
      'usr/lib/x86_64-linux-gnu/libnvinfer.so.10',
      'opt/TensorRT-10.6.0.26/lib/libnvinfer.so.10',
    ]);
    expect(found.libraries[2]?.source).toBe('trt-node setup');
  });

  it('lists a library once, however many names lead to it', async () => {
    touch('a/libnvinfer.so.10.6.0', 'a/libnvonnxparser.so.10');
    symlinkSync('libnvinfer.so.10.6.0', path.join(root, 'a/libnvinfer.so.10'));
    symlinkSync('libnvinfer.so.10', path.join(root, 'a/libnvinfer.so'));
    symlinkSync('a', path.join(root, 'b'));
    const found = await find({
      env: { LD_LIBRARY_PATH: `${path.join(root, 'a')}:${path.join(root, 'b')}` },
    });
    expect(cores(found)).toEqual(['a/libnvinfer.so.10']);
  });

  it('lists two releases of one major in one folder, each with its parser', async () => {
    touch(
      'a/libnvinfer.so.10.6.0',
      'a/libnvonnxparser.so.10.6.0',
      'a/libnvinfer.so.10.15.1',
      'a/libnvonnxparser.so.10.15.1',
    );
    const found = await find({ library: path.join(root, 'a') });
    expect(found.libraries.map(({ files }) => files)).toEqual(
      ['10.15.1', '10.6.0'].map((version) => ({
        core: path.join(root, `a/libnvinfer.so.${version}`),
        parser: path.join(root, `a/libnvonnxparser.so.${version}`),
      })),
    );
  });

  it('ranks majors in a folder, and reads an unversioned name only where there is no other', async () => {
    touch('a/libnvinfer.so.8', 'a/libnvinfer.so.11', 'a/libnvinfer.so.10', 'a/libnvinfer.so');
    touch('b/libnvinfer.so', 'b/libnvonnxparser.so');
    expect(cores(await find({ library: path.join(root, 'a') }))).toEqual([
      'a/libnvinfer.so.10',
      'a/libnvinfer.so.11',
      'a/libnvinfer.so.8',
    ]);
    const plain = await find({ library: path.join(root, 'b') });
    expect(plain.libraries[0]?.files.parser).toBe(path.join(root, 'b/libnvonnxparser.so'));
  });

  it('takes the parser of the same major alone', async () => {
    touch('a/libnvinfer.so.10', 'a/libnvonnxparser.so.8', 'a/libnvonnxparser.so.100');
    const found = await find({ library: path.join(root, 'a') });
    expect(found.libraries).toMatchObject([
      { files: { parser: null }, hasBuilder: false, hasRuntime: true, problem: null },
    ]);
  });

  it('finds the parser of TensorRT-RTX', async () => {
    touch('a/libtensorrt_rtx.so.1', 'a/libtensorrt_onnxparser_rtx.so.1');
    const found = await find({ library: path.join(root, 'a') });
    expect(found.libraries).toMatchObject([{ flavour: 'tensorrt-rtx', hasBuilder: true }]);
  });

  it('reports lean and dispatch runtimes without opening them', async () => {
    touch('a/libnvinfer_lean.so.10', 'a/libnvinfer_dispatch.so.10');
    const found = await find({ library: path.join(root, 'a') });
    expect(found.libraries.map(({ problem }) => problem?.code)).toEqual([
      'ERR_TRT_LIBRARY_UNSUPPORTED',
      'ERR_TRT_LIBRARY_UNSUPPORTED',
    ]);
    expect(opened).toEqual([]);
  });

  it('ignores TensorRT’s other libraries, folders and dangling links', async () => {
    touch('a/libnvinfer_plugin.so.10', 'a/libnvinfer_builder_resource.so.10.6.0');
    mkdirSync(path.join(root, 'a/libnvinfer.so.10'));
    symlinkSync('gone', path.join(root, 'a/libnvinfer.so.11'));
    expect(cores(await find({ library: path.join(root, 'a') }))).toEqual([]);
  });

  it('looks at nothing but a given library, be it a file, a folder or an unpacked archive', async () => {
    touch('own/lib/libnvinfer.so.10', 'usr/lib/libnvinfer.so.10');
    const expected = ['own/lib/libnvinfer.so.10'];
    for (const library of ['own/lib/libnvinfer.so.10', 'own/lib', 'own']) {
      const found = await find({ library: path.join(root, library) });
      expect(cores(found)).toEqual(expected);
      expect(found.requested).toBe(path.join(root, library));
    }
  });

  it('opens candidates of one flavour when only that is wanted, a given library always', async () => {
    touch('a/libnvinfer.so.10', 'a/libtensorrt_rtx.so.1');
    const env = { LD_LIBRARY_PATH: path.join(root, 'a') };
    expect(cores(await find({ env, flavour: 'tensorrt-rtx' }))).toEqual(['a/libtensorrt_rtx.so.1']);
    expect(opened).toEqual(['a/libtensorrt_rtx.so.1']);
    const file = path.join(root, 'a/libnvinfer.so.10');
    const given = await find({ library: file, flavour: 'tensorrt-rtx' });
    expect(given.libraries).toMatchObject([{ flavour: 'tensorrt' }]);
  });

  it('keeps the problem of what cannot be opened and goes on', async () => {
    touch('a/libnvinfer.so.8', 'a/libnvinfer.so.10');
    const refuse = (files: NativeLibraryFiles): Promise<NativeLibraryProbe> =>
      files.core.endsWith('.8')
        ? Promise.reject(
            new TrtError('ERR_TRT_LIBRARY_UNSUPPORTED', 'too old', {
              details: { version: '8.6.1' },
            }),
          )
        : open(files);
    const found = await findLibraries(
      { library: path.join(root, 'a'), env: {} },
      { open: refuse, root },
    );
    expect(found.libraries).toMatchObject([
      { version: '10.6.0', problem: null },
      { version: '8.6.1', problem: { code: 'ERR_TRT_LIBRARY_UNSUPPORTED' } },
    ]);
  });

  it('refuses a library that does not exist, and what is no path', async () => {
    await expect(find({ library: path.join(root, 'gone.so') })).rejects.toMatchObject({
      code: 'ERR_TRT_LIBRARY_NOT_FOUND',
    });
    await expect(find({ library: '' })).rejects.toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
  });

  it('takes hard links to a library for one library', async () => {
    touch('a/libnvinfer.so.10');
    mkdirSync(path.join(root, 'b'));
    linkSync(path.join(root, 'a/libnvinfer.so.10'), path.join(root, 'b/libnvinfer.so.10'));
    const env = { LD_LIBRARY_PATH: `${path.join(root, 'a')}:${path.join(root, 'b')}` };
    expect(cores(await find({ env }))).toEqual(['a/libnvinfer.so.10']);
  });

  it('finds lean and dispatch packages, and says what they cannot do', async () => {
    touch(
      'venv/lib/python3.12/site-packages/tensorrt_lean_libs/libnvinfer_lean.so.10',
      'venv/lib/python3.12/site-packages/tensorrt_dispatch_libs/libnvinfer_dispatch.so.10',
    );
    const found = await find({ env: { CONDA_PREFIX: path.join(root, 'venv') } });
    expect(found.libraries.map(({ problem }) => problem?.details['kind'])).toEqual([
      'lean',
      'dispatch',
    ]);
    for (const { problem } of found.libraries) expect(problem?.message).toContain('cannot build');
  });

  it.each([
    ['an NGC image', 'opt/tensorrt/lib/libnvinfer.so.10'],
    [
      'an archive’s own folders',
      'usr/local/tensorrt/targets/x86_64-linux-gnu/lib/libnvinfer.so.10',
    ],
    ['RHEL', 'usr/lib64/libnvinfer.so.10'],
    ['conda', 'opt/conda/lib/python3.11/site-packages/tensorrt_libs/libnvinfer.so.10'],
    ['the user’s pip', 'home/.local/lib/python3.10/site-packages/tensorrt_libs/libnvinfer.so.10'],
  ])('finds TensorRT in the folders of %s', async (_name, file) => {
    touch(file);
    expect(cores(await find())).toEqual([file]);
  });

  it('reads ld.so.conf and what it includes, once', async () => {
    touch(
      'srv/a/libnvinfer.so.10',
      'srv/b/libnvinfer.so.10',
      'etc/more/one.conf',
      'etc/ld.so.conf',
    );
    writeFileSync(path.join(root, 'etc/ld.so.conf'), 'include more/*.conf\n/srv/a\n');
    writeFileSync(path.join(root, 'etc/more/one.conf'), '/srv/b\ninclude /etc/ld.so.conf\n');
    expect(cores(await find())).toEqual(['srv/b/libnvinfer.so.10', 'srv/a/libnvinfer.so.10']);
  });

  it('finds what the linker’s cache lists', async () => {
    touch('srv/trt/libnvinfer.so.10', 'etc/ld.so.cache');
    const cache =
      'glibc-ld.so.cache1.1\0\x05\x01\0libnvinfer.so.10\0/srv/trt/libnvinfer.so.10\0/lib/libc.so.6\0';
    writeFileSync(path.join(root, 'etc/ld.so.cache'), cache);
    const found = await find();
    expect(cores(found)).toEqual(['srv/trt/libnvinfer.so.10']);
    expect(found.libraries[0]?.source).toBe('ldconfig');
  });

  it('reads the folders that ldconfig was given', async () => {
    touch('srv/trt/libnvinfer.so.10', 'etc/ld.so.conf.d/trt.conf');
    writeFileSync(path.join(root, 'etc/ld.so.conf.d/trt.conf'), '# ours\n/srv/trt # here\n');
    expect(cores(await find())).toEqual(['srv/trt/libnvinfer.so.10']);
  });
});
