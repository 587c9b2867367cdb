import { SingleBar } from 'cli-progress';
import type { BuildProgress } from '../build-progress';
import { printable } from './printable';

/** Shows a build's progress on a stream; TensorRT's warnings are kept for the end, where they are not overwritten. */
export interface ProgressView {
  readonly warnings: readonly string[];
  update(progress: BuildProgress): void;
  /** Restores the terminal. Call it however the build ended. */
  end(): void;
}

/** `log`: lines, and all that TensorRT says. */
export type ProgressStyle = 'bar' | 'lines' | 'log' | 'none';

export function createProgressView(
  style: ProgressStyle,
  stream: NodeJS.WriteStream | NodeJS.WritableStream,
): ProgressView {
  switch (style) {
    case 'bar':
      return new BarView(stream);
    case 'lines':
      return new LinesView(stream);
    case 'log':
      return new LogView(stream);
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

/** In a long phase a log hears this often that the build goes on. */
const reminderMs = 30_000;

/** For logs and pipes: a line when a phase is first seen, and reminders of a longer build. */
class LinesView extends WarningKeeper {
  readonly #seen = new Set<string>();
  readonly #stream: NodeJS.WritableStream;
  #lastMs = 0;

  constructor(stream: NodeJS.WritableStream) {
    super();
    this.#stream = stream;
  }

  override update(progress: BuildProgress): void {
    super.update(progress);
    const { kind, phase, elapsedMs } = progress;
    // A step tells of a phase that began in the quiet time and goes on.
    if (kind !== 'phase-start' && kind !== 'step') return;
    const due = elapsedMs - this.#lastMs >= reminderMs;
    if (elapsedMs < quietMs || (this.#seen.has(phase) && !due)) return;
    this.#seen.add(phase);
    this.#lastMs = elapsedMs;
    const elapsed = `${(elapsedMs / 1000).toFixed(1).padStart(7)} s`;
    const left = remainingText(progress);
    this.#stream.write(
      `${elapsed}  ${percentText(progress)}  ${printable(phase)}${left && ` (${left})`}\n`,
    );
  }
}

/** For `--verbose`: phases of a long build, and TensorRT's log as it comes. */
class LogView extends LinesView {
  readonly #log: NodeJS.WritableStream;

  constructor(stream: NodeJS.WritableStream) {
    super(stream);
    this.#log = stream;
  }

  override update(progress: BuildProgress): void {
    super.update(progress);
    const { log } = progress;
    if (log) this.#log.write(`[${log.severity}] ${printable(log.message)}\n`);
  }
}

/** For terminals: the bar follows the outermost phase, its label the innermost. */
class BarView extends WarningKeeper {
  readonly #bar: SingleBar;
  readonly #open: string[] = [];
  #started = false;

  constructor(stream: NodeJS.WritableStream) {
    super();
    this.#bar = new SingleBar({
      format: '  [{bar}] {percent}  {elapsed}  {label}',
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
    const { kind, phase } = progress;
    const known = this.#open.indexOf(phase);
    if (kind === 'phase-start' && known < 0) this.#open.push(phase);
    if (kind === 'phase-end' && known >= 0) this.#open.splice(known, 1);
    if (kind !== 'log') this.#draw(progress);
  }

  override end(): void {
    if (this.#started) this.#bar.stop();
  }

  #draw(progress: BuildProgress): void {
    const phase = printable(this.#open.at(-1) ?? '');
    const left = remainingText(progress);
    const payload = {
      percent: percentText(progress),
      elapsed: durationText(progress.elapsedMs),
      label: left ? `${left}: ${phase}` : phase,
    };
    const value = progress.fraction ?? 0;
    if (this.#started) {
      this.#bar.update(value, payload);
      return;
    }
    this.#bar.start(1, value, payload);
    this.#started = true;
  }
}

function percentText({ fraction }: BuildProgress): string {
  return fraction === null ? '   ' : `${Math.floor(fraction * 100)}%`.padStart(3);
}

/** Empty where there is no estimate. */
function remainingText({ remainingMs }: BuildProgress): string {
  return remainingMs === null ? '' : `about ${durationText(remainingMs)} left`;
}

function durationText(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
