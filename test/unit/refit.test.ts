import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Engine } from '../../lib/engine';
import type { Manifest } from '../../lib/manifest-schema';
import { checkedVerificationKey, signatureProblem } from '../../lib/signature/verify';
import { EngineWeights, type EngineHost } from '../../lib/refit/engine-weights';
import { planWeights, savedManifest } from '../../lib/refit/saved-manifest';
import { FakeNativeEngine } from '../support/fake-native-engine';
import { digestOf, fileWork, manifestFixture, planDigestOf } from '../support/manifests';
import { tensorrtHeader } from '../support/plan-bytes';
import { layersModel, weightsOf } from '../support/weighted-models';

const modelBytes = layersModel([2, 3], weightsOf([2, 3], 1));
const saved = new Uint8Array(Buffer.concat([tensorrtHeader([10, 6, 0, 26]), Buffer.alloc(99, 5)]));

let folder = '';
let modelPath = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'trt-node-refit-'));
  modelPath = path.join(folder, 'm.onnx');
  await writeFile(modelPath, modelBytes);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const host: EngineHost = {
  binding: {
    ...fileWork,
    hashExternalFile: () => Promise.reject(new Error('no test has external data')),
  },
  parser: '/lib/parser.so',
};

let native: FakeNativeEngine;
beforeEach(() => {
  native = new FakeNativeEngine([], []);
  native.serialized = saved;
});

function engineOf(manifest: Manifest | null = null): Engine {
  const origin = { manifest, integrity: manifest === null ? 'unverified' : 'digest' } as const;
  return new Engine(native, origin, new EngineWeights(native, host));
}

function code(expected: string, details: Record<string, unknown> = {}): unknown {
  return expect.objectContaining({
    name: 'TrtError',
    code: expected,
    details: expect.objectContaining(details) as unknown,
  });
}

const w = { type: 'float32', data: Float32Array.of(1, 2, 3, 4), dims: [2, 2] } as const;

describe('a refit by name', () => {
  it('hands each tensor over as bytes, and says what is missing', async () => {
    native.missingWeights = ['b'];
    const whole = new Float32Array(8);
    const part = whole.subarray(2, 6).fill(7);
    const packed = { type: 'int4', data: new Uint8Array(2), dims: [3] } as const;
    const missing = await engineOf().refit({ w: { ...w, data: part }, packed });
    expect(missing).toEqual(['b']);
    expect(native.refits).toEqual([
      {
        weights: [
          {
            name: 'w',
            type: 'float32',
            elements: 4,
            data: new Uint8Array(whole.buffer, 8, 16),
          },
          { name: 'packed', type: 'int4', elements: 3, data: new Uint8Array(2) },
        ],
      },
    ]);
  });

  it.each([
    ['nothing', undefined],
    ['a number', 5],
    ['no weights', {}],
    ['a map', new Map([['w', w]])],
    ['a bare array', { w: w.data }],
    ['an unknown type', { w: { ...w, type: 'float64' } }],
    ['an array of another type', { w: { ...w, data: new Int32Array(4) } }],
    ['dims of another size', { w: { ...w, dims: [5] } }],
    ['dims that are none', { w: { ...w, dims: '2x2' } }],
    ['a URL of the net', new URL('https://example.com/m.onnx')],
  ])('of %s is a wrong argument', async (_, source) => {
    await expect(engineOf().refit(source as never)).rejects.toEqual(code('ERR_TRT_INVALID_ARG'));
    expect(native.refits).toEqual([]);
  });

  it('takes no external data', async () => {
    const externalData = { 'w.bin': new Uint8Array(4) };
    await expect(engineOf().refit({ w }, { externalData })).rejects.toEqual(
      code('ERR_TRT_INVALID_ARG'),
    );
  });
});

describe('a refit from a model', () => {
  it('stages the model for TensorRT, and leaves nothing behind', async () => {
    expect(await engineOf().refit(modelPath)).toEqual([]);
    const [source] = native.refits;
    expect(source).toMatchObject({
      model: modelPath,
      modelSha256: digestOf(modelBytes).sha256,
      externalData: null,
      parser: '/lib/parser.so',
    });
    const { stage } = source as { stage: string };
    await expect(readdir(path.dirname(stage))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses what is no model before TensorRT sees it', async () => {
    const engine = engineOf();
    const nothing = path.join(folder, 'nothing.onnx');
    await expect(engine.refit(nothing)).rejects.toEqual(code('ERR_TRT_ONNX_NOT_FOUND'));
    await expect(engine.refit(new Uint8Array())).rejects.toEqual(code('ERR_TRT_ONNX_INVALID'));
    expect(native.refits).toEqual([]);
  });

  it('ends with the reason of an abort', async () => {
    const reason = new Error('no longer wanted');
    const signal = AbortSignal.abort(reason);
    await expect(engineOf().refit(modelPath, { signal })).rejects.toBe(reason);
    await expect(engineOf().refit({ w }, { signal })).rejects.toBe(reason);
    expect(native.refits).toEqual([]);
  });

  it('is given up at once where hashing takes its time', async () => {
    const reason = new Error('no longer wanted');
    const controller = new AbortController();
    const hashFile = (): Promise<never> => {
      controller.abort(reason);
      return new Promise(() => undefined);
    };
    const busy = { ...host, binding: { ...host.binding, hashFile } };
    const weights = new EngineWeights(native, busy);
    const engine = new Engine(native, { manifest: null, integrity: 'unverified' }, weights);
    const { signal } = controller;
    await expect(engine.refit(modelPath, { signal })).rejects.toBe(reason);
    await engine.close();
    expect([native.refits.length, native.closed]).toEqual([0, 1]);
  });

  it('keeps close() waiting', async () => {
    const engine = engineOf();
    const refitting = engine.refit(modelPath);
    const closing = engine.close();
    await expect(engine.refit(modelPath)).rejects.toEqual(code('ERR_TRT_ENGINE_CLOSED'));
    await Promise.all([refitting, closing]);
    expect([native.refits.length, native.closed]).toEqual([1, 1]);
  });
});

it('an engine tells its weights', async () => {
  native.refittable = true;
  native.streamableWeightsBytes = 10;
  native.weightStreamingBudgetBytes = 4;
  const engine = engineOf();
  expect(engine.refittable).toBe(true);
  expect(engine.weightStreaming).toEqual({ streamableBytes: 10, budgetBytes: 4 });
  expect(await engine.refittableWeights()).toEqual({ all: [], missing: [] });
});

describe('save', () => {
  const stripped = (): Manifest =>
    manifestFixture('plan', {
      flavour: 'tensorrt',
      version: '10.6.0',
      options: { stripPlan: true, optimizationLevel: 0 },
      cacheKey: 'a'.repeat(64),
      signature: { algorithm: 'ed25519', value: 'AAAA' },
    });

  it('writes plan and manifest: weights and digest are those of now', async () => {
    const output = path.join(folder, 'saved.engine');
    const loaded = stripped();
    const engine = engineOf(loaded);
    await engine.refit(modelPath);
    await engine.save(output);
    expect(new Uint8Array(await readFile(output))).toEqual(saved);
    const manifest = JSON.parse(await readFile(`${output}.json`, 'utf8')) as Manifest;
    expect(manifest).toMatchObject({
      plan: planDigestOf(saved),
      model: { sha256: digestOf(modelBytes).sha256, name: 'm.onnx' },
      options: { optimizationLevel: 0 },
      network: loaded.network,
    });
    expect(manifest.options).not.toHaveProperty('stripPlan');
    expect(manifest).not.toHaveProperty('signature');
    expect(manifest).not.toHaveProperty('cacheKey');
  });

  it('says of which model the weights are that no name was given for', async () => {
    const output = path.join(folder, 'both.engine');
    const engine = engineOf(stripped());
    await engine.refit(modelPath);
    await engine.refit({ w });
    await engine.save(output);
    const named = JSON.parse(await readFile(`${output}.json`, 'utf8')) as Manifest;
    expect(named.model.sha256).toBe(digestOf(modelBytes).sha256);
    expect(named.options).toMatchObject({ namedWeights: true });

    const again = engineOf(named);
    await again.save(output);
    expect(JSON.parse(await readFile(`${output}.json`, 'utf8'))).toMatchObject({
      options: { namedWeights: true },
    });
    // A model brings all weights.
    await again.refit(modelPath);
    await again.save(output);
    const { options } = JSON.parse(await readFile(`${output}.json`, 'utf8')) as Manifest;
    expect(options).not.toHaveProperty('namedWeights');
  });

  it('signs what it writes', async () => {
    const output = path.join(folder, 'signed.engine');
    const signingKey = new Uint8Array(32).fill(9);
    await engineOf(stripped()).save(output, { signingKey });
    const manifest = JSON.parse(await readFile(`${output}.json`, 'utf8')) as Manifest;
    const keys = checkedVerificationKey(signingKey);
    expect(signatureProblem(manifest, keys ?? [])).toBeNull();
  });

  it('writes the plan alone where nothing is known of it, and beside no other manifest', async () => {
    const output = path.join(folder, 'alone.engine');
    await engineOf().save(output);
    expect(new Uint8Array(await readFile(output))).toEqual(saved);
    const taken = path.join(folder, 'taken.engine');
    await writeFile(`${taken}.json`, JSON.stringify(stripped()));
    await expect(engineOf().save(taken)).rejects.toEqual(code('ERR_TRT_WRITE'));
    const signingKey = new Uint8Array(32).fill(9);
    await expect(engineOf().save(output, { signingKey })).rejects.toEqual(
      code('ERR_TRT_UNSUPPORTED'),
    );
    const left = (await readdir(folder)).filter((name) => name.startsWith('.'));
    expect(left).toEqual([]);
  });

  it('leaves nothing where TensorRT fails, and never replaces another kind of file', async () => {
    native.serialized = null;
    const inner = await mkdtemp(path.join(folder, 'failed-'));
    await expect(engineOf(stripped()).save(path.join(inner, 'a.engine'))).rejects.toThrow();
    expect(await readdir(inner)).toEqual([]);
    await expect(engineOf(stripped()).save(modelPath)).rejects.toEqual(code('ERR_TRT_WRITE'));
    expect(digestOf(await readFile(modelPath))).toEqual(digestOf(modelBytes));
  });
});

describe('what a saved manifest keeps', () => {
  const verification = { cases: 1, reference: 'given', outputs: {} } as const;
  const loaded = manifestFixture('plan', { verification });
  const plan = { ...planDigestOf('new plan'), version: loaded.version };

  it('a verification, as long as the weights are those that were verified', () => {
    const { model } = loaded;
    expect(savedManifest(loaded, plan, { model: null, named: false }).verification).toEqual(
      verification,
    );
    expect(savedManifest(loaded, plan, { model, named: false }).verification).toEqual(verification);
    const other = { ...model, sha256: 'b'.repeat(64) };
    expect(savedManifest(loaded, plan, { model: other, named: false })).not.toHaveProperty(
      'verification',
    );
    const data = { ...model, externalData: { w: digestOf('w') } };
    expect(savedManifest(loaded, plan, { model: data, named: false })).not.toHaveProperty(
      'verification',
    );
    const named = savedManifest(loaded, plan, { model: null, named: true });
    expect(named).not.toHaveProperty('verification');
    expect(named.options).toMatchObject({ namedWeights: true });
  });

  it.each([
    ['tensorrt', '10.6.0', {}],
    ['tensorrt', '10.13.3', {}],
    ['tensorrt', '10.14.0', { refit: 'all' }],
    ['tensorrt', '11.0.0', { refit: 'all' }],
    // Nothing tells its TensorRT to.
    ['tensorrt-rtx', '1.7.1', {}],
  ] as const)(
    'of a stripped plan on %s %s, whether it can be refitted again',
    (flavour, version, options) => {
      const stripped = { ...loaded, flavour, version, options: { stripPlan: true, refit: 'all' } };
      const saving = { ...plan, version };
      expect(savedManifest(stripped, saving, planWeights).options).toEqual(options);
      const whole = { ...stripped, options: { refit: 'all' } };
      expect(savedManifest(whole, saving, planWeights).options).toEqual({ refit: 'all' });
    },
  );

  it('not the version of a TensorRT that another one wrote it for', () => {
    expect(savedManifest(loaded, { ...plan, version: '10.15.1' }, planWeights).version).toBe(
      '10.15.1',
    );
  });
});
