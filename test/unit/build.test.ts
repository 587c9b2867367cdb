import { readdirSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { NativeBuildResult, NativeDriver } from '../../lib/binding';
import { buildEngine, type BuildMachine } from '../../lib/build';
import type { BuildProgress } from '../../lib/build-progress';
import type { FoundLibrary } from '../../lib/discovery';
import { TrtError } from '../../lib/errors';
import { readManifest } from '../../lib/manifest';
import { packageVersion } from '../../lib/package-version';
import {
  buildOn,
  buildResult,
  digits,
  fakeBuildMachine,
  freshBuildFolders,
  noDriver,
  type SeenBuilds,
} from '../support/fake-build-machine';
import { digestOf, planDigestOf } from '../support/manifests';
import { usable } from './fake-discovery';

const rtx = usable('tensorrt-rtx', '1.7.1');
const trt10 = usable('tensorrt', '10.6.0');
const trt11 = usable('tensorrt', '11.4.0');
const forAmpere = { computeCapabilities: ['8.6', '8.9'] };

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

const folders = freshBuildFolders();
let seen: SeenBuilds;

beforeEach(() => {
  seen = { requests: [], lent: [] };
});

function machine(
  ...facts: [readonly FoundLibrary[], NativeDriver, (Partial<NativeBuildResult> | Error)?]
): BuildMachine {
  return fakeBuildMachine(seen, ...facts);
}

describe('buildEngine', () => {
  let output: string;
  beforeEach(() => {
    output = path.join(folders.folder, 'digits.engine');
  });

  it('refuses a device that nothing would be built on', async () => {
    const given = buildOn(machine([rtx], noDriver), { ...forAmpere, device: 7 });
    await expect(given).rejects.toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
  });

  it('never replaces the model', async () => {
    const before = await readFile(digits);
    const onto = buildOn(machine([rtx], noDriver), { ...forAmpere, output: digits });
    await expect(onto).rejects.toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
    expect(await readFile(digits)).toEqual(before);
  });

  it('publishes the plan with a manifest that says what is known', async () => {
    const events: BuildProgress[] = [];
    const engine = await buildOn(machine([rtx], noDriver), {
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
      plan: planDigestOf('the plan'),
      model: { ...digestOf(await readFile(digits)), name: 'digits.onnx' },
      gpu: null,
      driver: null,
      computeCapabilities: ['8.6', '8.9'],
      inputs: buildResult.inputs,
      outputs: buildResult.outputs,
      network: { layers: buildResult.networkLayers },
      layers: null,
      layersReason: 'no GPU',
      labels: { commit: '1f3a' },
      buildSeconds: 0.5,
    });
    expect((await readdir(folders.folder)).sort()).toEqual(['digits.engine', 'digits.engine.json']);
    expect(events.map(({ kind, phase }) => `${kind} ${phase}`)).toEqual([
      'phase-start Examining the model',
      'phase-end Examining the model',
      'step Building',
    ]);
    expect(events.at(-1)).toMatchObject({ parent: null, step: 1, steps: 2 });
    expect(events.at(-1)?.elapsedMs).toBeGreaterThan(0);
  });

  it('publishes the plan whose inspection cannot be read, and says so', async () => {
    const inspection = { engineInformation: '{"Layers": [""quoted""]}' };
    const engine = await buildOn(machine([rtx], noDriver, inspection), { ...forAmpere, output });
    expect(await readFile(output, 'utf8')).toBe('the plan');
    const { layers, layersReason } = engine.manifest;
    expect(layers).toBeNull();
    expect(layersReason).toMatch(/inspector/);
    expect(await readManifest(`${output}.json`)).toEqual(engine.manifest);
  });

  it('keeps the plan in memory without an output, and no file', async () => {
    const engine = await buildOn(machine([rtx], noDriver), forAmpere);
    expect(engine.path).toBeUndefined();
    expect(Buffer.from(await engine.bytes()).toString()).toBe('the plan');
    expect(readdirSync(path.dirname(path.dirname(seen.requests[0]?.planPath ?? '')))).not.toContain(
      path.basename(path.dirname(seen.requests[0]?.planPath ?? '')),
    );
  });

  it('asks for an output when the plan is too large for memory', async () => {
    const on = machine([rtx], noDriver, { sizeBytes: 2 ** 31 });
    await expect(buildOn(on, forAmpere)).rejects.toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
      details: { argument: 'options.output' },
    });
  });

  it.each([
    ['nothing', {}, { tf32: null, typing: 'strong', precisions: [] }],
    ['fp32', { precision: 'fp32' }, { tf32: false, typing: 'strong', precisions: [] }],
    ['tf32', { precision: 'tf32' }, { tf32: true, typing: 'strong', precisions: [] }],
    ['fp16', { precision: 'fp16' }, { tf32: null, typing: 'weak', precisions: ['fp16'] }],
  ] as const)('translates the precision %s for TensorRT 10', async (_, options, flags) => {
    const engine = await buildOn(machine([trt10], ampere, { flavour: 'tensorrt' }), options);
    expect(seen.requests[0]).toMatchObject({
      ...flags,
      device: 0,
      library: trt10.files,
      model: digits,
    });
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
    await buildOn(machine([rtx], ampere), { ...options, runtime: 'tensorrt-rtx' });
    expect(seen.requests[0]?.device).toBe(device);
  });

  it('refuses a device where there is none, although nothing would be built on one', async () => {
    const options = { ...forAmpere, device: 0 };
    await expect(buildOn(machine([rtx], noDriver), options)).rejects.toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
      details: { argument: 'options.device' },
      message: expect.stringContaining('leave `device` out') as string,
    });
  });

  it.each([trt11, rtx])('refuses fp16 on $flavour $version', async (library) => {
    const on = machine([library], ampere);
    await expect(buildOn(on, { precision: 'fp16' })).rejects.toMatchObject({
      code: 'ERR_TRT_PRECISION_UNSUPPORTED',
    });
    expect(seen.requests).toEqual([]);
  });

  it('refuses targets for TensorRT, which builds for its own GPU', async () => {
    const options = { ...forAmpere, runtime: 'tensorrt' } as const;
    await expect(buildOn(machine([trt10], ampere), options)).rejects.toMatchObject({
      code: 'ERR_TRT_UNSUPPORTED',
    });
  });

  it('builds nothing when the output could not be written', async () => {
    await mkdir(path.join(folders.folder, 'a-folder'));
    for (const target of ['missing/a.engine', 'a-folder']) {
      const options = { ...forAmpere, output: path.join(folders.folder, target) };
      await expect(buildOn(machine([rtx], noDriver), options)).rejects.toMatchObject({
        code: 'ERR_TRT_WRITE',
      });
    }
    expect(seen.requests).toEqual([]);
  });

  it('reports a bad model before a missing TensorRT', async () => {
    const on = machine([], noDriver);
    const missing = path.join(folders.folder, 'missing.onnx');
    await expect(buildOn(on, {}, missing)).rejects.toMatchObject({
      code: 'ERR_TRT_ONNX_NOT_FOUND',
    });
    await expect(buildOn(on, {}, folders.folder)).rejects.toMatchObject({
      code: 'ERR_TRT_ONNX_INVALID',
    });
    await expect(buildOn(on, {})).rejects.toMatchObject({ code: 'ERR_TRT_LIBRARY_NOT_FOUND' });
  });

  it('leaves nothing behind when the build fails', async () => {
    const failure = new TrtError('ERR_TRT_BUILD_FAILED', 'no');
    const on = machine([rtx], noDriver, failure);
    await expect(buildOn(on, { ...forAmpere, output })).rejects.toBe(failure);
    expect(await readdir(folders.folder)).toEqual([]);
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
    await expect(buildOn(on, options)).rejects.toBe(reason);
    expect(await readdir(folders.folder)).toEqual([]);
  });

  it.each([
    ['a number', 7, 'ERR_TRT_INVALID_ARG'],
    ['nothing', undefined, 'ERR_TRT_INVALID_ARG'],
    ['an empty path', '', 'ERR_TRT_INVALID_ARG'],
    ['a web address', new URL('https://example.org/a.onnx'), 'ERR_TRT_INVALID_ARG'],
    ['text as bytes', Buffer.from('not a model'), 'ERR_TRT_ONNX_INVALID'],
    ['no bytes', new Uint8Array(0), 'ERR_TRT_ONNX_INVALID'],
  ])('refuses %s as a model', async (_, model, code) => {
    await expect(buildEngine(model as string)).rejects.toMatchObject({ code });
  });
});
