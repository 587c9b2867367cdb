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
  it('lets no name of the model speak to the terminal', () => {
    const inputs = [{ ...manifest.inputs[0], name: 'x\x1b[2J' }] as Manifest['inputs'];
    const text = renderBuildSummary('m\x07.engine', { ...manifest, inputs }, { color: false });
    expect(text).not.toMatch(/[^\P{C}\n]/u);
    expect(text).toContain('x\\u001b[2J');
  });

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

describe('what a build chose', () => {
  const textOf = (more: Partial<Manifest>) =>
    renderBuildSummary('m.engine', { ...manifest, ...more }, { color: false });
  const layerSummary = {
    layers: 9,
    byType: { float16: 3, int8: 5, float32: 1 },
    ...{ fused: 4, reformat: 2, tactics: 7 },
    wider: ['a', 'b', 'c', 'd'],
  };

  it('tells layers by type, most first, and names those that stayed wider', () => {
    const text = textOf({ layerSummary });
    expect(text).toContain('5 int8, 3 float16, 1 float32');
    expect(text).toContain('4 fused, 2 reformat, 7 kernels');
    expect(text).toMatch(/wider .*4 layers .*: a, b, c and 1 more/);
    expect(textOf({ layerSummary: { ...layerSummary, wider: [] } })).not.toContain('wider');
  });

  it('tells how scales were found', () => {
    const calibration = { algorithm: 'entropy2', batches: 12, droppedSamples: 3 };
    const digests = { dataSha256: null, cacheSha256: null };
    expect(textOf({ calibration: { ...calibration, ...digests } })).toMatch(
      /calibrated .*entropy2, on 12 batches; 3 samples/,
    );
    const cached = { ...calibration, ...digests, batches: 0, droppedSamples: 0 };
    expect(textOf({ calibration: cached })).toMatch(/entropy2, from a cache$/m);
  });

  it('tells the caches by the start of their digests', () => {
    const sha256 = 'ab'.repeat(32);
    const text = textOf({ timingCache: { sha256, reproducible: true }, cacheKey: 'cd'.repeat(32) });
    expect(text).toMatch(/timing cache .*abababababab .*reproducible/);
    expect(text).toMatch(/engine cache .*cdcdcdcdcdcd$/m);
  });

  it('tells what verification measured', () => {
    const verification = {
      cases: 2,
      reference: 'unquantized',
      outputs: { logits: { maxAbs: 0.0125 } },
      metric: { name: 'cosine', value: 0.99912, baseline: 1 },
    } as const;
    expect(textOf({ verification })).toMatch(
      /verified .*2 cases against the unquantized engine; cosine 0.9991 \(unquantized 1\); logits maxAbs 0.0125/,
    );
    const alone = { cases: 1, reference: 'none', outputs: {} } as const;
    expect(textOf({ verification: alone })).toMatch(/verified +1 case$/m);
  });

  it('tells plugins, a signature, and options whose effect nobody has seen', () => {
    const text = textOf({
      plugins: [{ name: 'libmine.so', sha256: '00', sizeBytes: 1 }],
      signature: { algorithm: 'ed25519', keyId: 'ci', value: '' },
      unproven: ['versionCompatible', 'dla'],
    });
    expect(text).toMatch(/plugins .*libmine\.so/);
    expect(text).toMatch(/signed .*ed25519 with ci/);
    expect(text).toMatch(/unproven .*versionCompatible, dla/);
  });

  it('says nothing of what was not asked for', () => {
    for (const row of [
      'types',
      'calibrated',
      'cache',
      'verified',
      'plugins',
      'unproven',
      'signed',
    ]) {
      expect(textOf({})).not.toMatch(new RegExp(`^  ${row}`, 'm'));
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
