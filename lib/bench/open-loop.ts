import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { TrtError } from '../errors';
import type { Arrivals } from './arrivals';

/** Time as the load generator sees it. */
export interface Clock {
  /** Milliseconds. */
  now(): number;
  /** Resolves at that time or after it; never before, unless it was aborted. */
  until(time: number, signal?: AbortSignal | null): Promise<void>;
}

/** What came of a load. Times are milliseconds since it began. */
export interface OpenLoopResult {
  /** Requests that arrived. */
  readonly offered: number;
  readonly completed: number;
  /** Refused because the queue was full. */
  readonly dropped: number;
  /** Failed for any other reason, by error code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Requests a second that were answered while the load lasted. */
  readonly achievedRate: number;
  /** Requests that had arrived and were not answered: the most at a time, and when the load ended. */
  readonly backlog: { readonly most: number; readonly atEnd: number };
  /** When each request that was answered arrived, and how long after that its answer came. */
  readonly samples: {
    readonly arrivalMs: readonly number[];
    readonly latencyMs: readonly number[];
  };
  /** By how much the generator itself was late, for every request: that time is in its latency. */
  readonly lagMs: readonly number[];
}

/**
 * Sends requests when they arrive, whether the ones before them were answered or not. A latency counts from the time that the schedule has, so a
 * request that had to wait before it could even be sent is late, and not left out (coordinated omission).
 */
export async function runOpenLoop(
  send: () => Promise<unknown>,
  arrivals: Arrivals,
  options: { readonly signal?: AbortSignal | null; readonly clock?: Clock } = {},
): Promise<OpenLoopResult> {
  const { signal, clock = realClock } = options;
  const arrivalMs: number[] = [];
  const latencyMs: number[] = [];
  const lagMs: number[] = [];
  const errors: Record<string, number> = {};
  const pending = new Set<Promise<void>>();
  let most = 0;
  let dropped = 0;
  let failed: { readonly error: unknown } | null = null;
  const start = clock.now();
  const isOver = (): boolean => signal?.aborted === true || failed !== null;

  const request = async (arrival: number): Promise<void> => {
    try {
      await send();
      latencyMs.push(clock.now() - start - arrival);
      arrivalMs.push(arrival);
    } catch (error) {
      // Anything but an answer of the server's is a fault of the caller's.
      if (!(error instanceof TrtError) || isFatal(error)) failed ??= { error };
      else if (error.code === 'ERR_TRT_QUEUE_FULL') dropped += 1;
      else errors[error.code] = (errors[error.code] ?? 0) + 1;
    }
  };

  for (const arrival of arrivals.times()) {
    if (isOver()) break;
    await clock.until(start + arrival, signal);
    if (isOver()) break;
    lagMs.push(clock.now() - start - arrival);
    const sent = request(arrival).finally(() => pending.delete(sent));
    pending.add(sent);
    most = Math.max(most, pending.size);
  }
  if (!isOver()) await clock.until(start + arrivals.durationMs, signal);
  const atEnd = pending.size;
  const completedInTime = latencyMs.length;
  const lasted = clock.now() - start;
  await Promise.all(pending);
  signal?.throwIfAborted();
  // TypeScript does not see the assignment in `request`.
  const failure = failed as { readonly error: unknown } | null;
  if (failure !== null) throw failure.error;
  return {
    offered: lagMs.length,
    completed: latencyMs.length,
    dropped,
    errors,
    achievedRate: (completedInTime * 1000) / lasted,
    backlog: { most, atEnd },
    samples: { arrivalMs, latencyMs },
    lagMs,
  };
}

/** No later request can succeed, or all of them are wrong. */
function isFatal({ code }: TrtError): boolean {
  return (
    code === 'ERR_TRT_CUDA_CONTEXT_LOST' ||
    code === 'ERR_TRT_ENGINE_CLOSED' ||
    code === 'ERR_TRT_INVALID_ARG' ||
    code.startsWith('ERR_TRT_INPUT_')
  );
}

/** Timers of Node.js are late by up to a millisecond and more: the last part is waited for in turns of the event loop. */
const timerSlackMs = 2;

/** A load that is late must not keep the event loop longer than this: answers and signals come in its turns. */
const mostWithoutTurnMs = 1;

export const realClock: Clock = makeRealClock();

function makeRealClock(): Clock {
  let lastTurn = -Infinity;
  return {
    now: () => performance.now(),
    async until(time, signal) {
      const left = time - performance.now();
      if (left > timerSlackMs) await sleepOrAbort(left - timerSlackMs, signal);
      for (;;) {
        const now = performance.now();
        if (signal?.aborted === true) return;
        if (now >= time && now - lastTurn <= mostWithoutTurnMs) return;
        await nextTurn();
        lastTurn = performance.now();
      }
    },
  };
}

async function sleepOrAbort(milliseconds: number, signal?: AbortSignal | null): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal ? { signal } : {});
  } catch (error) {
    // The caller looks at the signal itself.
    if (signal?.aborted !== true) throw error;
  }
}
