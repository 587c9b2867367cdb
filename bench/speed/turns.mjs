/** Measuring sides in turns, so that drifting clocks and temperature meet all of them. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Longer than a lane of waiting `'spin'` spins behind its last inference. */
export const restMs = 120;

/**
 * Every side once a round; who begins changes every round.
 *
 * @template T
 * @param {number} rounds
 * @param {Readonly<Record<string, (block: import('./turns.mjs').Block) => Promise<T>>>} sides
 * @param {object} [options]
 * @param {import('./turns.mjs').Block} [options.block] what each side is to do in a round
 * @param {number} [options.steady] warm-ups of each side before the first round, whose times are dropped: a compiler that compiles what is
 * called often needs thousands of calls, and a side that is at that in the first round would be measured as two programs
 * @param {number} [options.restMs] milliseconds before each side in which nothing runs, so that nothing of the side before still spins
 * @returns {Promise<Record<string, T[]>>} one entry a round
 */
export async function inTurns(rounds, sides, { block, steady = 0, restMs = 0 } = {}) {
  const names = Object.keys(sides);
  const turn = async (name, work) => {
    if (restMs > 0) await sleep(restMs);
    return await sides[name](work);
  };
  if (steady > 0) for (const name of names) await turn(name, { warmUps: steady, iterations: 2 });
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      results[name].push(await turn(name, block));
    }
  }
  return results;
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
