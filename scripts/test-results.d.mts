export interface TestFailure {
  readonly suite: string;
  /** From the repository's root on; none where no file was at fault. */
  readonly file?: string;
  readonly name: string;
  readonly output: string;
}
export interface TimedTest {
  readonly file: string;
  readonly name: string;
  readonly ms: number;
}
export interface PartResults {
  readonly passed?: number;
  readonly failures?: readonly TestFailure[];
  readonly skipped?: number;
}
export class TestResults {
  readonly failed: number;
  add(part: PartResults): void;
  addTime(part: string, ms: number, tests?: readonly TimedTest[]): void;
  text(): string;
  counts(): string;
}
export interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly duration?: number;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}
export function readVitestReport(
  report: VitestReport,
  suite: string,
  root: string,
): Required<PartResults> & { readonly tests: readonly TimedTest[] };
export function ending(output: string): string;
