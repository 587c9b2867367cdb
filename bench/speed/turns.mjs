/** Measuring sides in turns, so that drifting clocks and temperature meet all of them. */
import { summarize } from '../../dist/benchmark/statistics.js';

/**
 * Every side once a round; who begins changes every round.
 *
 * @template T
 * @param {number} rounds
 * @param {Readonly<Record<string, () => Promise<T>>>} sides
 * @returns {Promise<Record<string, T[]>>} one entry a round
 */
export async function inTurns(rounds, sides) {
  const names = Object.keys(sides);
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      results[name].push(await sides[name]());
    }
  }
  return results;
}

/** Summaries of one kind of sample, pooled over all rounds, by side. */
export function pooled(results, kind = 'wall') {
  return Object.fromEntries(
    Object.entries(results).map(([name, rounds]) => [
      name,
      summarize(rounds.flatMap((round) => round[kind])),
    ]),
  );
}

/** Calls `once` and times it, after warm-ups: microseconds, and CPU time of this process an inference. */
export async function asyncBlock(once, { warmUps, iterations }) {
  for (let i = 0; i < warmUps; i++) await once();
  const wall = new Array(iterations);
  const cpu = process.cpuUsage();
  for (let i = 0; i < iterations; i++) {
    const start = performance.now();
    await once();
    wall[i] = microseconds(performance.now() - start);
  }
  return { wall, cpu: cpuEach(cpu, iterations) };
}

/** The same of a function that blocks. */
export function syncBlock(once, { warmUps, iterations }) {
  for (let i = 0; i < warmUps; i++) once();
  const wall = new Array(iterations);
  const cpu = process.cpuUsage();
  for (let i = 0; i < iterations; i++) {
    const start = performance.now();
    once();
    wall[i] = microseconds(performance.now() - start);
  }
  return { wall, cpu: cpuEach(cpu, iterations) };
}

/** Hundredths of a microsecond are below what the clock resolves. */
export function microseconds(milliseconds) {
  return Math.round(milliseconds * 1e5) / 100;
}

function cpuEach(before, iterations) {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / iterations;
}
