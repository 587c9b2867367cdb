export interface Summary {
  readonly count: number;
  readonly mean: number;
  readonly standardDeviation: number;
  readonly min: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}
export function mean(values: readonly number[]): number;
export function standardDeviation(values: readonly number[]): number;
export function percentile(values: readonly number[], percent: number): number;
export function median(values: readonly number[]): number;
export function summarize(values: readonly number[]): Summary;
