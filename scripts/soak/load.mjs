/** The mixed load: loops that ask an engine, which may be exchanged under them, and that can be made to pause. */
import { setImmediate as turn } from 'node:timers/promises';
import { requests } from './requests.mjs';

/** One in so many requests of the first loop blocks the event loop. */
const syncEvery = 500;

const rotation = Object.keys(requests).filter((kind) => kind !== 'sync');

export class Load {
  /** How often each kind of request went well. */
  counts = Object.fromEntries(Object.keys(requests).map((kind) => [kind, 0]));
  /** What went wrong: the load ends with it. */
  failures = [];

  #host;
  #busy = 0;
  #ended = false;
  #resumed = Promise.resolve();
  #resume = () => undefined;

  constructor(host) {
    this.#host = host;
  }

  /** @param {number} loops requests under way at a time */
  async run(loops) {
    await Promise.all(Array.from({ length: loops }, (_, loop) => this.#ask(loop)));
  }

  end() {
    this.#ended = true;
    this.#resume();
  }

  /** The engine that requests go to from now on. Returns the one before. */
  exchange(host) {
    const before = this.#host;
    this.#host = host;
    return before;
  }

  get host() {
    return this.#host;
  }

  /** Resolves when no request is under way; none begins before `resume`. */
  async pause() {
    this.#resumed = new Promise((resolve) => (this.#resume = resolve));
    while (this.#busy > 0) await turn();
  }

  resume() {
    this.#resume();
  }

  fail(what, error) {
    this.failures.push(`${what}: ${error instanceof Error ? error.stack : String(error)}`);
    this.end();
  }

  async #ask(loop) {
    for (let i = loop; ; i += 1) {
      // Some requests wait for nothing: timers and signals shall have their turn.
      if (i % rotation.length === 0) await turn();
      await this.#resumed;
      if (this.#ended) return;
      const host = this.#host;
      const isSync = loop === 0 && i % syncEvery === 0;
      const kind = isSync ? 'sync' : rotation[i % rotation.length];
      const one = host.cases[Math.floor(i / rotation.length) % host.cases.length];
      this.#busy += 1;
      try {
        await requests[kind](host, one, loop);
        this.counts[kind] += 1;
      } catch (error) {
        this.fail(kind, error);
      } finally {
        this.#busy -= 1;
      }
    }
  }
}
