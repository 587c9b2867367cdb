import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NativeBuildRequest, NativeBuildResult, NativeDriver } from '../../lib/binding';
import { buildEngine, buildThrough, type BuildMachine } from '../../lib/build';
import { checkedBuildOptions, type BuildOptions } from '../../lib/build-options';
import type { BuildProgress } from '../../lib/build-progress';
import type { BuiltEngine } from '../../lib/built-engine';
import type { FoundLibrary } from '../../lib/discovery';
import { TrtError } from '../../lib/errors';
import { readManifest } from '../../lib/manifest';
import { packageVersion } from '../../lib/package-version';
import { digestOf, fileWork } from '../support/manifests';
import { usable } from './fake-discovery';

const digits = path.join(__dirname, '../../models/digits/digits.onnx');

const noDriver: NativeDriver = {
  status: 'not-found',
  message: 'libcuda.so.1 was not found',
  path: null,
  cudaError: null,
  cudaVersion: null,
  driverVersion: null,
  gpus: [],
};

const ampere: NativeDriver = {
  status: 'ok',
  message: '',
  path: '/lib/libcuda.so.1',
  cudaError: 0,
  cudaVersion: '13.0',
  driverVersion: '580.159.04',
  gpus: [
    {
      index: 0,
      name: 'NVIDIA RTX A4000',
      computeCapability: '8.6',
      uuid: 'GPU-0',
      memoryTotalBytes: 2 ** 34,
    },
  ],
};

const result: NativeBuildResult = {
  flavour: 'tensorrt-rtx',
  version: '1.7.1',
  ...digestOf('the plan'),
  inputs: [{ name: 'image', type: 'float32', dims: [1, 1, 8, 8], isShapeTensor: false }],
  outputs: [{ name: 'logits', type: 'float32', dims: [1, 10], isShapeTensor: false }],
  networkLayers: [{ name: 'conv', type: 'Convolution', outputTypes: ['float32'] }],
  engineInformation: null,
  engineInformationReason: 'no GPU',
  buildSeconds: 0.5,
  log: [],
};

let folder: string;
let output: string;
let requests: NativeBuildRequest[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'build-'));
  output = path.join(folder, 'digits.engine');
  requests = [];
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** A machine whose TensorRT writes `the plan` at once. */
function machine(
  libraries: readonly FoundLibrary[],
  driver: NativeDriver,
  build: Partial<NativeBuildResult> | Error = {},
): BuildMachine {
  return {
    binding: { ...fileWork, probeDriver: () => Promise.resolve(driver) },
    findLibraries: () => Promise.resolve({ libraries, places: [], requested: null }),
    build: async (request, { onProgress } = {}) => {
      requests.push(request);
      await writeFile(request.planPath, 'the plan', { flag: 'wx' });
      onProgress?.({ kind: 'step', phase: 'Building', parent: null, step: 1, steps: 2 });
      if (build instanceof Error) throw build;
      return { ...result, ...build };
    },
  };
}

const rtx = usable('tensorrt-rtx', '1.7.1');
const trt10 = usable('tensorrt', '10.6.0');
const trt11 = usable('tensorrt', '11.4.0');

function build(on: BuildMachine, options: BuildOptions, model = digits): Promise<BuiltEngine> {
  return buildThrough(on, model, checkedBuildOptions(options));
}

const forAmpere = { computeCapabilities: ['8.6', '8.9'] };

describe('buildEngine', () => {
  it('refuses a device that nothing would be built on', async () => {
    const given = build(machine([rtx], noDriver), { ...forAmpere, device: 7 });
    await expect(given).rejects.toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
  });

  it('never replaces the model', async () => {
    const before = await readFile(digits);
    const onto = build(machine([rtx], noDriver), { ...forAmpere, output: digits });
    await expect(onto).rejects.toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
    expect(await readFile(digits)).toEqual(before);
  });

  it('publishes the plan with a manifest that says what is known', async () => {
    const events: BuildProgress[] = [];
    const engine = await build(machine([rtx], noDriver), {
      ...forAmpere,
      output,
      labels: { commit: '1f3a' },
      onProgress: (event) => events.push(event),
    });
    expect(engine.path).toBe(output);
    expect(engine.sizeBytes).toBe('the plan'.length);
    expect(await readFile(output, 'utf8')).toBe('the plan');
    expect(await readManifest(`${output}.json`)).toEqual(engine.manifest);
    expect(engine.manifest).toMatchObject({
      schemaVersion: 1,
      writer: packageVersion(),
      flavour: 'tensorrt-rtx',
      version: '1.7.1',
      plan: digestOf('the plan'),
      model: { ...digestOf(await readFile(digits)), name: 'digits.onnx' },
      gpu: null,
      driver: null,
      computeCapabilities: ['8.6', '8.9'],
      inputs: result.inputs,
      outputs: result.outputs,
      network: { layers: result.networkLayers },
      layers: null,
      layersReason: 'no GPU',
      labels: { commit: '1f3a' },
      buildSeconds: 0.5,
    });
    expect((await readdir(folder)).sort()).toEqual(['digits.engine', 'digits.engine.json']);
    expect(events).toEqual([
      {
        kind: 'step',
        phase: 'Building',
        parent: null,
        step: 1,
        steps: 2,
        elapsedMs: expect.any(Number) as number,
      },
    ]);
  });

  it('keeps the plan in memory without an output, and no file', async () => {
    const engine = await build(machine([rtx], noDriver), forAmpere);
    expect(engine.path).toBeUndefined();
    expect(Buffer.from(await engine.bytes()).toString()).toBe('the plan');
    expect(readdirSync(path.dirname(path.dirname(requests[0]?.planPath ?? '')))).not.toContain(
      path.basename(path.dirname(requests[0]?.planPath ?? '')),
    );
  });

  it('asks for an output when the plan is too large for memory', async () => {
    const on = machine([rtx], noDriver, { sizeBytes: 2 ** 31 });
    await expect(build(on, forAmpere)).rejects.toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
      details: { argument: 'options.output' },
    });
  });

  it.each([
    ['nothing', {}, { tf32: null, fp16: false }],
    ['fp32', { precision: 'fp32' }, { tf32: false, fp16: false }],
    ['tf32', { precision: 'tf32' }, { tf32: true, fp16: false }],
    ['fp16', { precision: 'fp16' }, { tf32: null, fp16: true }],
  ] as const)('translates the precision %s for TensorRT 10', async (_, options, flags) => {
    const engine = await build(machine([trt10], ampere, { flavour: 'tensorrt' }), options);
    expect(requests[0]).toMatchObject({ ...flags, device: 0, library: trt10.files, model: digits });
    expect(engine.manifest).toMatchObject({
      gpu: { name: 'NVIDIA RTX A4000', computeCapability: '8.6' },
      computeCapabilities: ['8.6'],
      driver: '580.159.04',
    });
  });

  it.each([
    ['the GPU is among the targets', forAmpere, 0],
    ['the GPU is not among the targets', { computeCapabilities: ['8.9'] }, null],
    ['there are no targets', {}, 0],
  ])('builds with TensorRT-RTX on device or without when %s', async (_, options, device) => {
    await build(machine([rtx], ampere), { ...options, runtime: 'tensorrt-rtx' });
    expect(requests[0]?.device).toBe(device);
  });

  it.each([trt11, rtx])('refuses fp16 on $flavour $version', async (library) => {
    const on = machine([library], ampere);
    await expect(build(on, { precision: 'fp16' })).rejects.toMatchObject({
      code: 'ERR_TRT_PRECISION_UNSUPPORTED',
    });
    expect(requests).toEqual([]);
  });

  it('refuses targets for TensorRT, which builds for its own GPU', async () => {
    const options = { ...forAmpere, runtime: 'tensorrt' } as const;
    await expect(build(machine([trt10], ampere), options)).rejects.toMatchObject({
      code: 'ERR_TRT_UNSUPPORTED',
    });
  });

  it('builds nothing when the output could not be written', async () => {
    await mkdir(path.join(folder, 'a-folder'));
    for (const target of ['missing/a.engine', 'a-folder']) {
      const options = { ...forAmpere, output: path.join(folder, target) };
      await expect(build(machine([rtx], noDriver), options)).rejects.toMatchObject({
        code: 'ERR_TRT_WRITE',
      });
    }
    expect(requests).toEqual([]);
  });

  it('reports a bad model before a missing TensorRT', async () => {
    const on = machine([], noDriver);
    const missing = path.join(folder, 'missing.onnx');
    await expect(build(on, {}, missing)).rejects.toMatchObject({ code: 'ERR_TRT_ONNX_NOT_FOUND' });
    await expect(build(on, {}, folder)).rejects.toMatchObject({ code: 'ERR_TRT_ONNX_INVALID' });
    await expect(build(on, {})).rejects.toMatchObject({ code: 'ERR_TRT_LIBRARY_NOT_FOUND' });
  });

  it('leaves nothing behind when the build fails', async () => {
    const failure = new TrtError('ERR_TRT_BUILD_FAILED', 'no');
    const on = machine([rtx], noDriver, failure);
    await expect(build(on, { ...forAmpere, output })).rejects.toBe(failure);
    expect(await readdir(folder)).toEqual([]);
  });

  it('stops at an abort while it still looks at the machine', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const on: BuildMachine = {
      ...machine([rtx], noDriver),
      findLibraries: () => {
        controller.abort(reason);
        return new Promise(() => undefined);
      },
    };
    const options = { ...forAmpere, output, signal: controller.signal };
    await expect(build(on, options)).rejects.toBe(reason);
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([
    ['a number', 7, 'ERR_TRT_INVALID_ARG'],
    ['nothing', undefined, 'ERR_TRT_INVALID_ARG'],
    ['an empty path', '', 'ERR_TRT_INVALID_ARG'],
    ['a web address', new URL('https://example.org/a.onnx'), 'ERR_TRT_INVALID_ARG'],
    ['bytes', new Uint8Array(8), 'ERR_TRT_UNSUPPORTED'],
  ])('refuses %s as a model', async (_, model, code) => {
    await expect(buildEngine(model as string)).rejects.toMatchObject({ code });
  });
});
