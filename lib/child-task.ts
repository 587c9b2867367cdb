import type { NativeProgress } from './binding';
import type { ChildReport, ChildResults, ChildTask } from './build-messages';
import { childCrashed, type ChildEnding } from './child-crash';
import { ChildOutput } from './child-output';
import {
  childEnvironment,
  childNotStarted,
  childProgram,
  electronRefused,
  isElectron,
  sendTo,
  startChild,
  type ChildPurpose,
} from './child-start';
import { TrtError, type LogLine } from './errors';
import { oomKills } from './oom-kills';
import { fromPlain } from './plain-error';

export interface ChildTaskOptions {
  readonly signal?: AbortSignal | null;
  /** Throwing ends the task; the promise then rejects with what was thrown. */
  readonly onProgress?: (event: NativeProgress) => void;
  /**
   * Called once there is a child, with what is fulfilled when it is gone. That may be after the task has settled, as its
   * patience ends: until then the child may write into the folders of its request.
   */
  readonly onStart?: (gone: Promise<void>) => void;
  /** The child's program. Default: build-child of this package. */
  readonly program?: string;
  /** Counts the kernel's kills for memory. Default: the system's. */
  readonly countOomKills?: () => number | null;
}

/** How the child's work ended, before anything is made of it. */
type Outcome =
  | { readonly kind: 'result'; readonly result: ChildResults[keyof ChildResults] }
  | { readonly kind: 'failed'; readonly error: unknown }
  | ({ readonly kind: 'ended' } & ChildEnding);

const keptLogLines = 50;
const keptOutputLines = 20;

/**
 * How long the end of a killed child is waited for; the kernel may need a while to take a process off a busy GPU. An abort
 * promises to be over within a second; after a build, the caller may want the GPU's memory at once.
 */
const patienceMs = { result: 10_000, failed: 800, ended: 0 } as const;

/** An Electron whose fuse forbids it starts the application instead of Node.js, which never says anything. */
const electronStartMs = 15_000;

const purposes = {
  build: { in: 'engines are built', did: 'built the engine' },
  inspect: { in: 'models are inspected', did: 'inspected the model' },
} as const satisfies Record<ChildTask['kind'], { in: ChildPurpose; did: string }>;

/**
 * Carries out one task in a child process. A crash inside of TensorRT ends that process alone, an abort kills it at once, and
 * its LD_LIBRARY_PATH lets TensorRT 10 find its builder resource.
 *
 * Rejects with what the task rejected with, `ERR_TRT_BUILD_CRASHED` when the child ended without an answer,
 * `ERR_TRT_UNSUPPORTED` where no child process can be made, and `signal.reason` after an abort.
 */
export async function runInChild<K extends ChildTask['kind']>(
  task: Extract<ChildTask, { kind: K }>,
  options: ChildTaskOptions = {},
): Promise<ChildResults[K]> {
  // Taken here, where V8 still knows who awaits this call: a message handler has no such stack.
  const callSite = new Error();
  const { signal, countOomKills = oomKills } = options;
  signal?.throwIfAborted();
  const purpose = purposes[task.kind];
  const killedBefore = countOomKills();
  const program = options.program ?? childProgram('build-child');
  const child = startChild(program, childEnvironment(task.request.library.core), purpose.in);
  const stderr = new ChildOutput(child.stderr);
  const stdout = new ChildOutput(child.stdout);
  const log: LogLine[] = [];

  const gone = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    // Without a pid none was started; other errors (of a signal, say) end no child.
    child.once('error', () => {
      if (child.pid === undefined) resolve();
    });
  });
  options.onStart?.(gone);
  const outcome = await new Promise<Outcome>((resolve) => {
    const fail = (error: unknown): void => resolve({ kind: 'failed', error });
    const abort = (): void => fail(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    void gone.then(() => signal?.removeEventListener('abort', abort));
    const silence = isElectron()
      ? setTimeout(() => fail(electronRefused(purpose.in)), electronStartMs)
      : undefined;
    void gone.then(() => clearTimeout(silence));
    child.on('message', (message) => {
      clearTimeout(silence);
      const report = message as ChildReport;
      switch (report.kind) {
        case 'started':
          break;
        case 'result':
          resolve({ kind: 'result', result: report.result });
          break;
        case 'error':
          fail(fromPlain(report.error));
          break;
        case 'progress':
          if (report.event.log) keep(log, report.event.log);
          try {
            options.onProgress?.(report.event);
          } catch (error) {
            fail(error);
          }
      }
    });
    child.once('error', (error) => fail(childNotStarted(error, purpose.in)));
    // 'close' comes after the last message and the last output, 'exit' may come before both.
    child.once('close', (code, killer) => resolve({ kind: 'ended', code, signal: killer }));
    sendTo(child, task);
  });

  child.removeAllListeners('message');
  child.kill('SIGKILL');
  await Promise.race([gone, delay(patienceMs[outcome.kind])]);
  if (outcome.kind === 'result') return outcome.result as ChildResults[K];
  if (outcome.kind === 'failed') throw withCaller(outcome.error, callSite);
  const seen = {
    log,
    stderr: stderr.lastLines(keptOutputLines),
    stdout: stdout.lastLines(keptOutputLines),
    outOfMemory: (countOomKills() ?? 0) > (killedBefore ?? 0),
  };
  throw withCaller(childCrashed(purpose.did, outcome, seen), callSite);
}

function keep(log: LogLine[], line: LogLine): void {
  log.push(line);
  if (log.length > keptLogLines) log.shift();
}

/** The caller's frames instead of those of a message handler. */
function withCaller(error: unknown, callSite: Error): unknown {
  if (!(error instanceof TrtError)) return error;
  const frames = callSite.stack?.split('\n').slice(1) ?? [];
  error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n');
  return error;
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
