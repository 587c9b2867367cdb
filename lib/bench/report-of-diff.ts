import { packageVersion } from '../package-version';
import type { ReportDocument } from '../report/document';
import type { BenchDiff } from './diff';

/** A comparison of two records as a report. */
export function reportOfDiff(diff: BenchDiff, command: string): ReportDocument {
  const { a, b, environment, runs } = diff;
  return {
    schema: 'trt-node/report',
    schemaVersion: 1,
    title: `${b.path} against ${a.path}`,
    command,
    createdAt: new Date().toISOString(),
    version: packageVersion(),
    sections: [
      ...runs.map(({ name, figures, verdict }, index) => ({
        kind: 'table' as const,
        id: `run-${index + 1}`,
        title: `${name}: ${verdict}`,
        text: 'Ratios are b/a. Intervals are of 95 % confidence, by bootstrap over blocks of the samples.',
        columns: ['figure', 'a', 'b', 'ratio', 'from', 'to', 'verdict'].map((title) => ({ title })),
        rows: figures.map(({ figure, value, baseline, ratio, verdict: each }) => [
          ...[figure, baseline, value, ratio.ratio, ratio.low, ratio.high, each],
        ]),
      })),
      {
        kind: 'table' as const,
        id: 'environment',
        title: 'What else differs',
        columns: ['', 'a', 'b'].map((title) => ({ title })),
        rows: environment.map(({ name, a: left, b: right }) => [name, cell(left), cell(right)]),
      },
    ],
    data: diff,
  };
}

function cell(value: string | number | boolean | null): string | number | null {
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : value;
}
