import { summarize, type Summary } from '../benchmark/statistics';

/** What a fresh process spends its time on, in its order. */
export const coldStartSteps = [
  'node',
  'import',
  'driver',
  'context',
  'library',
  'load',
  'firstInference',
  'capture',
] as const;

export type ColdStartStep = (typeof coldStartSteps)[number];

/** Milliseconds of each step of one process. */
export type ColdStartTimes = Readonly<Record<ColdStartStep, number>>;

/** What one fresh process measured. */
export interface ApartStart {
  readonly kind: 'apart';
  readonly steps: ColdStartTimes;
  /** An inference once everything is warm. */
  readonly warmMs: number;
}

export interface WholeStart {
  readonly kind: 'whole';
  /** From the start of the process to the first output. */
  readonly wholeMs: number;
  readonly loadMs: number;
}

export interface ColdStartFigures {
  /** Fresh processes of each of the two kinds. */
  readonly processes: number;
  /** Of processes that take one step after the other. */
  readonly steps: Readonly<Record<ColdStartStep, Summary>>;
  /** An inference once everything is warm, in the same processes. */
  readonly warmInference: Summary;
  /** Of processes that do what a program does, from their start to the first output: `loadEngine` takes its steps side by side. */
  readonly whole: Summary;
  /** `loadEngine` in those. */
  readonly wholeLoad: Summary;
  readonly samples: {
    readonly steps: readonly ColdStartTimes[];
    readonly warmInference: readonly number[];
    readonly whole: readonly number[];
    readonly wholeLoad: readonly number[];
  };
}

/** What `bench --cold-start` prints with `--json`. Times are milliseconds. */
export interface ColdStartRecord extends ColdStartFigures {
  readonly schema: 'trt-node/cold-start';
  readonly schemaVersion: 1;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** trt-node's. */
  readonly version: string;
  readonly command: string;
  readonly engine: string;
  readonly environment: import('./environment').BenchEnvironment;
  readonly assertions: readonly import('./limits').LimitResult[];
}

export function coldStartFigures(
  apart: readonly ApartStart[],
  whole: readonly WholeStart[],
): ColdStartFigures {
  const steps = apart.map((each) => each.steps);
  const warm = apart.map(({ warmMs }) => warmMs);
  const wholes = whole.map(({ wholeMs }) => wholeMs);
  const loads = whole.map(({ loadMs }) => loadMs);
  const summaries = coldStartSteps.map((step): [ColdStartStep, Summary] => [
    step,
    summarize(steps.map((each) => each[step])),
  ]);
  return {
    processes: apart.length,
    steps: Object.fromEntries(summaries) as Record<ColdStartStep, Summary>,
    warmInference: summarize(warm),
    whole: summarize(wholes),
    wholeLoad: summarize(loads),
    samples: { steps, warmInference: warm, whole: wholes, wholeLoad: loads },
  };
}
