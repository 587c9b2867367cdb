import { fork } from 'node:child_process';
import {
  coldStartFigures,
  type ApartStart,
  type ColdStartFigures,
  type WholeStart,
} from '../bench/cold-start-record';
import { asNode, childProgram } from '../child-start';
import { TrtError } from '../errors';
import type { LoadOptions } from '../load-options';
import { checkPlanFile } from '../plan-file';
import { fromPlain } from '../plain-error';
import type { ColdStartReport, ColdStartTask } from './bench-cold-start-child';
import type { InputFlags } from './input-flags';

export interface ColdStartOptions {
  readonly plan: string;
  readonly load: LoadOptions;
  readonly inputs: InputFlags;
  readonly batch: number | null;
  readonly processes: number;
  readonly signal: AbortSignal;
  /** Called after each pair of processes. */
  readonly onProgress: (done: number) => void;
}

/** Starts fresh processes in turns: one that takes the steps apart, one that loads as a program does. */
export async function measureColdStarts({
  processes,
  signal,
  onProgress,
  ...task
}: ColdStartOptions): Promise<ColdStartFigures> {
  await checkPlanFile(task.plan);
  const apart: ApartStart[] = [];
  const whole: WholeStart[] = [];
  while (apart.length < processes) {
    apart.push(apartOf(await startOnce({ ...task, kind: 'apart' }, signal)));
    whole.push(wholeOf(await startOnce({ ...task, kind: 'whole' }, signal)));
    onProgress(apart.length);
  }
  return coldStartFigures(apart, whole);
}

/** One process, from its start to its report. */
async function startOnce(
  task: Omit<ColdStartTask, 'startedAt'>,
  signal: AbortSignal,
): Promise<ColdStartReport> {
  signal.throwIfAborted();
  const startedAt = performance.timeOrigin + performance.now();
  const child = fork(childProgram('cli/bench-cold-start-child'), [], {
    env: asNode(process.env),
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  try {
    return await new Promise<ColdStartReport>((resolve, reject) => {
      let report: ColdStartReport | null = null;
      child.on('message', (message) => (report = message as ColdStartReport));
      child.once('error', reject);
      child.once('close', (code, killer) => {
        if (signal.aborted) reject(signal.reason as Error);
        else if (report === null) reject(diedEarly(code, killer));
        else resolve(report);
      });
      child.send({ ...task, startedAt }, () => undefined);
    });
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

function apartOf(report: ColdStartReport): ApartStart {
  if (report.kind === 'apart') return report;
  throw failureOf(report);
}

function wholeOf(report: ColdStartReport): WholeStart {
  if (report.kind === 'whole') return report;
  throw failureOf(report);
}

function failureOf(report: ColdStartReport): TrtError {
  return report.kind === 'error' ? fromPlain(report.error) : diedEarly(null, null);
}

function diedEarly(code: number | null, killer: NodeJS.Signals | null): TrtError {
  const how = killer === null ? `exited with ${code}` : `was ended by ${killer}`;
  return new TrtError(
    'ERR_TRT_INTERNAL',
    `a process that was to load the engine ${how} before it had measured anything. Try \`trt-node bench\` without --cold-start.`,
    { details: { code, signal: killer } },
  );
}
