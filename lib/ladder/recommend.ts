import { countedCases } from './describe';
import type { Goal, MeasuredRung, Recommendation, RungPoint, RungResult, RungWay } from './result';

/** What two runs of one engine differ by anyway: for less, nobody should give up exactness or take on a graph. */
const noticeable = 0.02;

interface Candidate {
  readonly rung: MeasuredRung;
  readonly point: RungPoint;
}

/**
 * The fastest way to run the model whose accuracy holds; of those that are equally fast, the first in the order of rungs and settings, which is
 * the more exact and the simpler one. Latency is compared at the first batch with one inference under way, as far as that was measured.
 */
export function recommend(results: readonly RungResult[], goal: Goal): Recommendation | null {
  const all = results
    .filter((result) => result.status === 'measured')
    .flatMap((rung) => comparable(rung.points, goal).map((point): Candidate => ({ rung, point })));
  const fastest = fastestOf(
    all.filter(({ rung }) => rung.accuracy?.holds !== false),
    goal,
  );
  if (fastest === null) return null;
  const { graphs, lanes, batch } = fastest.point;
  const reasons = [
    speedOf(fastest, all, goal),
    accuracyOf(fastest.rung, results[0]?.rung),
    ...fasterButWrong(fastest, all, goal),
  ];
  return {
    ...{ rung: fastest.rung.rung, graphs, lanes, batch },
    reason: `${reasons.join('; ')}.`,
  };
}

/** The way to run a rung that a recommendation of it would take. */
export function bestWay(rung: MeasuredRung, goal: Goal): RungPoint | null {
  const candidates = comparable(rung.points, goal).map((point): Candidate => ({ rung, point }));
  return fastestOf(candidates, goal)?.point ?? null;
}

/** Points at other batches, or with a queue, have other latencies by their nature. */
function comparable(points: readonly RungPoint[], goal: Goal): readonly RungPoint[] {
  if (goal === 'throughput') return points;
  const [first] = points;
  const fewest = Math.min(...points.map(({ lanes }) => lanes));
  return points.filter(({ lanes, batch }) => lanes === fewest && batch === first?.batch);
}

function fastestOf(candidates: readonly Candidate[], goal: Goal): Candidate | null {
  let best: Candidate | null = null;
  for (const each of candidates) {
    if (best === null || speed(each.point, goal) > speed(best.point, goal) * (1 + noticeable)) {
      best = each;
    }
  }
  return best;
}

/** More is better. */
function speed(point: RungPoint, goal: Goal): number {
  if (goal === 'latency') return 1 / point.endToEnd.p50;
  return point.samplesPerSecond ?? point.inferencesPerSecond;
}

function speedOf({ rung, point }: Candidate, all: readonly Candidate[], goal: Goal): string {
  const figure = figureOf(point, goal);
  const base = fastestOf(
    all.filter((each) => each.rung.rung === all[0]?.rung.rung),
    goal,
  );
  if (base === null || base.rung.rung === rung.rung) {
    return `${figure}, and no other rung is more than ${noticeable * 100} % faster and right`;
  }
  const times = speed(point, goal) / speed(base.point, goal);
  return `${figure}, ${times.toFixed(2)} × ${base.rung.rung} at its best (${figureOf(base.point, goal)})`;
}

function figureOf(point: RungPoint, goal: Goal): string {
  if (goal === 'latency') return `p50 ${point.endToEnd.p50.toPrecision(3)} ms end to end`;
  return point.samplesPerSecond === null
    ? `${point.inferencesPerSecond.toFixed(0)} inferences/s`
    : `${point.samplesPerSecond.toFixed(0)} samples/s`;
}

function accuracyOf({ accuracy, rung }: MeasuredRung, first: string | undefined): string {
  if (accuracy === null) {
    const unchecked = first === rung ? '' : `, in place of ${first}, and its accuracy is unchecked`;
    return `it is what the others are compared with${unchecked}`;
  }
  const { reference, referenceRung } = accuracy;
  const against =
    reference === 'given' ? 'with given outputs' : `against ${referenceRung ?? 'the first rung'}`;
  return `the accuracy of ${rung} holds on ${countedCases(accuracy.cases)} ${against}`;
}

/** What a reader would ask about: a rung that is faster and was not taken. */
function fasterButWrong(chosen: Candidate, all: readonly Candidate[], goal: Goal): string[] {
  const wrong = all.filter(({ rung }) => rung.accuracy?.holds === false);
  const names = new Set(
    wrong
      .filter(({ point }) => speed(point, goal) > speed(chosen.point, goal) * (1 + noticeable))
      .map(({ rung }) => rung.rung),
  );
  return [...names].map((name) => `${name} is faster, but its accuracy does not hold`);
}

/** `CUDA graph, 2 lanes, batch 8` */
export function describeWay({ graphs, lanes, batch }: RungWay): string {
  return [
    graphs === 'on' ? 'CUDA graph' : 'no graph',
    `${lanes} ${lanes === 1 ? 'lane' : 'lanes'}`,
    ...(batch === null ? [] : [`batch ${batch}`]),
  ].join(', ');
}
