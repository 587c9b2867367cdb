import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import type { SetupOptions, SetupProgress } from '../../lib/setup';
import { runSetup } from '../../lib/setup/run-setup';
import { driver, everythingIn, machineWith, temporaryFolder } from '../support/setup-machine';
import { startSimpleIndex } from '../support/simple-index';
import { pinOf, wheelEntries, zipOf } from '../support/wheel';

const entries = wheelEntries();
const wheel = zipOf(entries);
const pin = pinOf(wheel);
const folderName = 'tensorrt-rtx-1.7.1.116-cu13';
const installed = [
  'runtimes',
  `runtimes/${folderName}`,
  `runtimes/${folderName}/LICENSE.txt`,
  `runtimes/${folderName}/libtensorrt_onnxparser_rtx.so.1`,
  `runtimes/${folderName}/libtensorrt_rtx.so.1`,
  `runtimes/${folderName}/runtime.json`,
];

describe('setup', () => {
  it('installs the libraries and the licence, whole, with a record of them', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    const progress: SetupProgress[] = [];

    const result = await runSetup(
      { dir: home.path, indexUrl: index.url.href, onProgress: (step) => progress.push(step) },
      machineWith(pin),
    );

    expect(result).toMatchObject({
      status: 'installed',
      cuda: '13',
      folder: path.join(home.path, 'runtimes', folderName),
      licence: 'LICENSE.txt',
      way: 'index',
    });
    expect(await everythingIn(home.path)).toEqual(installed);
    for (const name of ['libtensorrt_rtx.so.1', 'libtensorrt_onnxparser_rtx.so.1']) {
      expect(await readFile(path.join(result.folder, name))).toEqual(
        entries[`tensorrt_rtx_libs/${name}`],
      );
    }
    const record: unknown = JSON.parse(
      await readFile(path.join(result.folder, 'runtime.json'), 'utf8'),
    );
    expect(record).toMatchObject({
      schemaVersion: 1,
      runtime: 'tensorrt-rtx',
      version: '1.7.1.116',
      cuda: '13',
      wheel: { sha256: pin.sha256 },
    });
    for (const phase of ['download', 'verify', 'unpack'] as const) {
      const last = progress.filter((step) => step.phase === phase).at(-1);
      expect(last?.receivedBytes, phase).toBe(last?.totalBytes);
    }
  });

  it('leaves an intact installation alone, and asks nobody', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    const options: SetupOptions = { dir: home.path, indexUrl: index.url.href };
    await runSetup(options, machineWith(pin));
    const asked = index.requests.length;

    const second = await runSetup(options, machineWith(pin));

    expect(second).toMatchObject({ status: 'present', way: null, licence: 'LICENSE.txt' });
    expect(index.requests.length).toBe(asked);
  });

  it('replaces an intact installation by force', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    const options: SetupOptions = { dir: home.path, indexUrl: index.url.href };
    const { folder } = await runSetup(options, machineWith(pin));
    await writeFile(path.join(folder, 'leftover'), '');

    const second = await runSetup({ ...options, force: true }, machineWith(pin));

    expect(second).toMatchObject({ status: 'installed', replaced: 'force' });
    expect(await everythingIn(home.path)).toEqual(installed);
  });

  it.each([
    [
      'a truncated library',
      async (folder: string) => truncate(path.join(folder, 'libtensorrt_rtx.so.1'), 10),
    ],
    [
      'a broken record',
      async (folder: string) => writeFile(path.join(folder, 'runtime.json'), '{'),
    ],
    [
      'a record that lists nothing',
      async (folder: string) =>
        writeFile(
          path.join(folder, 'runtime.json'),
          JSON.stringify({ schemaVersion: 1, wheel: { sha256: pin.sha256 }, files: [] }),
        ),
    ],
  ])('repairs %s', async (_, damage) => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    const options: SetupOptions = { dir: home.path, indexUrl: index.url.href };
    const { folder } = await runSetup(options, machineWith(pin));
    await damage(folder);

    const second = await runSetup(options, machineWith(pin));

    expect(second.status).toBe('installed');
    expect(second.replaced).not.toBeNull();
    expect(await everythingIn(home.path)).toEqual(installed);
    expect(await readFile(path.join(folder, 'libtensorrt_rtx.so.1'))).toEqual(
      entries['tensorrt_rtx_libs/libtensorrt_rtx.so.1'],
    );
  });

  it('takes what another setup published first', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    const options: SetupOptions = { dir: home.path, indexUrl: index.url.href };

    const results = await Promise.all(
      [1, 2, 3].map(async () => runSetup(options, machineWith(pin))),
    );

    expect(results.map(({ status }) => status).sort()).toEqual(['installed', 'present', 'present']);
    expect(await everythingIn(home.path)).toEqual(installed);
  });

  it('says in a dry run what it would do, and does none of it', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);

    const result = await runSetup(
      { dir: home.path, indexUrl: index.url.href, dryRun: true },
      machineWith(pin),
    );

    expect(result).toMatchObject({
      status: 'dry-run',
      package: 'tensorrt-rtx-cu13-libs',
      version: '1.7.1.116',
      wheel: { sha256: pin.sha256, sizeBytes: wheel.length },
      way: 'index',
      index: index.url.href,
    });
    expect(index.requests).toEqual([]);
    expect(await everythingIn(home.path)).toEqual([]);
  });

  it('stops on an abort within the download, with its reason, and leaves nothing', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    index.fileAnswers.push((_, response) => {
      response.setHeader('content-length', wheel.length);
      response.write(wheel.subarray(0, 100_000));
    });
    const abort = new AbortController();
    const reason = new Error('changed my mind');

    const setup = runSetup(
      {
        dir: home.path,
        indexUrl: index.url.href,
        signal: abort.signal,
        onProgress: ({ receivedBytes }) => receivedBytes > 0 && abort.abort(reason),
      },
      machineWith(pin),
    );

    await expect(setup).rejects.toBe(reason);
    expect(await everythingIn(home.path)).toEqual([]);
  });

  it('stops on an abort while unpacking and leaves nothing', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    const abort = new AbortController();
    const reason = new Error('changed my mind');

    const setup = runSetup(
      {
        dir: home.path,
        indexUrl: index.url.href,
        signal: abort.signal,
        onProgress: ({ phase }) => phase === 'unpack' && abort.abort(reason),
      },
      machineWith(pin),
    );

    await expect(setup).rejects.toBe(reason);
    expect(await everythingIn(home.path)).toEqual([]);
  });

  it('refuses a wheel with a name that leads out of the folder', async () => {
    await using home = await temporaryFolder();
    const evil = zipOf({ ...entries, 'tensorrt_rtx_libs/../../../evil.so': 'evil' });
    const evilPin = pinOf(evil);
    await using index = await startSimpleIndex(evil, evilPin);

    await expect(
      runSetup({ dir: home.path, indexUrl: index.url.href }, machineWith(evilPin)),
    ).rejects.toMatchObject({ code: 'ERR_TRT_SETUP_CHECKSUM' });
    expect(await everythingIn(home.path)).toEqual([]);
  });

  it('refuses a wheel without the parser', async () => {
    await using home = await temporaryFolder();
    const other = zipOf(
      Object.fromEntries(Object.entries(entries).filter(([name]) => !name.includes('onnxparser'))),
    );
    await using index = await startSimpleIndex(other, pinOf(other));

    await expect(
      runSetup({ dir: home.path, indexUrl: index.url.href }, machineWith(pinOf(other))),
    ).rejects.toMatchObject({ code: 'ERR_TRT_SETUP_CHECKSUM' });
  });

  it('tells the path that cannot be written', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    await writeFile(path.join(home.path, 'runtimes'), 'a file where a folder is needed');

    await expect(
      runSetup({ dir: home.path, indexUrl: index.url.href }, machineWith(pin)),
    ).rejects.toMatchObject({
      code: 'ERR_TRT_WRITE',
      details: { path: path.join(home.path, 'runtimes') },
    });
  });

  it.skipIf(process.platform !== 'linux')('ends where the system makes no folders', async () => {
    // Node 20's recursive mkdir never does.
    await expect(
      runSetup({ dir: '/proc/nope', indexUrl: 'http://127.0.0.1:9/simple' }, machineWith(pin)),
    ).rejects.toMatchObject({ code: 'ERR_TRT_WRITE' });
  });

  it('asks for space before it downloads', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    const huge = { ...pin, unpackedBytes: Number.MAX_SAFE_INTEGER / 2 };

    await expect(
      runSetup({ dir: home.path, indexUrl: index.url.href }, machineWith(huge)),
    ).rejects.toMatchObject({ code: 'ERR_TRT_WRITE' });
    expect(index.requests).toEqual([]);
  });

  it('installs under TRT_NODE_HOME', async () => {
    await using home = await temporaryFolder();
    await using index = await startSimpleIndex(wheel, pin);
    await mkdir(path.join(home.path, 'elsewhere'));

    const result = await runSetup(
      {},
      machineWith(pin, {
        env: {
          PATH: '/nonexistent',
          TRT_NODE_HOME: path.join(home.path, 'elsewhere'),
          PIP_INDEX_URL: index.url.href,
        },
      }),
    );

    expect(result.folder).toBe(path.join(home.path, 'elsewhere', 'runtimes', folderName));
    expect(result.status).toBe('installed');
  });
});

describe('the choice of the CUDA major', () => {
  it.each([
    ['12.8', '12'],
    ['13.0', '13'],
    ['13.2', '13'],
    [null, '12'],
  ])('follows a driver that supports CUDA %s: %s', async (cudaVersion, expected) => {
    await using home = await temporaryFolder();
    const result = await runSetup(
      { dir: home.path, dryRun: true, indexUrl: 'http://127.0.0.1:9/simple' },
      machineWith(pin, { probeDriver: async () => driver(cudaVersion) }),
    );
    expect(result.cuda).toBe(expected);
  });

  it('is the one asked for, whatever the driver', async () => {
    await using home = await temporaryFolder();
    const result = await runSetup(
      { dir: home.path, dryRun: true, cuda: '12', indexUrl: 'http://127.0.0.1:9/simple' },
      machineWith(pin, { probeDriver: async () => driver('13.0') }),
    );
    expect(result.cuda).toBe('12');
  });

  it('is made although the addon cannot be loaded', async () => {
    await using home = await temporaryFolder();
    const result = await runSetup(
      { dir: home.path, dryRun: true, indexUrl: 'http://127.0.0.1:9/simple' },
      machineWith(pin, { probeDriver: async () => Promise.reject(new Error('no addon')) }),
    );
    expect(result.cuda).toBe('12');
  });
});

describe('what setup refuses', () => {
  it.each([
    ['another C library', { glibc: null }],
    ['a glibc that is too old', { glibc: '2.17' }],
    ['another processor', { arch: 'arm64' }],
    ['another system', { platform: 'darwin' as const }],
  ])('%s', async (_, overrides) => {
    await expect(runSetup({}, machineWith(pin, overrides))).rejects.toMatchObject({
      code: 'ERR_TRT_SETUP_UNSUPPORTED',
    });
  });

  it("'tensorrt', which it does not fetch", async () => {
    const options = { runtime: 'tensorrt' } as unknown as SetupOptions;
    await expect(runSetup(options, machineWith(pin))).rejects.toMatchObject({
      code: 'ERR_TRT_SETUP_UNSUPPORTED',
    });
  });

  it.each([
    ['runtime', { runtime: 'onnx' }],
    ['cuda', { cuda: '11' }],
    ['cuda', { cuda: 13 }],
    ['dir', { dir: '' }],
    ['indexUrl', { indexUrl: 'ftp://example.org/simple' }],
    ['indexUrl', { indexUrl: 'not a URL' }],
    ['dryRun', { dryRun: 'yes' }],
    ['force', { force: 1 }],
    ['signal', { signal: {} }],
    ['onProgress', { onProgress: true }],
  ])('a wrong `%s`: %o', async (argument, options) => {
    await expect(
      runSetup(options as unknown as SetupOptions, machineWith(pin)),
    ).rejects.toMatchObject({ code: 'ERR_TRT_INVALID_ARG', details: { argument } });
  });

  it('to go on with neither pip nor an index, naming both', async () => {
    await using home = await temporaryFolder();
    const error: unknown = await runSetup({ dir: home.path }, machineWith(pin)).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: 'ERR_TRT_SETUP_DOWNLOAD' });
    expect(String(error)).toMatch(/pip.*--index-url.*PIP_INDEX_URL/s);
    expect(await everythingIn(home.path)).toEqual([]);
  });
});
