/** Another program that stays warm beside trt-node: it is asked line by line, and answers each line with one of JSON. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export class LinePeer {
  #child;
  #lines;
  #ended;
  #name;
  #hint;

  /**
   * @param {{ name: string, command: string, args: readonly string[], answersOn: 1 | 3, hint: string, env?: object }} options
   * `answersOn`: 3 where the program's stdout has other things on it; `hint`: what it needs, for when it ends early
   */
  constructor({ name, command, args, answersOn, hint, env = {} }) {
    this.#name = name;
    this.#hint = hint;
    this.#child = spawn(command, args, {
      // Requests, what it prints (to our stderr), and its answers.
      stdio: answersOn === 1 ? ['pipe', 'pipe', 2] : ['pipe', 2, 2, 'pipe'],
      env: { ...process.env, ...env },
    });
    const answers = this.#child.stdio[answersOn];
    this.#lines = createInterface({ input: answers })[Symbol.asyncIterator]();
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error.message));
      this.#child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    // A child that has ended is noticed by its answers' end.
    this.#child.stdin.on('error', () => {});
  }

  /** Sends one line and resolves to its answer. One at a time. */
  async askLine(line) {
    this.#child.stdin.write(`${line}\n`);
    const { value, done } = await this.#lines.next();
    if (done) {
      throw new Error(
        `${this.#name} ended (${await this.#ended}) while it was asked; what it printed is above. ${this.#hint}`,
      );
    }
    const answer = JSON.parse(value);
    if (answer.error !== undefined) throw new Error(`${this.#name} failed: ${answer.error}`);
    return answer;
  }

  /** Ends it after its last answer. */
  async close(lastLine = '') {
    this.#child.stdin.end(`${lastLine}\n`);
    await this.#ended;
  }

  /** Ends it now: it hangs, or its time is up. */
  kill() {
    this.#child.kill('SIGKILL');
  }
}
