import { summarize } from '../../dist/benchmark/statistics.js';

/** Summaries of one kind of sample, pooled over all rounds, by side; a side without that kind is left out. */
export function pooled(results, kind = 'wall') {
  return Object.fromEntries(
    Object.entries(results)
      .filter(([, rounds]) => rounds[0][kind] !== undefined)
      .map(([name, rounds]) => [name, summarize(rounds.flatMap((round) => round[kind]))]),
  );
}
