import { fork, type ChildProcess, type Serializable } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { TrtError } from './errors';

/** What a child that uses TensorRT is started for: it completes "in which …" of messages. */
export type ChildPurpose = 'engines are built' | 'models are inspected' | 'engines are verified';

/**
 * The environment of a child that uses this library. TensorRT 10 names its builder resource without a path, so that its folder must
 * be in LD_LIBRARY_PATH when the process starts.
 */
export function childEnvironment(libraryPath: string): NodeJS.ProcessEnv {
  const { LD_LIBRARY_PATH: inherited, NODE_OPTIONS: _dropped, ...rest } = process.env;
  const folder = path.dirname(libraryPath);
  return asNode({ ...rest, LD_LIBRARY_PATH: inherited ? `${folder}:${inherited}` : folder });
}

/** An environment in which this process's program is Node.js: Electron's would start the application once more. */
export function asNode(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return isElectron() ? { ...env, ELECTRON_RUN_AS_NODE: '1' } : env;
}

export function isElectron(): boolean {
  return 'electron' in process.versions;
}

/** The path of a child's program, which is compiled JavaScript even when this package runs from its TypeScript sources. */
export function childProgram(name: string): string {
  const beside = path.join(__dirname, `${name}.js`);
  return existsSync(beside) ? beside : path.join(__dirname, '..', 'dist', `${name}.js`);
}

/**
 * Starts a Node.js program with an IPC channel, its output on pipes.
 *
 * @throws TrtError `ERR_TRT_UNSUPPORTED` where no child process may be made, `ERR_TRT_BUILD_FAILED` where the system has none
 */
export function startChild(
  program: string,
  env: NodeJS.ProcessEnv,
  purpose: ChildPurpose,
): ChildProcess {
  try {
    return fork(program, [], {
      env,
      // The parent's own flags (a debugger's port, a test runner's loader) are not the child's.
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
  } catch (error) {
    throw childNotStarted(error, purpose);
  }
}

/** A child that dies before it reads makes this fail; its 'error' and 'close' events tell more. */
export function sendTo(child: ChildProcess, message: Serializable): void {
  // Where file descriptors have run out, Node.js makes a child without a channel.
  if ('send' in child) child.send(message, () => undefined);
}

const notAllowed = ['ERR_ACCESS_DENIED', 'EPERM', 'EACCES', 'ENOSYS'];

/** The error of a child that could not be made, from `fork` or from the child's 'error' event. */
export function childNotStarted(cause: unknown, purpose: ChildPurpose): TrtError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (isElectron()) return electronRefused(purpose, cause);
  if (code !== undefined && notAllowed.includes(code)) {
    return new TrtError(
      'ERR_TRT_UNSUPPORTED',
      `expected to start a child process, in which ${purpose}, but that is not allowed here (${message}). ` +
        "Under Node's permission model add --allow-child-process and --allow-addons. " +
        `In a sandbox allow fork and exec. ${wayOut(purpose)}`,
      { cause, details: { errno: code } },
    );
  }
  return new TrtError(
    'ERR_TRT_BUILD_FAILED',
    `could not start the child process in which ${purpose}: ${message}. Check the limits on processes, memory and open files.`,
    { cause, details: { errno: code ?? null } },
  );
}

/** Electron's fuse `runAsNode` is off: `fork` throws, or its child is the application and not Node.js. */
export function electronRefused(purpose: ChildPurpose, cause?: unknown): TrtError {
  return new TrtError(
    'ERR_TRT_UNSUPPORTED',
    `expected Electron to start a Node.js process, in which ${purpose}, but none came: its fuse \`runAsNode\` is probably switched off. ` +
      `Switch it on when the application is packaged. ${wayOut(purpose)}`,
    { cause, details: { errno: null, electron: process.versions['electron'] ?? null } },
  );
}

function wayOut(purpose: ChildPurpose): string {
  return purpose === 'engines are built'
    ? "Or build inside of this process with `isolation: 'thread'`, which a crash of TensorRT's ends too (--allow-addons is " +
        'enough then), or elsewhere with `trt-node build`.'
    : 'Or do it where child processes are allowed.';
}
