import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { OnnxInspection } from '../../lib/index';
import {
  cli,
  digits,
  failure,
  requireRtx,
  root,
  temporaryFolder,
  trtNode,
} from '../support/native-host';
import { runNode } from '../support/native-processes';
import { writeOnnx, type Node } from '../support/onnx-writer';

const { inspectOnnx } = trtNode;
const { core } = await requireRtx();
const folder = await temporaryFolder();
const odd = (name: string): string => path.join(root, 'models', 'odd', `${name}.onnx`);

const float = (name: string) => ({ name, type: 'float32', dims: ['n', 4] }) as const;
const node = (op: string, input: string, output: string, domain?: string): Node => ({
  op,
  name: `makes ${output}`,
  inputs: [input],
  outputs: [output],
  ...(domain === undefined ? {} : { domain }),
});

it('tells what a model needs, and that TensorRT-RTX supports it, without a GPU', async () => {
  const told = await inspectOnnx(digits);
  const bytes = await fs.readFile(digits);
  expect(told).toMatchObject({
    sizeBytes: bytes.length,
    opsets: { 'ai.onnx': 17 },
    producer: { name: 'pytorch' },
    inputs: [{ name: 'images', type: 'float32', dims: ['batch', 1, 8, 8] }],
    outputs: [{ name: 'logits', type: 'float32', dims: ['batch', 10] }],
    dynamicDims: [{ input: 'images', axis: 0, name: 'batch' }],
    nodes: 9,
    operators: { Conv: 3, Relu: 3, MaxPool: 1, Flatten: 1, Gemm: 1 },
    quantized: [],
  });
  expect(told.support).toMatchObject({
    flavour: 'tensorrt-rtx',
    library: core,
    device: null,
    supported: true,
    unsupportedOperators: [],
    firstUnsupported: null,
    problems: [],
  });
  const nodes = told.support?.subgraphs.flatMap((subgraph) => subgraph.nodes) ?? [];
  expect([...nodes].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);

  const { model: _, ...same } = await inspectOnnx(bytes);
  expect(told).toMatchObject(same);
});

it('names the nodes that are not supported, with the domains of their operators', async () => {
  const model = writeOnnx({
    inputs: [float('x')],
    outputs: [float('y')],
    opsets: { 'com.example': 1 },
    nodes: [
      node('Relu', 'x', 'a'),
      node('Frobnicate', 'a', 'b', 'com.example'),
      node('Relu', 'b', 'c'),
      node('Det', 'c', 'd'),
      node('Frobnicate', 'd', 'e', 'com.example'),
      node('Relu', 'e', 'y'),
    ],
  });
  const { support } = await inspectOnnx(model);
  expect(support).toMatchObject({
    supported: false,
    firstUnsupported: {
      index: 1,
      name: 'makes b',
      operator: 'Frobnicate',
      domain: 'com.example',
    },
  });
  expect(support?.problems.map(({ index, domain }) => [index, domain])).toEqual([
    [1, 'com.example'],
    [3, 'ai.onnx'],
    [4, 'com.example'],
  ]);
  expect(support?.unsupportedOperators).toEqual([
    { operator: 'com.example:Frobnicate', nodes: 2 },
    { operator: 'Det', nodes: 1 },
  ]);
  const runs = support?.subgraphs.map(({ nodes }) => nodes) ?? [];
  expect(runs.flat()).not.toContain(1);
  expect(runs).toContainEqual([0]);
});

it('counts nodes in the order of the file, not in that of the graph', async () => {
  const { support } = await inspectOnnx(
    writeOnnx({
      inputs: [float('x')],
      outputs: [float('y')],
      nodes: [node('Frobnicate', 'b', 'y'), node('Relu', 'a', 'b'), node('Relu', 'x', 'a')],
    }),
  );
  expect(support?.firstUnsupported).toMatchObject({ index: 0, name: 'makes y' });
});

it('knows what a model is quantized to, and an operator that needs a GPU', async () => {
  expect((await inspectOnnx(odd('qdq-zero-point'))).quantized).toEqual(['int8']);
  const { support } = await inspectOnnx(odd('nonzero'));
  expect(support?.unsupportedOperators).toEqual([{ operator: 'NonZero', nodes: 1 }]);
});

it('reads external data, and counts it', async () => {
  const file = odd('external-data');
  const told = await inspectOnnx(file);
  const data = (await fs.stat(file.replace('.onnx', '.bin'))).size;
  expect(told.sizeBytes).toBe((await fs.stat(file)).size + data);
  expect(told.support?.supported).toBe(true);
});

it('says why nobody was asked where there is no library, and refuses one that is none', async () => {
  const told = await inspectOnnx(digits, { runtime: 'tensorrt' });
  expect(told.support).toBeNull();
  expect(told.supportReason).toMatch(/TensorRT/);
  await failure('ERR_TRT_LIBRARY_NOT_FOUND', inspectOnnx(digits, { library: folder }));
});

it('ends with the reason of an abort', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const inspecting = inspectOnnx(digits, { signal: controller.signal });
  setImmediate(() => controller.abort(reason));
  await expect(inspecting).rejects.toBe(reason);
});

it('trt-node inspect prints it, and exits with 1 for a model that is not supported', async () => {
  const good = await runNode(cli, ['inspect', digits, '--json']);
  expect(good).toMatchObject({ code: 0, stderr: '' });
  expect((JSON.parse(good.stdout) as OnnxInspection).support?.supported).toBe(true);
  expect((await runNode(cli, ['inspect', digits])).stdout).toMatch(/TensorRT-RTX/);

  const bad = await runNode(cli, ['inspect', odd('custom-domain')]);
  expect(bad.code).toBe(1);
  expect(bad.stdout).toContain('com.example:Frobnicate');
  expect((await runNode(cli, ['inspect', path.join(folder, 'none.onnx')])).code).toBe(3);
});

it('trt-node inspect shows what a plan is, and finds one that is not its manifest’s', async () => {
  const plan = path.join(folder, 'digits.engine');
  const images = { min: [1, 1, 8, 8], opt: [8, 1, 8, 8], max: [8, 1, 8, 8] };
  await trtNode.buildEngine(digits, {
    runtime: 'tensorrt-rtx',
    computeCapabilities: ['8.6'],
    profiles: [{ images }],
    output: plan,
  });
  const shown = await runNode(cli, ['inspect', plan, '--json']);
  expect(JSON.parse(shown.stdout)).toMatchObject({
    flavour: 'tensorrt-rtx',
    described: true,
    manifest: { model: { name: 'digits.onnx' } },
  });
  await fs.appendFile(plan, 'x');
  const altered = await runNode(cli, ['inspect', plan]);
  expect(altered.code).toBe(1);
  await fs.rm(`${plan}.json`);
  const alone = await runNode(cli, ['inspect', plan, '--json']);
  expect(alone.code).toBe(0);
  expect(JSON.parse(alone.stdout)).toMatchObject({ described: null, manifest: null });
});
