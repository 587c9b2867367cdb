import type { Summary } from '../lib/benchmark/statistics';

export interface EventLoopResult {
  readonly rounds: number;
  /** Wall-clock time of all builds. */
  readonly seconds: number;
  /** CPU time of the builds' children by wall-clock time. */
  readonly busyCores: number;
  /** Milliseconds between ticks of a 1 ms timer. */
  readonly build: Summary;
  readonly control: Summary;
  /** p99 during builds by p99 of the control. */
  readonly ratio: number;
}
export function measureEventLoop(
  build: () => Promise<unknown>,
  options?: { rounds?: number },
): Promise<EventLoopResult>;
