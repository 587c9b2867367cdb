import fs from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BuildOptions, Manifest } from '../../lib/index';
import { cli, failure, requireRtx, temporaryFolder, trtNode } from '../support/native-host';
import { dynamicAdd } from '../support/native-models';
import { runNode } from '../support/native-processes';
import { writeOnnx } from '../support/onnx-writer';

const { buildEngine } = trtNode;
await requireRtx();
const folder = await temporaryFolder();
const target = {
  runtime: 'tensorrt-rtx',
  computeCapabilities: ['8.6'],
} as const satisfies BuildOptions;

/** `left` and `right`, both of dims `rows` × `columns`. */
const add = path.join(folder, 'add.onnx');
/** `x` of dims `n` × 4, reshaped to what the two elements of `shape` say. */
const reshape = path.join(folder, 'reshape.onnx');
/** One axis that has a name, one that has none. */
const nameless = path.join(folder, 'nameless.onnx');

beforeAll(async () => {
  await fs.writeFile(add, dynamicAdd());
  await fs.writeFile(
    reshape,
    writeOnnx({
      inputs: [
        { name: 'x', type: 'float32', dims: ['n', 4] },
        { name: 'shape', type: 'int64', dims: [2] },
      ],
      outputs: [{ name: 'y', type: 'float32', dims: ['rows', 'columns'] }],
      nodes: [{ name: 'reshape', op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] }],
    }),
  );
  await fs.writeFile(
    nameless,
    writeOnnx({
      inputs: [{ name: 'x', type: 'float32', dims: ['batch', null] }],
      outputs: [{ name: 'y', type: 'float32', dims: ['batch', null] }],
      nodes: [{ name: 'relu', op: 'Relu', inputs: ['x'], outputs: ['y'] }],
    }),
  );
});

const range = (min: number[], opt: number[], max: number[]) => ({ min, opt, max });

describe('profiles that TensorRT-RTX builds', () => {
  it('may be several, with names, of named dims', async () => {
    const output = path.join(folder, 'add.engine');
    const built = await buildEngine(add, {
      ...target,
      output,
      profiles: {
        small: { rows: [1, 2, 4], columns: 8 },
        large: { rows: [4, 64, 128], columns: [8, 16, 32] },
      },
    });
    const small = range([1, 8], [2, 8], [4, 8]);
    const large = range([4, 8], [64, 16], [128, 32]);
    const manifest = JSON.parse(await fs.readFile(`${output}.json`, 'utf8')) as Manifest;
    expect(manifest.profileNames).toEqual(['small', 'large']);
    expect(manifest.profiles).toEqual([
      { left: small, right: small },
      { left: large, right: large },
    ]);
    expect(manifest.inputs.map(({ dims }) => dims)).toEqual([
      [-1, -1],
      [-1, -1],
    ]);
    expect(built.manifest).toEqual(manifest);
  });

  it('have no names where an array gives them', async () => {
    const profiles = [{ rows: 1, columns: 1 }];
    const { manifest } = await buildEngine(add, { ...target, profiles });
    expect(manifest).not.toHaveProperty('profileNames');
  });

  it('are the same for named dims and for the dims that they stand for', async () => {
    const whole = range([1, 8], [2, 8], [4, 8]);
    const [named, explicit, both, other] = await Promise.all(
      [
        { rows: [1, 2, 4], columns: 8 } as const,
        { left: whole, right: whole },
        { rows: [1, 2, 4], columns: [1, 1, 1], left: whole, right: whole } as const,
        { rows: [1, 2, 4], columns: 9 } as const,
      ].map((profile) => buildEngine(add, { ...target, profiles: [profile] })),
    );
    // The same options twice make the same bytes (TensorRT-RTX times nothing).
    expect(explicit?.manifest.plan).toEqual(named?.manifest.plan);
    expect(both?.manifest.plan).toEqual(named?.manifest.plan);
    expect(other?.manifest.plan.sha256).not.toBe(named?.manifest.plan.sha256);
  });

  it('take an input’s own dims where one has no name', async () => {
    const profiles = [{ x: range([1, 1], [2, 2], [4, 4]) }];
    const { manifest } = await buildEngine(nameless, { ...target, profiles });
    expect(manifest.inputs[0]?.dims).toEqual([-1, -1]);
    const error = await failure(
      'ERR_TRT_PROFILE_MISSING',
      buildEngine(nameless, { ...target, profiles: [{ batch: [1, 2, 4] }] }),
    );
    expect(error.details['open']).toEqual([{ profile: 0, input: 'x', axis: 1, dim: null }]);
  });
});

describe('values of a shape tensor', () => {
  const values = range([1, 1], [2, 8], [16, 64]);

  it('become part of the profile, with the dims that the model fixes', async () => {
    const { manifest } = await buildEngine(reshape, {
      ...target,
      profiles: [{ n: [1, 4, 16], shape: { values } }],
    });
    expect(manifest.profiles).toEqual([
      {
        x: range([1, 4], [4, 4], [16, 4]),
        shape: { ...range([2], [2], [2]), values },
      },
    ]);
    expect(manifest.inputs.map(({ name, isShapeTensor }) => [name, isShapeTensor])).toEqual([
      ['x', false],
      ['shape', true],
    ]);
  });

  it('are missed where there are none', async () => {
    const { details } = await failure(
      'ERR_TRT_PROFILE_MISSING',
      buildEngine(reshape, { ...target, profiles: [{ n: 4 }] }),
    );
    expect(details['inputs']).toEqual(['shape']);
  });

  it('are refused for an input that is no shape tensor', async () => {
    const left = { ...range([1, 1], [1, 1], [1, 1]), values: range([1], [1], [1]) };
    const { details } = await failure(
      'ERR_TRT_PROFILE_INVALID',
      buildEngine(add, { ...target, profiles: [{ rows: 1, columns: 1, left }] }),
    );
    expect(details['input']).toBe('left');
  });
});

describe('profiles that are refused', () => {
  const right = range([1, 1], [2, 2], [4, 4]);
  it.each<[string, NonNullable<BuildOptions['profiles']>, Record<string, unknown>]>([
    [
      '#19 min above opt',
      [{ left: range([3, 1], [2, 1], [4, 1]), right }],
      { input: 'left', axis: 0 },
    ],
    [
      '#19 opt above max',
      [{ left: range([1, 1], [5, 1], [4, 1]), right }],
      { input: 'left', axis: 0 },
    ],
    ['#19 a wrong rank', [{ left: range([1], [1], [1]), right }], { input: 'left' }],
    ['#19 an unknown input', [{ left: right, right, rihgt: right }], { input: 'rihgt' }],
    ['#19 an unknown dim', [{ rows: 1, cols: 1 }], { dim: 'cols' }],
    ['#19 min above opt of a named dim', [{ columns: 1, rows: [3, 2, 4] }], { dim: 'rows' }],
    ['#19 a bad second profile', [{ left: right, right }, { rows: [1, 0, 1] }], { profile: 1 }],
    [
      '#18 nine dims',
      [{ left: range(Array(9).fill(1) as number[], [1], [1]), right }],
      { input: 'left' },
    ],
    ['#18 a dim beyond 31 bits', [{ rows: 1, columns: [1, 2, 2 ** 52] }], { dim: 'columns' }],
  ])('%s', async (_, profiles, details) => {
    const error = await failure(
      'ERR_TRT_PROFILE_INVALID',
      buildEngine(add, { ...target, profiles }),
    );
    expect(error.details).toMatchObject(details);
  });

  it('#19 a range for a static axis', async () => {
    const { details } = await failure(
      'ERR_TRT_PROFILE_INVALID',
      buildEngine(reshape, {
        ...target,
        profiles: [
          {
            x: range([1, 1], [1, 4], [1, 4]),
            shape: { values: range([1, 4], [1, 4], [1, 4]) },
          },
        ],
      }),
    );
    expect(details).toMatchObject({ profile: 0, input: 'x', axis: 1 });
  });

  it('#19 a missing input, and every dim of it is listed', async () => {
    const { message } = await failure(
      'ERR_TRT_PROFILE_MISSING',
      buildEngine(add, { ...target, profiles: [{ left: right, rows: 4 }] }),
    );
    expect(message).toContain('input "right" axis 1 (columns)');
    expect(message).not.toContain('"left"');
    const { details } = await failure('ERR_TRT_PROFILE_MISSING', buildEngine(add, target));
    expect(details['open']).toHaveLength(4);
  });
});

describe('trt-node build --profile', () => {
  const build = (model: string, ...args: string[]) =>
    runNode(cli, [
      'build',
      model,
      '--runtime',
      'tensorrt-rtx',
      '--compute-capability',
      '8.6',
      '--json',
      '--quiet',
      '-o',
      path.join(folder, 'cli.engine'),
      ...args,
    ]);
  const manifestIn = (stdout: string): Manifest =>
    (JSON.parse(stdout) as { manifest: Manifest }).manifest;

  it('takes named dims', async () => {
    const { code, stdout } = await build(add, '--profile', 'rows:1/2/4,columns:8');
    expect(code).toBe(0);
    const each = range([1, 8], [2, 8], [4, 8]);
    expect(manifestIn(stdout).profiles).toEqual([{ left: each, right: each }]);
  });

  it('takes values of a shape tensor', async () => {
    const { code, stdout } = await build(reshape, '--profile', 'n:1/4/16,shape=1x1/2x8/16x64');
    expect(code).toBe(0);
    expect(manifestIn(stdout).profiles[0]?.['shape']?.values).toEqual(
      range([1, 1], [2, 8], [16, 64]),
    );
  });

  it('says which dims are open, and how to give them', async () => {
    const { code, stderr } = await build(add, '--profile', 'rows:1/2/4');
    expect(code).toBe(4);
    expect(stderr).toContain('input "right" axis 1 (columns)');
    expect(stderr).toContain('--profile');
  });
});
