import { createColors } from 'picocolors';
import type { Engine } from '../engine';
import { flavourNames } from '../gpu-support';
import type { ReportDocument } from '../report/document';
import { namedMetrics } from '../verify/metric';
import type { VerifyFailure } from '../verify/failure';
import { printable } from './printable';
import { reportOf } from './report-frame';
import { renderTable } from './text-table';
import type { VerifyOutcome } from './verify-run';

/** What `trt-node verify --json` prints. */
export interface VerifyResult extends Omit<VerifyOutcome, 'failures'> {
  readonly schema: 'trt-node/verify';
  readonly schemaVersion: 1;
  readonly plan: string;
  readonly model: string | null;
  readonly runtime: { readonly flavour: Engine['flavour']; readonly version: string };
  readonly device: Engine['device'];
  readonly failures: readonly Readonly<Record<string, unknown>>[];
}

export function verifyResult(
  plan: string,
  model: string | null,
  { flavour, version, device }: Pick<Engine, 'flavour' | 'version' | 'device'>,
  outcome: VerifyOutcome,
): VerifyResult {
  return {
    schema: 'trt-node/verify',
    schemaVersion: 1,
    plan,
    model,
    runtime: { flavour, version },
    device,
    ...outcome,
    failures: outcome.failures.map(jsonOf),
  };
}

/** JSON has neither bigints nor infinities. */
function jsonOf(failure: VerifyFailure): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(failure)
      .filter(([key]) => key !== 'excess')
      .map(([key, value]: [string, unknown]) => [key, isPlain(value) ? value : String(value)]),
  );
}

const isPlain = (value: unknown): boolean =>
  typeof value !== 'bigint' && !(typeof value === 'number' && !Number.isFinite(value));

const shownFailures = 5;

export function renderVerify(result: VerifyResult, style: { readonly color: boolean }): string {
  const paint = createColors(style.color);
  const { passed, plan, cases, metric, failures } = result;
  const mark = passed ? paint.green('✓') : paint.red('✗');
  const rest = failures.length - shownFailures;
  return [
    `${mark} ${paint.bold(printable(plan))}  ${counted(cases, 'case')} ${against(result)}${passed ? '' : `, ${failed(result)}`}`,
    ...(rowsOf(result).length === 0 ? [] : renderTable(columns, rowsOf(result), style)),
    ...(metric === null ? [] : [`  mean ${metric.name} ${shown(metric.value)}`]),
    ...failures
      .slice(0, shownFailures)
      .map((failure) => `  ${paint.red('✗')} ${describe(failure)}`),
    ...(rest > 0 ? [`  and ${rest} more (--json lists up to a hundred)`] : []),
  ].join('\n');
}

/** A metric is of all cases, so that it may fail where none of them does. */
function failed({ failedCases, failures }: VerifyResult): string {
  const metric = failures.find(({ reason }) => reason === 'metric');
  return [
    ...(failedCases > 0 ? [`${failedCases} failed`] : []),
    ...(metric === undefined ? [] : [`the mean ${printable(String(metric['metric']))} failed`]),
  ].join(', ');
}

export function verifyReport(result: VerifyResult): ReportDocument {
  const { passed, cases, failedCases, runtime, device, failures } = result;
  return reportOf({
    title: `Verification of ${result.plan}`,
    highlights: [
      {
        name: 'result',
        value: passed ? 'passed' : 'failed',
        ...(passed ? {} : { text: failed(result) }),
      },
      { name: 'cases', value: cases },
      { name: 'cases that failed', value: failedCases },
    ],
    sections: [
      {
        kind: 'table',
        id: 'outputs',
        title: 'Worst of each output',
        text: `Outputs ${against(result)}: the worst measure over all cases, and the case that it is of.`,
        columns,
        rows: rowsOf(result),
      },
      failures.length === 0
        ? null
        : {
            kind: 'notes',
            id: 'failures',
            title: 'Failures',
            notes: failures.map((failure) => ({ level: 'warning', text: describe(failure) })),
          },
      {
        kind: 'facts',
        id: 'run',
        title: 'Run',
        facts: [
          { name: 'plan', value: result.plan },
          ...(result.model === null ? [] : [{ name: 'model', value: result.model }]),
          { name: 'TensorRT', value: `${flavourNames[runtime.flavour]} ${runtime.version}` },
          { name: 'GPU', value: `${device.name} (compute capability ${device.computeCapability})` },
          { name: 'arithmetic of the build', value: result.arithmetic },
        ],
      },
    ],
    data: result,
  });
}

const columns = [
  { title: 'output' },
  ...namedMetrics.flatMap((name) => [{ title: name, align: 'right' as const }, { title: 'case' }]),
];

function rowsOf({ outputs }: VerifyResult): readonly (readonly string[])[] {
  return Object.entries(outputs).map(([output, measures]) => [
    output,
    ...namedMetrics.flatMap((name) => {
      const measure = measures[name];
      return measure === undefined ? ['', ''] : [shown(measure.value), measure.case];
    }),
  ]);
}

const references: Readonly<Record<VerifyOutcome['reference'], string>> = {
  given: 'against given outputs',
  onnxruntime: 'against ONNX Runtime',
  unquantized: 'against the unquantized engine',
  none: 'with nothing to compare with',
};

const against = ({ reference }: VerifyResult): string => references[reference];

function describe(failure: Readonly<Record<string, unknown>>): string {
  const { reason, output, index, got, expected, tolerance, mismatches, elements } = failure;
  const name = String(failure['case']);
  if (reason === 'metric') {
    const { metric, value, bound, limit, worst } = failure;
    return printable(
      `${String(metric)} is ${shown(value)}, and ${String(bound)} is ${shown(limit)}; worst is ${name} with ${shown(worst)}`,
    );
  }
  const where = `${name}, ${String(output)}`;
  if (reason === 'dims') {
    return printable(`${where}: dims [${String(got)}], expected [${String(expected)}]`);
  }
  const place = `${where}[${String(index)}]: ${shown(got)}`;
  const many = `${String(mismatches)} of ${String(elements)} elements`;
  if (reason === 'not-finite') return printable(`${place}; ${many} are NaN or infinite`);
  const wanted = reason === 'rows' ? 'in the first row' : `within ${shown(tolerance)}`;
  return printable(`${place}, expected ${shown(expected)} ${wanted}; ${many} are off`);
}

function shown(value: unknown): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(6))) : String(value);
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}
