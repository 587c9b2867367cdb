import { spawn } from 'node:child_process';
import path from 'node:path';
import { root } from './native-host';

export { buildChildrenOf, isRunning } from './process-table';

const fixtures = path.join(root, 'test', 'fixtures', 'native');

export interface NodeExit {
  readonly code: number | null;
  /** A crash or, with SIGKILL, a process that outlived its deadline. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface NodeOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly deadlineMs?: number;
  /** A program with its arguments that runs this Node: a shell that sets limits, say. */
  readonly through?: readonly string[];
  /** Called with everything that was written so far, and the process's id. */
  readonly onOutput?: (stdout: string, pid: number) => void;
}

/** Runs a script (a file of test/fixtures/native, or an absolute path) with this Node to its end. */
export function runNode(
  script: string,
  args: readonly string[] = [],
  { env = process.env, deadlineMs = 100_000, through = [], onOutput }: NodeOptions = {},
): Promise<NodeExit> {
  return new Promise((resolve, reject) => {
    const line = [...through, process.execPath, path.resolve(fixtures, script), ...args];
    const child = spawn(line[0]!, line.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      onOutput?.(stdout, child.pid!);
    });
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
}
