/** The Python side of `npm run bench:gpu`: gpu_peer.py as a child that stays warm and is asked by JSON lines. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export class PythonPeer {
  #child;
  #lines;
  #ended;

  /** @param {string} python the interpreter, with the TensorRT bindings on its path */
  constructor(python) {
    const script = fileURLToPath(new URL('gpu_peer.py', import.meta.url));
    this.#child = spawn(python, [script], {
      // Requests, what it prints (to our stderr), and its answers.
      stdio: ['pipe', 2, 2, 'pipe'],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' },
    });
    this.#lines = createInterface({ input: this.#child.stdio[3] })[Symbol.asyncIterator]();
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error.message));
      this.#child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    // A child that has ended is noticed by its answers' end.
    this.#child.stdin.on('error', () => {});
  }

  /** Sends one request and resolves to its answer. One at a time. */
  async ask(request) {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) {
      throw new Error(
        `the Python peer ended (${await this.#ended}) while it was asked to ${request.op}; ` +
          "what it printed is above. It needs TensorRT's Python bindings of the plan's version and numpy.",
      );
    }
    const answer = JSON.parse(value);
    if (answer.error !== undefined) throw new Error(`the Python peer failed: ${answer.error}`);
    return answer;
  }

  async close() {
    this.#child.stdin.end(`${JSON.stringify({ op: 'quit' })}\n`);
    await this.#ended;
  }
}
