import { describe, expect, it } from 'vitest';
import { inspectEngine, inspectionOf } from '../../lib/engine-inspection';

const separator = '\u001e';

/** As TensorRT 10 writes it at verbosity detailed. */
const convolution = {
  Name: '/conv1/Conv + /relu/Relu',
  LayerType: 'CaskConvolution',
  Inputs: [
    {
      Name: 'image',
      Location: 'Device',
      Dimensions: [1, 3, 224, 224],
      'Format/Datatype': 'Channel major FP16 format where channel % 8 == 0',
    },
  ],
  Outputs: [{ Name: 'relu', Dimensions: [1, 64, 112, 112], 'Format/Datatype': 'Half' }],
  TacticName: 'sm80_xmma_fprop',
  TacticValue: '0x1',
  StreamId: 1,
  Metadata: `[ONNX Layer: /conv1/Conv]${separator}[ONNX Layer: /relu/Relu]`,
};

const layerOf = (layer: unknown) => inspectionOf({ Layers: [layer] }).layers[0];

describe('engine.inspect()', () => {
  it('gives a detailed layer in one shape', () => {
    expect(layerOf(convolution)).toEqual({
      name: '/conv1/Conv + /relu/Relu',
      type: 'CaskConvolution',
      inputs: [
        {
          name: 'image',
          dims: [1, 3, 224, 224],
          type: 'float16',
          format: 'Channel major FP16 format where channel % 8 == 0',
        },
      ],
      outputs: [{ name: 'relu', dims: [1, 64, 112, 112], type: 'float16', format: 'Half' }],
      tactic: 'sm80_xmma_fprop',
      nodes: ['/conv1/Conv', '/relu/Relu'],
      streamId: 1,
    });
  });

  it('takes type and format from keys of their own too', () => {
    const tensor = { Name: 'x', Dimensions: [2], Format: 'Row major linear', Datatype: 'BFloat16' };
    expect(layerOf({ ...convolution, Inputs: [tensor] })?.inputs).toEqual([
      { name: 'x', dims: [2], type: 'bfloat16', format: 'Row major linear' },
    ]);
  });

  it('gives a layer of which only the name is known, with nothing else told', () => {
    expect(layerOf('conv1')).toEqual({
      name: 'conv1',
      type: null,
      inputs: [],
      outputs: [],
      tactic: null,
      nodes: [],
      streamId: null,
    });
  });

  it('tells no type where dynamic shapes hide it, and takes the number of a kernel without a name', () => {
    const hidden = {
      Name: 'x',
      Dimensions: [-1, 4],
      'Format/Datatype': 'N/A due to dynamic shapes',
    };
    const layer = layerOf({ ...convolution, Inputs: [hidden], TacticName: '' });
    expect(layer?.inputs[0]).toMatchObject({ dims: [-1, 4], type: null });
    expect(layer?.tactic).toBe('0x1');
  });

  it('keeps brackets in the names of nodes, and names a node once', () => {
    const metadata = ['[ONNX Layer: a[0]]', '[ONNX Layer: b]', '[ONNX Layer: a[0]]', 'other'];
    const layer = layerOf({ ...convolution, Metadata: metadata.join(separator) });
    expect(layer?.nodes).toEqual(['a[0]', 'b']);
  });

  it.each([
    {},
    { Layers: null, Bindings: 3 },
    { Layers: [null, 7, [], { Name: 1, Inputs: {}, Outputs: [null], Metadata: {} }] },
    { Layers: [{ Inputs: [{ Dimensions: ['?'] }], StreamId: 'zero' }] },
  ])('never throws, whatever is written: %j', (raw) => {
    const inspection = inspectionOf(raw);
    expect(inspection.raw).toBe(raw);
    expect(inspection.bindings).toEqual([]);
    for (const { type, tactic, streamId } of inspection.layers) {
      expect({ type, tactic, streamId }).toEqual({ type: null, tactic: null, streamId: null });
    }
  });

  it('gives bindings, and the inspector’s own JSON beside it', async () => {
    const raw = { Layers: [convolution], Bindings: ['image', 'logits'], Extra: 1 };
    const inspect = () => Promise.resolve(JSON.stringify(raw));
    const inspection = await inspectEngine({ inspect });
    expect(inspection.bindings).toEqual(['image', 'logits']);
    expect(inspection.raw).toEqual(raw);
  });

  it('rejects with what was written where it is no JSON', async () => {
    const text = '{"Layers": ["a"b"]}';
    await expect(inspectEngine({ inspect: () => Promise.resolve(text) })).rejects.toMatchObject({
      code: 'ERR_TRT_INTERNAL',
      details: { text },
    });
  });
});
