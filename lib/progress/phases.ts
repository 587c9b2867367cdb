/** Steps of a phase whose times are remembered: a rate of long ago says little about the next step. */
const keptDurations = 32;

/** Younger phases give no estimate: their first steps are the odd ones. */
const youngestMs = 1_000;

interface Phase {
  readonly parent: string | null;
  readonly steps: number;
  readonly startedMs: number;
  step: number;
  /** When `step` was last counted up; the start at first. */
  steppedMs: number;
  /** Milliseconds per step of the last steps. */
  readonly durations: number[];
}

/** The phases that run at this moment, as a tree. Times are milliseconds of one monotonic clock. */
export class RunningPhases {
  readonly #phases = new Map<string, Phase>();

  start(name: string, parent: string | null, steps: number, nowMs: number): void {
    const known = parent !== null && this.#phases.has(parent) ? parent : null;
    this.#phases.set(name, {
      parent: known,
      steps,
      startedMs: nowMs,
      step: 0,
      steppedMs: nowMs,
      durations: [],
    });
  }

  step(name: string, step: number, nowMs: number): void {
    const phase = this.#phases.get(name);
    if (!phase || step <= phase.step) return;
    // One report may stand for many steps.
    phase.durations.push((nowMs - phase.steppedMs) / (step - phase.step));
    if (phase.durations.length > keptDurations) phase.durations.shift();
    phase.step = step;
    phase.steppedMs = nowMs;
  }

  /** With whatever still runs inside of it. */
  end(name: string): void {
    this.#phases.delete(name);
    for (const [inner, { parent }] of this.#phases) if (parent === name) this.end(inner);
  }

  /** The oldest of those that are in no other; null when nothing runs. */
  get outermost(): string | null {
    for (const [name, { parent }] of this.#phases) if (parent === null) return name;
    return null;
  }

  /** From 0 to 1; null without steps to count. */
  fractionOf(name: string): number | null {
    const phase = this.#phases.get(name);
    if (!phase || phase.steps <= 0) return null;
    const inside = this.#childrenOf(name).map((child) => this.fractionOf(child) ?? 0);
    return Math.min((phase.step + Math.max(0, ...inside)) / phase.steps, 1);
  }

  /** Milliseconds; null where nothing was measured yet. */
  remainingOf(name: string, nowMs: number): number | null {
    const phase = this.#phases.get(name);
    if (!phase || phase.steps <= 0 || nowMs - phase.startedMs < youngestMs) return null;
    const left = Math.max(phase.steps - phase.step, 0);
    // They run beside each other, so that the slowest counts.
    const inside = this.#childrenOf(name)
      .map((child) => this.remainingOf(child, nowMs))
      .filter((remaining) => remaining !== null);
    if (inside.length > 0) {
      const perStep = median(phase.durations) ?? 0;
      return Math.max(...inside) + Math.max(left - 1, 0) * perStep;
    }
    const perStep = mean(phase.durations);
    if (perStep === null) return null;
    return Math.max(left * perStep - Math.min(nowMs - phase.steppedMs, perStep), 0);
  }

  #childrenOf(name: string): string[] {
    return [...this.#phases].filter(([, { parent }]) => parent === name).map(([child]) => child);
  }
}

function mean(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of TensorRT's outer steps one takes nearly all the time: a mean would promise as much for each of the others. */
function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}
