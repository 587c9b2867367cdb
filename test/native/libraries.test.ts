import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BuildOptions, RuntimeReport, TrtError } from '../../lib/index';
import {
  cli,
  digits,
  failure,
  findLibraries,
  loadBinding,
  requireRtx,
  temporaryFolder,
  trtNode,
} from '../support/native-host';
import { runNode } from '../support/native-processes';
import { compileStubs, type StubLibrary } from '../support/native-stub-libraries';

const { buildEngine, probeRuntimes } = trtNode;
const rtx = await requireRtx();
const folder = await temporaryFolder();

const profiles = [{ images: { min: [1, 1, 8, 8], opt: [64, 1, 8, 8], max: [360, 1, 8, 8] } }];
const forRtx = { computeCapabilities: ['8.6'], profiles } as const satisfies BuildOptions;
const factories = ['Builder', 'Runtime'] as const;

let count = 0;
const compile = (...stubs: StubLibrary[]): Promise<string> =>
  compileStubs(path.join(folder, `stubs${(count += 1)}`), ...stubs);

/** The problem of the only library in a folder. */
async function problemIn(library: string, timeoutMs?: number): Promise<TrtError> {
  const { libraries } = await findLibraries({ library, timeoutMs });
  expect(libraries).toHaveLength(1);
  expect(libraries[0]!.problem).not.toBeNull();
  return libraries[0]!.problem!;
}

describe('#15 a TensorRT of a version that trt-node does not drive', () => {
  it.each([
    // TensorRT up to 9 packs its version as major·1000 + minor·100 + patch.
    ['TensorRT 8', 'libnvinfer.so.8', 8601, '8.6.1'],
    ['TensorRT 9', 'libnvinfer.so.9', 9300, '9.3.0'],
    ['TensorRT 12', 'libnvinfer.so.12', 120_000, '12.0.0'],
    ['TensorRT-RTX 1.4, whose ABI is another', 'libtensorrt_rtx.so.1', 10_400, '1.4.0'],
    ['TensorRT-RTX 1.0', 'libtensorrt_rtx.so.1', 10_000, '1.0.0'],
    ['TensorRT-RTX 2', 'libtensorrt_rtx.so.2', 20_000, '2.0.0'],
  ])('is refused before a factory of it is called: %s', async (_name, file, version, release) => {
    const library = await compile({ file, version, factories });
    // Its own flavour is asked of, so that nothing else could be meant. Any call of a factory would end the child: another code.
    const isRtx = file.startsWith('libtensorrt_rtx');
    const { message, details } = await failure(
      'ERR_TRT_LIBRARY_UNSUPPORTED',
      buildEngine(digits, { library, profiles, ...(isRtx ? forRtx : {}) }),
    );
    expect(details).toMatchObject({ version: release });
    expect(message).toContain(release);
    for (const usable of ['10.x', '11.x', '1.5']) expect(message).toContain(usable);
  });

  it('is refused by the addon itself too', async () => {
    const library = await compile({ file: 'libnvinfer.so.8', version: 8601, factories });
    const core = path.join(library, 'libnvinfer.so.8');
    await failure(
      'ERR_TRT_LIBRARY_UNSUPPORTED',
      loadBinding().probeLibrary({ core, parser: null }),
    );
  });

  it('does not hide one that works', async () => {
    const library = await compile({ file: 'libnvinfer.so.8', version: 8601, factories });
    const works = { flavour: 'tensorrt-rtx', problem: null };
    await Promise.all(
      [rtx.core, rtx.parser!].map((file) =>
        fs.symlink(file, path.join(library, path.basename(file))),
      ),
    );
    const { libraries } = await findLibraries({ library });
    expect(libraries).toContainEqual(expect.objectContaining(works));
    expect(libraries.map(({ problem }) => problem?.code).sort()).toEqual([
      'ERR_TRT_LIBRARY_UNSUPPORTED',
      undefined,
    ]);
    const { manifest } = await buildEngine(digits, { ...forRtx, library });
    expect(manifest.flavour).toBe('tensorrt-rtx');
  });
});

describe('#15 a TensorRT without what a build needs', () => {
  it('lacks a builder when it is a lean TensorRT under the full one’s name', async () => {
    const library = await compile(
      { file: 'libnvinfer.so.10', version: 101_600, factories: ['Runtime'] },
      { file: 'libnvonnxparser.so.10', parserVersion: 101_600 },
    );
    await failure('ERR_TRT_BUILDER_MISSING', buildEngine(digits, { library, profiles }));
  });

  it('lacks a builder when it is an RTX without one', async () => {
    const library = await compile(
      { file: 'libtensorrt_rtx.so.1', version: 10_701, factories: ['Runtime'] },
      { file: 'libtensorrt_onnxparser_rtx.so.1', parserVersion: 101_600 },
    );
    await failure('ERR_TRT_BUILDER_MISSING', buildEngine(digits, { library, ...forRtx }));
  });

  it('lacks a parser, which is named', async () => {
    const library = await compile({ file: 'libtensorrt_rtx.so.1', version: 10_701, factories });
    const { message } = await failure(
      'ERR_TRT_BUILDER_MISSING',
      buildEngine(digits, { library, ...forRtx }),
    );
    expect(message).toContain('libtensorrt_onnxparser_rtx.so.1');
  });

  it('is refused when it is the lean or the dispatch runtime', async () => {
    for (const kind of ['lean', 'dispatch']) {
      const file = `libnvinfer_${kind}.so.10`;
      const library = await compile({ file, version: 101_600, factories: ['Runtime'] });
      expect(await problemIn(library)).toMatchObject({
        code: 'ERR_TRT_LIBRARY_UNSUPPORTED',
        details: { kind },
      });
    }
  });
});

describe('#15 a file that is no TensorRT', () => {
  it("is reported with the loader's words when it is text", async () => {
    const library = path.join(folder, 'text');
    await fs.mkdir(library);
    const text = 'version https://git-lfs.github.com/spec/v1\n'.repeat(10);
    await fs.writeFile(path.join(library, 'libnvinfer.so.10'), text);
    const { message } = await failure(
      'ERR_TRT_LIBRARY_LOAD',
      buildEngine(digits, { library, profiles }),
    );
    // glibc's dl-load.c
    expect(message).toContain('invalid ELF header');
  });

  it("is reported with the loader's words when it lacks a symbol", async () => {
    const library = await compile({
      file: 'libnvinfer.so.10',
      version: 101_600,
      whenOpened: 'extern void nobodyDefinesThis(void); nobodyDefinesThis();',
    });
    const problem = await problemIn(library);
    expect(problem.code).toBe('ERR_TRT_LIBRARY_LOAD');
    expect(problem.message).toContain('nobodyDefinesThis');
  });

  it('is reported when it is a library of something else', async () => {
    const library = await compile({ file: 'libnvinfer.so.10' });
    expect((await problemIn(library)).code).toBe('ERR_TRT_LIBRARY_UNSUPPORTED');
  });
});

describe('#15 a library that misbehaves while it is opened', () => {
  const opened = (whenOpened: string): Promise<string> =>
    compile({ file: 'libnvinfer.so.10', version: 101_600, factories, whenOpened });

  it('takes its own process down and no other', async () => {
    const problem = await problemIn(await opened('raise(SIGSEGV);'));
    expect(problem.code).toBe('ERR_TRT_LIBRARY_LOAD');
    expect(problem.details['how']).toContain('SIGSEGV');
  });

  it('is reported when it exits', async () => {
    const problem = await problemIn(await opened('_exit(3);'));
    expect(problem.code).toBe('ERR_TRT_LIBRARY_LOAD');
    expect(problem.details['how']).toContain('3');
  });

  it('is given up when it hangs', async () => {
    const library = await opened('for (;;) pause();');
    const report = await probeRuntimes({ library, timeoutMs: 2_000 });
    expect(report.libraries).toMatchObject([{ problem: { code: 'ERR_TRT_LIBRARY_LOAD' } }]);
    expect(report.missing.build).toMatchObject([{ code: 'ERR_TRT_LIBRARY_LOAD' }]);
  });
});

describe('the real TensorRT-RTX', () => {
  it('is reported as what builds here', async () => {
    const report = await probeRuntimes();
    const real = report.libraries.find(({ path: file }) => file === rtx.core);
    expect(real).toMatchObject({
      flavour: 'tensorrt-rtx',
      parser: rtx.parser,
      canBuild: true,
      canLoad: true,
      problem: null,
    });
    expect(real?.version).toMatch(/^1\.\d+\.\d+$/);
    expect(report.missing.build).toEqual([]);
    expect(report.missing.infer.length).toBeGreaterThan(0);
    expect(report.gpus).toEqual([]);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('tells the addon its version and its parser’s', async () => {
    const probe = await loadBinding().probeLibrary(rtx);
    expect(probe).toMatchObject({
      flavour: 'tensorrt-rtx',
      abi: 'rtx',
      hasBuilder: true,
      hasRuntime: true,
    });
    expect(probe.parserVersion).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('may be named by its file or its folder', async () => {
    for (const library of [rtx.core, path.dirname(rtx.core)]) {
      expect((await buildEngine(digits, { ...forRtx, library })).sizeBytes).toBeGreaterThan(0);
    }
  });

  it('does for doctor --for build; --for infer, it wants a GPU', async () => {
    expect(await runNode(cli, ['doctor', '--for', 'build'])).toMatchObject({ code: 0 });
    expect(await runNode(cli, ['doctor', '--for', 'infer'])).toMatchObject({ code: 1 });
  });
});

describe('#15 a machine without any TensorRT', () => {
  // System folders are looked at as well; where one holds a TensorRT, this machine cannot show what one without it does.
  const bare = {
    PATH: process.env['PATH'],
    HOME: folder,
    TRT_NODE_HOME: path.join(folder, 'none'),
  };

  const doctor = async (env: NodeJS.ProcessEnv): Promise<RuntimeReport> => {
    const { code, stdout, stderr } = await runNode(cli, ['doctor', '--json'], { env });
    expect(stderr).toBe('');
    expect(code).toBe(1);
    return JSON.parse(stdout) as RuntimeReport;
  };

  it('imports, and says where it looked when it shall build', async () => {
    const { code, stdout, stderr } = await runNode('build-without-tensorrt.cjs', [digits], {
      env: bare,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const error = JSON.parse(stdout) as { code: string; message: string };
    expect(error.code).toBe('ERR_TRT_LIBRARY_NOT_FOUND');
    expect(error.message).toContain(path.join(folder, 'none'));
    expect(error.message).toContain('trt-node setup');
  });

  it('is told by doctor, with every place that it looked at', async () => {
    const report = await doctor(bare);
    expect(report.libraries).toEqual([]);
    expect(report.places.length).toBeGreaterThan(0);
    expect(report.missing.build).toMatchObject([{ code: 'ERR_TRT_LIBRARY_NOT_FOUND' }]);
    expect(report.addon.problem).toBeNull();
  });

  it('is told what is there and cannot be used', async () => {
    const old = await compile({ file: 'libnvinfer.so.8', version: 8601, factories });
    const report = await doctor({ ...bare, LD_LIBRARY_PATH: old });
    expect(report.libraries).toMatchObject([
      {
        flavour: 'tensorrt',
        version: '8.6.1',
        source: 'LD_LIBRARY_PATH',
        canBuild: false,
        canLoad: false,
        problem: { code: 'ERR_TRT_LIBRARY_UNSUPPORTED' },
      },
    ]);
    expect(report.missing.build).toMatchObject([{ code: 'ERR_TRT_LIBRARY_UNSUPPORTED' }]);
  });
});
