import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writer } from 'protobufjs/minimal';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readOnnxModel, type OnnxModel } from '../../lib/onnx/onnx-model';
import { operatorName, operatorParts } from '../../lib/onnx/operators';
import {
  elementType,
  writeOnnx,
  type Constant,
  type ElementType,
  type Node,
  type TinyModel,
} from '../support/onnx-writer';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'onnx-operators-'));
  file = path.join(folder, 'model.onnx');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(bytes: Uint8Array): Promise<OnnxModel> {
  await writeFile(file, bytes);
  return readOnnxModel(file);
}

const float = (name: string) => ({ name, type: 'float32', dims: ['n', 4] }) as const;
const node = (op: string, inputs: string[], outputs: string[], more: Partial<Node> = {}): Node => ({
  op,
  inputs,
  outputs,
  ...more,
});
const constant = (name: string, type: ElementType): Constant => ({
  name,
  type,
  dims: [1],
  data: new Uint8Array(4),
});
/** x → nodes → y */
const tiny = (nodes: readonly Node[], more: Partial<TinyModel> = {}): Promise<OnnxModel> =>
  read(writeOnnx({ inputs: [float('x')], outputs: [float('y')], nodes, ...more }));

describe('readOnnxModel tells', () => {
  it('producer, opsets and outputs', async () => {
    const facts = await tiny([node('Relu', ['x'], ['y'])], {
      opset: 19,
      opsets: { 'com.microsoft': 1, 'ai.onnx.ml': 3 },
    });
    expect(facts.producer).toEqual({ name: 'trt-node tests', version: '' });
    expect(Object.fromEntries(facts.opsets)).toEqual({
      'ai.onnx': 19,
      'com.microsoft': 1,
      'ai.onnx.ml': 3,
    });
    expect(facts.outputs).toEqual([{ name: 'y', type: 'float32', dims: ['n', 4] }]);
  });

  it('takes the last opset of a domain, whichever of its two names ONNX has', async () => {
    const facts = await tiny([node('Relu', ['x'], ['y'])], {
      opset: 13,
      opsets: { 'ai.onnx': 20 },
    });
    expect(Object.fromEntries(facts.opsets)).toEqual({ 'ai.onnx': 20 });
  });

  it('operators of the graph, of subgraphs and of functions, by domain', async () => {
    const branch = {
      inputs: [],
      outputs: [float('b')],
      nodes: [node('Relu', ['x'], ['b']), node('Gelu', ['x'], ['c'], { domain: 'com.microsoft' })],
    };
    const facts = await tiny(
      [
        node('Relu', ['x'], ['r']),
        node('Relu', ['r'], ['s'], { domain: 'ai.onnx' }),
        node('If', ['s'], ['y'], { graphAttributes: { then_branch: branch, else_branch: branch } }),
      ],
      { functions: [{ name: 'F', nodes: [node('Sigmoid', ['a'], ['b'])] }] },
    );
    expect(Object.fromEntries(facts.operators)).toEqual({
      Relu: 4,
      If: 1,
      'com.microsoft:Gelu': 2,
      Sigmoid: 1,
    });
    expect(facts.nodeOperators).toEqual(['Relu', 'Relu', 'If']);
  });

  it('an operator whose type stands behind a payload larger than the window', async () => {
    const facts = await tiny([
      node('Constant', [], ['c'], {
        tensorAttributes: {
          value: { name: '', type: 'int8', dims: [200_000], data: new Uint8Array(200_000) },
        },
        domain: 'ai.onnx',
      }),
      node('Add', ['x', 'c'], ['y']),
    ]);
    expect(Object.fromEntries(facts.operators)).toEqual({ Constant: 1, Add: 1 });
  });

  it('no more than a million nodes', async () => {
    const nodes = Writer.create();
    for (let i = 0; i <= 1_000_000; i += 1) nodes.uint32((1 << 3) | 2).bytes(new Uint8Array());
    const model = Writer.create().uint32(8).int64(8);
    model.uint32((7 << 3) | 2).bytes(nodes.finish());
    model.uint32((8 << 3) | 2).bytes(Uint8Array.of(0x10, 17));
    await expect(read(model.finish())).rejects.toMatchObject({
      code: 'ERR_TRT_ONNX_INVALID',
      details: { reason: 'malformed' },
    });
  });
});

describe('the types that Q/DQ nodes quantize to', () => {
  const q = (zeroPoint: string, more: Partial<Node> = {}): Node =>
    node('QuantizeLinear', zeroPoint === '' ? ['x', 's'] : ['x', 's', zeroPoint], ['q'], more);
  const dq = (data: string, zeroPoint = ''): Node =>
    node('DequantizeLinear', zeroPoint === '' ? [data, 's'] : [data, 's', zeroPoint], ['y']);
  const dtype = (type: ElementType): Partial<Node> => ({
    attributes: { output_dtype: elementType[type] },
  });
  const outer = { constants: [constant('z', 'int8')] };
  const branch = (nodes: Node[], constants: Constant[] = []) => ({
    graphAttributes: { then_branch: { inputs: [], outputs: [float('b')], nodes, constants } },
  });

  it.each<[string, Node[], Partial<TinyModel>, ElementType[]]>([
    ['none', [node('Relu', ['x'], ['y'])], {}, []],
    ['a zero point that is an initializer', [q('z'), dq('q', 'z')], outer, ['int8']],
    [
      'two of them',
      [q('z'), dq('q', 'f')],
      { constants: [constant('z', 'int8'), constant('f', 'float8e4m3fn')] },
      ['int8', 'float8e4m3fn'],
    ],
    [
      'a zero point that is a Constant',
      [node('Constant', [], ['z'], { tensorAttributes: { value: constant('', 'int8') } }), q('z')],
      {},
      ['int8'],
    ],
    [
      'a Constant behind its Identity, in any order',
      [
        q('z2'),
        node('Identity', ['z1'], ['z2']),
        node('Identity', ['z'], ['z1']),
        node('Constant', [], ['z'], { tensorAttributes: { value: constant('', 'int8') } }),
      ],
      {},
      ['int8'],
    ],
    ['an Identity of itself', [q('z'), node('Identity', ['z'], ['z'])], {}, []],
    ['the attribute', [q('', dtype('float8e4m3fn'))], {}, ['float8e4m3fn']],
    ['a zero point before the attribute', [q('z', dtype('float8e4m3fn'))], outer, ['int8']],
    ["ONNX's default", [q(''), dq('q')], {}, ['uint8']],
    ['weights that are stored narrow', [dq('w')], { constants: [constant('w', 'int4')] }, ['int4']],
    [
      'an input that is narrow',
      [dq('x')],
      { inputs: [{ name: 'x', type: 'int8', dims: [1] }] },
      ['int8'],
    ],
    ['a zero point that is computed', [node('Neg', ['x'], ['z']), q('z')], {}, []],
    ["TensorRT's FP8", [node('TRT_FP8QuantizeLinear', ['x', 's'], ['y'])], {}, ['float8e4m3fn']],
    [
      "TensorRT's INT4 in its domain",
      [node('TRT_INT4DequantizeLinear', ['x', 's'], ['y'], { domain: 'trt' })],
      {},
      ['int4'],
    ],
    ["TensorRT's FP4", [node('TRT_FP4DynamicQuantize', ['x', 's'], ['y'])], {}, ['float4e2m1']],
    [
      'another domain',
      [{ ...q('z'), domain: 'com.microsoft' }],
      { constants: [constant('z', 'uint8')] },
      ['uint8'],
    ],
    [
      'a subgraph',
      [node('If', ['x'], ['y'], branch([q('z')], [constant('z', 'int4')]))],
      {},
      ['int4'],
    ],
    [
      'a subgraph with a zero point of the graph',
      [node('If', ['x'], ['y'], branch([q('z')]))],
      outer,
      ['int8'],
    ],
    [
      'a graph with a zero point of a subgraph',
      [node('If', ['x'], ['y'], branch([], [constant('z', 'int8')])), q('z')],
      {},
      [],
    ],
    [
      'a function',
      [node('Relu', ['x'], ['y'])],
      {
        functions: [
          {
            name: 'F',
            nodes: [
              node('Constant', [], ['z'], { tensorAttributes: { value: constant('', 'int8') } }),
              q('z'),
            ],
          },
        ],
      },
      ['int8'],
    ],
  ])('come from %s', async (_, nodes, more, expected) => {
    expect([...(await tiny(nodes, more)).quantized].sort()).toEqual([...expected].sort());
  });
});

describe('operatorName', () => {
  it.each([
    ['', 'Conv', 'Conv', 'ai.onnx'],
    ['ai.onnx', 'Conv', 'Conv', 'ai.onnx'],
    ['com.microsoft', 'Gelu', 'com.microsoft:Gelu', 'com.microsoft'],
  ])('of %j and %j comes apart again', (domain, type, name, normal) => {
    expect(operatorName(domain, type)).toBe(name);
    expect(operatorParts(name)).toEqual({ domain: normal, type });
  });
});
