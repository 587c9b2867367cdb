import { readFile } from 'node:fs/promises';
import { TrtError } from '../errors';
import type { Random } from './seeded-random';

/** When requests arrive: milliseconds since the load began, in order. */
export interface Arrivals {
  readonly kind: 'poisson' | 'constant' | 'trace';
  /** Requests a second that are meant; of a trace, its mean. */
  readonly rate: number;
  /** How long the load goes on. */
  readonly durationMs: number;
  /** All before `durationMs`. */
  readonly times: () => Iterable<number>;
}

/** One request every 1/rate seconds. */
export function constantArrivals(rate: number, durationMs: number): Arrivals {
  return {
    kind: 'constant',
    rate,
    durationMs,
    *times() {
      for (let index = 0; ; ++index) {
        const time = (index * 1000) / rate;
        if (time >= durationMs) return;
        yield time;
      }
    },
  };
}

/** Independent users: gaps are distributed exponentially. */
export function poissonArrivals(
  rate: number,
  durationMs: number,
  makeRandom: () => Random,
): Arrivals {
  return {
    kind: 'poisson',
    rate,
    durationMs,
    *times() {
      const random = makeRandom();
      let time = 0;
      for (;;) {
        // 1 - u is never 0.
        time += (-Math.log(1 - random()) * 1000) / rate;
        if (time >= durationMs) return;
        yield time;
      }
    },
  };
}

/**
 * Arrivals that were recorded.
 *
 * @param rate stretches or squeezes the whole trace to this mean rate; null: as it was recorded
 * @param durationMs ends it early; null: to its end
 */
export function traceArrivals(
  recorded: readonly number[],
  rate: number | null,
  durationMs: number | null,
): Arrivals {
  const first = recorded[0] ?? 0;
  const last = recorded.at(-1) ?? 0;
  // n arrivals have n - 1 gaps.
  const own = last > first ? ((recorded.length - 1) * 1000) / (last - first) : recorded.length;
  const stretch = rate === null ? 1 : own / rate;
  const shifted = recorded.map((time) => (time - first) * stretch);
  const end = durationMs ?? (shifted.at(-1) ?? 0) + 1e-6;
  const kept = shifted.filter((time) => time < end);
  return { kind: 'trace', rate: rate ?? own, durationMs: end, times: () => kept };
}

/**
 * A trace file: a JSON array of milliseconds, or an object with that array as `arrivalsMs`.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export async function readTrace(path: string): Promise<readonly number[]> {
  const refuse = (found: string, cause?: unknown): TrtError =>
    new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected a JSON file with an array of milliseconds, in order, for \`--arrival\`, but ${path} ${found}`,
      { cause, details: { argument: '--arrival', path } },
    );
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw refuse(`cannot be read: ${(cause as Error).message}`, cause);
  }
  const list = Array.isArray(parsed)
    ? (parsed as readonly unknown[])
    : (parsed as { readonly arrivalsMs?: unknown } | null)?.arrivalsMs;
  if (!Array.isArray(list)) throw refuse('holds no array');
  if (list.length < 2) throw refuse(`has ${list.length} arrivals: two are the least`);
  let before = 0;
  for (const [index, time] of (list as readonly unknown[]).entries()) {
    if (typeof time !== 'number' || !Number.isFinite(time) || time < before) {
      throw refuse(`has ${JSON.stringify(time)} at index ${index}, after ${before}`);
    }
    before = time;
  }
  return list as readonly number[];
}
