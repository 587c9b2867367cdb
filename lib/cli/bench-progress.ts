import { SingleBar } from 'cli-progress';
import { printable } from './printable';

/** A bar on a terminal, lines in a log. */
export type BenchStyle = 'bar' | 'lines' | 'none';

/** Says on a stream what is measured. Nothing is drawn while a loop runs: that would be in its figures. */
export interface BenchProgress {
  /** The next of `total` steps. */
  step(text: string, total: number): void;
  /** Something to keep, behind the steps so far. */
  line(text: string): void;
  /** Restores the terminal. Call it however the measurement ended. */
  end(): void;
}

export function benchProgress(style: BenchStyle, stream: NodeJS.WritableStream): BenchProgress {
  switch (style) {
    case 'none':
      return { step: () => undefined, line: () => undefined, end: () => undefined };
    case 'lines':
      return {
        step: (text) => void stream.write(`${printable(text)}\n`),
        line: (text) => void stream.write(`${printable(text)}\n`),
        end: () => undefined,
      };
    case 'bar':
      return barOn(stream);
  }
}

function barOn(stream: NodeJS.WritableStream): BenchProgress {
  const bar = new SingleBar({
    format: '  [{bar}] {value}/{total}  {label}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    stream,
    // Redrawn when a step begins, and never by a timer of its own while a loop is measured.
    noTTYOutput: false,
    synchronousUpdate: true,
    fps: 1000,
    // When it is on, cli-progress installs its own SIGINT handler, which ends the process before anything is cleaned up.
    gracefulExit: false,
  });
  let begun = 0;
  return {
    step(text, total) {
      const payload = { label: printable(text) };
      if (begun === 0) bar.start(total, 0, payload);
      else {
        bar.setTotal(Math.max(total, begun));
        bar.update(begun, payload);
      }
      begun += 1;
    },
    line(text) {
      if (begun > 0) bar.stop();
      begun = 0;
      stream.write(`${printable(text)}\n`);
    },
    end() {
      if (begun > 0) bar.stop();
    },
  };
}
