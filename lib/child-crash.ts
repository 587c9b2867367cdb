import { TrtError, type LogLine } from './errors';

/** How a child process ended that gave no answer. */
export interface ChildEnding {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What was seen of it until then. */
export interface SeenOfChild {
  /** TensorRT's lines, oldest first, bounded. */
  readonly log: readonly LogLine[];
  /** The last lines of its output. */
  readonly stderr: readonly string[];
  readonly stdout: readonly string[];
  /** The kernel killed a process of this control group (or machine) for memory meanwhile. */
  readonly outOfMemory: boolean;
}

/**
 * `ERR_TRT_BUILD_CRASHED` with `details.reason`: `out-of-memory` when the kernel says that it killed for memory, else `crash`.
 *
 * @param did completes "the process that …": `built the engine`
 */
export function childCrashed(did: string, ending: ChildEnding, seen: SeenOfChild): TrtError {
  const { code, signal } = ending;
  const outOfMemory = signal === 'SIGKILL' && seen.outOfMemory;
  const how = signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`;
  const words = seen.log.map(({ severity, message }) => `[${severity}] ${message}`).slice(-5);
  const evidence = [...seen.stderr.slice(-5), ...words].map((line) => `\n  ${line}`).join('');
  return new TrtError(
    'ERR_TRT_BUILD_CRASHED',
    `the process that ${did} ${how} without a result. ${hintFor(signal, outOfMemory)}${evidence}`,
    {
      log: seen.log,
      details: {
        reason: outOfMemory ? 'out-of-memory' : 'crash',
        exitCode: code,
        signal,
        stderr: seen.stderr,
        stdout: seen.stdout,
      },
    },
  );
}

function hintFor(signal: NodeJS.Signals | null, outOfMemory: boolean): string {
  if (outOfMemory) {
    return 'The kernel killed it because memory ran out (that of the machine, not of the GPU): give the machine or the container more, or build one engine at a time.';
  }
  switch (signal) {
    case 'SIGBUS':
      return 'SIGBUS comes when a file becomes shorter while it is read, or a disk fails: leave the model alone while it is built, and build again.';
    case 'SIGKILL':
      return 'SIGKILL comes from someone who ended it, or from the kernel when memory runs out (see its log): then give the machine or the container more.';
    default:
      return 'That is a crash inside of TensorRT, the driver or a library that they load: try another TensorRT version, and report the model to NVIDIA.';
  }
}
