import { describe, expect, it } from 'vitest';
import { describeTarget, formatBytes, renderBuildSummary } from '../../lib/cli/build-summary';
import type { Manifest } from '../../lib/manifest-schema';

const manifest: Manifest = {
  schemaVersion: 1,
  writer: '0.1.0',
  flavour: 'tensorrt-rtx',
  version: '1.7.1',
  plan: { sha256: '00', sizeBytes: 1536 },
  model: { sha256: '11', sizeBytes: 10, name: 'm.onnx' },
  gpu: null,
  computeCapabilities: ['8.6', '8.9'],
  driver: null,
  inputs: [{ name: 'image', type: 'float32', dims: [-1, 1, 8, 8], isShapeTensor: false }],
  outputs: [{ name: 'logits', type: 'float32', dims: [-1, 10], isShapeTensor: false }],
  profiles: [],
  options: {},
  labels: {},
  builtAt: '2026-01-01T00:00:00.000Z',
  buildSeconds: 0.42,
  network: { layers: [{ name: 'c', type: 'Convolution', outputTypes: ['float32'] }] },
  layers: null,
  layersReason: 'no driver',
};

describe('renderBuildSummary', () => {
  it('tells inputs, outputs, layers, size, time and target', () => {
    const text = renderBuildSummary('m.engine', manifest, { color: false });
    for (const fact of [
      'm.engine',
      'image  float32  ? × 1 × 8 × 8',
      'logits  float32  ? × 10',
      '1 in the network',
      'no driver',
      '1.5 KiB',
      '0.42 s',
      'TensorRT-RTX 1.7.1',
      '8.6, 8.9',
    ]) {
      expect(text).toContain(fact);
    }
  });
});

describe('describeTarget', () => {
  it('names the GPU that a TensorRT plan is bound to', () => {
    const gpu = { name: 'NVIDIA H200', computeCapability: '9.0' };
    const text = describeTarget({ ...manifest, flavour: 'tensorrt', version: '10.6.0', gpu });
    expect(text).toContain('TensorRT 10.6.0');
    expect(text).toContain('NVIDIA H200');
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 bytes'],
    [1023, '1023 bytes'],
    [1024, '1.0 KiB'],
    [3 * 1024 ** 3, '3.0 GiB'],
    [5 * 1024 ** 4, '5120.0 GiB'],
  ])('%i → %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});
