import { createColors } from 'picocolors';
import type { ModelsComparison } from '../compare/compare-models';
import type { ErrorBin } from '../compare/error-histogram';
import type { OutputComparison } from '../compare/output-comparison';
import type { Subject } from '../compare/subject';
import type { ReportDocument, ReportSection } from '../report/document';
import { printable } from './printable';
import { reportOf } from './report-frame';
import { renderTable } from './text-table';

/** What `trt-node compare --json` prints. */
export interface CompareResult {
  readonly schema: 'trt-node/compare';
  readonly schemaVersion: 1;
  readonly a: ComparedModel;
  readonly b: ComparedModel;
  readonly inputs: {
    readonly source: 'random' | 'files';
    readonly seed: number | null;
    readonly shapes: Readonly<Record<string, readonly number[]>>;
  };
  readonly runs: number;
  /** null: none was given, and nothing was checked. */
  readonly tolerance: { readonly atol: number; readonly rtol: number } | null;
  /** Whether all elements keep to the tolerance; null without one. */
  readonly agrees: boolean | null;
  readonly outputs: readonly OutputComparison[];
  readonly unmatched: ModelsComparison['unmatched'];
}

export interface ComparedModel {
  readonly path: string;
  readonly kind: Subject['kind'];
  readonly runtime: string;
}

export function comparedModel({ path, kind, runtime }: Subject): ComparedModel {
  return { path, kind, runtime };
}

/** JSON has no infinities and no NaN: they are null there. */
export function compareJson(result: CompareResult): string {
  return JSON.stringify(result, null, 2);
}

export function renderCompare(result: CompareResult, style: { readonly color: boolean }): string {
  const paint = createColors(style.color);
  const { a, b, agrees, outputs, unmatched } = result;
  const mark = agrees === null ? ' ' : agrees ? paint.green('✓') : paint.red('✗');
  const lines = outputs.flatMap((output) => [
    ...worstLine(output),
    ...histogramLines(output.histogram, output.elements),
  ]);
  return [
    `${mark} ${paint.bold(printable(a.path))} (a: ${printable(a.runtime)})`,
    `  ${paint.bold(printable(b.path))} (b: ${printable(b.runtime)})`,
    `  ${describeInputs(result)}`,
    ...renderTable(
      columns(result),
      outputs.map((output) => rowOf(output, result)),
      style,
    ),
    ...lines.map((line) => `  ${printable(line)}`),
    ...unmatchedLines(unmatched).map((line) => `  ${printable(line)}`),
  ].join('\n');
}

export function compareReport(result: CompareResult): ReportDocument {
  const { a, b, agrees, outputs, tolerance, inputs, unmatched } = result;
  const notes = unmatchedLines(unmatched);
  return reportOf({
    title: `${a.path} and ${b.path}`,
    highlights: [
      ...(agrees === null ? [] : [{ name: 'within the tolerance', value: agrees ? 'yes' : 'no' }]),
      {
        name: 'largest difference',
        value: rounded(Math.max(...outputs.map(({ maxAbs }) => maxAbs))),
      },
    ],
    sections: [
      {
        kind: 'table',
        id: 'outputs',
        title: 'Outputs',
        text: `${describeInputs(result)} Differences are |a − b|; the relative ones by the largest |b|.`,
        columns: columns(result),
        rows: outputs.map((output) => rowOf(output, result)),
      },
      ...outputs.map(histogramSection),
      notes.length === 0
        ? null
        : {
            kind: 'notes',
            id: 'notes',
            title: 'Notes',
            notes: notes.map((text) => ({ level: 'note', text })),
          },
      {
        kind: 'facts',
        id: 'run',
        title: 'Run',
        facts: [
          { name: 'a', value: `${a.path}, ${a.runtime}` },
          { name: 'b', value: `${b.path}, ${b.runtime}` },
          { name: 'runs', value: result.runs },
          { name: 'values of the inputs', value: inputs.source },
          { name: 'seed', value: inputs.seed },
          ...Object.entries(inputs.shapes).map(([name, dims]) => ({
            name: `input ${name}`,
            value: dims.join(' × ') || 'scalar',
          })),
          ...(tolerance === null
            ? []
            : [{ name: 'tolerance', value: `${tolerance.atol} + ${tolerance.rtol} × |b|` }]),
        ],
      },
    ],
    data: result,
  });
}

function histogramSection(output: OutputComparison, index: number): ReportSection {
  return {
    kind: 'bars',
    id: `errors-${index + 1}`,
    title: `Differences of ${output.output}`,
    text: 'Elements by |a − b|, in powers of ten.',
    unit: 'elements',
    bars: output.histogram.map((bin) => ({ name: binName(bin), value: bin.elements })),
  };
}

function describeInputs({ inputs, runs }: CompareResult): string {
  const shapes = Object.entries(inputs.shapes)
    .map(([name, dims]) => `${name} ${dims.join('×') || 'scalar'}`)
    .join(', ');
  const source =
    inputs.source === 'files' ? 'inputs from files' : `random inputs, seed ${inputs.seed ?? 0}`;
  return printable(`${runs} ${runs === 1 ? 'run' : 'runs'}, ${source}: ${shapes}.`);
}

function columns({
  tolerance,
}: CompareResult): { readonly title: string; readonly align?: 'right' }[] {
  const numbers = ['elements', 'max abs', 'mean abs', 'max rel', 'cosine', 'l2', 'same argmax'];
  const titles = tolerance === null ? numbers : [...numbers, 'beyond tolerance'];
  return [{ title: 'output' }, ...titles.map((title) => ({ title, align: 'right' as const }))];
}

function rowOf(output: OutputComparison, { tolerance }: CompareResult): string[] {
  const { elements, maxAbs, meanAbs, maxRel, cosine, l2, argmax, mismatches } = output;
  return [
    output.output,
    String(elements),
    ...[maxAbs, meanAbs, maxRel, cosine, l2].map(shown),
    argmax === null ? '' : `${argmax.same} of ${argmax.rows}`,
    ...(tolerance === null ? [] : [String(mismatches ?? 0)]),
  ];
}

function worstLine({ output, worst }: OutputComparison): string[] {
  if (worst === null) return [];
  const { run, index, a, b } = worst;
  return [
    `${output}: worst at [${index.join(', ')}] of run ${run}: ${shown(a)} against ${shown(b)}`,
  ];
}

const widestBar = 30;

function histogramLines(bins: readonly ErrorBin[], elements: number): string[] {
  if (bins.length === 1) return [];
  const width = Math.max(...bins.map((bin) => binName(bin).length));
  return bins.map((bin) => {
    const share = elements === 0 ? 0 : bin.elements / elements;
    const bar = '█'.repeat(Math.max(bin.elements > 0 ? 1 : 0, Math.round(share * widestBar)));
    return `  ${binName(bin).padEnd(width)}  ${(share * 100).toFixed(1).padStart(5)}%  ${bar}`.trimEnd();
  });
}

function binName({ above, atMost }: ErrorBin): string {
  if (atMost === 0) return 'equal';
  if (atMost === Number.MAX_VALUE) return `above ${power(above)}`;
  return above === 0 ? `up to ${power(atMost)}` : `${power(above)} to ${power(atMost)}`;
}

const power = (value: number): string => `1e${Math.round(Math.log10(value))}`;

function unmatchedLines({ a, b }: ModelsComparison['unmatched']): string[] {
  const line = (which: string, names: readonly string[]): string[] =>
    names.length === 0 ? [] : [`only ${which} gives ${names.join(', ')}: not compared`];
  return [...line('a', a), ...line('b', b)];
}

function shown(value: number | string): string {
  return typeof value === 'number' ? String(rounded(value)) : value;
}

const rounded = (value: number): number => Number(value.toPrecision(5));
