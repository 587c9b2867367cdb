import { flavourNames } from '../gpu-support';
import type { Flavour } from '../manifest-schema';
import type { LadderResult, LadderSettings, RungAccuracy, SkippedRung } from './result';

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

/** `1 case`, `3 cases` */
export function countedCases(count: number): string {
  return `${count} ${count === 1 ? 'case' : 'cases'}`;
}
