// Which types TensorRT-RTX takes as inputs and outputs of a network. Nothing runs: there is no GPU here.
import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BuiltEngine } from '../../lib/index';
import { failure, requireRtx, temporaryFolder, trtNode } from '../support/native-host';
import { writeOnnx, type ElementType, type TinyModel } from '../support/onnx-writer';
import { casts, dequantize, identities, quantize } from '../support/type-models';

const library = await requireRtx();
const folder = await temporaryFolder();
let models = 0;

async function build(model: TinyModel, computeCapability: string): Promise<BuiltEngine> {
  const file = path.join(folder, `${++models}.onnx`);
  await fs.writeFile(file, writeOnnx(model));
  return trtNode.buildEngine(file, {
    runtime: 'tensorrt-rtx',
    computeCapabilities: [computeCapability],
  });
}

const typesOf = (tensors: BuiltEngine['manifest']['inputs']): string[] =>
  tensors.map(({ type }) => type);

const everywhere: readonly ElementType[] = [
  'float32',
  'float16',
  'bfloat16',
  'float8e4m3fn',
  'int8',
  'uint8',
  'int32',
  'int64',
  'bool',
  'int4',
];

describe(`TensorRT-RTX (${path.basename(library.core)})`, () => {
  it('takes these types as inputs and outputs, for compute capability 8.9', async () => {
    const { manifest } = await build(identities(everywhere, [5]), '8.9');
    expect(typesOf(manifest.inputs)).toEqual(everywhere);
    expect(typesOf(manifest.outputs)).toEqual(everywhere);
  });

  it('takes float4e2m1 for compute capability 12.0, and for 8.9 says that it does not', async () => {
    const model = identities(['float4e2m1'], [5]);
    const { manifest } = await build(model, '12.0');
    expect(typesOf(manifest.inputs)).toEqual(['float4e2m1']);
    expect(typesOf(manifest.outputs)).toEqual(['float4e2m1']);
    const { message } = await failure('ERR_TRT_BUILD_FAILED', build(model, '8.9'));
    expect(message).toContain('fp4_e2m1');
  });

  it('does not take float8e8m0: its ONNX parser knows no such type', async () => {
    await failure('ERR_TRT_ONNX_PARSE', build(identities(['float8e8m0'], [5]), '12.0'));
  });

  it('takes scalars of each type', async () => {
    const { manifest } = await build(identities(everywhere, []), '8.9');
    expect(manifest.inputs.map(({ dims }) => dims)).toEqual(everywhere.map(() => []));
  });

  it.each(['int8', 'float8e4m3fn', 'int4'] as const)(
    '%s is what is quantized and dequantized',
    async (type) => {
      expect(typesOf((await build(quantize(type, [6]), '8.9')).manifest.outputs)).toEqual([type]);
      expect(typesOf((await build(dequantize(type, [6]), '8.9')).manifest.inputs)).toEqual([type]);
    },
  );

  it.each(['float8e4m3fn', 'int4', 'float4e2m1'] as const)(
    'Cast to %s is an error that names the tensor: only quantization makes such values',
    async (type) => {
      const { message } = await failure('ERR_TRT_BUILD_FAILED', build(casts([type], [5]), '12.0'));
      expect(message).toContain(`y_${type}`);
    },
  );
});
