import {
  countedCases,
  describeLibrary,
  describeShiftedReference,
  describeSteps,
  referenceRungOf,
  whyNoRecommendation,
  whyPassedOver,
  worstMeasure,
} from '../ladder/describe';
import { bestWay, describeWay } from '../ladder/recommend';
import type { Goal, LadderResult, MeasuredRung, SkippedRung } from '../ladder/result';
import type { NotesSection, ReportDocument, ReportSection } from '../report/document';
import { reportOf } from './report-frame';

/** The ladder for `--report`. `argv` as in process.argv. */
export function ladderReport(result: LadderResult, argv: readonly string[]): ReportDocument {
  const { rungs, recommendation, settings } = result;
  const measured = rungs.filter((rung) => rung.status === 'measured');
  const passedOver = rungs.filter((rung) => rung.status !== 'measured');
  const sections: readonly (ReportSection | null)[] = [
    recommendationOf(result),
    speedBars(measured, settings.goal),
    sizeBars(measured),
    ladderTable(measured),
    settings.lanes.length * settings.batches.length > 1 ? sweepOf(measured) : null,
    accuracyTable(measured),
    notesOf(result, measured, passedOver),
    {
      kind: 'facts',
      id: 'environment',
      title: 'Environment',
      facts: [
        { name: 'model', value: result.model.path },
        { name: 'SHA-256 of the model', value: result.model.sha256 },
        { name: 'TensorRT', value: describeLibrary(result) },
        { name: 'driver', value: result.machine?.driver ?? null },
        { name: 'how', value: describeSteps(settings) },
      ],
    },
  ];
  const content = {
    title: `Ladder of ${result.model.path}`,
    ...(recommendation === null
      ? {}
      : {
          highlights: [
            { name: 'recommended', value: recommendation.rung, text: describeWay(recommendation) },
          ],
        }),
    sections,
    data: result,
  };
  return reportOf(content, argv);
}

function recommendationOf(result: LadderResult): NotesSection {
  const { recommendation } = result;
  const text =
    recommendation === null
      ? `${whyNoRecommendation(result).replace(/^n/, 'N')}.`
      : `${recommendation.rung}, ${describeWay(recommendation)}: ${recommendation.reason}`;
  return {
    kind: 'notes',
    id: 'recommendation',
    title: 'Recommendation',
    notes: [{ level: recommendation === null ? 'warning' : 'note', text }],
  };
}

/** The best way to run each rung: a bar for each way would hide the ladder. */
function speedBars(measured: readonly MeasuredRung[], goal: Goal): ReportSection | null {
  if (measured.length === 0) return null;
  const latency = goal === 'latency';
  const inSamples = measured.some(({ points }) =>
    points.some(({ samplesPerSecond }) => samplesPerSecond !== null),
  );
  const bars = measured.flatMap((each) => {
    const best = bestWay(each, goal);
    if (best === null) return [];
    const perSecond = best.samplesPerSecond ?? best.inferencesPerSecond;
    const value = latency ? best.endToEnd.p50 : perSecond;
    return [{ name: `${each.rung} (${describeWay(best)})`, value, group: each.rung }];
  });
  const counted = inSamples ? 'samples' : 'inferences';
  return {
    kind: 'bars',
    id: 'speed',
    title: latency ? 'Latency' : `Throughput in ${counted}`,
    text: latency
      ? 'Median wall clock of one inference, of the fastest way to run each rung; shorter is better.'
      : `${inSamples ? 'Samples' : 'Inferences'} a second, of the fastest way to run each rung; longer is better.`,
    unit: latency ? 'ms' : `${counted}/s`,
    bars,
  };
}

function sizeBars(measured: readonly MeasuredRung[]): ReportSection | null {
  if (measured.length === 0) return null;
  return {
    kind: 'bars',
    id: 'size',
    title: 'Engine size',
    unit: 'MiB',
    bars: measured.map(({ rung, planBytes }) => ({
      ...{ name: rung, value: planBytes / 2 ** 20, group: rung },
    })),
  };
}

function ladderTable(measured: readonly MeasuredRung[]): ReportSection {
  return {
    kind: 'table',
    id: 'ladder',
    title: 'All measurements',
    text: 'End to end is wall clock in JavaScript; GPU is the network between CUDA events.',
    columns: [
      { title: 'rung' },
      { title: 'build', unit: 's' },
      { title: 'engine', unit: 'MiB' },
      { title: 'run with' },
      { title: 'end to end p50', unit: 'ms' },
      { title: 'p99', unit: 'ms' },
      { title: 'GPU p50', unit: 'ms' },
      { title: 'inferences', unit: '1/s' },
      { title: 'samples', unit: '1/s' },
    ],
    rows: measured.flatMap((rung) =>
      rung.points.map((point) => [
        ...[rung.rung, rung.buildSeconds, rung.planBytes / 2 ** 20],
        ...[describeWay(point), point.endToEnd.p50, point.endToEnd.p99, point.compute.p50],
        ...[point.inferencesPerSecond, point.samplesPerSecond],
      ]),
    ),
  };
}

function sweepOf(measured: readonly MeasuredRung[]): ReportSection {
  return {
    kind: 'sweep',
    id: 'sweep',
    title: 'Throughput against latency',
    x: { title: 'end to end p50', unit: 'ms' },
    y: { title: 'throughput', unit: '1/s' },
    series: measured.map(({ rung, points }) => ({
      name: rung,
      points: points.map((point) => ({
        x: point.endToEnd.p50,
        y: point.samplesPerSecond ?? point.inferencesPerSecond,
        label: describeWay(point),
      })),
    })),
  };
}

function accuracyTable(measured: readonly MeasuredRung[]): ReportSection | null {
  const judged = measured.flatMap(({ rung, accuracy }) =>
    accuracy === null ? [] : [{ rung, accuracy, worst: worstMeasure(accuracy) }],
  );
  const [first] = judged;
  if (first === undefined) return null;
  const against =
    first.accuracy.reference === 'given'
      ? 'the given outputs'
      : (referenceRungOf(measured) ?? 'another rung');
  return {
    kind: 'table',
    id: 'accuracy',
    title: 'Accuracy',
    text: `The worst of ${countedCases(first.accuracy.cases)}, compared with ${against}.`,
    columns: ['rung', 'holds', 'measure', 'value', 'maxAbs', 'why not'].map((title) => ({ title })),
    rows: judged.map(({ rung, accuracy, worst }) => [
      ...[rung, accuracy.holds ? 'yes' : 'no', worst?.name ?? null, worst?.value ?? null],
      largest(Object.values(accuracy.outputs).map(({ maxAbs }) => maxAbs)),
      accuracy.failure,
    ]),
  };
}

function largest(values: readonly (number | undefined)[]): number | null {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? null : Math.max(...known);
}

function notesOf(
  result: LadderResult,
  measured: readonly MeasuredRung[],
  passedOver: readonly SkippedRung[],
): NotesSection | null {
  const shifted = describeShiftedReference(result);
  const notes = [
    ...(shifted === null ? [] : [{ level: 'warning' as const, text: shifted }]),
    ...passedOver.map((each) => ({
      level: each.status === 'failed' ? ('warning' as const) : ('note' as const),
      text: `${each.rung} ${each.status}: ${whyPassedOver(each)}`,
    })),
    ...measured
      .filter(({ points }) => points.some(({ graphs, replayed }) => graphs === 'on' && !replayed))
      .map(({ rung }) => ({
        level: 'warning' as const,
        text: `${rung}: no CUDA graph could be captured, so that "CUDA graph" ran without one.`,
      })),
  ];
  return notes.length === 0 ? null : { kind: 'notes', id: 'notes', title: 'Notes', notes };
}
