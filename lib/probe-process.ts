import { fork } from 'node:child_process';
import type {
  NativeAbi,
  NativeDriver,
  NativeGpuState,
  NativeLibraryFiles,
  NativeLibraryProbe,
} from './binding';
import { asNode, childProgram, sendTo } from './child-start';
import type { TrtError } from './errors';
import { fromPlain, type PlainError } from './plain-error';

/** What a probe child can be asked, one question each. */
export type ProbeJob =
  { readonly kind: 'machine' } | { readonly kind: 'library'; readonly files: NativeLibraryFiles };

export interface MachineProbe {
  readonly abis: Readonly<Partial<Record<NativeAbi, string>>>;
  readonly driver: NativeDriver;
  readonly gpuStates: readonly NativeGpuState[];
}

interface ProbeAnswers {
  readonly machine: MachineProbe;
  readonly library: NativeLibraryProbe;
}

/** The one message that a probe child sends. */
export type ProbeMessage =
  | { readonly kind: 'answer'; readonly value: MachineProbe | NativeLibraryProbe }
  | { readonly kind: 'error'; readonly error: PlainError };

export type ProbeOutcome<T> =
  | { readonly kind: 'answer'; readonly value: T }
  | { readonly kind: 'error'; readonly error: TrtError }
  /** The child ended, hung or was never made (`started`); `how` continues "the process that tried …". */
  | {
      readonly kind: 'lost';
      readonly started: boolean;
      readonly how: string;
      readonly stderr: string;
    };

export interface ProbeChildOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** Another program than probe-child, for tests of what a child can do wrong. */
  readonly program?: string;
}

const stderrLimit = 4096;

/** Asks one question in a process of its own. Never rejects for what happens over there. */
export function askProbeChild<K extends ProbeJob['kind']>(
  job: Extract<ProbeJob, { kind: K }>,
  options: ProbeChildOptions,
): Promise<ProbeOutcome<ProbeAnswers[K]>> {
  return new Promise((resolve) => {
    let stderr = '';
    let child: ReturnType<typeof fork> | null = null;
    const lost = (how: string): void =>
      settle({ kind: 'lost', started: child?.pid !== undefined, how, stderr: stderr.trim() });
    const settle = (outcome: ProbeOutcome<ProbeAnswers[K]>): void => {
      clearTimeout(timer);
      resolve(outcome);
      // The answer is all that was wanted; a driver's or TensorRT's own exit handlers have nothing to add.
      child?.kill('SIGKILL');
    };
    const timer = setTimeout(
      () => lost(`gave no answer within ${options.timeoutMs / 1000} s`),
      options.timeoutMs,
    );
    child = startChild(options, lost);
    if (!child) return;
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString('utf8')).slice(-stderrLimit);
    });
    child.once('error', (error) => lost(`could not be started (${error.message})`));
    child.once('message', (message) => {
      const answer = message as ProbeMessage;
      settle(
        answer.kind === 'answer'
          ? { kind: 'answer', value: answer.value as ProbeAnswers[K] }
          : { kind: 'error', error: fromPlain(answer.error) },
      );
    });
    child.once('close', (code, signal) =>
      lost(signal ? `crashed (${signal})` : `ended with exit code ${String(code)}`),
    );
    sendTo(child, job);
  });
}

function startChild(
  { env, program = childProgram('probe-child') }: ProbeChildOptions,
  lost: (how: string) => void,
): ReturnType<typeof fork> | null {
  try {
    return fork(program, {
      env: asNode(env),
      // The parent's own flags (a debugger's port, a test runner's loader) are not the child's.
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
  } catch (error) {
    lost(`could not be started (${error instanceof Error ? error.message : String(error)})`);
    return null;
  }
}
