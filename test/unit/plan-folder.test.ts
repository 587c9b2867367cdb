import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UsableLibrary } from '../../lib/discovery';
import type { Manifest } from '../../lib/manifest-schema';
import { planInFolder } from '../../lib/plan-folder';
import { manifestFixture } from '../support/manifests';
import { rtxHeader, tensorrtHeader } from '../support/plan-bytes';

let folder: string;
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'plan-folder-'));
});
afterEach(() => fs.rm(folder, { recursive: true, force: true }));

const h200 = {
  index: 0,
  name: 'NVIDIA H200',
  computeCapability: '9.0',
  uuid: 'GPU-1',
  memoryTotalBytes: 139 * 2 ** 30,
};
const l4 = { ...h200, name: 'NVIDIA L4', computeCapability: '8.9' };

const library = (
  flavour: UsableLibrary['flavour'],
  version: string,
  abi: UsableLibrary['abi'],
): UsableLibrary => ({
  flavour,
  version,
  abi,
  files: { core: `/lib/${flavour}-${version}`, parser: null },
  source: 'here',
  hasBuilder: false,
  hasRuntime: true,
  parserVersion: null,
  problem: null,
});
const all = [library('tensorrt', '10.6.0', 'v10'), library('tensorrt-rtx', '1.7.1', 'rtx')];

const choose = (gpu = h200, libraries: readonly UsableLibrary[] = all): Promise<string> =>
  planInFolder(folder, {
    gpu: () => Promise.resolve(gpu),
    library: undefined,
    findLibraries: ({ flavour }) =>
      Promise.resolve({
        libraries: libraries.filter((each) => each.flavour === flavour),
        places: [],
        requested: null,
      }),
  }).then((file) => path.basename(file));

const trt: Partial<Manifest> = {
  flavour: 'tensorrt',
  version: '10.6.0',
  gpu: { name: h200.name, computeCapability: '9.0' },
  computeCapabilities: ['9.0'],
};

async function put(name: string, changes: Partial<Manifest>): Promise<void> {
  const header =
    changes.flavour === 'tensorrt' ? tensorrtHeader([10, 6, 0, 26]) : rtxHeader([1, 7, 1, 116]);
  await fs.writeFile(path.join(folder, name), header);
  const text = JSON.stringify(manifestFixture(name, changes));
  await fs.writeFile(path.join(folder, `${name}.json`), text);
}

describe('the plan of a folder', () => {
  it('is the one for this GPU and TensorRT', async () => {
    await put('a.engine', { ...trt, computeCapabilities: ['8.0'], gpu: null });
    await put('b.engine', { ...trt, version: '10.5.0' });
    await put('c.engine', trt);
    await put('d.engine', { computeCapabilities: ['8.9'], gpu: null });
    expect(await choose()).toBe('c.engine');
    expect(await choose(l4)).toBe('d.engine');
  });

  it('is never waited for where a pipe has its name', async () => {
    await put('b.engine', trt);
    execFileSync('mkfifo', [path.join(folder, 'a.engine')]);
    await fs.copyFile(path.join(folder, 'b.engine.json'), path.join(folder, 'a.engine.json'));
    expect(await choose()).toBe('b.engine');
  });

  it('is the best of those that fit', async () => {
    const other = { name: 'NVIDIA H100', computeCapability: '9.0' };
    const options = { hardwareCompatibilityLevel: 'amperePlus' };
    await put('a.engine', { ...trt, gpu: null, computeCapabilities: ['8.0'], options });
    expect(await choose()).toBe('a.engine');
    await put('b.engine', { ...trt, gpu: null, computeCapabilities: ['8.0', '9.0'] });
    expect(await choose()).toBe('b.engine');
    await put('c.engine', { ...trt, gpu: other });
    expect(await choose()).toBe('c.engine');
    await put('d.engine', trt);
    expect(await choose()).toBe('d.engine');
    await put('e.engine', { ...trt, builtAt: '2026-02-02T00:00:00Z' });
    expect(await choose()).toBe('e.engine');
  });

  it('is TensorRT’s before TensorRT-RTX’s, and of what is installed', async () => {
    const both = { gpu: null, computeCapabilities: ['8.9'] };
    await put('a.engine', { ...both });
    await put('b.engine', { ...trt, ...both });
    expect(await choose(l4)).toBe('b.engine');
    expect(await choose(l4, [all[1]!])).toBe('a.engine');
  });

  it('is none of its other files', async () => {
    await put('a.engine', trt);
    await fs.writeFile(path.join(folder, 'b.engine'), tensorrtHeader([10, 6, 0, 26]));
    await fs.writeFile(path.join(folder, 'model.onnx'), 'onnx');
    await fs.writeFile(path.join(folder, 'model.onnx.json'), '{}');
    await put('.c.engine', trt);
    await fs.mkdir(path.join(folder, 'd.engine'));
    await fs.writeFile(path.join(folder, 'd.engine.json'), '{}');
    expect(await choose()).toBe('a.engine');
  });
});

describe('where none fits', () => {
  it('each is named with its reason', async () => {
    await put('a.engine', { ...trt, computeCapabilities: ['8.0'], gpu: null });
    await put('b.engine', { ...trt, version: '10.5.0' });
    const error: unknown = await choose().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'ERR_TRT_ENGINE_NOT_FOUND',
      details: {
        plans: [
          { path: path.join(folder, 'a.engine'), code: 'ERR_TRT_ENGINE_GPU' },
          { path: path.join(folder, 'b.engine'), code: 'ERR_TRT_ENGINE_VERSION' },
        ],
      },
    });
    expect(String(error)).toContain('a.engine');
    expect(String(error)).toContain('b.engine');
  });

  it.each([
    ['ERR_TRT_ENGINE_GPU', { ...trt, computeCapabilities: ['8.0'], gpu: null }],
    ['ERR_TRT_ENGINE_VERSION', { ...trt, version: '10.5.0' }],
    ['ERR_TRT_GPU_UNSUPPORTED', { computeCapabilities: ['9.0'], gpu: null }],
  ] as const)('for one reason alone, it has its code: %s', async (code, changes) => {
    await put('a.engine', changes);
    await put('b.engine', changes);
    await expect(choose()).rejects.toMatchObject({ code });
  });

  it('a manifest that is none is such a reason', async () => {
    await put('a.engine', trt);
    await fs.writeFile(path.join(folder, 'a.engine.json'), '{');
    await expect(choose()).rejects.toMatchObject({ code: 'ERR_TRT_MANIFEST_INVALID' });
  });

  it('nothing is found in a folder without plans, or that is gone', async () => {
    await expect(choose()).rejects.toMatchObject({ code: 'ERR_TRT_ENGINE_NOT_FOUND' });
    await fs.rmdir(folder);
    await expect(choose()).rejects.toMatchObject({ code: 'ERR_TRT_ENGINE_NOT_FOUND' });
  });
});
