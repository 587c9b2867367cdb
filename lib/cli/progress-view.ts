import { SingleBar } from 'cli-progress';
import type { BuildProgress } from '../build-progress';

/** Shows a build's progress on a stream; TensorRT's warnings are kept for the end, where they are not overwritten. */
export interface ProgressView {
  readonly warnings: readonly string[];
  update(progress: BuildProgress): void;
  /** Restores the terminal. Call it however the build ended. */
  end(): void;
}

export type ProgressStyle = 'bar' | 'lines' | 'none';

export function createProgressView(
  style: ProgressStyle,
  stream: NodeJS.WriteStream | NodeJS.WritableStream,
): ProgressView {
  switch (style) {
    case 'bar':
      return new BarView(stream);
    case 'lines':
      return new LinesView(stream);
    case 'none':
      return new WarningKeeper();
  }
}

class WarningKeeper implements ProgressView {
  readonly #warnings = new Set<string>();

  get warnings(): readonly string[] {
    return [...this.#warnings];
  }

  update({ log }: BuildProgress): void {
    if (log?.severity === 'warning') this.#warnings.add(log.message);
  }

  end(): void {
    // Nothing was drawn.
  }
}

/** A build that ends before this leaves no lines in a log: its summary says enough. */
const quietMs = 2_000;

/** For logs and pipes: one line for each of TensorRT's phases of a longer build, however often it comes back to it. */
class LinesView extends WarningKeeper {
  readonly #seen = new Set<string>();
  readonly #stream: NodeJS.WritableStream;

  constructor(stream: NodeJS.WritableStream) {
    super();
    this.#stream = stream;
  }

  override update(progress: BuildProgress): void {
    super.update(progress);
    const { kind, phase, elapsedMs } = progress;
    // A step tells of a phase that began in the quiet time and goes on.
    if (kind !== 'phase-start' && kind !== 'step') return;
    if (elapsedMs < quietMs || this.#seen.has(phase)) return;
    this.#seen.add(phase);
    this.#stream.write(`${(elapsedMs / 1000).toFixed(1).padStart(7)} s  ${phase}\n`);
  }
}

/** For terminals: the bar follows the outermost phase, its label the innermost. */
class BarView extends WarningKeeper {
  readonly #bar: SingleBar;
  readonly #open: { readonly phase: string; readonly steps: number; step: number }[] = [];
  #started = false;

  constructor(stream: NodeJS.WritableStream) {
    super();
    this.#bar = new SingleBar({
      format: '  [{bar}] {value}/{total}  {duration_formatted}  {label}',
      barCompleteChar: '█',
      barIncompleteChar: '░',
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
      stream,
      // When it is on, cli-progress installs its own SIGINT handler, which ends the process before the build has cleaned up.
      gracefulExit: false,
    });
  }

  override update(progress: BuildProgress): void {
    super.update(progress);
    const { kind, phase, step, steps } = progress;
    const known = this.#open.find((each) => each.phase === phase);
    if (kind === 'phase-start' && !known) this.#open.push({ phase, steps, step: 0 });
    if (kind === 'step' && known) known.step = step;
    if (kind === 'phase-end' && known) this.#open.splice(this.#open.indexOf(known), 1);
    if (kind !== 'log') this.#draw();
  }

  override end(): void {
    if (this.#started) this.#bar.stop();
  }

  #draw(): void {
    const outer = this.#open[0];
    const label = this.#open.at(-1)?.phase ?? '';
    if (!outer) return;
    if (!this.#started) {
      this.#bar.start(Math.max(outer.steps, 1), outer.step, { label });
      this.#started = true;
      return;
    }
    this.#bar.setTotal(Math.max(outer.steps, 1));
    this.#bar.update(Math.min(outer.step, outer.steps), { label });
  }
}
