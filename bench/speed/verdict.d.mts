export interface Line {
  readonly what: string;
  readonly value: number;
  readonly limit: number;
  readonly unit?: string;
  readonly against: string;
  readonly note?: string;
}
export interface Verdict {
  readonly what: string;
  readonly value: number;
  readonly limit: number | null;
  /** null: nothing is asked of it. */
  readonly pass: boolean | null;
}
export function atMost(line: Line): Verdict;
export function atLeast(line: Line): Verdict;
export function forInformation(line: Partial<Line> & Pick<Line, 'what' | 'value'>): Verdict;
export function printVerdicts(verdicts: readonly Verdict[]): void;
