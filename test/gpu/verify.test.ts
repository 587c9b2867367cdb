import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { accuracyOf, loadHeldOut, modelPath, profiles } from '../../bench/digits.mjs';
import type { BuildOptions, BuildProgress, TrtError } from '../../lib/index';
import { float32Npy, storedZip } from '../support/npy-writer';
import { writeOnnx, type Constant } from '../support/onnx-writer';
import { temporaryFolder, trtNode } from './gpu-host';

const { Tensor } = trtNode;
const heldOut = await loadHeldOut();
const folder = await temporaryFolder();
const timingCache = path.join(folder, 'timing.cache');
const quick = { runtime: 'tensorrt', profiles, optimizationLevel: 0, timingCache } as const;

/** Six batches of 60 held-out images. */
const size = 60;
const batches = Array.from({ length: heldOut.count / size }, (_, index) => {
  const from = index * size;
  const images = heldOut.images.slice(from * 64, (from + size) * 64);
  const logits = heldOut.referenceLogits.slice(from * 10, (from + size) * 10);
  return {
    inputs: { images: new Tensor('float32', images, [size, 1, 8, 8]) },
    outputs: { logits: new Tensor('float32', logits, [size, 10]) },
    label: heldOut.labels.slice(from, from + size),
  };
});
const unlabelled = batches.map(({ inputs }) => ({ inputs }));

async function errorOf(promise: Promise<unknown>): Promise<TrtError> {
  return promise.then(
    () => expect.unreachable('the build should have failed'),
    (error: unknown) => error as TrtError,
  );
}

/** Builds into a folder of its own, and says what is there afterwards. */
async function refusal(
  name: string,
  model: string | Uint8Array,
  options: BuildOptions,
): Promise<{ error: TrtError; left: readonly string[] }> {
  const own = path.join(folder, name);
  await fs.mkdir(own);
  const output = path.join(own, 'model.engine');
  const error = await errorOf(trtNode.buildEngine(model, { ...options, output }));
  return { error, left: await fs.readdir(own) };
}

describe('a good float16 engine of digits', () => {
  it('passes PyTorch’s logits and equal rows, and its manifest tells what was measured', async () => {
    const output = path.join(folder, 'good.engine');
    const seen: BuildProgress[] = [];
    const built = await trtNode.buildEngine(modelPath, {
      ...quick,
      output,
      precision: 'fp16',
      verify: { cases: batches, rowConsistency: true },
      onProgress: (event) => seen.push(event),
    });
    const { verification } = built.manifest;
    expect(verification).toMatchObject({ cases: 6, reference: 'given' });
    // test/gpu/digits.test.ts has the same bar for all images together.
    expect(verification?.outputs['logits']?.['maxRel']).toBeLessThan(1e-2);
    expect(verification?.outputs['logits']?.['cosine']).toBeGreaterThan(0.999);
    const onDisk = JSON.parse(await fs.readFile(`${output}.json`, 'utf8')) as unknown;
    expect(onDisk).toEqual(built.manifest);
    const steps = seen.filter(({ phase, kind }) => phase === 'Verifying' && kind === 'step');
    expect(steps.map(({ step, steps: of }) => `${step}/${of}`)).toEqual(
      [1, 2, 3, 4, 5, 6].map((step) => `${step}/6`),
    );
  });

  it('passes cases of .npz files', async () => {
    const cases = path.join(folder, 'cases');
    await fs.mkdir(cases);
    for (const [index, { inputs, outputs }] of batches.slice(0, 2).entries()) {
      const zip = storedZip([
        {
          name: 'images.npy',
          data: float32Npy(inputs.images.dims, inputs.images.data),
        },
        {
          name: 'output:logits.npy',
          data: float32Npy(outputs.logits.dims, outputs.logits.data),
        },
      ]);
      await fs.writeFile(path.join(cases, `${index}.npz`), zip);
    }
    const built = await trtNode.buildEngine(modelPath, {
      ...quick,
      precision: 'fp16',
      verify: { cases, metric: 'cosine', minimum: 0.999 },
    });
    expect(built.manifest.verification).toMatchObject({
      cases: 2,
      reference: 'given',
      metric: { name: 'cosine' },
    });
  });
});

describe('an engine that is not what its cases say', () => {
  it('is not published: the error names case, output and element', async () => {
    const wrong = batches.map((each, index) => {
      if (index !== 3) return each;
      const logits = each.outputs.logits.data.slice();
      logits[42 * 10 + 7] = 100;
      const tensor = new Tensor('float32', logits, [size, 10]);
      return { ...each, name: 'the fourth', outputs: { logits: tensor } };
    });
    const { error, left } = await refusal('wrong', modelPath, {
      ...quick,
      precision: 'fp32',
      verify: { cases: wrong },
    });
    expect(error.code).toBe('ERR_TRT_VERIFY_FAILED');
    expect(error.details).toMatchObject({
      reason: 'tolerance',
      case: 'the fourth',
      output: 'logits',
      index: [42, 7],
      expected: 100,
      mismatches: 1,
      failedCases: 1,
    });
    expect(left).toEqual([]);
  });

  it('of a metric’s error has that as its cause', async () => {
    const cause = new Error('no such label');
    const { error, left } = await refusal('metric', modelPath, {
      ...quick,
      verify: {
        cases: batches,
        minimum: 0,
        metric: () => {
          throw cause;
        },
      },
    });
    expect(error).toMatchObject({ code: 'ERR_TRT_VERIFY_FAILED', cause });
    expect(left).toEqual([]);
  });
});

describe('float16 that overflows', () => {
  const bytes = (data: Float32Array | Uint16Array): Uint8Array =>
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

  it('fails in a model of float16', async () => {
    // 2 · 60000 is more than 65504, float16's largest value.
    const model = writeOnnx({
      inputs: [{ name: 'x', type: 'float16', dims: [4] }],
      outputs: [{ name: 'y', type: 'float16', dims: [4] }],
      constants: [{ name: 'c', type: 'float16', dims: [], data: bytes(Uint16Array.of(0x7b53)) }],
      nodes: [{ op: 'Mul', inputs: ['x', 'c'], outputs: ['y'] }],
    });
    const cases = [{ inputs: { x: Tensor.from([1, 0, 2, 1], 'float16') } }];
    const options: BuildOptions = {
      runtime: 'tensorrt',
      timingCache,
      verify: { cases, reference: 'none' },
    };
    const { error, left } = await refusal('overflow', model, options);
    expect(error.code).toBe('ERR_TRT_VERIFY_FAILED');
    expect(error.details).toMatchObject({
      reason: 'not-finite',
      case: '0',
      output: 'y',
      index: [2],
      got: Infinity,
      mismatches: 1,
      elements: 4,
    });
    expect(left).toEqual([]);
  });

  it('fails in a model of float32 that precision fp16 narrows, and passes without it', async () => {
    // Large enough that float16 is faster. The hidden layer is about 1024 · 0.5 · 200 = 102400; what comes out is about 0.4.
    const [rows, inner, hidden, outer] = [2048, 1024, 4096, 1024] as const;
    const filled = (name: string, dims: readonly [number, number], value: number): Constant => ({
      name,
      type: 'float32',
      dims,
      data: bytes(new Float32Array(dims[0] * dims[1]).fill(value)),
    });
    const model = writeOnnx({
      inputs: [{ name: 'x', type: 'float32', dims: [rows, inner] }],
      outputs: [{ name: 'y', type: 'float32', dims: [rows, outer] }],
      constants: [
        filled('w1', [inner, hidden], 200),
        filled('w2', [hidden, outer], 0.001),
        filled('small', [1, 1], 1e-6),
      ],
      nodes: [
        { op: 'MatMul', name: 'first', inputs: ['x', 'w1'], outputs: ['h'] },
        { op: 'MatMul', name: 'second', inputs: ['h', 'w2'], outputs: ['g'] },
        { op: 'Mul', name: 'scale', inputs: ['g', 'small'], outputs: ['y'] },
      ],
    });
    const x = new Float32Array(rows * inner).fill(0.5);
    const verify = { cases: [{ inputs: { x } }], reference: 'none' } as const;
    const options: BuildOptions = { runtime: 'tensorrt', timingCache, verify };
    const { error } = await refusal('narrowed', model, { ...options, precision: ['fp16', 'fp32'] });
    expect(error.code).toBe('ERR_TRT_VERIFY_FAILED');
    expect(error.details).toMatchObject({ reason: 'not-finite', output: 'y' });
    const wide = await trtNode.buildEngine(model, { ...options, precision: 'fp32' });
    expect(wide.manifest.verification).toMatchObject({ cases: 1, reference: 'none' });
  });
});

describe('int8', () => {
  it('loses at most half a point of accuracy against the unquantized engine', async () => {
    const calibration = {
      data: Array.from({ length: 5 }, (_, index) => ({
        images: new Tensor(
          'float32',
          heldOut.images.slice(index * 64 * 64, (index + 1) * 64 * 64),
          [64, 1, 8, 8],
        ),
      })),
    };
    const built = await trtNode.buildEngine(modelPath, {
      ...quick,
      precision: ['int8', 'fp16'],
      calibration,
      verify: {
        cases: batches.map(({ inputs, label }) => ({ inputs, label })),
        metric: function accuracy({ logits }, { label }) {
          return accuracyOf(logits?.data as Float32Array, label as number[]);
        },
        maxDrop: 0.005,
      },
    });
    const { verification } = built.manifest;
    console.log(`int8 digits: ${JSON.stringify(verification?.metric)}`);
    expect(verification).toMatchObject({
      cases: 6,
      reference: 'none',
      metric: { name: 'accuracy' },
    });
    // PyTorch's own accuracy, within the bar of the float32 engine.
    const { accuracy } = heldOut.reference.pytorch;
    expect(Math.abs((verification?.metric?.baseline ?? 0) - accuracy)).toBeLessThanOrEqual(0.002);
  });

  it('is compared with the unquantized engine where that is the reference', async () => {
    const built = await trtNode.buildEngine(modelPath, {
      ...quick,
      precision: 'fp16',
      verify: { cases: unlabelled, reference: 'unquantized' },
    });
    expect(built.manifest.verification).toMatchObject({ cases: 6, reference: 'unquantized' });
  });
});

describe('a reference by onnxruntime-node', () => {
  it('names what to install where that is not there', async () => {
    // Not an array: what its cases have is known when the engine is there.
    function* late(): Generator<(typeof unlabelled)[number]> {
      yield* unlabelled;
    }
    for (const [name, cases] of [
      ['early', unlabelled],
      ['late', late()],
    ] as const) {
      const { error, left } = await refusal(name, modelPath, { ...quick, verify: { cases } });
      expect(error.code).toBe('ERR_TRT_UNSUPPORTED');
      expect(error.message).toContain('npm install onnxruntime-node');
      expect(left).toEqual([]);
    }
  });
});

it('ends with an abort between cases, and leaves nothing', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const own = path.join(folder, 'aborted');
  await fs.mkdir(own);
  const error = await errorOf(
    trtNode.buildEngine(modelPath, {
      ...quick,
      output: path.join(own, 'model.engine'),
      verify: { cases: batches },
      signal: controller.signal,
      onProgress: ({ phase, kind, step }) => {
        if (phase === 'Verifying' && kind === 'step' && step === 2) controller.abort(reason);
      },
    }),
  );
  expect(error).toBe(reason);
  expect(await fs.readdir(own)).toEqual([]);
});
