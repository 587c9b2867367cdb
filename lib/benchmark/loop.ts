import type { Limit } from './options';

/**
 * Calls `once` until the limit, `concurrency` of them under way at a time. Resolves to the milliseconds from the first call until the last
 * one was done. The first failure ends it, after those that are under way.
 */
export async function runLoop(
  once: () => Promise<unknown>,
  limit: Limit,
  concurrency: number,
): Promise<number> {
  const start = performance.now();
  let begun = 0;
  const hasEnded =
    'iterations' in limit
      ? () => begun >= limit.iterations
      : () => begun > 0 && performance.now() - start >= limit.durationMs;
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    while (failures.length === 0 && !hasEnded()) {
      begun += 1;
      try {
        await once();
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  if (failures.length > 0) throw failures[0];
  return performance.now() - start;
}
