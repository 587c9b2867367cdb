import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { NativeBuildRequest } from '../../lib/binding';
import { defaultTuning } from '../../lib/builder-tuning';
import type { BuildOptions, BuildProgress, BuiltEngine, Manifest } from '../../lib/index';
import { planDigestOf } from '../support/manifests';
import {
  digits,
  failure,
  loadBinding,
  readPlanHeader,
  requireRtx,
  temporaryFolder,
  trtNode,
} from '../support/native-host';

const { buildEngine } = trtNode;
await requireRtx();
const folder = await temporaryFolder();

const profile = { images: { min: [1, 1, 8, 8], opt: [64, 1, 8, 8], max: [360, 1, 8, 8] } };
const forRtx = {
  runtime: 'tensorrt-rtx',
  computeCapabilities: ['8.6', '12.0'],
  profiles: [profile],
} as const satisfies BuildOptions;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const readJson = async (file: string): Promise<Manifest> =>
  JSON.parse(await fs.readFile(file, 'utf8')) as Manifest;

/** A fresh folder for one test, so that what lies in it is what that test made. */
const freshFolder = (): Promise<string> => fs.mkdtemp(path.join(folder, 'test-'));

async function expectAgreeingPair(plan: string): Promise<Manifest> {
  const [bytes, manifest] = await Promise.all([fs.readFile(plan), readJson(`${plan}.json`)]);
  expect(manifest.plan).toEqual(planDigestOf(bytes));
  expect(manifest.previous).toBeUndefined();
  return manifest;
}

describe('digits by TensorRT-RTX, without a GPU', () => {
  const output = path.join(folder, 'digits.engine');
  const events: BuildProgress[] = [];
  let built: BuiltEngine;
  let manifest: Manifest;
  let plan: Uint8Array;

  beforeAll(async () => {
    built = await buildEngine(digits, {
      ...forRtx,
      output,
      labels: { commit: '1f3a9c' },
      memoryPools: { workspace: 64 * 2 ** 20 },
      onProgress: (event) => events.push(event),
    });
    manifest = await readJson(`${output}.json`);
    plan = await fs.readFile(output);
  });

  it('writes a plan and a manifest with its digest, and nothing else', async () => {
    expect(built.path).toBe(output);
    expect(built.sizeBytes).toBe(plan.length);
    expect(built.manifest).toEqual(manifest);
    expect(manifest.plan).toEqual(planDigestOf(plan));
    expect((await fs.readdir(folder)).sort()).toEqual(['digits.engine', 'digits.engine.json']);
  });

  it('describes the model by name, size and digest', async () => {
    const model = await fs.readFile(digits);
    expect(manifest.model).toEqual({
      name: 'digits.onnx',
      sha256: sha256(model),
      sizeBytes: model.length,
    });
  });

  it('has a header that tells the flavour and version of the manifest', () => {
    const header = readPlanHeader(plan);
    expect(header.flavour).toBe('tensorrt-rtx');
    expect(header.version.split('.')).toHaveLength(4);
    expect(header.version.startsWith(`${manifest.version}.`)).toBe(true);
  });

  it('keeps what the network takes and gives', () => {
    expect(manifest.inputs).toEqual([
      { name: 'images', type: 'float32', dims: [-1, 1, 8, 8], isShapeTensor: false },
    ]);
    expect(manifest.outputs).toEqual([
      { name: 'logits', type: 'float32', dims: [-1, 10], isShapeTensor: false },
    ]);
    expect(manifest.profiles).toEqual([profile]);
  });

  it('keeps what it was built with, for and by', () => {
    expect(manifest).toMatchObject({
      schemaVersion: 1,
      flavour: 'tensorrt-rtx',
      gpu: null,
      computeCapabilities: ['8.6', '12.0'],
      labels: { commit: '1f3a9c' },
      options: {
        runtime: 'tensorrt-rtx',
        precision: null,
        optimizationLevel: null,
        memoryPools: { workspace: 64 * 2 ** 20 },
      },
    });
    expect(manifest.buildSeconds).toBeGreaterThan(0);
    expect(new Date(manifest.builtAt).toISOString()).toBe(manifest.builtAt);
  });

  it("lists the parsed network's layers, and says why there are none of the engine", () => {
    const { layers } = manifest.network;
    // Three convolutions, by models/digits/README.md.
    expect(layers.filter(({ type }) => type === 'Convolution')).toHaveLength(3);
    expect(layers.every(({ name, outputTypes }) => name !== '' && outputTypes.length > 0)).toBe(
      true,
    );
    expect(manifest.layers).toBeNull();
    expect(manifest.layersReason).toMatch(/GPU/);
  });

  it("tells TensorRT's phases and steps while it builds", () => {
    const started = events.filter(({ kind }) => kind === 'phase-start').map(({ phase }) => phase);
    const ended = events.filter(({ kind }) => kind === 'phase-end').map(({ phase }) => phase);
    expect(started.length).toBeGreaterThan(0);
    expect([...ended].sort()).toEqual([...started].sort());
    const steps = events.filter(({ kind }) => kind === 'step');
    expect(steps.length).toBeGreaterThan(0);
    expect(
      steps.every(({ phase, step, steps: all }) => phase !== '' && step >= 1 && step <= all),
    ).toBe(true);
    const nested = events.filter(({ kind, parent }) => kind === 'phase-start' && parent !== null);
    expect(nested.every(({ parent }) => started.includes(parent!))).toBe(true);
    const times = events.map(({ elapsedMs }) => elapsedMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('reads its bytes back', async () => {
    expect(sha256(await built.bytes())).toBe(manifest.plan.sha256);
  });
});

describe('the output', () => {
  it('stays in memory when none is named, and can be saved later', async () => {
    const built = await buildEngine(digits, forRtx);
    expect(built.path).toBeUndefined();
    const bytes = await built.bytes();
    expect(bytes.length).toBe(built.sizeBytes);

    const into = await freshFolder();
    const saved = path.join(into, 'saved.engine');
    await built.save(saved);
    expect(await expectAgreeingPair(saved)).toEqual(built.manifest);
    expect(Buffer.compare(await fs.readFile(saved), bytes)).toBe(0);
    expect((await fs.readdir(into)).sort()).toEqual(['saved.engine', 'saved.engine.json']);
  });

  it('may be a file: URL, as may the model', async () => {
    const output = path.join(await freshFolder(), 'by url.engine');
    const built = await buildEngine(pathToFileURL(digits), {
      ...forRtx,
      output: pathToFileURL(output),
    });
    expect(built.path).toBe(output);
    await expectAgreeingPair(output);
  });

  it('replaces the pair that stands there', async () => {
    const into = await freshFolder();
    const output = path.join(into, 'digits.engine');
    const first = await buildEngine(digits, { ...forRtx, output, labels: { take: 'first' } });
    const second = await buildEngine(digits, {
      ...forRtx,
      output,
      computeCapabilities: ['8.9'],
      labels: { take: 'second' },
    });
    expect(second.manifest.plan.sha256).not.toBe(first.manifest.plan.sha256);
    expect(await expectAgreeingPair(output)).toMatchObject({
      labels: { take: 'second' },
      computeCapabilities: ['8.9'],
    });
    expect((await fs.readdir(into)).sort()).toEqual(['digits.engine', 'digits.engine.json']);
    // The first BuiltEngine is about a plan that is no longer there.
    await failure('ERR_TRT_ENGINE_DIGEST', first.bytes());
  });
});

describe('options', () => {
  it('takes several profiles', async () => {
    const single = { images: { min: [1, 1, 8, 8], opt: [1, 1, 8, 8], max: [1, 1, 8, 8] } };
    const { manifest } = await buildEngine(digits, { ...forRtx, profiles: [single, profile] });
    expect(manifest.profiles).toEqual([single, profile]);
  });

  it.each(['fp32', 'tf32'] as const)('builds with precision %s', async (precision) => {
    const { manifest } = await buildEngine(digits, { ...forRtx, precision });
    expect(manifest.options).toMatchObject({ precision });
  });

  it('refuses fp16, which TensorRT-RTX could not honour', async () => {
    const { details } = await failure(
      'ERR_TRT_PRECISION_UNSUPPORTED',
      buildEngine(digits, { ...forRtx, precision: 'fp16' }),
    );
    expect(details).toMatchObject({ precision: 'fp16', flavour: 'tensorrt-rtx' });
  });

  it('refuses fp16 in the addon as well, which stands alone when a build runs in the thread', async () => {
    const { core, parser } = await requireRtx();
    const request: NativeBuildRequest = {
      library: { core, parser },
      model: digits,
      modelSha256: '',
      externalData: null,
      stage: await freshFolder(),
      planPath: path.join(folder, 'never.plan'),
      device: null,
      tf32: null,
      typing: 'weak',
      precisions: ['fp16'],
      calibration: null,
      timingCache: null,
      plugins: [],
      standardPlugins: false,
      tuning: defaultTuning,
      profiles: [profile],
      computeCapabilities: ['8.6'],
      optimizationLevel: null,
      memoryPools: {},
    };
    await failure(
      'ERR_TRT_PRECISION_UNSUPPORTED',
      loadBinding().build(request, () => undefined),
    );
  });

  it.each([
    ['optimizationLevel', { optimizationLevel: 2 }],
    ['memoryPools.tacticDram', { memoryPools: { tacticDram: 2 ** 20 } }],
    ['memoryPools.dlaManagedSram', { memoryPools: { dlaManagedSram: 2 ** 20 } }],
    ['memoryPools.dlaLocalDram', { memoryPools: { dlaLocalDram: 2 ** 20 } }],
    ['memoryPools.dlaGlobalDram', { memoryPools: { dlaGlobalDram: 2 ** 20 } }],
  ])('refuses %s, which changes nothing in TensorRT-RTX', async (option, options) => {
    const { details } = await failure(
      'ERR_TRT_UNSUPPORTED',
      buildEngine(digits, { ...forRtx, ...options }),
    );
    expect(details).toMatchObject({ option });
  });

  it('hands memory limits on: with less shared memory another plan is made', async () => {
    // The same options twice make the same bytes (TensorRT-RTX times nothing), so a difference is the limit's doing.
    const [plain, again, limited] = await Promise.all([
      buildEngine(digits, forRtx),
      buildEngine(digits, forRtx),
      buildEngine(digits, { ...forRtx, memoryPools: { tacticSharedMemory: 1024 } }),
    ]);
    expect(again.manifest.plan.sha256).toBe(plain.manifest.plan.sha256);
    expect(limited.manifest.plan.sha256).not.toBe(plain.manifest.plan.sha256);
  });

  it("fails with TensorRT's words and log when the workspace is too small for any kernel", async () => {
    const into = await freshFolder();
    const { message, log } = await failure(
      'ERR_TRT_BUILD_FAILED',
      buildEngine(digits, {
        ...forRtx,
        memoryPools: { workspace: 1024 },
        output: path.join(into, 'never.engine'),
      }),
    );
    expect(message).toContain('workspace');
    expect(log.some(({ severity }) => severity === 'error')).toBe(true);
    expect(await fs.readdir(into)).toEqual([]);
  });

  it('wants to be told the target where there is no GPU', async () => {
    await failure('ERR_TRT_TARGET_REQUIRED', buildEngine(digits, { profiles: [profile] }));
    await failure(
      'ERR_TRT_TARGET_REQUIRED',
      buildEngine(digits, { runtime: 'tensorrt-rtx', profiles: [profile] }),
    );
  });

  it("picks TensorRT-RTX by itself when the target's compute capabilities are named", async () => {
    const { manifest } = await buildEngine(digits, {
      computeCapabilities: ['8.9'],
      profiles: [profile],
    });
    expect(manifest).toMatchObject({ flavour: 'tensorrt-rtx', computeCapabilities: ['8.9'] });
  });

  it('refuses a compute capability that TensorRT-RTX does not build for', async () => {
    await failure(
      'ERR_TRT_GPU_UNSUPPORTED',
      buildEngine(digits, { ...forRtx, computeCapabilities: ['6.1'] }),
    );
  });
});
