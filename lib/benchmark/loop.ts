import type { Limit } from './options';

export interface LoopOptions {
  readonly limit: Limit;
  /** Calls under way at a time. */
  readonly concurrency: number;
  /** An abort ends the loop, after those that are under way. */
  readonly signal?: AbortSignal | null;
}

/**
 * Calls `once` until the limit, with the number of the slot that is free, from 0 on. Resolves to the milliseconds from the first call until
 * the last one was done. The first failure ends it, after those that are under way.
 */
export async function runLoop(
  once: (slot: number) => Promise<unknown>,
  { limit, concurrency, signal }: LoopOptions,
): Promise<number> {
  const start = performance.now();
  const { iterations = 1, durationMs = 0 } = limit;
  let begun = 0;
  const hasEnded = (): boolean =>
    begun >= iterations && (durationMs === 0 || performance.now() - start >= durationMs);
  const failures: unknown[] = [];
  const worker = async (slot: number): Promise<void> => {
    while (failures.length === 0 && signal?.aborted !== true && !hasEnded()) {
      begun += 1;
      try {
        await once(slot);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, (_, slot) => worker(slot)));
  signal?.throwIfAborted();
  if (failures.length > 0) throw failures[0];
  return performance.now() - start;
}
