import { SingleBar } from 'cli-progress';

import type { SetupProgress } from '../setup';

export interface ProgressView {
  readonly show: (progress: SetupProgress) => void;
  readonly end: () => void;
}

const labels: Readonly<Record<SetupProgress['phase'], string>> = {
  download: 'downloading',
  verify: 'verifying',
  unpack: 'unpacking',
};

/** How many lines a log gets of a phase. Only the download is long enough for more than one. */
const linesOf: Readonly<Record<SetupProgress['phase'], number>> = {
  download: 10,
  verify: 1,
  unpack: 1,
};

/** A bar on a terminal; elsewhere a line for each tenth of the download, as a log keeps every frame of a bar. */
export function progressView(stream: NodeJS.WriteStream): ProgressView {
  return stream.isTTY ? barView(stream) : lineView((line) => stream.write(`${line}\n`));
}

export function lineView(write: (line: string) => void): ProgressView {
  let phase: SetupProgress['phase'] | null = null;
  let lines = 0;
  const show = (progress: SetupProgress): void => {
    if (progress.phase !== phase) {
      phase = progress.phase;
      lines = 0;
    }
    const reached = Math.floor((linesOf[phase] * progress.receivedBytes) / progress.totalBytes);
    if (reached <= lines) return;
    lines = reached;
    const percent = (100 * reached) / linesOf[phase];
    write(`${labels[phase]}: ${percent} % of ${megabytes(progress.totalBytes)} MB`);
  };
  return { show, end: () => undefined };
}

function barView(stream: NodeJS.WriteStream): ProgressView {
  const bar = new SingleBar({
    stream,
    format: '{phase} [{bar}] {percentage} % of {megabytes} MB',
    clearOnComplete: true,
    hideCursor: true,
    // Its own SIGINT handler would end the process before setup has cleaned up.
    gracefulExit: false,
  });
  let phase: SetupProgress['phase'] | null = null;
  const show = (progress: SetupProgress): void => {
    if (progress.phase !== phase) {
      bar.stop();
      phase = progress.phase;
      bar.start(progress.totalBytes, 0, {
        phase: labels[phase].padEnd(labels.download.length),
        megabytes: megabytes(progress.totalBytes),
      });
    }
    bar.update(progress.receivedBytes);
  };
  return { show, end: () => bar.stop() };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
