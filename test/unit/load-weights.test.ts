import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadThrough } from '../../lib/load';
import { checkLoadOptions, type LoadOptions } from '../../lib/load-options';
import type { Engine } from '../../lib/engine';
import type { Manifest } from '../../lib/manifest-schema';
import { planSourceOf } from '../../lib/plan-source';
import { FakeLoadMachine } from '../support/fake-load-machine';
import { nativeError } from '../support/fake-native-engine';
import { digestOf, manifestFixture } from '../support/manifests';
import { tensorrtHeader } from '../support/plan-bytes';
import { layersModel, weightsOf } from '../support/weighted-models';
import { discovery, driverWith, gpu, usable } from './fake-discovery';

const planBytes = Buffer.concat([tensorrtHeader([10, 6, 0, 26]), Buffer.alloc(1000, 7)]);
const modelBytes = layersModel([2, 3], weightsOf([2, 3], 1));
const pluginBytes = 'a plugin library';

let folder = '';
let planPath = '';
let modelPath = '';
let pluginPath = '';

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'trt-node-load-weights-'));
  planPath = path.join(folder, 'a.engine');
  modelPath = path.join(folder, 'a.onnx');
  pluginPath = path.join(folder, 'libplugin.so');
  await writeFile(planPath, planBytes);
  await writeFile(modelPath, modelBytes);
  await writeFile(pluginPath, pluginBytes);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function goodMachine(): FakeLoadMachine {
  return new FakeLoadMachine(driverWith(gpu('9.0')), discovery([usable('tensorrt', '10.6.0')]));
}

function manifestOf(changes: Partial<Manifest> = {}): Manifest {
  return manifestFixture('', {
    flavour: 'tensorrt',
    version: '10.6.0',
    plan: digestOf(planBytes),
    computeCapabilities: ['9.0'],
    ...changes,
  });
}

function load(machine: FakeLoadMachine, options: LoadOptions = {}): Promise<Engine> {
  return loadThrough(machine, planSourceOf(planPath), checkLoadOptions(options));
}

function code(expected: string, details: Record<string, unknown> = {}): unknown {
  return expect.objectContaining({
    name: 'TrtError',
    code: expected,
    details: expect.objectContaining(details) as unknown,
  });
}

describe('what TensorRT is told', () => {
  it('is what the options say', async () => {
    const machine = goodMachine();
    await load(machine, {
      manifest: manifestOf(),
      plugins: [pathToFileURL(pluginPath), pluginPath],
      standardPlugins: true,
      hostCode: true,
      weightStreamingBudget: 1024,
    });
    expect(machine.requests[0]).toMatchObject({
      plugins: [pluginPath],
      standardPlugins: true,
      hostCode: true,
      weightStreamingBudget: 1024,
      awaitRefit: false,
    });
  });

  it.each([
    [{ stripPlan: true }, true],
    [{ stripPlan: false }, false],
    [{ refit: 'all' }, false],
  ])('a plan with the options %j waits for weights: %s', async (options, awaitRefit) => {
    const machine = goodMachine();
    await load(machine, { manifest: manifestOf({ options }) });
    expect(machine.requests[0]).toMatchObject({ awaitRefit });
  });
});

describe('weights', () => {
  it.each([
    ['a path', () => modelPath],
    ['a URL', () => pathToFileURL(modelPath)],
    ['bytes', () => modelBytes],
  ])('are given from %s before the engine is', async (_, weights) => {
    const machine = goodMachine();
    await load(machine, { manifest: manifestOf(), weights: weights() });
    expect(machine.requests[0]?.awaitRefit).toBe(true);
    const [engine] = machine.engines;
    expect(engine?.refits).toEqual([
      expect.objectContaining({
        modelSha256: digestOf(modelBytes).sha256,
        externalData: null,
        parser: '/lib/parser.so',
      }),
    ]);
  });

  it('that do not fit close the engine', async () => {
    const machine = goodMachine();
    machine.refitError = nativeError('ERR_TRT_REFIT');
    await expect(load(machine, { weights: modelPath })).rejects.toEqual(code('ERR_TRT_REFIT'));
    expect(machine.engines[0]?.closed).toBe(1);
  });

  it('need the ONNX parser', async () => {
    const machine = goodMachine();
    const files = { core: '/lib/core.so', parser: null };
    machine.found = discovery([usable('tensorrt', '10.6.0', { files })]);
    await expect(load(machine, { weights: modelPath })).rejects.toEqual(
      code('ERR_TRT_BUILDER_MISSING'),
    );
    expect(machine.engines[0]?.closed).toBe(1);
  });
});

describe('the plugins that a plan was built with', () => {
  const needed = [{ ...digestOf(pluginBytes), name: 'libplugin.so' }];

  it('are given by the very same file, whatever its name is now', async () => {
    const machine = goodMachine();
    const renamed = path.join(folder, 'renamed.so');
    await writeFile(renamed, pluginBytes);
    await load(machine, { manifest: manifestOf({ plugins: needed }), plugins: [renamed] });
    expect(machine.requests[0]?.plugins).toEqual([renamed]);
  });

  it('are an error before TensorRT is opened, where they are others or none', async () => {
    const other = path.join(folder, 'other', 'libplugin.so');
    await mkdir(path.dirname(other));
    await writeFile(other, 'another one');
    const manifest = manifestOf({ plugins: needed });
    for (const [plugins, reason] of [
      [[], 'missing'],
      [[modelPath], 'missing'],
      [[other], 'digest'],
      [[path.join(folder, 'nothing.so')], 'unreadable'],
    ] as const) {
      const machine = goodMachine();
      await expect(load(machine, { manifest, plugins })).rejects.toEqual(
        code('ERR_TRT_PLUGIN', { reason }),
      );
      expect(machine.calls).not.toContain('loadEngine');
      expect(machine.plans[0]?.released).toBe(1);
    }
  });

  it('are not opened where they were replaced after they were compared', async () => {
    const machine = goodMachine();
    const swapped = path.join(folder, 'swapped.so');
    await writeFile(swapped, pluginBytes);
    machine.afterHash = async (file) => {
      if (file !== swapped) return;
      await writeFile(`${swapped}.new`, 'another one');
      await rename(`${swapped}.new`, swapped);
    };
    const manifest = manifestOf({ plugins: needed });
    await expect(load(machine, { manifest, plugins: [pluginPath, swapped] })).rejects.toEqual(
      code('ERR_TRT_PLUGIN', { reason: 'changed', path: swapped }),
    );
    expect(machine.calls).not.toContain('loadEngine');
    expect(machine.plans[0]?.released).toBe(1);
  });

  it("are not compared with integrity: 'off'", async () => {
    const machine = goodMachine();
    await load(machine, { manifest: manifestOf({ plugins: needed }), integrity: 'off' });
    expect(machine.calls).not.toContain('hashFile');
    expect(machine.calls).toContain('loadEngine');
  });
});

describe("onMismatch: 'rebuild'", () => {
  const rebuild = { onMismatch: 'rebuild', model: 'a.onnx' } as const;

  it.each([
    ['bytes', () => planBytes],
    ['a folder', () => folder],
  ])('has nowhere to write for %s', async (_, plan) => {
    const loading = loadThrough(
      goodMachine(),
      planSourceOf(plan()),
      checkLoadOptions({ ...rebuild }),
    );
    await expect(loading).rejects.toEqual(code('ERR_TRT_INVALID_ARG', { argument: 'plan' }));
  });

  it('makes a manifest of its own', () => {
    expect(() => checkLoadOptions({ ...rebuild, manifest: manifestOf() })).toThrow(
      code('ERR_TRT_INVALID_ARG', { argument: 'options.manifest' }),
    );
  });
});

it('of a folder, the plan that fits is loaded', async () => {
  const plans = path.join(folder, 'plans');
  await mkdir(plans);
  const older = Buffer.concat([tensorrtHeader([10, 5, 0, 1]), Buffer.alloc(10)]);
  for (const [name, bytes, version] of [
    ['a.engine', older, '10.5.0'],
    ['b.engine', planBytes, '10.6.0'],
  ] as const) {
    const manifest = manifestOf({ plan: digestOf(bytes), version });
    await writeFile(path.join(plans, name), bytes);
    await writeFile(path.join(plans, `${name}.json`), JSON.stringify(manifest));
  }
  const machine = goodMachine();
  const engine = await loadThrough(machine, planSourceOf(plans), checkLoadOptions({}));
  expect(engine.manifest?.version).toBe('10.6.0');
  expect(machine.plans.map(({ bytes }) => bytes)).toEqual([planBytes]);
});
