// Shapes that no tensor has: each a typed error of the model, without the memory that they ask for, and the process goes on.
import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BuildOptions, TrtErrorCode } from '../../lib/index';
import { digits, failure, requireRtx, temporaryFolder, trtNode } from '../support/native-host';
import { writeOnnx, type TinyModel } from '../support/onnx-writer';

await requireRtx();
const folder = await temporaryFolder();
const target = {
  runtime: 'tensorrt-rtx',
  computeCapabilities: ['8.6'],
} as const satisfies BuildOptions;

const identity = (dims: TinyModel['inputs'][number]['dims']): TinyModel => ({
  inputs: [{ name: 'x', type: 'float32', dims }],
  outputs: [{ name: 'y', type: 'float32', dims }],
  nodes: [{ name: 'same', op: 'Identity', inputs: ['x'], outputs: ['y'] }],
});

const added = (dims: readonly number[], bytes: number): TinyModel => ({
  inputs: [{ name: 'x', type: 'float32', dims: [1] }],
  outputs: [{ name: 'y', type: 'float32', dims }],
  nodes: [{ name: 'add', op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
  constants: [{ name: 'w', type: 'float32', dims, data: new Uint8Array(bytes) }],
});

const anyOf = (...codes: TrtErrorCode[]): readonly TrtErrorCode[] => codes;
const invalid = anyOf('ERR_TRT_ONNX_INVALID');
const parse = anyOf('ERR_TRT_ONNX_PARSE', 'ERR_TRT_ONNX_INVALID');
const built = anyOf('ERR_TRT_ONNX_PARSE', 'ERR_TRT_ONNX_INVALID', 'ERR_TRT_BUILD_FAILED');

describe('#18 a model with', () => {
  it.each<[string, TinyModel, readonly TrtErrorCode[]]>([
    ['an input of 2^40', identity([2 ** 40]), invalid],
    ['an input of 2^62', identity([2 ** 62]), invalid],
    ['an input whose axes multiply to 2^80', identity([2 ** 20, 2 ** 20, 2 ** 20, 2 ** 20]), built],
    ['an input of rank 9', identity([1, 1, 1, 1, 1, 1, 1, 1, 1]), parse],
    ['weights of 2^62 elements and no data', added([2 ** 62], 0), parse],
    ['weights whose axes multiply to 2^80', added([2 ** 40, 2 ** 40], 4), parse],
    ['weights of a negative size', added([-1], 4), parse],
    ['weights with less data than their dims say', added([1024], 16), parse],
    ['weights with more data than their dims say', added([2], 4096), parse],
    ['weights of rank 9', added([1, 1, 1, 1, 1, 1, 1, 1, 4], 16), parse],
  ])('%s', async (name, model, codes) => {
    const file = path.join(folder, `${name}.onnx`);
    await fs.writeFile(file, writeOnnx(model));
    const before = process.memoryUsage.rss();
    const error = await trtNode.buildEngine(file, target).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(codes).toContain((error as { code?: string } | null)?.code ?? 'no error');
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 2 ** 20);
  });

  it('none of these: the next build succeeds', async () => {
    await failure('ERR_TRT_PROFILE_MISSING', trtNode.buildEngine(digits, target));
    const images = { min: [1, 1, 8, 8], opt: [1, 1, 8, 8], max: [1, 1, 8, 8] };
    const { sizeBytes } = await trtNode.buildEngine(digits, { ...target, profiles: [{ images }] });
    expect(sizeBytes).toBeGreaterThan(0);
  });
});
