import { performance } from 'node:perf_hooks';
import type { NativeProgress } from '../binding';
import type { BuildProgress } from '../build-progress';
import type { LogLine } from '../errors';
import { RunningPhases } from './phases';

/** A phase of ours. */
export interface TrackedPhase {
  /** `done` steps are finished. */
  step(done: number): void;
  /** Idempotent. */
  end(): void;
}

/** Of the estimate: it follows what is measured within some seconds, and does not jump with every step. */
const smoothingMs = 3_000;

/**
 * Makes what `onProgress` hears of TensorRT's events and of our own phases. What `onProgress` throws comes out of the method that
 * reported: the build ends with it.
 */
export class ProgressTracker {
  readonly #onProgress: ((progress: BuildProgress) => void) | null;
  readonly #startedMs: number;
  readonly #now: () => number;
  readonly #phases = new RunningPhases();
  /** Our own, outermost first. */
  readonly #own: string[] = [];
  #fraction = 0;
  #estimate: { readonly remainingMs: number; readonly atMs: number } | null = null;

  /** @param startedMs when `buildEngine` was called, by `performance.now()` */
  constructor(
    onProgress: ((progress: BuildProgress) => void) | null,
    startedMs: number,
    now: () => number = () => performance.now(),
  ) {
    this.#onProgress = onProgress;
    this.#startedMs = startedMs;
    this.#now = now;
  }

  /** An event of TensorRT's; its outermost phases belong to the phase of ours that is open. */
  native(event: NativeProgress): void {
    if (this.#onProgress === null) return;
    const { kind, phase, step, steps } = event;
    const now = this.#now();
    const parent = event.parent ?? (kind === 'log' ? null : (this.#own.at(-1) ?? null));
    if (kind === 'phase-start') this.#start(phase, parent, steps, now);
    if (kind === 'step') this.#phases.step(phase, step, now);
    this.#report({ ...event, parent }, now);
    if (kind === 'phase-end') this.#phases.end(phase);
  }

  /** A phase of ours: `steps` is 0 where they cannot be counted. Inside of another one, until that ends. */
  phase(name: string, steps: number): TrackedPhase {
    const parent = this.#own.at(-1) ?? null;
    let done = 0;
    let ended = false;
    const report = (kind: 'phase-start' | 'step' | 'phase-end', now: number): void =>
      this.#report({ kind, phase: name, parent, step: done, steps }, now);
    this.#own.push(name);
    const started = this.#now();
    this.#start(name, parent, steps, started);
    report('phase-start', started);
    return {
      step: (count) => {
        if (ended || count <= done) return;
        done = count;
        const now = this.#now();
        this.#phases.step(name, count, now);
        report('step', now);
      },
      end: () => {
        if (ended) return;
        ended = true;
        this.#own.splice(this.#own.lastIndexOf(name), 1);
        report('phase-end', this.#now());
        this.#phases.end(name);
      },
    };
  }

  /** A line of our own, as TensorRT's come. A warning that nobody listens to is one of the process. */
  log(line: LogLine): void {
    if (this.#onProgress === null && line.severity === 'warning') {
      process.emitWarning(line.message, { type: 'TrtNodeWarning', code: 'WARN_TRT_BUILD' });
    }
    this.#report(
      { kind: 'log', phase: '', parent: null, step: 0, steps: 0, log: line },
      this.#now(),
    );
  }

  #start(name: string, parent: string | null, steps: number, now: number): void {
    if (this.#phases.outermost === null) {
      this.#fraction = 0;
      this.#estimate = null;
    }
    this.#phases.start(name, parent, steps, now);
  }

  #report(event: NativeProgress, now: number): void {
    this.#onProgress?.({
      ...event,
      elapsedMs: now - this.#startedMs,
      fraction: this.#currentFraction(),
      remainingMs: this.#currentRemaining(now),
    });
  }

  #currentFraction(): number | null {
    const { outermost } = this.#phases;
    const fraction = outermost === null ? null : this.#phases.fractionOf(outermost);
    if (fraction === null) return null;
    // A phase inside of a step ends a moment before the step is counted.
    this.#fraction = Math.max(this.#fraction, fraction);
    return this.#fraction;
  }

  #currentRemaining(now: number): number | null {
    const { outermost } = this.#phases;
    if (outermost === null) return null;
    const measured = this.#phases.remainingOf(outermost, now);
    const before = this.#estimate;
    if (before === null) {
      if (measured === null) return null;
      this.#estimate = { remainingMs: measured, atMs: now };
      return measured;
    }
    const passed = now - before.atMs;
    const counted = Math.max(before.remainingMs - passed, 0);
    const weight = measured === null ? 0 : 1 - Math.exp(-passed / smoothingMs);
    const over = this.#phases.fractionOf(outermost) === 1;
    const remainingMs = over ? 0 : counted + weight * ((measured ?? 0) - counted);
    this.#estimate = { remainingMs, atMs: now };
    return remainingMs;
  }
}
