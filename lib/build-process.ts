import { fork, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { NativeBuildResult, NativeProgress } from './binding';
import type { BuildOrder, BuildReport } from './build-messages';
import { ChildOutput } from './child-output';
import { TrtError, type LogLine } from './errors';
import { fromPlain } from './plain-error';

export interface BuildProcessOptions {
  readonly signal?: AbortSignal | null;
  /** Throwing ends the build; the promise then rejects with what was thrown. */
  readonly onProgress?: (event: NativeProgress) => void;
  /**
   * Called once there is a child, with what is fulfilled when it is gone. That may be after `buildInChild` has settled, as its
   * patience ends: until then the child may write into the folders of its order.
   */
  readonly onStart?: (gone: Promise<void>) => void;
  /** The child's program. Default: build-child of this package. */
  readonly program?: string;
}

/** How the child's work ended, before anything is made of it. */
type Outcome =
  | { readonly kind: 'result'; readonly result: NativeBuildResult }
  | { readonly kind: 'failed'; readonly error: unknown }
  | {
      readonly kind: 'ended';
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
    };

const keptLogLines = 50;
const keptOutputLines = 20;

/**
 * How long the end of a killed child is waited for; the kernel may need a while to take a process off a busy GPU. An abort
 * promises to be over within a second; after a build, the caller may want the GPU's memory at once.
 */
const patienceMs = { result: 10_000, failed: 800, ended: 0 } as const;

/**
 * Builds in a child process. A crash inside of TensorRT ends that process alone, an abort kills it at once, and its
 * LD_LIBRARY_PATH lets TensorRT 10 find its builder resource, which it names without a path.
 *
 * Rejects with what the build rejected with, `ERR_TRT_BUILD_CRASHED` when the child ended without an answer,
 * `ERR_TRT_UNSUPPORTED` where no child process can be made, and `signal.reason` after an abort. No plan is left then.
 */
export async function buildInChild(
  order: BuildOrder,
  options: BuildProcessOptions = {},
): Promise<NativeBuildResult> {
  // Taken here, where V8 still knows who awaits this call: a message handler has no such stack.
  const callSite = new Error();
  options.signal?.throwIfAborted();
  const child = startChild(order.library.core, options.program ?? defaultProgram());
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
    const abort = (): void => fail(options.signal?.reason);
    options.signal?.addEventListener('abort', abort, { once: true });
    void gone.then(() => options.signal?.removeEventListener('abort', abort));
    child.on('message', (message) => {
      const report = message as BuildReport;
      switch (report.kind) {
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
    child.once('error', (error) => fail(notStarted(error)));
    // 'close' comes after the last message and the last output, 'exit' may come before both.
    child.once('close', (code, signal) => resolve({ kind: 'ended', code, signal }));
    // A child that dies before it listens makes this fail; 'close' tells more.
    child.send(order, () => undefined);
  });

  child.removeAllListeners('message');
  child.kill('SIGKILL');
  await Promise.race([gone, delay(patienceMs[outcome.kind])]);
  if (outcome.kind === 'result') return outcome.result;

  // A dying process may still hold the file open and write; it is removed for good when the process is gone.
  void gone.then(() => removePlan(order.planPath));
  await removePlan(order.planPath);
  const error =
    outcome.kind === 'failed' ? outcome.error : crashed(outcome, { log, stderr, stdout });
  if (error instanceof TrtError) appendCaller(error, callSite);
  throw error;
}

function startChild(libraryPath: string, program: string): ChildProcess {
  try {
    return fork(program, [], {
      env: childEnvironment(libraryPath),
      // The parent's own flags (a debugger's port, a test runner's loader) are not the child's.
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
  } catch (error) {
    throw notStarted(error);
  }
}

function childEnvironment(libraryPath: string): NodeJS.ProcessEnv {
  const { LD_LIBRARY_PATH: inherited, NODE_OPTIONS: _dropped, ...rest } = process.env;
  const folder = path.dirname(libraryPath);
  return { ...rest, LD_LIBRARY_PATH: inherited ? `${folder}:${inherited}` : folder };
}

function defaultProgram(): string {
  const beside = path.join(__dirname, 'build-child.js');
  // Run from the TypeScript sources, the compiled child is the one in dist.
  return existsSync(beside) ? beside : path.join(__dirname, '..', 'dist', 'build-child.js');
}

function notStarted(cause: unknown): TrtError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ERR_ACCESS_DENIED' || code === 'EPERM' || code === 'EACCES' || code === 'ENOSYS') {
    return new TrtError(
      'ERR_TRT_UNSUPPORTED',
      `expected to start a child process, in which engines are built, but that is not allowed here (${message}). ` +
        "Under Node's permission model add --allow-child-process (and --allow-addons); in a sandbox allow fork and exec, or build " +
        'the plan elsewhere with `trt-node build`.',
      { cause, details: { errno: code } },
    );
  }
  return new TrtError(
    'ERR_TRT_BUILD_FAILED',
    `could not start the child process that builds: ${message}. Check the limits on processes, memory and open files.`,
    { cause, details: { errno: code ?? null } },
  );
}

function crashed(
  { code, signal }: Extract<Outcome, { kind: 'ended' }>,
  seen: { log: readonly LogLine[]; stderr: ChildOutput; stdout: ChildOutput },
): TrtError {
  const how = signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`;
  const stderr = seen.stderr.lastLines(keptOutputLines);
  const hint =
    signal === 'SIGBUS'
      ? 'SIGBUS comes when a file becomes shorter while it is read, or a disk fails: leave the model alone while it is built, and build again.'
      : signal === 'SIGKILL'
        ? 'SIGKILL mostly comes from the kernel when memory runs out (see its log): give the machine or the container more.'
        : 'That is a crash inside of TensorRT, the driver or a library that they load: try another TensorRT version, and report the model to NVIDIA.';
  const words = seen.log.map(({ severity, message }) => `[${severity}] ${message}`).slice(-5);
  const evidence = [...stderr.slice(-5), ...words].map((line) => `\n  ${line}`).join('');
  return new TrtError(
    'ERR_TRT_BUILD_CRASHED',
    `the process that built the engine ${how} without a result. ${hint}${evidence}`,
    {
      log: seen.log,
      details: { exitCode: code, signal, stderr, stdout: seen.stdout.lastLines(keptOutputLines) },
    },
  );
}

function keep(log: LogLine[], line: LogLine): void {
  log.push(line);
  if (log.length > keptLogLines) log.shift();
}

/** The caller's frames instead of those of a message handler. */
function appendCaller(error: TrtError, callSite: Error): void {
  const frames = callSite.stack?.split('\n').slice(1) ?? [];
  error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n');
}

async function removePlan(planPath: string): Promise<void> {
  await rm(planPath, { force: true }).catch(() => undefined);
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
