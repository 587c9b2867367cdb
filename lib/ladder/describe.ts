import { flavourNames } from '../gpu-support';
import type { Flavour } from '../manifest-schema';
import type { LadderResult, LadderSettings, RungAccuracy, RungResult, SkippedRung } from './result';

/** `TensorRT 10.6.0 on NVIDIA H200` */
export function describeLibrary({ machine }: LadderResult): string {
  if (machine === null) return '';
  const name = flavourNames[machine.flavour as Flavour];
  return `${name} ${machine.version}${machine.gpu === null ? '' : ` on ${machine.gpu}`}`;
}

/** How it was measured, in a line. */
export function describeSteps({ warmup, iterations, cases }: LadderSettings): string {
  const inputs =
    cases === 'random' ? ', accuracy on random inputs, which say little of real ones' : '';
  return `${iterations} inferences after ${warmup} warm-ups each; times are wall clock, of the GPU where it says so${inputs}`;
}

/** The metric that was asked for, or else the cosine of the worst output. */
export function worstMeasure({
  metric,
  outputs,
}: RungAccuracy): { readonly name: string; readonly value: number } | null {
  if (metric !== null) return metric;
  const cosines = Object.values(outputs).flatMap(({ cosine }) =>
    cosine === undefined ? [] : [cosine],
  );
  return cosines.length === 0 ? null : { name: 'cosine', value: Math.min(...cosines) };
}

/** Why a rung was passed over, for somebody at a command line. */
export function whyPassedOver({ error }: SkippedRung): string {
  const hint =
    error.code === 'ERR_TRT_CALIBRATION_REQUIRED'
      ? ' On the command line: --calibration <path>.'
      : '';
  return `${error.message}${hint}`;
}

/** The rung that others were compared with; null: none. */
export function referenceRungOf(rungs: readonly RungResult[]): string | null {
  const measured = rungs.filter((rung) => rung.status === 'measured');
  const named = measured.flatMap(({ accuracy }) => accuracy?.referenceRung ?? []);
  return named[0] ?? measured.find(({ accuracy }) => accuracy === null)?.rung ?? null;
}

/** Why accuracy says less than it seems to; null: the rung that was asked for first is the reference, or none is. */
export function describeShiftedReference({
  rungs,
  referenceRung,
}: Pick<LadderResult, 'rungs' | 'referenceRung'>): string | null {
  const [first] = rungs;
  if (referenceRung === null || first === undefined || first.rung === referenceRung) return null;
  const why =
    first.status === 'measured'
      ? 'gave NaN or infinities'
      : first.status === 'failed'
        ? 'failed'
        : 'was passed over';
  const given = rungs.some(
    (rung) => rung.status === 'measured' && rung.accuracy?.reference === 'given',
  );
  if (given) return `${first.rung} ${why}, so that the metric's drop starts from ${referenceRung}.`;
  return (
    `${first.rung} ${why}, so that the others were compared with ${referenceRung}, whose own accuracy was not checked. ` +
    'Cases with outputs check every rung.'
  );
}

/** Why nothing is recommended. */
export function whyNoRecommendation({ rungs, machine }: LadderResult): string {
  if (rungs.some(({ status }) => status === 'measured')) {
    return 'no rung that was measured is accurate enough to recommend';
  }
  return machine === null ? 'no rung could be built' : 'no rung that was built could be measured';
}

/** `1 case`, `3 cases` */
export function countedCases(count: number): string {
  return `${count} ${count === 1 ? 'case' : 'cases'}`;
}
