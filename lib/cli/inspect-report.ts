import { flavourNames } from '../gpu-support';
import type { InspectedEngine } from '../inspect-onnx/inspect-engine';
import type { OnnxInspection } from '../inspect-onnx/inspection';
import type { ReportDocument, ReportSection } from '../report/document';
import { factRows } from './build-summary';
import { networkLayersOf } from './inspect-layers';
import { memoryRows, profileRows } from './render-inspection';
import { reportOf } from './report-frame';

/** What a look at a model found, for `--report`. */
export function onnxReport(file: string, found: OnnxInspection, data: unknown): ReportDocument {
  const { support, opsets, producer, operators, dynamicDims } = found;
  return reportOf({
    title: `Model ${file}`,
    highlights: [
      { name: 'nodes', value: found.nodes },
      { name: 'size', value: mebibytes(found.sizeBytes), unit: 'MiB' },
      ...(support === null ? [] : [{ name: 'supported', value: support.supported ? 'yes' : 'no' }]),
    ],
    sections: [
      tensorTable(found.inputs, found.outputs),
      dynamicDims.length === 0
        ? null
        : {
            kind: 'table',
            id: 'dynamic',
            title: 'Dynamic dims',
            text: 'Each needs a range in an optimization profile; equal names are equal sizes.',
            columns: [{ title: 'name' }, { title: 'input' }, { title: 'axis' }],
            rows: dynamicDims.map(({ name, input, axis }) => [name, input, axis]),
          },
      supportSection(found),
      {
        kind: 'table',
        id: 'operators',
        title: 'Operators',
        columns: [{ title: 'operator' }, { title: 'nodes' }],
        rows: Object.entries(operators),
      },
      {
        kind: 'facts',
        id: 'model',
        title: 'Model',
        facts: [
          { name: 'file', value: file },
          { name: 'SHA-256', value: found.model.sha256 },
          { name: 'exporter', value: [producer.name, producer.version].join(' ').trim() || null },
          { name: 'IR version', value: found.irVersion },
          ...Object.entries(opsets).map(([domain, version]) => ({
            name: `opset ${domain}`,
            value: version,
          })),
          { name: 'quantized to', value: found.quantized.join(', ') || null },
          { name: 'size with external data', value: found.sizeBytes, unit: 'bytes' },
        ],
      },
    ],
    data,
  });
}

/** What is known of a plan, for `--report`. */
export function engineReport(found: InspectedEngine, data: unknown): ReportDocument {
  const { path, flavour, version, sizeBytes, sha256, manifest, layers } = found;
  const rows = [...(manifest === null ? [] : factRows(manifest)), ...memoryRows(found)];
  return reportOf({
    title: `Engine ${path}`,
    highlights: [
      { name: 'size', value: mebibytes(sizeBytes), unit: 'MiB' },
      ...(layers === null ? [] : [{ name: 'layers', value: layers.length }]),
    ],
    sections: [
      tensorTable(found.inputs ?? [], found.outputs ?? []),
      {
        kind: 'facts',
        id: 'engine',
        title: 'Engine',
        facts: [
          { name: 'plan', value: path },
          { name: 'TensorRT', value: `${flavourNames[flavour]} ${version}` },
          { name: 'SHA-256', value: sha256 },
          ...rows.map(([name, value]) => ({ name, value })),
          ...profileRows(found).map(([name, value]) => ({ name, value })),
        ],
      },
      layerSection(found),
    ],
    data,
  });
}

function layerSection(found: InspectedEngine): ReportSection {
  const { layers, layersReason } = found;
  if (layers !== null) {
    return {
      kind: 'table',
      id: 'layers',
      title: 'Layers',
      text: 'In the order in which they run. Fused: layers of the network that were made one.',
      columns: ['layer', 'type', 'precision', 'fused', 'kernel'].map((title) => ({ title })),
      rows: layers.map(({ name, type, precision, fused, tactic }) => [
        ...[name, type, precision],
        fused.length === 0 ? null : fused.length,
        tactic,
      ]),
    };
  }
  const network = networkLayersOf(found);
  if (network === null) {
    const notes = [{ level: 'note' as const, text: `Not known: ${layersReason ?? ''}` }];
    return { kind: 'notes', id: 'layers', title: 'Layers', notes };
  }
  return {
    kind: 'table',
    id: 'layers',
    title: 'Layers of the network',
    text: 'As the parser read them, before any was fused; those of the engine are not known.',
    columns: ['layer', 'type', 'precision'].map((title) => ({ title })),
    rows: network.map(({ name, type, precision }) => [name, type, precision]),
  };
}

interface Tensor {
  readonly name: string;
  readonly type: string | null;
  readonly dims: readonly (number | string | null)[] | null;
}

function tensorTable(inputs: readonly Tensor[], outputs: readonly Tensor[]): ReportSection {
  const rowOf = (kind: string) => (tensor: Tensor) => [
    ...[kind, tensor.name, tensor.type],
    tensor.dims?.map((dim) => (dim === null || dim === -1 ? '?' : String(dim))).join(' × ') ||
      'scalar',
  ];
  return {
    kind: 'table',
    id: 'tensors',
    title: 'Inputs and outputs',
    columns: [{ title: '' }, { title: 'name' }, { title: 'type' }, { title: 'dims' }],
    rows: [...inputs.map(rowOf('input')), ...outputs.map(rowOf('output'))],
  };
}

function supportSection({ support, supportReason }: OnnxInspection): ReportSection {
  if (support === null) {
    const text = `Not known whether TensorRT supports it: ${supportReason ?? ''}`;
    return { kind: 'notes', id: 'support', title: 'Support', notes: [{ level: 'note', text }] };
  }
  const { flavour, version, supported, problems } = support;
  const name = `${flavourNames[flavour]} ${version}`;
  if (supported) {
    const notes = [{ level: 'note' as const, text: `${name} supports the whole model.` }];
    return { kind: 'notes', id: 'support', title: 'Support', notes };
  }
  return {
    kind: 'table',
    id: 'support',
    title: 'What is not supported',
    text: `What the parser of ${name} says.`,
    columns: ['node', 'name', 'operator', 'message'].map((title) => ({ title })),
    rows: problems.map(({ index, name: node, operator, message }) => [
      index,
      node,
      operator,
      message,
    ]),
  };
}

const mebibytes = (bytes: number): number => Number((bytes / 2 ** 20).toFixed(2));
