import { Aborted } from './exit-codes';

const signals = ['SIGINT', 'SIGTERM'] as const;

/** Runs `job` with a signal that Ctrl-C and SIGTERM abort. A second Ctrl-C ends the process at once. */
export async function withAbortOnSignals<T>(job: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const abort = (name: NodeJS.Signals): void => {
    unlisten();
    controller.abort(new Aborted(`aborted (${name})`));
  };
  const unlisten = (): void => {
    for (const name of signals) process.off(name, abort);
  };
  for (const name of signals) process.on(name, abort);
  try {
    return await job(controller.signal);
  } catch (error) {
    // A terminal sends Ctrl-C to children too, and one that dies of it may be reported before the abort is.
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    unlisten();
  }
}
