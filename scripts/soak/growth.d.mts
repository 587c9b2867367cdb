export interface Sample {
  readonly seconds: number;
  readonly value: number;
}
export interface Growth {
  readonly first: number;
  readonly last: number;
  readonly perHour: number;
  /** From the first sample that was judged to the last. */
  readonly growth: number;
  readonly limit: number;
  readonly flat: boolean;
}
export function slopeOf(samples: readonly Sample[]): number;
export function judgeGrowth(samples: readonly Sample[], limit: number): Growth;
