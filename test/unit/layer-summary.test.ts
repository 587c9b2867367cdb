import { describe, expect, it } from 'vitest';
import type { NativeWeakPrecision } from '../../lib/binding';
import { summarizeLayers } from '../../lib/layer-summary';

interface Layer {
  readonly Name: string;
  readonly LayerType: string;
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
  readonly [key: string]: unknown;
}

const tensors = (formats: readonly string[] | undefined): readonly object[] =>
  (formats ?? []).map((format, index) => ({
    Name: `tensor ${index}`,
    Location: 'Device',
    Dimensions: [1, 64, 56, 56],
    'Format/Datatype': format,
  }));

/** In the form of TensorRT's engine inspector at verbosity detailed. */
const inspected = (...layers: readonly Layer[]): string =>
  JSON.stringify({
    Layers: layers.map(({ inputs, outputs, ...layer }) => ({
      ...layer,
      Inputs: tensors(inputs),
      Outputs: tensors(outputs),
      StreamId: 0,
    })),
    Bindings: ['image', 'logits'],
  });

const half = 'Channel major FP16 format where channel % 8 == 0';
const int8 = 'Thirty-two wide channel vectorized row major Int8 format';
const float = 'Row major linear FP32';
const dynamic = 'N/A due to dynamic shapes';

const reformat: Layer = {
  Name: 'Reformatting CopyNode for Input Tensor 0 to /conv1/Conv + /relu/Relu',
  LayerType: 'Reformat',
  inputs: [float],
  outputs: [half],
  Origin: 'REFORMAT',
  TacticValue: '0x00000000000003e8',
  Metadata: '',
};
const convolution: Layer = {
  Name: '/conv1/Conv + /relu/Relu',
  LayerType: 'CaskConvolution',
  inputs: [half],
  outputs: [half],
  Weights: { Type: 'Half', Count: 9408 },
  TacticName: 'sm80_xmma_fprop_implicit_gemm_f16f16_f16f16_f16_nhwckrsc_nhwc_tilesize128x64x32',
  Metadata: '[ONNX Layer: /conv1/Conv]\u001e[ONNX Layer: /relu/Relu]',
};
const softmax: Layer = {
  Name: '/Softmax',
  LayerType: 'SoftMax',
  inputs: [float],
  outputs: [float],
  TacticValue: '0x00000000000003ea',
  Metadata: '[ONNX Layer: /Softmax]',
};

const summarized = (asked: readonly NativeWeakPrecision[], ...layers: readonly Layer[]) =>
  summarizeLayers(inspected(...layers), asked);

describe('the summary of an engine’s layers', () => {
  it('counts them by type, fusion, reformatting and kernel', () => {
    const second = { ...convolution, Name: '/conv2/Conv', Metadata: '[ONNX Layer: /conv2/Conv]' };
    expect(summarized(['fp16'], reformat, convolution, second, softmax)).toEqual({
      layers: 4,
      byType: { float16: 3, float32: 1 },
      fused: 1,
      reformat: 1,
      tactics: 3,
      wider: ['/Softmax'],
    });
  });

  it('names nothing as wider where nothing narrower was asked for', () => {
    expect(summarized([], convolution, softmax)?.wider).toEqual([]);
  });

  it('takes the narrowest of what was asked for as the measure', () => {
    const quantized = { ...convolution, Name: 'quantized', inputs: [int8], outputs: [int8] };
    const mixed = ['fp16', 'int8'] as const;
    expect(summarized(mixed, quantized, convolution, softmax)?.wider).toEqual([
      convolution.Name,
      softmax.Name,
    ]);
  });

  it('takes a quantized layer whose output is float for a quantized one', () => {
    const last = { ...convolution, inputs: [int8], outputs: [float], Weights: { Type: 'Int8' } };
    const summary = summarized(['int8'], last);
    expect(summary?.wider).toEqual([]);
    expect(summary?.byType).toEqual({ float32: 1 });
  });

  it('does not count what moves integers, shapes and truth values', () => {
    const moved = (type: string): Layer => ({
      Name: `gather ${type}`,
      LayerType: 'Gather',
      inputs: [type],
      outputs: [type],
    });
    const signal = { Name: 'signal', LayerType: 'signal' };
    const layers = ['Int32', 'Int64', 'Bool'].map(moved);
    expect(summarized(['int8'], ...layers, signal)).toMatchObject({
      byType: { bool: 1, int32: 1, int64: 1, none: 1 },
      wider: [],
    });
  });

  it.each([
    ['Float', 'float32'],
    ['Row major linear FP32', 'float32'],
    ['Channel major FP32 format where channel % 4 == 0', 'float32'],
    ['Half', 'float16'],
    ['Row major linear FP16 format', 'float16'],
    ['Two wide channel vectorized row major FP16 format', 'float16'],
    ['BFloat16', 'bfloat16'],
    ['Row major linear BF16', 'bfloat16'],
    ['Int8', 'int8'],
    ['Four wide channel vectorized row major Int8 format', 'int8'],
    ['Row major linear INT8', 'int8'],
    ['FP8', 'float8e4m3fn'],
    ['Row major linear FP8 format', 'float8e4m3fn'],
    ['FP4', 'float4e2m1'],
    ['Int4', 'int4'],
    ['UInt8', 'uint8'],
    ['Int64', 'int64'],
    ['Row major Int32 format', 'int32'],
    ['Bool', 'bool'],
    ['some format of the future', 'unknown'],
  ])('reads %s as %s', (format, type) => {
    const layer = { Name: 'layer', LayerType: 'kgen', inputs: [format], outputs: [format] };
    expect(summarized([], layer)?.byType).toEqual({ [type]: 1 });
  });

  it('falls back on weights and kernels where dynamic shapes hide the types', () => {
    const hidden = { inputs: [dynamic], outputs: [dynamic] };
    const byWeights: Layer = {
      Name: 'by weights',
      LayerType: 'CaskConvolution',
      ...hidden,
      Weights: { Type: 'Half', Count: 1 },
    };
    const byKernel = (name: string, kernel: string): Layer => ({
      Name: name,
      LayerType: 'CaskGemmMatrixMultiply',
      ...hidden,
      TacticName: kernel,
    });
    const summary = summarized(
      ['int8'],
      byWeights,
      byKernel('int8 kernel', 'sm80_xmma_fprop_implicit_gemm_interleaved_i8i8_i8i32_f32_nchw'),
      byKernel('tf32 kernel', 'sm80_xmma_gemm_f32f32_tf32f32_f32_tn_n_tilesize64x64x32'),
      byKernel('fp8 kernel', 'sm89_xmma_gemm_e4m3e4m3_e4m3f32_f32_tn'),
      { Name: 'nobody knows', LayerType: 'PointWiseV2', ...hidden, TacticValue: '0x18' },
    );
    expect(summary?.byType).toEqual({
      float16: 1,
      float32: 1,
      float8e4m3fn: 1,
      int8: 1,
      unknown: 1,
    });
    expect(summary?.wider).toEqual(['by weights', 'tf32 kernel']);
  });

  it('knows the generated kernels that only reformat', () => {
    const generated = (operations: string): Layer => ({
      Name: `__myl_${operations}_myl0_3`,
      LayerType: 'kgen',
      inputs: ['Float'],
      outputs: ['Half'],
    });
    const summary = summarized(
      [],
      ...['Cast', 'ReshTran', 'MoveCast', 'AddCastMul'].map(generated),
    );
    expect(summary?.reformat).toBe(3);
  });

  it('tells fusion by names where there is no metadata', () => {
    const named = (name: string): Layer => ({ Name: name, LayerType: 'PointWiseV2' });
    const summary = summarized([], named('PWN(PWN(relu), add)'), named('a + b'), named('c'));
    expect(summary?.fused).toBe(2);
  });

  it('reads bare names, which other verbosities give', () => {
    expect(summarizeLayers('{"Layers": ["a + b", "c"]}', ['fp16'])).toEqual({
      layers: 2,
      byType: { unknown: 2 },
      fused: 1,
      reformat: 0,
      tactics: 0,
      wider: [],
    });
  });

  it.each([null, '', '[]', '{}', '{"Layers": 3}', '{"Layers": [{"Name": "a"b"}]}'])(
    'is null for %j',
    (json) => expect(summarizeLayers(json, ['int8'])).toBeNull(),
  );

  it.each([
    '{"Layers": []}',
    '{"Layers": [null, 1, [], {}]}',
    '{"Layers": [{"Name": 1, "LayerType": [], "Inputs": 5, "Outputs": [null, 7], "Weights": "x", "Metadata": {}}]}',
    '{"Layers": [{"Inputs": [{"Format/Datatype": 5}], "Outputs": [{}], "TacticName": {}}]}',
  ])('never throws: %s', (json) => {
    const count = (JSON.parse(json) as { Layers: unknown[] }).Layers.length;
    expect(summarizeLayers(json, ['int8'])).toMatchObject({ layers: count, wider: [] });
  });
});
