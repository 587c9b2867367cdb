import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { generateKeyPairSync } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NativeDriver } from '../../lib/binding';
import type { Engine } from '../../lib/engine';
import { defaultLaneRequest } from '../../lib/infer/lane-options';
import { sliceBytes } from '../../lib/input-copy';
import { loadThrough } from '../../lib/load';
import { checkLoadOptions } from '../../lib/load-options';
import type { LoadOptions } from '../../lib/load-options';
import type { Manifest } from '../../lib/manifest-schema';
import { planSourceOf } from '../../lib/plan-source';
import { FakeLoadMachine, sha256 } from '../support/fake-load-machine';
import { nativeError } from '../support/fake-native-engine';
import { digestOf, planDigestOf } from '../support/manifests';
import { rtxHeader, tensorrtHeader } from '../support/plan-bytes';
import { discovery, gpu, usable } from './fake-discovery';

const h200 = gpu('9.0');

function driver(changes: Partial<NativeDriver> = {}): NativeDriver {
  return {
    status: 'ok',
    message: '',
    path: '/usr/lib/libcuda.so.1',
    cudaError: 0,
    cudaVersion: '13.0',
    driverVersion: '580.0',
    gpus: [h200],
    ...changes,
  };
}

const noDriver = driver({
  status: 'not-found',
  message: 'libcuda.so.1: cannot open shared object file',
  path: null,
  cudaError: null,
  gpus: [],
});

function goodMachine(): FakeLoadMachine {
  return new FakeLoadMachine(driver(), discovery([usable('tensorrt', '10.6.0')]));
}

/** Nothing is installed: whatever fails here failed before the machine was looked at. */
function bareMachine(): FakeLoadMachine {
  return new FakeLoadMachine(noDriver, discovery([]));
}

const planBytes = Buffer.concat([tensorrtHeader([10, 6, 0, 26]), Buffer.alloc(1000, 7)]);

function manifestOf(bytes: Uint8Array, changes: Partial<Manifest> = {}): Manifest {
  return {
    schemaVersion: 1,
    writer: '0.1.0',
    flavour: 'tensorrt',
    version: '10.6.0',
    plan: { sha256: sha256(bytes), sizeBytes: bytes.length },
    model: { name: 'm.onnx', sha256: 'a'.repeat(64), sizeBytes: 1 },
    gpu: { name: h200.name, computeCapability: '9.0' },
    computeCapabilities: ['9.0'],
    driver: '580.0',
    inputs: [],
    outputs: [],
    profiles: [],
    options: {},
    labels: {},
    builtAt: '2026-01-01T00:00:00Z',
    buildSeconds: 1,
    network: { layers: [] },
    layers: [],
    ...changes,
  };
}

function load(machine: FakeLoadMachine, plan: unknown, options: LoadOptions = {}): Promise<Engine> {
  return loadThrough(machine, planSourceOf(plan), checkLoadOptions(options));
}

function refused(code: string, details: Record<string, unknown> = {}): unknown {
  return expect.objectContaining({
    name: 'TrtError',
    code,
    details: expect.objectContaining(details) as unknown,
  });
}

/** The error, after a look that TensorRT saw nothing and that the plan's memory was given back. */
async function refusal(
  machine: FakeLoadMachine,
  plan: unknown,
  options: LoadOptions = {},
): Promise<unknown> {
  const error = await load(machine, plan, options).then(
    () => new Error('it was loaded'),
    (reason: unknown) => reason,
  );
  expect(machine.calls).not.toContain('loadEngine');
  expect(machine.plans.map(({ released }) => released)).toEqual(machine.plans.map(() => 1));
  return error;
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve: () => resolve() };
}

let folder = '';
let files = 0;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'trt-node-load-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function planFile(bytes: Uint8Array, manifest: Manifest | string | null): Promise<string> {
  files += 1;
  const file = path.join(folder, `${files}.engine`);
  await writeFile(file, bytes);
  await writeManifest(file, manifest);
  return file;
}

async function writeManifest(file: string, manifest: Manifest | string | null): Promise<void> {
  if (manifest === null) return;
  const text = typeof manifest === 'string' ? manifest : JSON.stringify(manifest);
  await writeFile(`${file}.json`, text);
}

describe('a plan that is as its manifest says', () => {
  it('is loaded by the library of its version', async () => {
    const machine = goodMachine();
    machine.found = discovery([usable('tensorrt', '10.15.1'), usable('tensorrt', '10.6.0')]);
    const manifest = manifestOf(planBytes);
    const file = await planFile(planBytes, manifest);
    const engine = await load(machine, file);
    expect(engine.integrity).toBe('digest');
    expect(engine.manifest).toEqual(manifest);
    expect(machine.requests).toEqual([
      {
        library: machine.found.libraries[1]?.files,
        plan: machine.plans[0],
        device: 0,
        plugins: [],
        standardPlugins: false,
        hostCode: false,
        weightStreamingBudget: null,
        awaitRefit: false,
        fixedWeights: true,
        ...defaultLaneRequest,
      },
    ]);
    expect(machine.plans[0]?.released).toBe(0);
  });

  it('may be named by a URL', async () => {
    const file = await planFile(planBytes, manifestOf(planBytes));
    expect((await load(goodMachine(), pathToFileURL(file))).integrity).toBe('digest');
  });

  it('may be bytes with a manifest', async () => {
    const manifest = manifestOf(planBytes);
    const engine = await load(goodMachine(), planBytes, { manifest });
    expect(engine.integrity).toBe('digest');
    expect(engine.manifest).toEqual(manifest);
  });

  it('may be what the previous entry of its manifest describes', async () => {
    const newer = Buffer.concat([planBytes, Buffer.of(1)]);
    const old = manifestOf(planBytes);
    const file = await planFile(planBytes, { ...manifestOf(newer), previous: old });
    expect((await load(goodMachine(), file)).manifest).toEqual(old);
    const digestOnly = { ...manifestOf(newer), previous: { plan: old.plan } };
    const engine = await load(goodMachine(), await planFile(planBytes, digestOnly));
    expect([engine.manifest, engine.integrity]).toEqual([null, 'digest']);
  });

  it('may be published while it is read', async () => {
    const newer = Buffer.concat([planBytes, Buffer.of(1)]);
    const file = await planFile(newer, manifestOf(planBytes));
    const machine = goodMachine();
    machine.afterRead = () => writeManifest(file, manifestOf(newer));
    expect((await load(machine, file)).manifest?.plan.sha256).toBe(sha256(newer));
  });
});

describe('a plan without a manifest', () => {
  it('is unverified', async () => {
    for (const plan of [await planFile(planBytes, null), planBytes]) {
      const engine = await load(goodMachine(), plan);
      expect([engine.integrity, engine.manifest]).toEqual(['unverified', null]);
    }
  });

  it('#5 is refused on a GPU that its runtime cannot use', async () => {
    const rtxPlan = rtxHeader([1, 7, 1, 116]);
    const machine = goodMachine();
    expect(await refusal(machine, rtxPlan)).toEqual(refused('ERR_TRT_GPU_UNSUPPORTED'));
  });
});

describe('bytes', () => {
  it('are copied in slices of at most 1 MiB', async () => {
    const machine = goodMachine();
    const bytes = Buffer.alloc(2 * sliceBytes + 5);
    tensorrtHeader([10, 6, 0, 26]).copy(bytes);
    await load(machine, bytes);
    expect(machine.slices).toEqual([sliceBytes, sliceBytes, 5]);
    expect(machine.plans[0]?.bytes.equals(bytes)).toBe(true);
  });

  it('that are transferred meanwhile are refused', async () => {
    const machine = goodMachine();
    const bytes = new Uint8Array(2 * sliceBytes);
    bytes.set(tensorrtHeader([10, 6, 0, 26]));
    const loading = refusal(machine, bytes);
    while (machine.slices.length === 0) await Promise.resolve();
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    expect(await loading).toEqual(refused('ERR_TRT_INVALID_ARG', { argument: 'plan' }));
  });

  it('#2 that are no plan are refused before one is copied', async () => {
    const machine = bareMachine();
    const onnx = Buffer.from([8, 8, 0x12, 7, ...Buffer.from('pytorch')]);
    expect(await refusal(machine, onnx)).toEqual(
      refused('ERR_TRT_ENGINE_INVALID', { reason: 'not-a-plan' }),
    );
    expect(machine.calls).not.toContain('createPlan');
  });
});

describe('a bad plan is reported as such on a machine that has nothing', () => {
  it('#12 no file', async () => {
    const missing = path.join(folder, 'missing.engine');
    const named = await refusal(bareMachine(), missing);
    expect(named).toEqual(refused('ERR_TRT_ENGINE_NOT_FOUND'));
  });

  it.each([
    ['#1 an empty file', Buffer.alloc(0), 'empty'],
    ['#1 a truncated header', planBytes.subarray(0, 20), 'truncated'],
    ['#2 a file that is no plan', Buffer.from('{"a":1}'), 'not-a-plan'],
  ])('%s, before its manifest is looked at', async (_, bytes, reason) => {
    const file = await planFile(bytes, 'rubbish');
    expect(await refusal(bareMachine(), file)).toEqual(
      refused('ERR_TRT_ENGINE_INVALID', { reason, path: file }),
    );
  });

  it('a manifest that is none', async () => {
    const file = await planFile(planBytes, 'rubbish');
    expect(await refusal(bareMachine(), file)).toEqual(refused('ERR_TRT_MANIFEST_INVALID'));
  });

  it('#7 a truncated plan, with how much is there', async () => {
    const file = await planFile(planBytes.subarray(0, 500), manifestOf(planBytes));
    const error = await refusal(bareMachine(), file);
    expect(error).toEqual(refused('ERR_TRT_ENGINE_DIGEST', { reason: 'truncated', path: file }));
    expect((error as Error).message).toContain(file);
    expect((error as Error).message).toContain('500 of 1028 bytes');
  });

  it('#11 a plan beyond the memory of the machine, of which nothing is read', async () => {
    const sizeBytes = Math.max(2 ** 40, 2 * os.totalmem());
    const file = await planFile(planBytes, manifestOf(planBytes));
    await truncate(file, sizeBytes);
    const machine = bareMachine();
    const error = await refusal(machine, file);
    expect(error).toEqual(refused('ERR_TRT_ENGINE_INVALID', { reason: 'too-large', sizeBytes }));
    expect(machine.calls).not.toContain('readPlan');
  });

  it('#10 a longer plan', async () => {
    const longer = Buffer.concat([planBytes, Buffer.of(1)]);
    const error = await refusal(bareMachine(), await planFile(longer, manifestOf(planBytes)));
    expect(error).toEqual(refused('ERR_TRT_ENGINE_DIGEST', { reason: 'longer' }));
  });

  it.each([100, 1027])('#8 a plan with one bit altered at byte %i', async (at) => {
    const altered = Buffer.from(planBytes);
    altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
    const error = await refusal(bareMachine(), await planFile(altered, manifestOf(planBytes)));
    expect(error).toEqual(refused('ERR_TRT_ENGINE_DIGEST', { reason: 'altered' }));
  });

  it('bytes that the given manifest does not describe', async () => {
    const manifest = manifestOf(Buffer.from('another plan'));
    expect(await refusal(bareMachine(), planBytes, { manifest })).toEqual(
      refused('ERR_TRT_ENGINE_DIGEST', { path: null }),
    );
  });

  it('a manifest of the other flavour', async () => {
    const manifest = manifestOf(planBytes, { flavour: 'tensorrt-rtx' });
    expect(await refusal(bareMachine(), await planFile(planBytes, manifest))).toEqual(
      refused('ERR_TRT_ENGINE_FLAVOUR'),
    );
  });

  it('a manifest of another version', async () => {
    const manifest = manifestOf(planBytes, { version: '10.7.0' });
    expect(await refusal(bareMachine(), await planFile(planBytes, manifest))).toEqual(
      refused('ERR_TRT_ENGINE_VERSION'),
    );
  });
});

describe('the manifest option', () => {
  it('that is none is told as such: there is no file to remove', async () => {
    const manifest = {} as Manifest;
    const loading = async (): Promise<unknown> => load(bareMachine(), planBytes, { manifest });
    await expect(loading()).rejects.toMatchObject({
      code: 'ERR_TRT_MANIFEST_INVALID',
      details: { path: null },
      message: expect.not.stringContaining('that file') as string,
    });
  });

  it('that is text must be parsed first', () => {
    const manifest = JSON.stringify(manifestOf(planBytes)) as unknown as Manifest;
    expect(() => checkLoadOptions({ manifest })).toThrow(/JSON\.parse/);
  });
});

describe("integrity: 'off'", () => {
  it('loads what the manifest does not describe, and then tells no manifest', async () => {
    const file = await planFile(planBytes, manifestOf(Buffer.from('another plan')));
    const engine = await load(goodMachine(), file, { integrity: 'off' });
    expect([engine.integrity, engine.manifest]).toEqual(['off', null]);
  });

  it('still tells the manifest that describes the plan', async () => {
    const manifest = manifestOf(planBytes);
    const file = await planFile(planBytes, manifest);
    const engine = await load(goodMachine(), file, { integrity: 'off' });
    expect([engine.integrity, engine.manifest]).toEqual(['off', manifest]);
  });

  it('tells no manifest of another version, whatever the size', async () => {
    const other = manifestOf(planBytes, { version: '10.7.0' });
    const engine = await load(goodMachine(), await planFile(planBytes, other), {
      integrity: 'off',
    });
    expect([engine.integrity, engine.manifest]).toEqual(['off', null]);
  });

  it('still checks the header', async () => {
    const file = await planFile(Buffer.alloc(100), null);
    expect(await refusal(goodMachine(), file, { integrity: 'off' })).toEqual(
      refused('ERR_TRT_ENGINE_INVALID'),
    );
  });
});

describe('a machine that cannot run a good plan', () => {
  const onMachine = async (machine: FakeLoadMachine, options?: LoadOptions): Promise<unknown> =>
    refusal(machine, await planFile(planBytes, manifestOf(planBytes)), options);

  it('#15 has no driver: told before that it has no library', async () => {
    expect(await onMachine(bareMachine())).toEqual(refused('ERR_TRT_NO_DRIVER'));
  });

  it('#15 has a driver that does not start', async () => {
    const machine = goodMachine();
    machine.driver = driver({ status: 'init-failed', cudaError: 999, gpus: [] });
    expect(await onMachine(machine)).toEqual(refused('ERR_TRT_NO_DRIVER', { cudaError: 999 }));
  });

  it('#15 has a driver and no GPU', async () => {
    const machine = goodMachine();
    machine.driver = driver({ gpus: [] });
    expect(await onMachine(machine)).toEqual(refused('ERR_TRT_NO_GPU'));
    // CUDA_ERROR_NO_DEVICE is 100
    machine.driver = driver({ status: 'init-failed', cudaError: 100, gpus: [] });
    expect(await onMachine(machine)).toEqual(refused('ERR_TRT_NO_GPU'));
  });

  it('has no GPU of that index', async () => {
    expect(await onMachine(goodMachine(), { device: 1 })).toEqual(
      refused('ERR_TRT_INVALID_ARG', { argument: 'options.device' }),
    );
  });

  it('#5 has a GPU of another compute capability', async () => {
    const machine = goodMachine();
    machine.driver = driver({ gpus: [gpu('8.0')] });
    expect(await onMachine(machine)).toEqual(refused('ERR_TRT_ENGINE_GPU'));
  });

  it('#4 has only a TensorRT of another version', async () => {
    const machine = goodMachine();
    machine.found = discovery([usable('tensorrt', '10.15.1')]);
    expect(await onMachine(machine)).toEqual(refused('ERR_TRT_ENGINE_VERSION'));
  });

  it('#15 has no TensorRT', async () => {
    const machine = goodMachine();
    machine.found = discovery([]);
    expect(await onMachine(machine)).toEqual(refused('ERR_TRT_LIBRARY_NOT_FOUND'));
  });

  it('fails to probe its driver', async () => {
    const machine = goodMachine();
    machine.probeError = nativeError('ERR_TRT_INTERNAL');
    expect(await onMachine(machine)).toEqual(refused('ERR_TRT_INTERNAL'));
  });
});

describe('a load does at once what does not depend on one another', () => {
  const both = planDigestOf(planBytes);

  it('starts the driver and finds the library while the plan is read', async () => {
    const machine = goodMachine();
    // The read is over when both have begun; were they to wait for it, nothing would ever be.
    const begun = [deferred(), deferred()];
    machine.whileProbing = async () => begun[0]?.resolve();
    machine.whileFinding = async () => begun[1]?.resolve();
    machine.afterRead = async () => {
      await Promise.all(begun.map(({ promise }) => promise));
    };
    const engine = await load(machine, await planFile(planBytes, manifestOf(planBytes)));
    expect(engine.integrity).toBe('digest');
  });

  it.each([
    ['the digest', 'ERR_TRT_ENGINE_DIGEST', { altered: true }],
    ['the driver', 'ERR_TRT_INTERNAL', { probe: true }],
    ['the library', 'ERR_TRT_OUT_OF_MEMORY', {}],
  ])('tells what is wrong in the order of the checks: %s', async (_, code, fault) => {
    const machine = goodMachine();
    // All of it fails before the plan is read; nothing of it may be an unhandled rejection, which ends a test run.
    if (code !== 'ERR_TRT_OUT_OF_MEMORY') machine.probeError = nativeError('ERR_TRT_INTERNAL');
    machine.findError = nativeError('ERR_TRT_OUT_OF_MEMORY');
    machine.afterRead = () => new Promise((resolve) => void setImmediate(resolve));
    const bytes = Buffer.from(planBytes);
    if ('altered' in fault) bytes.writeUInt8(1, 500);
    const loading = load(machine, await planFile(bytes, manifestOf(planBytes)));
    await expect(loading).rejects.toMatchObject({ code });
    expect(machine.plans[0]?.released).toBe(1);
  });

  it('looks for another library when another plan was published while it looked', async () => {
    const machine = goodMachine();
    const newer = Buffer.concat([tensorrtHeader([10, 15, 1, 0]), Buffer.alloc(1000, 8)]);
    const file = await planFile(planBytes, manifestOf(planBytes));
    const searched: unknown[] = [];
    machine.found = discovery([usable('tensorrt', '10.15.1')]);
    machine.whileFinding = async () => {
      searched.push(machine.calls.length);
      if (searched.length > 1) return;
      const previous = manifestOf(planBytes);
      await writeManifest(file, manifestOf(newer, { version: '10.15.1', previous }));
      await writeFile(file, newer);
      published.resolve();
    };
    const published = deferred();
    machine.beforeRead = () => published.promise;
    const engine = await load(machine, file);
    expect(engine.manifest?.version).toBe('10.15.1');
    expect(searched).toHaveLength(2);
  });

  it.each([
    ['both digests: the one of its chunks', both, {}, ['chunksSha256']],
    ['SHA-256 alone: that', digestOf(planBytes), {}, ['sha256']],
    ['both digests, integrity off: nothing', both, { integrity: 'off' }, []],
  ] as const)('hashes, of a plan whose manifest has %s', async (_, plan, options, hashed) => {
    const machine = goodMachine();
    const manifest = manifestOf(planBytes, { plan });
    const engine = await load(machine, await planFile(planBytes, manifest), options);
    expect(engine.manifest).toEqual(manifest);
    expect([...(machine.plans[0]?.hashed ?? [])]).toEqual(hashed);
    const fromBytes = goodMachine();
    await load(fromBytes, planBytes, { ...options, manifest });
    expect([...(fromBytes.plans[0]?.hashed ?? [])]).toEqual(hashed);
  });

  it('hashes nothing of a plan without a manifest', async () => {
    for (const plan of [await planFile(planBytes, null), planBytes]) {
      const machine = goodMachine();
      await load(machine, plan);
      expect([...(machine.plans[0]?.hashed ?? [])]).toEqual([]);
    }
  });

  it('hashes a plan that got its manifest while it was read', async () => {
    const machine = goodMachine();
    const file = await planFile(planBytes, null);
    machine.afterRead = () => writeManifest(file, manifestOf(planBytes, { plan: both }));
    expect((await load(machine, file)).integrity).toBe('digest');
    expect([...(machine.plans[0]?.hashed ?? [])]).toEqual(['chunksSha256']);
  });
});

it.each([
  ['its manifest says so', {}, true],
  ['not those of a plan to refit', { options: { refit: 'all' } }, false],
  ['not those of a stripped plan', { options: { stripPlan: true, refit: 'identical' } }, false],
])("a plan's weights are fixed: %s", async (_, changes, fixed) => {
  const machine = goodMachine();
  await load(machine, await planFile(planBytes, manifestOf(planBytes, changes)));
  expect(machine.requests[0]?.fixedWeights).toBe(fixed);
  const unknown = goodMachine();
  await load(unknown, planBytes);
  expect(unknown.requests[0]?.fixedWeights).toBe(false);
});

describe('the right GPU', () => {
  it('is the one with the index that was asked for', async () => {
    const machine = goodMachine();
    machine.driver = driver({ gpus: [gpu('8.0'), gpu('9.0', { index: 1 })] });
    await load(machine, await planFile(planBytes, manifestOf(planBytes)), { device: 1 });
    expect(machine.requests[0]?.device).toBe(1);
  });
});

it('#14 a plan that TensorRT refuses keeps the addon’s code, and its memory is given back', async () => {
  const machine = goodMachine();
  machine.loadError = nativeError('ERR_TRT_ENGINE_DESERIALIZE');
  await expect(load(machine, planBytes)).rejects.toEqual(refused('ERR_TRT_ENGINE_DESERIALIZE'));
  expect(machine.plans[0]?.released).toBe(1);
});

const secret = Buffer.alloc(32, 1);
const ed25519 = generateKeyPairSync('ed25519');

/** A load that asks for a signature, and what it builds where the plan does not fit. */
const signedRebuild = (build: LoadOptions['build']): LoadOptions => ({
  onMismatch: 'rebuild',
  model: 'm.onnx',
  build,
  verificationKey: [ed25519.publicKey, { key: secret, keyId: 'now' }],
});

describe('arguments', () => {
  it.each([
    ['nothing', undefined],
    ['a number', 5],
    ['an empty path', ''],
    ['a path with NUL', 'a\0b'],
    ['a URL of the net', new URL('https://example.com/plan.engine')],
    ['an array of floats', new Float32Array(8)],
    ['an ArrayBuffer', new ArrayBuffer(8)],
    ['any object', { manifest: {}, bytes: 5 }],
  ])('%s is no plan', (_, plan) => {
    expect(() => planSourceOf(plan)).toThrow(refused('ERR_TRT_INVALID_ARG'));
  });

  it.each([
    ['a negative device', { device: -1 }, 'ERR_TRT_INVALID_ARG'],
    ['a device that is no integer', { device: 0.5 }, 'ERR_TRT_INVALID_ARG'],
    ['an empty library', { library: '' }, 'ERR_TRT_INVALID_ARG'],
    ['an unknown integrity', { integrity: 'none' }, 'ERR_TRT_INVALID_ARG'],
    ['a signature without a key', { integrity: 'signature' }, 'ERR_TRT_INVALID_ARG'],
    ['plugins that are no array', { plugins: 'a.so' }, 'ERR_TRT_INVALID_ARG'],
    ['a plugin that is no path', { plugins: [5] }, 'ERR_TRT_INVALID_ARG'],
    ['a truthy hostCode', { hostCode: 1 }, 'ERR_TRT_INVALID_ARG'],
    ['a truthy standardPlugins', { standardPlugins: 'yes' }, 'ERR_TRT_INVALID_ARG'],
    ['a negative budget', { weightStreamingBudget: -1 }, 'ERR_TRT_INVALID_ARG'],
    ['a budget with a unit', { weightStreamingBudget: '1 GiB' }, 'ERR_TRT_INVALID_ARG'],
    ['weights that are tensors', { weights: { w: [1] } }, 'ERR_TRT_INVALID_ARG'],
    [
      'external data of no weights',
      { externalData: { a: new Uint8Array(1) } },
      'ERR_TRT_INVALID_ARG',
    ],
    ['a model without a rebuild', { model: 'm.onnx' }, 'ERR_TRT_INVALID_ARG'],
    ['a rebuild that nobody signs', signedRebuild({}), 'ERR_TRT_INVALID_ARG'],
    [
      'a rebuild that another key signs',
      signedRebuild({ signingKey: Buffer.alloc(32, 2) }),
      'ERR_TRT_INVALID_ARG',
    ],
    [
      'a rebuild that a key of another name signs',
      signedRebuild({ signingKey: { key: secret, keyId: 'next' } }),
      'ERR_TRT_INVALID_ARG',
    ],
    ['a manifest that is none', { manifest: {} }, 'ERR_TRT_MANIFEST_INVALID'],
    ['a misspelt option', { devise: 0 }, 'ERR_TRT_INVALID_ARG'],
    ['options that are no object', 'fast', 'ERR_TRT_INVALID_ARG'],
  ])('%s is refused', (_, options, code) => {
    expect(() => checkLoadOptions(options as never)).toThrow(refused(code));
  });

  it.each([
    ['a secret', secret],
    ['a secret of that name', { key: secret, keyId: 'now' }],
    ['a private key', ed25519.privateKey],
  ])('a rebuild may be signed with %s that the load confirms', (_, signingKey) => {
    const { rebuild } = checkLoadOptions(signedRebuild({ signingKey }));
    expect(rebuild?.options.signingKey).toBe(signingKey);
  });
});
