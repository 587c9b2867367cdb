import { execFileSync } from 'node:child_process';
import type { NativeBuildRequest } from '../../lib/binding';
import { defaultTuning } from '../../lib/builder-tuning';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import type { BuildOptions, BuiltEngine } from '../../lib/index';
import {
  failure,
  loadBinding,
  rejectionOf,
  requireRtx,
  temporaryFolder,
  trtNode,
} from '../support/native-host';
import { unknownOperator, verySlowModel } from '../support/native-models';
import { writeOnnx, type Constant, type ConstantData } from '../support/onnx-writer';

const { buildEngine } = trtNode;
await requireRtx();
const root = await temporaryFolder();
const forRtx = {
  runtime: 'tensorrt-rtx',
  computeCapabilities: ['8.6'],
} as const satisfies BuildOptions;

const size = 32;
const bytesOf = (length: number, factor: number): Buffer =>
  Buffer.from(Float32Array.from({ length }, (_, i) => Math.sin(factor * (i + 1))).buffer);
const scale = bytesOf(size, 1);
const shift = bytesOf(size, 2);
const matrix = bytesOf(size * size, 3);

/** Two tensors in one file, with a gap between them and something after them, and one in another file. */
const shiftOffset = 4096;
const vectors = Buffer.alloc(shiftOffset + shift.length + 100, 0x55);
scale.copy(vectors, 0);
shift.copy(vectors, shiftOffset);
const inVectors = 'data/vectors.bin';
const inMatrix = 'matrix.bin';

const at = (location: string, offset: number | string, length: number | string): ConstantData => ({
  external: [
    ['location', location],
    ['offset', String(offset)],
    ['length', String(length)],
  ],
});

/** (x · scale + shift) × matrix, with its weights wherever they are said to be. */
function model(
  places: readonly [scale: ConstantData, shift: ConstantData, matrix: ConstantData],
): Uint8Array {
  const [scaleData, shiftData, matrixData] = places;
  const vector = { type: 'float32', dims: [size] } as const;
  const constants: Constant[] = [
    { name: 'scale', ...vector, ...scaleData },
    { name: 'shift', ...vector, ...shiftData },
    { name: 'matrix', type: 'float32', dims: [size, size], ...matrixData },
  ];
  return writeOnnx({
    inputs: [{ name: 'x', type: 'float32', dims: [4, size] }],
    outputs: [{ name: 'y', type: 'float32', dims: [4, size] }],
    nodes: [
      { name: 'mul', op: 'Mul', inputs: ['x', 'scale'], outputs: ['scaled'] },
      { name: 'add', op: 'Add', inputs: ['scaled', 'shift'], outputs: ['shifted'] },
      { name: 'product', op: 'MatMul', inputs: ['shifted', 'matrix'], outputs: ['y'] },
    ],
    constants,
  });
}

const embedded = model([{ data: scale }, { data: shift }, { data: matrix }]);
const external = model([
  at(inVectors, 0, scale.length),
  at(inVectors, shiftOffset, shift.length),
  at(inMatrix, 0, matrix.length),
]);
/** All of it in one file, so that only that file's fate matters. */
const single = (
  location: string,
  length: number | string = scale.length,
  offset: number | string = 0,
): Uint8Array => model([at(location, offset, length), { data: shift }, { data: matrix }]);

const digestOf = (bytes: Uint8Array) => ({
  sha256: createHash('sha256').update(bytes).digest('hex'),
  sizeBytes: bytes.length,
});

let folder: string;
let inside: string;
let outside: string;
let file: string;
beforeEach(async () => {
  folder = await fs.mkdtemp(path.join(root, 'test-'));
  inside = path.join(folder, 'inside');
  outside = path.join(folder, 'outside');
  file = path.join(inside, 'model.onnx');
  await fs.mkdir(inside);
  await fs.mkdir(outside);
  await fs.writeFile(path.join(outside, 'secret.bin'), scale);
});

const buildSingle = async (...place: Parameters<typeof single>): Promise<BuiltEngine> => {
  await fs.writeFile(file, single(...place));
  return buildEngine(file, forRtx);
};

describe('external data by TensorRT-RTX', () => {
  it('makes the plan that the same model makes with its data inside', async () => {
    const { manifest } = await buildEngine(embedded, forRtx);
    expect(manifest.model).toEqual({ ...digestOf(embedded), name: 'model.onnx' });

    await fs.mkdir(path.join(inside, 'data'));
    await fs.writeFile(path.join(inside, inVectors), vectors);
    await fs.writeFile(path.join(inside, inMatrix), matrix);
    await fs.writeFile(file, external);
    const before = await fs.readdir(inside, { recursive: true });
    const files = { [inVectors]: vectors, [inMatrix]: matrix };
    const externalData = { [inVectors]: digestOf(vectors), [inMatrix]: digestOf(matrix) };
    const engines = [
      await buildEngine(file, forRtx),
      await buildEngine(pathToFileURL(file), forRtx),
      await buildEngine(external, { ...forRtx, externalData: files }),
    ];
    for (const engine of engines) {
      expect(engine.manifest.model).toMatchObject({ ...digestOf(external), externalData });
      expect(engine.manifest.plan).toEqual(manifest.plan);
    }
    expect(await fs.readdir(inside, { recursive: true })).toEqual(before);
  });

  it('is what stands in the files: other bytes make another plan', async () => {
    const plans = [scale, shift].map(async (bytes) => {
      const options = { ...forRtx, externalData: { 'w.bin': bytes } };
      const { manifest } = await buildEngine(single('w.bin'), options);
      return manifest.plan.sha256;
    });
    expect(new Set(await Promise.all(plans)).size).toBe(2);
  });

  it('does not depend on the working directory, and is not looked for there', async () => {
    const here = process.cwd();
    process.chdir(outside);
    try {
      const error = await failure(
        'ERR_TRT_EXTERNAL_DATA',
        buildEngine(single('secret.bin'), forRtx),
      );
      expect(error.details).toMatchObject({ reason: 'missing', location: 'secret.bin' });
    } finally {
      process.chdir(here);
    }
  });
});

describe('the private copy of a model given as bytes', () => {
  /** Builds with a temporary folder of its own; resolves to what is left in it. */
  async function leftBy(build: () => Promise<unknown>): Promise<readonly string[]> {
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = outside;
    try {
      await fs.rm(path.join(outside, 'secret.bin'));
      await build();
      return await fs.readdir(outside);
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
  }

  it('is gone after a build that succeeded', async () => {
    const externalData = { 'w.bin': scale };
    expect(await leftBy(() => buildEngine(single('w.bin'), { ...forRtx, externalData }))).toEqual(
      [],
    );
  });

  it('is gone after a build that failed', async () => {
    const left = await leftBy(() =>
      failure('ERR_TRT_ONNX_PARSE', buildEngine(unknownOperator(), forRtx)),
    );
    expect(left).toEqual([]);
  });

  it('is gone after a build that was aborted', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const left = await leftBy(async () => {
      const building = buildEngine(verySlowModel(), {
        ...forRtx,
        signal: controller.signal,
        onProgress: ({ kind }) => kind === 'step' && controller.abort(reason),
      });
      expect(await rejectionOf(building)).toBe(reason);
    });
    expect(left).toEqual([]);
  });
});

describe('#24 external data', () => {
  it.each([
    ['../outside/secret.bin', 'parent-folder'],
    ['../inside/w.bin', 'parent-folder'],
    ['data/../../outside/secret.bin', 'parent-folder'],
    ['..', 'parent-folder'],
    ['/etc/hostname', 'absolute'],
    ['/dev/zero', 'absolute'],
    ['..\\outside\\secret.bin', 'backslash'],
    ['', 'empty'],
    ['.', 'folder'],
    ['missing.bin', 'missing'],
    ['missing/w.bin', 'missing'],
  ])('at %j is refused', async (location, reason) => {
    const { details } = await failure('ERR_TRT_EXTERNAL_DATA', buildSingle(location));
    expect(details).toMatchObject({ reason, tensor: 'scale', location });
  });

  it.each<[string, string, string, () => Promise<unknown>]>([
    [
      'a link to a file outside',
      'w.bin',
      'outside',
      () => fs.symlink(path.join(outside, 'secret.bin'), path.join(inside, 'w.bin')),
    ],
    [
      'a relative link to a file outside',
      'w.bin',
      'outside',
      () => fs.symlink('../outside/secret.bin', path.join(inside, 'w.bin')),
    ],
    [
      'a file in a folder that is a link to outside',
      'data/secret.bin',
      'outside',
      () => fs.symlink(outside, path.join(inside, 'data')),
    ],
    [
      'a link to a link to a file outside',
      'w.bin',
      'outside',
      async () => {
        await fs.symlink('../outside/secret.bin', path.join(inside, 'hop.bin'));
        await fs.symlink('hop.bin', path.join(inside, 'w.bin'));
      },
    ],
    [
      'a hard link to a file outside',
      'w.bin',
      'hard-link',
      () => fs.link(path.join(outside, 'secret.bin'), path.join(inside, 'w.bin')),
    ],
    ['a link to nothing', 'w.bin', 'missing', () => fs.symlink('gone', path.join(inside, 'w.bin'))],
    [
      'a link to itself',
      'w.bin',
      'unreadable',
      () => fs.symlink('w.bin', path.join(inside, 'w.bin')),
    ],
    [
      'a link to a device',
      'w.bin',
      'not-a-file',
      () => fs.symlink('/dev/zero', path.join(inside, 'w.bin')),
    ],
    ['a folder', 'w.bin', 'not-a-file', () => fs.mkdir(path.join(inside, 'w.bin'))],
    [
      'a FIFO, whose writer nobody waits for',
      'w.bin',
      'not-a-file',
      async () => execFileSync('mkfifo', [path.join(inside, 'w.bin')]),
    ],
  ])('that is %s is refused', async (_, location, reason, prepare) => {
    await prepare();
    const { details } = await failure('ERR_TRT_EXTERNAL_DATA', buildSingle(location));
    expect(details).toMatchObject({ reason, tensor: 'scale', location });
  });

  it.each<[string, string, () => Promise<unknown>]>([
    [
      'a link to a file inside',
      'w.bin',
      async () => {
        await fs.writeFile(path.join(inside, 'real.bin'), scale);
        await fs.symlink('real.bin', path.join(inside, 'w.bin'));
      },
    ],
    [
      'in a folder that is a link to one inside',
      'data/w.bin',
      async () => {
        await fs.mkdir(path.join(inside, 'real'));
        await fs.writeFile(path.join(inside, 'real', 'w.bin'), scale);
        await fs.symlink('real', path.join(inside, 'data'));
      },
    ],
    [
      'a name in any script',
      '重み ü.bin',
      () => fs.writeFile(path.join(inside, '重み ü.bin'), scale),
    ],
    ['a name with dots', './..w...bin', () => fs.writeFile(path.join(inside, '..w...bin'), scale)],
    [
      "a name that is the model's own in the copy",
      'data/model.onnx',
      async () => {
        await fs.mkdir(path.join(inside, 'data'));
        await fs.writeFile(path.join(inside, 'data/model.onnx'), scale);
      },
    ],
  ])('that is %s is taken', async (_, location, prepare) => {
    await prepare();
    const { manifest } = await buildSingle(location);
    expect(manifest.model.externalData).toEqual({ [location]: digestOf(scale) });
  });

  it('may lie beside a model whose folder is reached through a link', async () => {
    await fs.writeFile(path.join(inside, 'w.bin'), scale);
    await fs.writeFile(file, single('w.bin'));
    await fs.symlink(inside, path.join(folder, 'link'));
    const { manifest } = await buildEngine(path.join(folder, 'link', 'model.onnx'), forRtx);
    expect(manifest.model.externalData).toEqual({ 'w.bin': digestOf(scale) });
  });
});

describe('#24 #26 the extent of external data', () => {
  beforeEach(() => fs.writeFile(path.join(inside, 'w.bin'), scale));

  it.each<[string, number | string, number | string, string]>([
    ['length 2^62', 0, String(2n ** 62n), 'bad-number'],
    ['offset 2^62', String(2n ** 62n), scale.length, 'bad-number'],
    ['a negative length', 0, -1, 'bad-number'],
    ['a negative offset', -1, scale.length, 'bad-number'],
    ['a length that its dims do not have', 0, scale.length - 4, 'length'],
    ['an offset after which too little is left', 4, scale.length, 'too-short'],
    ['an offset behind the file', 2 ** 40, scale.length, 'too-short'],
  ])('#26 %s is refused', async (_, offset, length, reason) => {
    const { details } = await failure(
      'ERR_TRT_EXTERNAL_DATA',
      buildSingle('w.bin', length, offset),
    );
    expect(details).toMatchObject({ reason, tensor: 'scale', location: 'w.bin' });
  });

  it('is refused when the file is shorter than it', async () => {
    await fs.truncate(path.join(inside, 'w.bin'), scale.length - 1);
    const { details } = await failure('ERR_TRT_EXTERNAL_DATA', buildSingle('w.bin'));
    expect(details).toMatchObject({
      reason: 'too-short',
      expected: scale.length,
      found: scale.length - 1,
    });
  });
});

describe('hashExternalFile', () => {
  it('hashes what it opened', async () => {
    await fs.writeFile(path.join(inside, 'w.bin'), scale);
    const hashed = await loadBinding().hashExternalFile(inside, 'w.bin');
    expect(hashed).toMatchObject(digestOf(scale));
    expect((await loadBinding().hashExternalFile(inside, 'w.bin')).identity).toBe(hashed.identity);
    // The same bytes in another file of that name are another state.
    await fs.rm(path.join(inside, 'w.bin'));
    await fs.writeFile(path.join(inside, 'w.bin'), scale);
    const again = await loadBinding().hashExternalFile(inside, 'w.bin');
    expect(again).toMatchObject(digestOf(scale));
    expect(again.identity).not.toBe(hashed.identity);
  });

  it('finds out by itself that a path leads out, whatever its text', async () => {
    for (const location of ['../outside/secret.bin', path.join(outside, 'secret.bin')]) {
      const { details } = await failure(
        'ERR_TRT_EXTERNAL_DATA',
        loadBinding().hashExternalFile(inside, location),
      );
      expect(details).toMatchObject({ reason: 'outside' });
    }
  });
});

describe('a model that is exchanged between its examination and its build', () => {
  it('is refused, as its manifest would be about another one', async () => {
    const { core, parser } = await requireRtx();
    const model = path.join(inside, 'model.onnx');
    const bytes = single('w.bin');
    await fs.writeFile(model, bytes);
    await fs.writeFile(path.join(inside, 'w.bin'), scale);
    const { identity } = await loadBinding().hashExternalFile(inside, 'w.bin');
    const request = async (state: {
      modelSha256: string;
      identity: string;
    }): Promise<NativeBuildRequest> => ({
      library: { core, parser },
      model,
      modelSha256: state.modelSha256,
      externalData: { folder: inside, files: [{ location: 'w.bin', identity: state.identity }] },
      stage: await fs.mkdtemp(path.join(root, 'stage-')),
      planPath: path.join(root, `never-${state.identity}.plan`),
      device: null,
      tf32: null,
      typing: 'strong',
      precisions: [],
      calibration: null,
      timingCache: null,
      plugins: [],
      standardPlugins: false,
      tuning: defaultTuning,
      profiles: [],
      computeCapabilities: ['8.6'],
      optimizationLevel: null,
      memoryPools: {},
    });
    const { sha256 } = digestOf(bytes);
    const build = async (state: { modelSha256: string; identity: string }) =>
      loadBinding().build(await request(state), () => undefined);

    const exchanged = await failure(
      'ERR_TRT_ONNX_INVALID',
      build({ modelSha256: 'other', identity }),
    );
    expect(exchanged.details).toMatchObject({ reason: 'changed' });
    const altered = await failure(
      'ERR_TRT_EXTERNAL_DATA',
      build({ modelSha256: sha256, identity: 'other' }),
    );
    expect(altered.details).toMatchObject({ reason: 'changed', location: 'w.bin' });
    expect((await build({ modelSha256: sha256, identity })).sizeBytes).toBeGreaterThan(0);
  });
});
