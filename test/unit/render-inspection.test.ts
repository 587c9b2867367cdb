import { describe, expect, it } from 'vitest';
import { renderInspection, renderPlanInspection } from '../../lib/cli/render-inspection';
import type { OnnxInspection, OnnxSupport } from '../../lib/inspect-onnx/inspection';
import {
  networkLayersOf,
  renderLayers,
  renderNetworkLayers,
  selectLayers,
  type LayerView,
} from '../../lib/cli/inspect-layers';
import { manifestLayers, type EngineLayer } from '../../lib/inspect-onnx/engine-layers';
import type { InspectedEngine } from '../../lib/inspect-onnx/inspect-engine';
import { digestOf, manifestFixture } from '../support/manifests';

const style = { color: false };

const inspection: OnnxInspection = {
  model: {
    sha256: digestOf('m').sha256,
    sizeBytes: 2048,
    name: 'model.onnx',
    externalData: { 'w.bin': { ...digestOf('w'), sizeBytes: 1024 ** 2 } },
  },
  sizeBytes: 1024 ** 2 + 2048,
  irVersion: 8,
  producer: { name: 'pytorch', version: '2.11.0' },
  opsets: { 'ai.onnx': 17, 'com.example': 1 },
  inputs: [
    { name: 'x', type: 'float32', dims: ['batch', null, 4] },
    { name: 'n', type: 'int64', dims: [] },
  ],
  outputs: [{ name: 'y', type: null, dims: null }],
  dynamicDims: [
    { input: 'x', axis: 0, name: 'batch' },
    { input: 'x', axis: 1, name: null },
  ],
  nodes: 3,
  operators: { Relu: 2, 'com.example:Frobnicate': 1 },
  quantized: ['int8'],
  support: null,
  supportReason: 'TensorRT was not found on this machine.',
};

const refusal = {
  index: 1,
  name: 'the culprit',
  operator: 'Frobnicate',
  domain: 'com.example',
  code: 'unsupported-node',
  message: 'no plugin',
};

const support: OnnxSupport = {
  flavour: 'tensorrt-rtx',
  version: '1.7.1',
  parserVersion: '10.14',
  library: '/lib/libtensorrt_rtx.so',
  device: null,
  supported: false,
  unsupportedOperators: [{ operator: 'com.example:Frobnicate', nodes: 1 }],
  firstUnsupported: refusal,
  problems: [refusal],
  subgraphs: [
    { nodes: [0], supported: false },
    { nodes: [2], supported: false },
  ],
};

/** Lines without their indentation and columns. */
function lines(found: OnnxInspection): string[] {
  return renderInspection('model.onnx', found, style)
    .split('\n')
    .map((line) => line.trim().replace(/ {2,}/g, '  '));
}

describe('renderInspection', () => {
  it('shows what a model needs, and why nobody was asked', () => {
    expect(lines(inspection)).toEqual([
      '? model.onnx',
      'exporter  pytorch 2.11.0 (IR version 8)',
      'opsets  ai.onnx 17, com.example 1',
      'input  x  float32  batch × ? × 4',
      'input  n  int64  scalar',
      'output  y  no tensor  shape unknown',
      'dynamic  batch: x[0]',
      'dynamic  without a name: x[1]',
      "profile  a build needs --profile 'batch:min/opt/max,x:min/opt/max'",
      'operators  Relu 2, com.example:Frobnicate 1',
      'quantized  to int8 (Q/DQ nodes)',
      'size  1.0 MiB, 2.0 KiB of it in the model and the rest in 1 file beside it',
      'supported  not known: TensorRT was not found on this machine.',
    ]);
  });

  it('lets no name of the model speak to the terminal, or in the place of a fact', () => {
    const name = '\x1b]0;gone\x07x\r\u202e\u009b2J\n✓ supported';
    const value = { name, type: 'float32', dims: [name] } as const;
    const text = renderInspection(
      'model.onnx',
      {
        ...inspection,
        inputs: [value],
        outputs: [value],
        producer: { name, version: name },
        operators: { [name]: 1 },
        support: { ...support, problems: [{ ...refusal, name, operator: name, message: name }] },
      },
      style,
    );
    expect(text).not.toMatch(/[^\P{C}\n]/u);
    expect(text).toContain('\\u001b]0;gone\\u0007x');
    expect(text).not.toMatch(/^ {0,3}✓/m);
  });

  it('shows who supports it', () => {
    const all = { ...support, supported: true, problems: [], unsupportedOperators: [] };
    expect(lines({ ...inspection, support: { ...all, device: 0 } }).at(-1)).toBe(
      'supported  by TensorRT-RTX 1.7.1',
    );
    expect(lines({ ...inspection, support: all })[0]).toBe('✓ model.onnx');
  });

  it('shows what is refused, with its domain, and how much is not', () => {
    expect(lines({ ...inspection, support }).slice(-4)).toEqual([
      'supported  not by TensorRT-RTX 1.7.1, asked without a GPU',
      'refused  com.example:Frobnicate 1',
      'node 1 "the culprit" (com.example:Frobnicate): no plugin',
      'the rest  2 of 3 nodes without a problem of their own, in 2 runs',
    ]);
  });

  it('shows a refusal of the model as a whole', () => {
    const whole = { ...refusal, index: null, name: '', operator: '', domain: null };
    const found = lines({
      ...inspection,
      support: {
        ...support,
        firstUnsupported: null,
        problems: [whole],
        unsupportedOperators: [],
        subgraphs: [],
      },
    });
    expect(found.slice(-2)).toEqual([
      'supported  not by TensorRT-RTX 1.7.1, asked without a GPU',
      'no plugin',
    ]);
  });

  it('shows the first ten of many problems', () => {
    const problems = Array.from({ length: 25 }, (_, index) => ({
      ...refusal,
      index,
      name: '',
      domain: 'ai.onnx',
      message: 'false',
    }));
    const found = lines({ ...inspection, support: { ...support, problems } });
    expect(
      found.filter((line) => /^node \d+ \(Frobnicate\): TensorRT does not/.test(line)),
    ).toHaveLength(10);
    expect(found).toContain('and 15 more (--json lists all)');
  });
});

describe('renderPlanInspection', () => {
  const manifest = manifestFixture('plan', {
    signature: { algorithm: 'ed25519', keyId: 'release', value: 'AAAA' },
  });
  const plan: InspectedEngine = {
    path: 'model.engine',
    flavour: 'tensorrt',
    version: '10.6.0.26',
    ...digestOf('plan'),
    described: true,
    manifest,
    inputs: manifest.inputs,
    outputs: manifest.outputs,
    profiles: manifest.profiles,
    layers: null,
    layersReason: 'nobody asked',
    loadedOn: null,
    memory: {
      lanes: 2,
      weights: 3 * 1024 ** 2,
      contexts: 1024 ** 2,
      bindings: 2048,
      graphs: null,
      staging: 1024,
      deviceBytes: 4 * 1024 ** 2 + 2048,
      excluded: [],
    },
  };

  it('shows header, manifest and signature', () => {
    const text = renderPlanInspection(plan, style);
    expect(text.split('\n')[0]).toBe('✓ model.engine');
    expect(text).toMatch(/plan +TensorRT 10\.6\.0\.26, 4 bytes/);
    expect(text).toMatch(/manifest +agrees/);
    expect(text).toMatch(/signed +ed25519 with release/);
    expect(text).toMatch(/profile 0 +image 1×1×8×8 \/ 8×1×8×8 \/ 32×1×8×8/);
    expect(text).toMatch(
      /memory +4\.0 MiB of the GPU with 2 lanes: weights 3\.0 MiB, activations 1\.0 MiB/,
    );
  });

  it('shows what TensorRT told of a plan without a manifest', () => {
    const told = { described: null, manifest: null, loadedOn: 'a GPU', memory: null };
    const text = renderPlanInspection({ ...plan, ...told }, style);
    expect(text).toMatch(/loaded +on a GPU/);
    expect(text).toMatch(/input +image +float32 +\? × 1 × 8 × 8/);
  });

  it.each<[string, Partial<InspectedEngine>, RegExp]>([
    [
      'no manifest',
      { described: null, manifest: null },
      /^\? .*\n.*\n.*none \(model\.engine\.json/,
    ],
    [
      'another plan’s manifest',
      { described: false, manifest: null },
      /^✗ .*\n.*\n.*of another plan/,
    ],
    ['the manifest of what comes after it', { manifest: null }, /replaces this one/],
  ])('shows %s', (_, changes, expected) => {
    expect(renderPlanInspection({ ...plan, ...changes }, style)).toMatch(expected);
  });
});

describe('renderLayers', () => {
  const layer = (name: string, type: string, precision: EngineLayer['precision']): EngineLayer => ({
    ...{ name, type, precision },
    outputs: [],
    fused: name.split(' + ').length > 1 ? name.split(' + ') : [],
    tactic: null,
  });
  const layers = [
    layer('b + relu', 'Convolution', 'float16'),
    layer('a', 'Reformat', 'float32'),
    layer('c\u001b[2J', 'Convolution', null),
  ];
  const namesOf = (view: Partial<LayerView>) =>
    selectLayers(layers, { filter: null, sort: 'order', ...view }).map(([place]) => place);

  it('filters and sorts, and keeps each layer’s place', () => {
    expect(namesOf({})).toEqual([0, 1, 2]);
    expect(namesOf({ sort: 'name' })).toEqual([1, 0, 2]);
    expect(namesOf({ sort: 'precision' })).toEqual([2, 0, 1]);
    expect(namesOf({ filter: 'CONV' })).toEqual([0, 2]);
    expect(namesOf({ filter: 'relu' })).toEqual([0]);
    expect(namesOf({ filter: 'float32' })).toEqual([1]);
    expect(namesOf({ filter: 'nothing' })).toEqual([]);
  });

  it('lets no name of a model reach the terminal', () => {
    const text = renderLayers(layers, { filter: null, sort: 'order' }, style);
    expect(text).not.toContain('\u001b');
    expect(text).toMatch(/0 +b \+ relu +Convolution +float16 +2/);
  });
});

describe('networkLayersOf', () => {
  const network = { layers: [{ name: 'conv1', type: 'Convolution', outputTypes: ['Float'] }] };
  const manifest = manifestFixture('plan', { network, layers: null, layersReason: 'no GPU' });

  it('is what there is of a plan whose engine was never opened', () => {
    const found = networkLayersOf({ layers: null, manifest });
    expect(found).toMatchObject([{ name: 'conv1', type: 'Convolution' }]);
    const text = renderNetworkLayers(found ?? [], { filter: 'none', sort: 'name' }, style);
    expect(text).toMatch(/0 of 1 layers of the network/);
  });

  it('is nothing where the engine has layers, or nothing is known', () => {
    expect(networkLayersOf({ layers: [], manifest })).toBeNull();
    expect(networkLayersOf({ layers: null, manifest: null })).toBeNull();
    const empty = { ...manifest, network: { layers: [] } };
    expect(networkLayersOf({ layers: null, manifest: empty })).toBeNull();
  });
});

describe('layers of a manifest', () => {
  it('have the type of their first output, else of their kernel, and what they were made of', () => {
    const found = manifestLayers([
      { name: 'conv1 + relu1', type: 'CaskConvolution', outputTypes: ['Half'], tactic: '0x1' },
      {
        name: 'PWN(a, b)',
        type: 'unknown',
        outputTypes: ['N/A due to dynamic shapes'],
        tactic: 'sm80_xmma_gemm_f16f16_f16f32_f32_tn',
      },
      { name: 'plain', type: 'Reformat', outputTypes: ['unknown'] },
    ]);
    expect(found.map(({ type, precision, fused }) => [type, precision, fused])).toEqual([
      ['CaskConvolution', 'float16', ['conv1', 'relu1']],
      [null, 'float16', ['a', 'b']],
      ['Reformat', null, []],
    ]);
  });
});
