import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { NativeDriver, NativeModelInspection } from '../../lib/binding';
import type { NativeInspectRequest } from '../../lib/build-messages';
import type { FindLibrariesOptions, FoundLibrary } from '../../lib/discovery';
import { TrtError } from '../../lib/errors';
import { inspectThrough, type InspectMachine } from '../../lib/inspect-onnx/inspect-onnx';
import type { OnnxInspection } from '../../lib/inspect-onnx/inspection';
import { checkedInspectOptions, type InspectOptions } from '../../lib/inspect-onnx/options';
import { modelSourceOf } from '../../lib/model-source';
import { digits, freshBuildFolders } from '../support/fake-build-machine';
import { digestOf, fileWork, hashFile } from '../support/manifests';
import { writeOnnx, type TinyModel } from '../support/onnx-writer';
import { discovery, driverWith, gpu, noDriver, usable } from './fake-discovery';

const folders = freshBuildFolders();

const rtx = usable('tensorrt-rtx', '1.7.1');
const tensorrt = usable('tensorrt', '10.6.0');
const a4000 = gpu('8.6');
const h200 = gpu('9.0');

const supported: NativeModelInspection = {
  flavour: 'tensorrt-rtx',
  version: '1.7.1',
  parserVersion: '10.14',
  supported: true,
  subgraphs: [{ nodes: [0], supported: true }],
  errors: [],
};

interface Setting {
  readonly driver?: NativeDriver;
  readonly libraries?: readonly FoundLibrary[];
  readonly answer?: NativeModelInspection | TrtError;
}

/** What came to the fake parser. */
const asked: NativeInspectRequest[] = [];
const searches: FindLibrariesOptions[] = [];

function machine({
  driver = noDriver,
  libraries = [rtx],
  answer = supported,
}: Setting): InspectMachine {
  asked.length = 0;
  searches.length = 0;
  return {
    binding: {
      ...fileWork,
      hashExternalFile: (folder, location) => hashFile(path.join(folder, location)),
      probeDriver: () => Promise.resolve(driver),
    },
    findLibraries: (options) => {
      searches.push(options);
      return Promise.resolve(discovery(libraries));
    },
    inspect: (request, { signal }) => {
      signal?.throwIfAborted();
      asked.push(request);
      return answer instanceof TrtError ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
}

function inspect(
  model: string | Uint8Array,
  options?: InspectOptions,
  setting: Setting = {},
): Promise<OnnxInspection> {
  const checked = checkedInspectOptions(options);
  return inspectThrough(machine(setting), modelSourceOf(model, checked.externalData), checked);
}

const float = (name: string, dims: (number | string | null)[]) =>
  ({ name, type: 'float32', dims }) as const;
const model = (more: Partial<TinyModel> = {}): Uint8Array =>
  writeOnnx({
    inputs: [float('x', ['batch', 4]), float('mask', [null, 'batch'])],
    outputs: [float('y', ['batch', 4])],
    nodes: [
      { op: 'Relu', inputs: ['x'], outputs: ['a'] },
      { op: 'Gelu', domain: 'com.microsoft', inputs: ['a'], outputs: ['b'] },
      { op: 'Relu', inputs: ['b'], outputs: ['y'] },
    ],
    opsets: { 'com.microsoft': 1 },
    ...more,
  });

describe('inspectOnnx tells of a model', () => {
  it('what stands in it', async () => {
    const bytes = model();
    const told = await inspect(bytes);
    expect(told).toMatchObject({
      model: { ...digestOf(bytes), name: 'model.onnx' },
      sizeBytes: bytes.length,
      irVersion: 8,
      producer: { name: 'trt-node tests', version: '' },
      opsets: { 'ai.onnx': 17, 'com.microsoft': 1 },
      outputs: [float('y', ['batch', 4])],
      dynamicDims: [
        { input: 'x', axis: 0, name: 'batch' },
        { input: 'mask', axis: 0, name: null },
        { input: 'mask', axis: 1, name: 'batch' },
      ],
      nodes: 3,
      quantized: [],
    });
    expect(told.inputs).toEqual([float('x', ['batch', 4]), float('mask', [null, 'batch'])]);
    expect(Object.entries(told.operators)).toEqual([
      ['Relu', 2],
      ['com.microsoft:Gelu', 1],
    ]);
  });

  it('its size with external data, each file once', async () => {
    const external = (name: string, location: string) =>
      ({ name, type: 'int8', dims: [4], external: [['location', location]] }) as const;
    const bytes = model({
      constants: [external('v', 'w.bin'), external('w', './w.bin'), external('z', 'sub/z.bin')],
    });
    const file = path.join(folders.folder, 'model.onnx');
    await mkdir(path.join(folders.folder, 'sub'));
    await writeFile(file, bytes);
    await writeFile(path.join(folders.folder, 'w.bin'), new Uint8Array(1000));
    await writeFile(path.join(folders.folder, 'sub', 'z.bin'), new Uint8Array(1000));
    const told = await inspect(file);
    expect(told.sizeBytes).toBe(bytes.length + 2000);
    expect(Object.keys(told.model.externalData ?? {})).toHaveLength(3);
    expect(asked[0]?.externalData?.files).toHaveLength(2);

    const w = new Uint8Array(1000);
    const given = await inspect(bytes, { externalData: { 'w.bin': w, 'sub/z.bin': w } });
    expect(given.sizeBytes).toBe(bytes.length + 2000);
  });

  it('what it quantizes to, in its own words', async () => {
    const q = { op: 'QuantizeLinear', inputs: ['x', 's'], outputs: ['y'] };
    expect((await inspect(model({ nodes: [q] }))).quantized).toEqual(['uint8']);
  });
});

describe('inspectOnnx asks', () => {
  it.each<[string, InspectOptions, Setting, string, number | null]>([
    ['TensorRT-RTX without a GPU', {}, {}, rtx.files.core, null],
    ['no TensorRT without a GPU', {}, { libraries: [tensorrt, rtx] }, rtx.files.core, null],
    [
      'TensorRT on a GPU',
      {},
      { libraries: [rtx, tensorrt], driver: driverWith(a4000) },
      tensorrt.files.core,
      0,
    ],
    ['TensorRT-RTX on a GPU', {}, { driver: driverWith(a4000) }, rtx.files.core, 0],
    [
      'TensorRT-RTX beside a GPU that it does not run on',
      {},
      { driver: driverWith(h200) },
      rtx.files.core,
      null,
    ],
    [
      'what is wanted',
      { runtime: 'tensorrt-rtx' },
      { libraries: [tensorrt, rtx], driver: driverWith(a4000) },
      rtx.files.core,
      0,
    ],
    [
      'another GPU',
      { device: 1 },
      { libraries: [tensorrt], driver: driverWith(h200, { ...a4000, index: 1 }) },
      tensorrt.files.core,
      1,
    ],
  ])('%s', async (_, options, setting, library, device) => {
    const told = await inspect(digits, options, setting);
    expect(told.support).toMatchObject({ library, device });
    expect(asked).toMatchObject([{ library: { core: library }, device, model: digits }]);
    expect(searches).toHaveLength(1);
  });

  it('with plugins, and with the standard ones when told', async () => {
    await inspect(digits, { plugins: ['/opt/p.so'], standardPlugins: true });
    expect(asked).toMatchObject([{ plugins: ['/opt/p.so'], standardPlugins: true }]);
    await inspect(digits);
    expect(asked).toMatchObject([{ plugins: [], standardPlugins: false }]);
  });

  it.each<[string, InspectOptions, Setting]>([
    ['there is no library', {}, { libraries: [] }],
    ['TensorRT lacks a GPU', {}, { libraries: [tensorrt] }],
    ['TensorRT is wanted and lacks a GPU', { runtime: 'tensorrt' }, { libraries: [tensorrt, rtx] }],
    ['the library cannot build', {}, { libraries: [{ ...rtx, hasBuilder: false }] }],
  ])('nobody where %s, and says why', async (_, options, setting) => {
    const told = await inspect(digits, options, setting);
    expect(asked).toEqual([]);
    expect(told.support).toBeNull();
    expect(told.supportReason).toMatch(/\w/);
    expect(told.nodes).toBe(9);
  });

  it('nobody where the library that is named cannot be used, which is an error', async () => {
    await expect(
      inspect(digits, { library: '/opt/tensorrt' }, { libraries: [tensorrt] }),
    ).rejects.toMatchObject({ code: 'ERR_TRT_LIBRARY_NOT_FOUND' });
    await expect(inspect(digits, { device: 3 })).rejects.toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
    });
  });
});

describe('inspectOnnx tells of support', () => {
  const error = (node: number, operator: string, more = {}) => ({
    node,
    name: `node ${node}`,
    operator,
    code: 'unsupported-node',
    message: 'no importer',
    ...more,
  });

  it('the first node that is refused, whatever the order of the errors, with its domain', async () => {
    const answer: NativeModelInspection = {
      ...supported,
      supported: false,
      subgraphs: [{ nodes: [0], supported: false }],
      errors: [error(2, 'Relu'), error(1, 'Gelu'), error(1, 'Gelu', { message: 'again' })],
    };
    const { support } = await inspect(model(), {}, { answer });
    expect(support?.supported).toBe(false);
    expect(support?.firstUnsupported).toEqual({
      index: 1,
      name: 'node 1',
      operator: 'Gelu',
      domain: 'com.microsoft',
      code: 'unsupported-node',
      message: 'no importer',
    });
    expect(support?.unsupportedOperators).toEqual([
      { operator: 'com.microsoft:Gelu', nodes: 1 },
      { operator: 'Relu', nodes: 1 },
    ]);
    expect(support?.problems.map(({ index }) => index)).toEqual([1, 1, 2]);
    expect(support?.subgraphs).toEqual(answer.subgraphs);
  });

  it('runs of nodes that have no problem, wherever TensorRT cut them', async () => {
    const answer: NativeModelInspection = {
      ...supported,
      supported: false,
      subgraphs: [
        { nodes: [0, 1, 2], supported: false },
        { nodes: [1], supported: true },
      ],
      errors: [error(1, 'Gelu')],
    };
    const { support } = await inspect(model(), {}, { answer });
    expect(support?.subgraphs).toEqual([
      { nodes: [0], supported: false },
      { nodes: [2], supported: false },
    ]);
  });

  it('nodes that the file does not have, and the model as a whole', async () => {
    const answer: NativeModelInspection = {
      ...supported,
      supported: false,
      subgraphs: [],
      errors: [
        error(7, 'Gelu'),
        error(0, 'Elu'),
        error(-1, '', { name: '', code: 'invalid-graph' }),
      ],
    };
    const { support } = await inspect(model(), {}, { answer });
    expect(support?.problems).toMatchObject([
      { index: null, operator: '', domain: null, code: 'invalid-graph' },
      { index: 0, operator: 'Elu', domain: null },
      { index: 7, operator: 'Gelu', domain: null },
    ]);
    expect(support?.firstUnsupported?.index).toBe(0);
  });

  it('nothing when the parser crashes, which is an error', async () => {
    const answer = new TrtError('ERR_TRT_BUILD_CRASHED', 'gone');
    await expect(inspect(digits, {}, { answer })).rejects.toBe(answer);
  });
});

describe('inspectOnnx refuses', () => {
  it.each<[string, unknown]>([
    ['an option of builds alone', { output: 'x.engine' }],
    ['an unknown runtime', { runtime: 'onnxruntime' }],
    ['a device that is none', { device: -1 }],
    ['plugins that are no list', { plugins: 'p.so' }],
    ['a signal that is none', { signal: {} }],
  ])('%s', (_, options) => {
    expect(() => checkedInspectOptions(options as InspectOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' }) as Error,
    );
  });

  it('what is no model, before a library is looked for', async () => {
    const file = path.join(folders.folder, 'text.onnx');
    await writeFile(file, 'not a model');
    await expect(inspect(file)).rejects.toMatchObject({ code: 'ERR_TRT_ONNX_INVALID' });
    expect(searches).toEqual([]);
  });

  it('to go on after an abort', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(inspect(digits, { signal: controller.signal })).rejects.toBe(reason);

    const later = new AbortController();
    const slow = machine({});
    const never = vi.fn(() => new Promise<never>(() => undefined));
    const options = checkedInspectOptions({ signal: later.signal });
    const waiting = inspectThrough(
      {
        ...slow,
        findLibraries: () => {
          later.abort(reason);
          return never();
        },
      },
      modelSourceOf(digits, options.externalData),
      options,
    );
    await expect(waiting).rejects.toBe(reason);
    expect(never).toHaveBeenCalledOnce();
  });
});
