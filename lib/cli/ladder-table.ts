import { createColors } from 'picocolors';
import { describeWay } from '../ladder/recommend';
import type { LadderResult, MeasuredRung, RungAccuracy, RungPoint } from '../ladder/result';
import {
  describeLibrary,
  describeShiftedReference,
  describeSteps,
  whyNoRecommendation,
  whyPassedOver,
  worstMeasure,
} from '../ladder/describe';
import { formatBytes } from './build-summary';
import { printable } from './printable';

const titles = [
  ...['rung', 'build', 'engine', 'run with', 'p50', 'p99', 'GPU p50'],
  ...['per second', 'speed', 'accuracy'],
];

/** The ladder for a person: a line for each way to run each rung. */
export function renderLadder(result: LadderResult, { color }: { readonly color: boolean }): string {
  const paint = createColors(color);
  const rows = rowsOf(result);
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const passedOver = result.rungs.flatMap((rung) =>
    rung.status === 'measured'
      ? []
      : [`${paint.dim(`${rung.rung} ${rung.status}:`)} ${printable(whyPassedOver(rung))}`],
  );
  const failures = result.rungs.flatMap((rung) =>
    rung.status === 'measured' && rung.accuracy?.failure
      ? [`${paint.yellow(`${rung.rung}:`)} ${printable(rung.accuracy.failure)}`]
      : [],
  );
  const shifted = describeShiftedReference(result);
  const warnings = shifted === null ? [] : [`${paint.yellow('warning:')} ${printable(shifted)}`];
  return [
    `${paint.bold(printable(result.model.path))}  ${describeLibrary(result)}`,
    describeSteps(result.settings),
    ...(rows.length === 0 ? [] : ['', paint.dim(line(titles)), ...rows.map(line)]),
    ...(failures.length + passedOver.length + warnings.length === 0 ? [] : ['']),
    ...[...failures, ...passedOver, ...warnings],
    '',
    recommendationOf(result, paint),
  ].join('\n');
}

function isText(column: number): boolean {
  return ['rung', 'run with', 'accuracy'].includes(titles[column] ?? '');
}

function rowsOf({ rungs }: LadderResult): readonly (readonly string[])[] {
  const measured = rungs.filter((rung) => rung.status === 'measured');
  const base = measured[0];
  return measured.flatMap((rung) =>
    rung.points.map((point, index) => cellsOf(rung, point, index, base?.points[index])),
  );
}

function cellsOf(
  rung: MeasuredRung,
  point: RungPoint,
  index: number,
  base: RungPoint | undefined,
): readonly string[] {
  const first = index === 0;
  const perSecond = point.samplesPerSecond ?? point.inferencesPerSecond;
  const times =
    base === undefined ? '' : `${(base.endToEnd.p50 / point.endToEnd.p50).toFixed(2)} ×`;
  return [
    first ? rung.rung : '',
    first ? `${rung.buildSeconds.toFixed(1)} s` : '',
    first ? formatBytes(rung.planBytes) : '',
    `${describeWay(point)}${point.graphs === 'on' && !point.replayed ? ' (not captured)' : ''}`,
    milliseconds(point.endToEnd.p50),
    milliseconds(point.endToEnd.p99),
    milliseconds(point.compute.p50),
    perSecond.toFixed(0),
    times,
    first ? describeAccuracy(rung.accuracy) : '',
  ];
}

function milliseconds(value: number): string {
  return `${value.toFixed(3)} ms`;
}

function describeAccuracy(accuracy: RungAccuracy | null): string {
  if (accuracy === null) return 'the reference';
  const worst = worstMeasure(accuracy);
  return `${accuracy.holds ? '✓' : '✗'} ${worst === null ? '' : `${worst.name} ${Number(worst.value.toPrecision(4))}`}`.trimEnd();
}

function recommendationOf(result: LadderResult, paint: ReturnType<typeof createColors>): string {
  const { recommendation } = result;
  if (recommendation === null) return `${paint.red('✗')} ${whyNoRecommendation(result)}`;
  const { rung, reason } = recommendation;
  return `${paint.green('✓')} take ${paint.bold(rung)} (${describeWay(recommendation)}): ${reason}`;
}
