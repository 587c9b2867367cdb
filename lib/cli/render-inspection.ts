import { createColors } from 'picocolors';
import { flavourNames } from '../gpu-support';
import type { OnnxInspection, OnnxSupport, UnsupportedNode } from '../inspect-onnx/inspection';
import type { InspectedEngine } from '../inspect-onnx/inspect-engine';
import type { PlanInspection } from '../inspect-onnx/inspect-plan';
import type { DimsRange, TensorInfo } from '../manifest-schema';
import type { OnnxValue } from '../onnx/value-info';
import { formatBytes, renderBuildSummary, renderRows, type Row } from './build-summary';
import { printable } from './printable';

interface Style {
  readonly color: boolean;
}

/** What a look at a model found, for a person. */
export function renderInspection(model: string, found: OnnxInspection, style: Style): string {
  const paint = createColors(style.color);
  const mark =
    found.support === null ? '?' : found.support.supported ? paint.green('✓') : paint.red('✗');
  const rows: Row[] = [
    ['exporter', describeProducer(found)],
    ['opsets', pairs(found.opsets)],
    ...found.inputs.map((value) => ['input', describeValue(value)] as const),
    ...found.outputs.map((value) => ['output', describeValue(value)] as const),
    ...dynamicRows(found),
    ...profileHint(found),
    ['operators', pairs(found.operators) || 'none'],
    ...(found.quantized.length === 0
      ? []
      : [['quantized', `to ${found.quantized.join(', ')} (Q/DQ nodes)`] as const]),
    ['size', describeSize(found)],
    ...supportRows(found),
  ];
  return [`${mark} ${paint.bold(printable(model))}`, ...renderRows(rows, style)].join('\n');
}

/** What is known of a plan, for a person. */
export function renderPlanInspection(found: InspectedEngine, style: Style): string {
  const paint = createColors(style.color);
  const { path, flavour, version, sizeBytes, described, manifest, loadedOn } = found;
  const mark = described === true ? paint.green('✓') : described === null ? '?' : paint.red('✗');
  const rows: Row[] = [
    ['plan', `${flavourNames[flavour]} ${version}, ${formatBytes(sizeBytes)}`],
    ['manifest', manifestLine(found)],
    ...(loadedOn === null ? [] : [['loaded', `on ${loadedOn}`] as const]),
    ...(manifest === null ? tensorRows(found) : []),
  ];
  const summary =
    manifest === null ? [] : renderBuildSummary(path, manifest, style).split('\n').slice(1);
  const more = [...profileRows(found), ...memoryRows(found)];
  return [
    `${mark} ${paint.bold(printable(path))}`,
    ...renderRows(rows, style),
    ...summary,
    ...(more.length === 0 ? [] : renderRows(more, style)),
  ].join('\n');
}

/** Of a plan without a manifest that was loaded. */
function tensorRows({ inputs, outputs }: InspectedEngine): Row[] {
  const row = (kind: string) => (tensor: TensorInfo) =>
    [
      kind,
      describeValue({ ...tensor, dims: tensor.dims.map((dim) => (dim < 0 ? null : dim)) }),
    ] as const;
  return [...(inputs ?? []).map(row('input')), ...(outputs ?? []).map(row('output'))];
}

export function profileRows({ profiles, manifest }: InspectedEngine): Row[] {
  return (profiles ?? []).flatMap((profile, index) => {
    const name = manifest?.profileNames?.[index];
    const ranges = Object.entries(profile).map(([input, range]) => {
      const values = range.values === undefined ? '' : `, values ${describeRange(range.values)}`;
      return `${input} ${describeRange(range)}${values}`;
    });
    const label = name === undefined ? `profile ${index}` : `profile ${index} (${name})`;
    return ranges.length === 0 ? [] : [[label, ranges.join('\n')] as const];
  });
}

function describeRange({ min, opt, max }: DimsRange): string {
  const parts = [min, opt, max].map((dims) => dims.join('×') || 'scalar');
  return new Set(parts).size === 1 ? (parts[0] ?? '') : parts.join(' / ');
}

export function memoryRows({ memory }: InspectedEngine): Row[] {
  if (memory === null) return [];
  const { lanes, weights, contexts, bindings, deviceBytes, staging } = memory;
  const parts = `weights ${formatBytes(weights)}, activations ${formatBytes(contexts)}, inputs and outputs ${formatBytes(bindings)}`;
  return [
    [
      'memory',
      `${formatBytes(deviceBytes)} of the GPU with ${lanes} lanes: ${parts}; ${formatBytes(staging)} pinned on the host`,
    ],
  ];
}

function manifestLine({ path, described, manifest }: PlanInspection): string {
  if (described === null)
    return `none (${path}.json is not there): what is below its header is not known`;
  if (!described)
    return 'of another plan: the SHA-256 differs. Copy both files again, or build again.';
  if (manifest === null) return 'of the plan that replaces this one: build it again';
  const { name } = manifest.model;
  return `agrees (SHA-256); built from ${name} at ${manifest.builtAt}`;
}

function describeProducer({ producer, irVersion }: OnnxInspection): string {
  const name = [producer.name, producer.version].filter((part) => part !== '').join(' ');
  return `${name === '' ? 'not named' : name} (IR version ${irVersion})`;
}

function pairs(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

function describeValue({ name, type, dims }: OnnxValue): string {
  const shape = dims?.map((dim) => dim ?? '?').join(' × ');
  return `${name}  ${type ?? 'no tensor'}  ${shape === '' ? 'scalar' : (shape ?? 'shape unknown')}`;
}

function dynamicRows({ dynamicDims }: OnnxInspection): Row[] {
  const places = new Map<string, string[]>();
  for (const { input, axis, name } of dynamicDims) {
    const key = name ?? 'without a name';
    places.set(key, [...(places.get(key) ?? []), `${input}[${axis}]`]);
  }
  return [...places].map(([name, found]) => ['dynamic', `${name}: ${found.join(', ')}`]);
}

/** What a build of it must be told. */
function profileHint({ dynamicDims }: OnnxInspection): Row[] {
  if (dynamicDims.length === 0) return [];
  const names = [...new Set(dynamicDims.flatMap(({ name }) => name ?? []))];
  const unnamed = [
    ...new Set(dynamicDims.filter(({ name }) => name === null).map(({ input }) => input)),
  ];
  const items = [
    ...names.map((name) => `${name}:min/opt/max`),
    ...unnamed.map((input) => `${input}:min/opt/max`),
  ];
  return [['profile', `a build needs --profile '${items.join(',')}'`]];
}

function describeSize({ model, sizeBytes }: OnnxInspection): string {
  const files = Object.keys(model.externalData ?? {}).length;
  if (files === 0) return formatBytes(sizeBytes);
  return `${formatBytes(sizeBytes)}, ${formatBytes(model.sizeBytes)} of it in the model and the rest in ${files} ${files === 1 ? 'file' : 'files'} beside it`;
}

/** More than these are for `--json`. */
const shownProblems = 10;

function supportRows({ support, supportReason, nodes }: OnnxInspection): Row[] {
  if (support === null) return [['supported', `not known: ${supportReason ?? ''}`]];
  const { supported, problems, unsupportedOperators } = support;
  const asked = describeAsked(support);
  if (supported) return [['supported', `by ${asked}`]];
  const operators = unsupportedOperators.map(
    ({ operator, nodes: count }) => `${operator} ${count}`,
  );
  return [
    ['supported', `not by ${asked}`],
    ...(operators.length === 0 ? [] : [['refused', operators.join(', ')] as const]),
    ...problems.slice(0, shownProblems).map((problem) => ['', describeProblem(problem)] as const),
    ...(problems.length > shownProblems
      ? [['', `and ${problems.length - shownProblems} more (--json lists all)`] as const]
      : []),
    ...runRows(support, nodes),
  ];
}

function describeAsked({ flavour, version, device }: OnnxSupport): string {
  return `${flavourNames[flavour]} ${version}${device === null ? ', asked without a GPU' : ''}`;
}

function describeProblem({ index, name, operator, domain, message }: UnsupportedNode): string {
  if (index === null) return message;
  const type = domain === null || domain === 'ai.onnx' ? operator : `${domain}:${operator}`;
  // Of operators that it knows and does not have, the parser says no more.
  const why = message === 'false' ? 'TensorRT does not support this operator' : message;
  return `node ${index}${name === '' ? '' : ` "${name}"`} (${type}): ${why}`;
}

function runRows({ subgraphs }: OnnxSupport, nodes: number): Row[] {
  if (subgraphs.length === 0) return [];
  const count = subgraphs.reduce((sum, run) => sum + run.nodes.length, 0);
  const runs = subgraphs.length === 1 ? '1 run' : `${subgraphs.length} runs`;
  return [['the rest', `${count} of ${nodes} nodes without a problem of their own, in ${runs}`]];
}
