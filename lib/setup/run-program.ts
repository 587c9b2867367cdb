import { spawn } from 'node:child_process';

export interface ProgramResult {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  /** What it wrote to either stream, its last 16 KiB. */
  readonly output: string;
}

export interface ProgramOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; the program is ended after them. */
  readonly timeout?: number;
}

const keptOutput = 16 * 1024;
const patience = 2_000;

/**
 * Runs a program to its end. Rejects with the system's error when it cannot be started, with `signal.reason` on an abort,
 * and then only once the program is gone: what it writes can be removed.
 */
export async function runProgram(
  command: readonly [string, ...string[]],
  options: ProgramOptions,
): Promise<ProgramResult> {
  options.signal?.throwIfAborted();
  const [program, ...args] = command;
  const child = spawn(program, args, {
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own: `python3` may be a wrapper, and a signal to it alone leaves pip running.
    detached: true,
  });
  let output = '';
  const keep = (chunk: string): void => {
    output = (output + chunk).slice(-keptOutput);
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);

  let killer: NodeJS.Timeout | undefined;
  const end = (): void => {
    signalGroup(child.pid, 'SIGTERM');
    killer ??= setTimeout(() => signalGroup(child.pid, 'SIGKILL'), patience);
  };
  const timer = options.timeout === undefined ? undefined : setTimeout(end, options.timeout);
  options.signal?.addEventListener('abort', end, { once: true });
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    options.signal?.throwIfAborted();
    return { exitCode, output };
  } finally {
    clearTimeout(timer);
    clearTimeout(killer);
    options.signal?.removeEventListener('abort', end);
  }
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It ended by itself just now.
  }
}
