/** TEST ONLY. A queue in front of servers, in a time of its own: what open loops have to measure of it follows by arithmetic. */
import type { Clock } from '../../lib/bench/open-loop';

interface ServerOptions {
  /** Requests that are served at a time. */
  readonly servers: number;
  /** Of the request of this number. */
  readonly serviceMs: (index: number) => number;
}

interface Done {
  readonly time: number;
  readonly resolve: () => void;
}

export class SimulatedServer implements Clock {
  readonly #free: number[];
  readonly #serviceMs: ServerOptions['serviceMs'];
  readonly #done: Done[] = [];
  #now = 0;
  #sent = 0;
  #stall: { readonly time: number; readonly lengthMs: number } | null = null;

  constructor({ servers, serviceMs }: ServerOptions) {
    this.#free = Array.from({ length: servers }, () => 0);
    this.#serviceMs = serviceMs;
  }

  now(): number {
    return this.#now;
  }

  /** Whoever waits for this time or one behind it is kept for so long. */
  stallAt(time: number, lengthMs: number): void {
    this.#stall = { time, lengthMs };
  }

  async until(time: number): Promise<void> {
    await this.#advance(time);
    if (this.#stall !== null && time >= this.#stall.time) {
      const end = this.#stall.time + this.#stall.lengthMs;
      this.#stall = null;
      await this.#advance(end);
    }
  }

  /** Resolves when a server has served it. When nobody waits for a time any more, time goes on by itself. */
  async send(): Promise<void> {
    const server = this.#free.indexOf(Math.min(...this.#free));
    const start = Math.max(this.#now, this.#free[server] ?? 0);
    const time = start + this.#serviceMs(this.#sent++);
    this.#free[server] = time;
    await new Promise<void>((resolve) => {
      this.#done.push({ time, resolve });
      this.#done.sort((a, b) => a.time - b.time);
      setImmediate(() => void this.#drain());
    });
  }

  async #advance(time: number): Promise<void> {
    for (;;) {
      const [next] = this.#done;
      if (next === undefined || next.time > time) break;
      this.#done.shift();
      this.#now = Math.max(this.#now, next.time);
      next.resolve();
      await settled();
    }
    this.#now = Math.max(this.#now, time);
  }

  async #drain(): Promise<void> {
    const last = this.#done.at(-1);
    if (last) await this.#advance(last.time);
  }
}

/** Whoever awaited what was resolved has gone on. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 8; ++turn) await Promise.resolve();
}
