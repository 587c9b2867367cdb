import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BuiltEngine, Engine } from '../../lib/index';
import { writeOnnx } from '../support/onnx-writer';
import { codeOf, temporaryFolder, trtNode } from './gpu-host';

const [inner, hidden, outer] = [32, 64, 16] as const;

/** Numbers of a few bits each, so that products and sums of them are exact in float32 and TF32, in whatever order. */
const small = (count: number, factor: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => ((i * factor) % 7) - 3);

const w1 = small(inner * hidden, 3);
const w2 = small(hidden * outer, 5);
const constant = (name: string, data: Float32Array, dims: readonly number[]) => {
  const bytes = new Uint8Array(data.buffer);
  return { name, type: 'float32' as const, dims, data: bytes };
};

/** y = relu(x · w1) · w2, of any number of rows. */
const model = writeOnnx({
  inputs: [{ name: 'x', type: 'float32', dims: ['rows', inner] }],
  constants: [constant('w1', w1, [inner, hidden]), constant('w2', w2, [hidden, outer])],
  nodes: [
    { op: 'MatMul', name: 'first', inputs: ['x', 'w1'], outputs: ['/first/out'] },
    { op: 'Relu', name: 'relu', inputs: ['/first/out'], outputs: ['/relu/out'] },
    { op: 'MatMul', name: 'second', inputs: ['/relu/out', 'w2'], outputs: ['y'] },
  ],
  outputs: [{ name: 'y', type: 'float32', dims: ['rows', outer] }],
});

function product(a: Float32Array, b: Float32Array, length: number, columns: number): Float32Array {
  const rows = a.length / length;
  return Float32Array.from({ length: rows * columns }, (_, at) => {
    const row = Math.floor(at / columns) * length;
    let sum = 0;
    for (let i = 0; i < length; i += 1) {
      sum += (a[row + i] as number) * (b[i * columns + (at % columns)] as number);
    }
    return sum;
  });
}

function expectedOf(x: Float32Array) {
  const first = product(x, w1, inner, hidden);
  const relu = first.map((value) => Math.max(0, value));
  return { first, relu, y: product(relu, w2, hidden, outer) };
}

/** Zeros without a sign: which one a kernel gives, no rule says. */
const unsigned = (data: unknown): Float32Array => (data as Float32Array).map((value) => value + 0);

const debugTensors = ['/first/out', '/relu/out'] as const;
const folder = await temporaryFolder();
let built: BuiltEngine;
beforeAll(async () => {
  const file = path.join(folder, 'model.onnx');
  await writeFile(file, model);
  built = await trtNode.buildEngine(file, {
    runtime: 'tensorrt',
    output: path.join(folder, 'model.engine'),
    profiles: [{ rows: [1, 4, 64] }],
    debugTensors,
  });
}, 300_000);

const inputs = (rows: number, factor: number) => {
  const data = small(rows * inner, factor);
  return { x: { type: 'float32', data, dims: [rows, inner] } } as const;
};

async function inferPlainly(engine: Engine, rows: number, factor: number): Promise<void> {
  const given = inputs(rows, factor);
  const { y } = await engine.infer(given);
  expect(unsigned(y?.data)).toEqual(expectedOf(given.x.data).y);
}

async function inferDebugged(engine: Engine, rows: number, factor: number): Promise<void> {
  const given = inputs(rows, factor);
  const { outputs, debug, timing } = await engine.inferTimed(given, { debug: debugTensors });
  const expected = expectedOf(given.x.data);
  expect(debug['/first/out']).toMatchObject({ type: 'float32', dims: [rows, hidden] });
  expect(unsigned(debug['/first/out'].data)).toEqual(expected.first);
  expect(unsigned(debug['/relu/out'].data)).toEqual(expected.relu);
  expect(unsigned(outputs['y']?.data)).toEqual(expected.y);
  expect(timing.compute).toBeGreaterThan(0);
}

describe('debug tensors', () => {
  it('are in the manifest, and known to TensorRT', async () => {
    expect(built.manifest.options['debugTensors']).toEqual(debugTensors);
    await using engine = await built.load();
    expect(engine.debugTensors).toEqual(debugTensors);
  });

  it.each(['on', 'auto', 'off'] as const)(
    'have their values, and graphs stay right before and after: %s',
    async (graphs) => {
      await using engine = await built.load({ lanes: 1, graphs });
      for (let i = 1; i <= 4; i += 1) await inferPlainly(engine, 4, i);
      await inferDebugged(engine, 4, 5);
      const { replays } = engine.graphs;
      for (let i = 1; i <= 4; i += 1) await inferPlainly(engine, 4, i + 5);
      await inferDebugged(engine, 7, 2);
      await inferDebugged(engine, 4, 3);
      for (let i = 1; i <= 4; i += 1) await inferPlainly(engine, 7, i);
      expect(engine.graphs.reason).toBeNull();
      if (graphs !== 'off') expect(engine.graphs.replays).toBeGreaterThan(replays);
    },
  );

  it('have their values with lanes that share their memory, at once', async () => {
    await using engine = await built.load({ lanes: 3, contextMemory: 'shared' });
    await Promise.all(
      Array.from({ length: 24 }, (_, i) =>
        (i % 2 === 0 ? inferDebugged : inferPlainly)(engine, 1 + (i % 5), i + 1),
      ),
    );
  });

  it('can be asked for one by one, and of a plan without a manifest', async () => {
    await using engine = await trtNode.loadEngine(await readFile(built.path as string));
    expect(engine.debugTensors).toEqual([]);
    const given = inputs(2, 4);
    const { debug } = await engine.inferTimed(given, { debug: ['/relu/out'] });
    expect(Object.keys(debug)).toEqual(['/relu/out']);
    expect(unsigned(debug['/relu/out'].data)).toEqual(expectedOf(given.x.data).relu);
    expect(await codeOf(engine.inferTimed(given, { debug: ['w1'] }))).toBe('ERR_TRT_INVALID_ARG');
    await inferPlainly(engine, 2, 4);
  });

  it('that the network does not have are refused before anything is built', async () => {
    const options = { runtime: 'tensorrt', debugTensors: ['/relu/outs'] } as const;
    const build = trtNode.buildEngine(path.join(folder, 'model.onnx'), {
      ...options,
      profiles: [{ rows: [1, 4, 64] }],
    });
    await expect(build).rejects.toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
      details: { nearest: ['/relu/out'] },
    });
  });
});
