import type { ChildProcess } from 'node:child_process';
import { childCrashed } from '../child-crash';
import { ChildOutput } from '../child-output';
import {
  childEnvironment,
  childNotStarted,
  childProgram,
  electronRefused,
  isElectron,
  sendTo,
  startChild,
} from '../child-start';
import { oomKills } from '../oom-kills';
import { fromPlain } from '../plain-error';
import type { VerifyHost } from './host';
import type { OpenedEngine, VerifyAnswer, VerifyCall, VerifyStarted } from './messages';
import { fromPlainTensors, type PlainTensors } from './plain-tensors';
import type { Tensors } from '../tensor';

const purpose = 'engines are verified';
const keptOutputLines = 20;

/** How long the end of the killed child is waited for: an abort promises to be over within a second. */
const patienceMs = 800;

/** An Electron whose fuse forbids it starts the application instead of Node.js, which never says anything. */
const electronStartMs = 15_000;

interface Waiting {
  readonly resolve: (answer: VerifyAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs everything in a child process: a crash of the engine ends that alone and rejects what is under way with
 * `ERR_TRT_BUILD_CRASHED`, and all of its device memory comes back.
 *
 * @param libraryPath TensorRT's core library; its folder comes into the child's LD_LIBRARY_PATH
 * @throws TrtError `ERR_TRT_UNSUPPORTED` where no child process may be made, `ERR_TRT_BUILD_FAILED` where the system has none
 */
export function hostInChild(libraryPath: string, program?: string): VerifyHost {
  return new ChildHost(
    startChild(
      program ?? childProgram('verify/verify-child'),
      childEnvironment(libraryPath),
      purpose,
    ),
  );
}

class ChildHost implements VerifyHost {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #gone: Promise<void>;
  #calls = 0;
  /** What every call is rejected with once the child is of no more use. */
  #failure: { readonly error: unknown } | null = null;

  constructor(child: ChildProcess) {
    this.#child = child;
    const killedBefore = oomKills();
    const stderr = new ChildOutput(child.stderr);
    const stdout = new ChildOutput(child.stdout);
    const silence = isElectron()
      ? setTimeout(() => this.#fail(electronRefused(purpose)), electronStartMs)
      : undefined;
    this.#gone = new Promise((resolve) => {
      // 'close' comes after the last message and the last output, 'exit' may come before both.
      child.once('close', (code, signal) => {
        clearTimeout(silence);
        const seen = {
          log: [],
          stderr: stderr.lastLines(keptOutputLines),
          stdout: stdout.lastLines(keptOutputLines),
          outOfMemory: (oomKills() ?? 0) > (killedBefore ?? 0),
        };
        this.#fail(childCrashed('verified the engine', { code, signal }, seen));
        resolve();
      });
      child.once('error', (error) => {
        this.#fail(childNotStarted(error, purpose));
        // Without a pid none was started, and no 'close' comes.
        if (child.pid === undefined) resolve();
      });
    });
    child.on('message', (message) => {
      clearTimeout(silence);
      const answer = message as VerifyAnswer | VerifyStarted;
      if (answer.kind === 'started') return;
      this.#waiting.get(answer.id)?.resolve(answer);
      this.#waiting.delete(answer.id);
    });
  }

  async open(...[planPath, setup]: Parameters<VerifyHost['open']>): ReturnType<VerifyHost['open']> {
    const { engine } = (await this.#ask({ kind: 'open', planPath, setup })) as {
      engine: OpenedEngine;
    };
    const { runner, inputs, outputs, profiles } = engine;
    return { inputs, outputs, profiles, infer: (given) => this.#infer(runner, given) };
  }

  async openReference(modelPath: string): ReturnType<VerifyHost['openReference']> {
    const { runner } = (await this.#ask({ kind: 'openReference', modelPath })) as {
      runner: number;
    };
    return { infer: (given) => this.#infer(runner, given), close: () => Promise.resolve() };
  }

  async close(): Promise<void> {
    // Nothing is waited for that it may be computing: all that was wanted has been answered by now.
    this.#child.kill('SIGKILL');
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, patienceMs)));
    await Promise.race([this.#gone, patience]);
    clearTimeout(timer);
  }

  async #infer(runner: number, inputs: PlainTensors): Promise<Tensors> {
    const { outputs } = (await this.#ask({ kind: 'infer', runner, inputs })) as {
      outputs: PlainTensors;
    };
    return fromPlainTensors(outputs);
  }

  async #ask(call: VerifyCall['call']): Promise<Exclude<VerifyAnswer, { kind: 'error' }>> {
    const id = this.#calls++;
    const answer = await new Promise<VerifyAnswer>((resolve, reject) => {
      if (this.#failure !== null) {
        reject(this.#failure.error);
        return;
      }
      this.#waiting.set(id, { resolve, reject });
      try {
        // Serialized before this returns, so that the caller may change the arrays afterwards.
        sendTo(this.#child, { id, call } satisfies VerifyCall);
      } catch (error) {
        this.#waiting.delete(id);
        reject(error);
      }
    });
    // Made here and not where the message came in, so that its stack leads to the caller.
    if (answer.kind === 'error') throw fromPlain(answer.error);
    return answer;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(this.#failure.error);
  }
}
