import { blocksOf, ratioInterval, type RatioInterval } from '../benchmark/bootstrap';
import type { BenchmarkSamples } from '../benchmark/result';
import { mean, percentile } from '../benchmark/statistics';
import type { Measured } from './measure';
import type { ComparedFigure, Verdict } from './record';
import { gpuLatencyOf } from './run-of-measured';
import { seededRandom } from './seeded-random';

/** One figure of a measurement that was cut into blocks: its value in each of them. */
export interface BlockFigure {
  readonly figure: string;
  /** Less is better, or more is. */
  readonly better: 'less' | 'more';
  readonly blocks: readonly number[];
}

/** The figures that engines and stored runs are compared by; the first one decides. */
export function figuresOfRounds({ plain, timed }: Measured): readonly BlockFigure[] {
  const walls = plain.map(({ endToEnd }) => endToEnd);
  const computes = timed.map((timings) => timings.map(({ compute }) => compute));
  const latencies = timed.map((timings) =>
    timings.map(({ h2d, compute, d2h }) => h2d + compute + d2h),
  );
  return [
    ...timeFigures('endToEnd', walls),
    ...timeFigures('compute', computes),
    ...timeFigures('gpuLatency', latencies).slice(0, 1),
    {
      figure: 'throughput',
      better: 'more',
      blocks: plain.map(({ endToEnd, elapsedMs }) => (endToEnd.length * 1000) / elapsedMs),
    },
  ];
}

/** A block shall be long enough for a median. */
const blockCount = 20;
const leastBlock = 10;

/** The same of samples that were stored, cut into blocks in their order; throughput has none. */
export function figuresOfSamples(samples: BenchmarkSamples): readonly BlockFigure[] {
  const cut = (values: readonly number[]): readonly (readonly number[])[] =>
    blocksOf(values, blockCount, leastBlock);
  return [
    ...timeFigures('endToEnd', cut(samples.endToEnd)),
    ...timeFigures('compute', cut(samples.compute)),
    ...timeFigures('gpuLatency', cut(gpuLatencyOf(samples))).slice(0, 1),
  ];
}

function timeFigures(span: string, blocks: readonly (readonly number[])[]): BlockFigure[] {
  return [
    { figure: `${span}.p50`, better: 'less', blocks: blocks.map((each) => percentile(each, 50)) },
    { figure: `${span}.mean`, better: 'less', blocks: blocks.map(mean) },
  ];
}

/**
 * Figures of the same name, as ratios.
 *
 * @param paired blocks of the same index were measured next to each other
 */
export function compareFigures(
  values: readonly BlockFigure[],
  baselines: readonly BlockFigure[],
  paired: boolean,
): readonly ComparedFigure[] {
  return values.flatMap(({ figure, better, blocks }) => {
    const other = baselines.find((each) => each.figure === figure);
    // A span that the clock does not resolve has no ratio.
    if (other === undefined || [...blocks, ...other.blocks].some((value) => !(value > 0)))
      return [];
    const random = seededRandom(0);
    const ratio = ratioInterval(blocks, other.blocks, { paired, random });
    return [
      {
        figure,
        value: geometricMean(blocks),
        baseline: geometricMean(other.blocks),
        ratio,
        verdict: verdictOf(ratio, better),
      },
    ];
  });
}

/** So that the ratio is that of the two values. */
function geometricMean(values: readonly number[]): number {
  return Math.exp(mean(values.map(Math.log)));
}

/** A difference is one when no difference at all lies outside of the interval. */
export function verdictOf({ low, high }: RatioInterval, better: BlockFigure['better']): Verdict {
  if (low === null || high === null) return 'unknown';
  if (low <= 1 && high >= 1) return 'no difference';
  return high < 1 === (better === 'less') ? 'faster' : 'slower';
}
