import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { BuildMachine } from '../../lib/build';
import type { BuildOptions } from '../../lib/build-options';
import { TrtError } from '../../lib/errors';
import {
  buildOn,
  digits,
  fakeBuildMachine,
  freshBuildFolders,
  noDriver,
  type SeenBuilds,
} from '../support/fake-build-machine';
import { digestOf } from '../support/manifests';
import { writeOnnx, type Constant } from '../support/onnx-writer';
import { usable } from './fake-discovery';

const rtx = usable('tensorrt-rtx', '1.7.1');
const forAmpere = { computeCapabilities: ['8.6', '8.9'] };
const folders = freshBuildFolders();
let seen: SeenBuilds;

beforeEach(() => {
  seen = { requests: [], lent: [] };
});

const machine = (outcome?: Error): BuildMachine => fakeBuildMachine(seen, [rtx], noDriver, outcome);

describe('a model given as bytes', () => {
  it('is built as it was given, and no copy of it stays', async () => {
    const bytes = await readFile(digits);
    const engine = await buildOn(machine(), forAmpere, bytes);
    expect(engine.manifest.model).toEqual({ ...digestOf(bytes), name: 'model.onnx' });
    expect(seen.lent).toEqual([{ model: bytes, data: {} }]);
    expect(existsSync(seen.requests[0]?.model ?? '')).toBe(false);
    expect(existsSync(seen.requests[0]?.stage ?? '')).toBe(false);
  });

  it('is a view of a buffer, of which no other byte counts', async () => {
    const bytes = await readFile(digits);
    const around = new Uint8Array(bytes.length + 20).fill(0xff);
    around.set(bytes, 10);
    const view = around.subarray(10, 10 + bytes.length);
    const engine = await buildOn(machine(), forAmpere, view);
    expect(engine.manifest.model).toMatchObject(digestOf(bytes));
  });

  it('leaves no copy behind when the build fails', async () => {
    const on = machine(new TrtError('ERR_TRT_BUILD_FAILED', 'no'));
    await expect(buildOn(on, forAmpere, await readFile(digits))).rejects.toMatchObject({
      code: 'ERR_TRT_BUILD_FAILED',
    });
    expect(existsSync(path.dirname(seen.requests[0]?.stage ?? '.'))).toBe(false);
  });

  it('stops at an abort, and no copy of it stays', async () => {
    const controller = new AbortController();
    const on: BuildMachine = {
      ...machine(),
      build: async ({ stage }) => {
        controller.abort(new Error('enough'));
        expect(existsSync(stage)).toBe(true);
        folderOfBuild = path.dirname(stage);
        throw controller.signal.reason;
      },
    };
    let folderOfBuild = '';
    const options = { ...forAmpere, signal: controller.signal };
    await expect(buildOn(on, options, await readFile(digits))).rejects.toThrow('enough');
    expect(existsSync(folderOfBuild)).toBe(false);
  });

  it('#35 may be taken away while it is copied, which is an error', async () => {
    // Two slices, so that JavaScript runs between them.
    const bytes = new Uint8Array(2 ** 20 + 1);
    const building = buildOn(machine(), forAmpere, bytes);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    await expect(building).rejects.toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
      details: { argument: 'model' },
    });
  });

  it('keeps the event loop free while it is copied', async () => {
    const bytes = new Uint8Array(64 * 2 ** 20);
    let turns = 0;
    const counter = setInterval(() => (turns += 1), 1);
    onTestFinished(() => clearInterval(counter));
    await expect(buildOn(machine(), forAmpere, bytes)).rejects.toMatchObject({
      code: 'ERR_TRT_ONNX_INVALID',
    });
    expect(turns).toBeGreaterThan(3);
  });

  it('tells of itself, and not of its copy, in errors', async () => {
    const building = buildOn(machine(), forAmpere, Buffer.from('text'));
    await expect(building).rejects.toMatchObject({
      code: 'ERR_TRT_ONNX_INVALID',
      details: { path: null },
      message: expect.not.stringContaining(folders.temporary) as string,
    });
  });
});

describe('external data', () => {
  const weights = (name: string, location: string): Constant => ({
    name,
    type: 'uint8',
    dims: [4],
    external: [['location', location]],
  });
  const model = (...constants: readonly Constant[]): Uint8Array =>
    writeOnnx({ inputs: [], outputs: [], nodes: [], constants });
  const twoFiles = model(weights('a', 'a.bin'), weights('b', './sub/b.bin'));
  const files = { 'a.bin': Buffer.from('aaaa'), 'sub/b.bin': Buffer.from('bbbbb') };
  const digests = {
    'a.bin': digestOf(files['a.bin']),
    './sub/b.bin': digestOf(files['sub/b.bin']),
  };
  const noProfiles = { ...forAmpere, profiles: undefined };

  it('lies beside a model that is a path', async () => {
    const file = path.join(folders.folder, 'model.onnx');
    await mkdir(path.join(folders.folder, 'sub'));
    await writeFile(file, twoFiles);
    for (const [name, bytes] of Object.entries(files)) {
      await writeFile(path.join(folders.folder, name), bytes);
    }
    const { manifest } = await buildOn(machine(), noProfiles, file);
    expect(manifest.model).toEqual({
      ...digestOf(twoFiles),
      name: 'model.onnx',
      externalData: digests,
    });
    expect(seen.requests[0]).toMatchObject({
      model: file,
      modelSha256: digestOf(twoFiles).sha256,
      externalData: {
        folder: folders.folder,
        files: [
          { location: 'a.bin', identity: 'state of a.bin' },
          { location: 'sub/b.bin', identity: 'state of sub/b.bin' },
        ],
      },
    });
    expect(existsSync(seen.requests[0]?.stage ?? '')).toBe(false);
    expect(await readFile(file)).toEqual(Buffer.from(twoFiles));
  });

  it.each([
    ['the engine', 'm.data', 'm.data', ''],
    ['its manifest', 'm.data.json', 'm.data', ''],
    ['its manifest', 'm.data.json', 'm.data', 'aaaa'],
  ])('#83 is never replaced by %s (%s, output %s, %j)', async (_, location, output, content) => {
    const file = path.join(folders.folder, 'model.onnx');
    const weightsFile = path.join(folders.folder, location);
    const dims = [content.length];
    await writeFile(file, model({ ...weights('a', location), dims }));
    await writeFile(weightsFile, content);
    const options = { ...noProfiles, output: path.join(folders.folder, output) };
    await expect(buildOn(machine(), options, file)).rejects.toMatchObject({
      code: 'ERR_TRT_WRITE',
      details: { path: weightsFile },
    });
    expect(seen.requests).toEqual([]);
    expect(await readFile(weightsFile, 'utf8')).toBe(content);
  });

  it('#24 is about one model: another one in its place by the time it is hashed is refused', async () => {
    const file = path.join(folders.folder, 'exchanged.onnx');
    const bytes = await readFile(digits);
    await writeFile(file, bytes);
    const { binding, ...rest } = machine();
    const hashFile = async (model: string) => {
      await writeFile(`${file}.new`, bytes);
      await rename(`${file}.new`, file);
      return binding.hashFile(model);
    };
    await expect(
      buildOn({ ...rest, binding: { ...binding, hashFile } }, forAmpere, file),
    ).rejects.toMatchObject({ code: 'ERR_TRT_ONNX_INVALID', details: { reason: 'changed' } });
  });

  it('#24 is told with its folder, and that the model is a link, when it is not there', async () => {
    const target = path.join(folders.folder, 'target.onnx');
    const link = path.join(folders.folder, 'link.onnx');
    await writeFile(target, twoFiles);
    await symlink(target, link);
    const on = machine();
    const missing = new TrtError('ERR_TRT_EXTERNAL_DATA', 'no such file', {
      details: { reason: 'missing' },
    });
    const binding = { ...on.binding, hashExternalFile: () => Promise.reject(missing) };
    await expect(buildOn({ ...on, binding }, noProfiles, link)).rejects.toMatchObject({
      code: 'ERR_TRT_EXTERNAL_DATA',
      details: { reason: 'missing', tensor: 'a', folder: folders.folder },
      message: expect.stringContaining('symbolic link') as string,
    });
  });

  it('comes with a model that is bytes', async () => {
    const options = { ...noProfiles, externalData: files };
    const { manifest } = await buildOn(machine(), options, twoFiles);
    expect(manifest.model.externalData).toEqual(digests);
    expect(seen.lent[0]?.data).toEqual({ 'a.bin': 'aaaa', 'sub/b.bin': 'bbbbb' });
    expect(existsSync(seen.requests[0]?.externalData?.folder ?? '')).toBe(false);
  });

  it('#25 of bytes is never looked for in the working directory', async () => {
    const here = process.cwd();
    onTestFinished(() => process.chdir(here));
    process.chdir(folders.folder);
    await writeFile('a.bin', files['a.bin']);
    const alone = model(weights('a', 'a.bin'));
    for (const externalData of [undefined, {}]) {
      const options = { ...noProfiles, externalData };
      await expect(buildOn(machine(), options, alone)).rejects.toMatchObject({
        code: 'ERR_TRT_EXTERNAL_DATA',
        details: { reason: 'missing', tensor: 'a', location: 'a.bin' },
      });
    }
    expect(seen.requests).toEqual([]);
  });

  it.each<[string, object, Uint8Array, string]>([
    [
      'a file that the model does not name',
      { ...files, 'c.bin': files['a.bin'] },
      twoFiles,
      'INVALID_ARG',
    ],
    ['files for a model that has none', files, model(), 'INVALID_ARG'],
    ['too short a file', { ...files, 'a.bin': Buffer.from('aaa') }, twoFiles, 'EXTERNAL_DATA'],
    [
      'a file that would be a folder too',
      { a: files['a.bin'], 'a/b': files['a.bin'] },
      model(weights('a', 'a'), weights('b', 'a/b')),
      'EXTERNAL_DATA',
    ],
    ['a file outside', {}, model(weights('a', '../a.bin')), 'EXTERNAL_DATA'],
  ])('is refused for %s, and nothing stays', async (_, externalData, onnx, code) => {
    const options = { ...noProfiles, externalData } as BuildOptions;
    await expect(buildOn(machine(), options, onnx)).rejects.toMatchObject({
      code: `ERR_TRT_${code}`,
    });
    expect(seen.requests).toEqual([]);
  });

  it('#35 may be taken away while it is copied, which is an error', async () => {
    const large = new Uint8Array(4 * 2 ** 20);
    const options = { ...noProfiles, externalData: { 'a.bin': large } };
    const on = machine();
    const taking = {
      ...on,
      // Called once the model was copied, before it is examined.
      findLibraries: (...args: Parameters<typeof on.findLibraries>) => {
        setImmediate(() => structuredClone(large, { transfer: [large.buffer] }));
        return on.findLibraries(...args);
      },
    };
    await expect(buildOn(taking, options, model(weights('a', 'a.bin')))).rejects.toMatchObject({
      details: { argument: 'options.externalData["a.bin"]' },
    });
  });
});
