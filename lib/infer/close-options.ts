import { invalidArgument } from '../errors';
import { checkedOptions } from '../known-keys';

export interface CloseOptions {
  /** Runs what is queued before it closes; new requests are refused meanwhile. `false` when left out. */
  readonly drain?: boolean | undefined;
  /** How long, in milliseconds, `drain` may take; what is queued then rejects with `ERR_TRT_ENGINE_CLOSED`. No limit when left out. */
  readonly timeoutMs?: number | undefined;
}

export interface CheckedCloseOptions {
  readonly drain: boolean;
  /** null: no limit */
  readonly timeoutMs: number | null;
}

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function checkedCloseOptions(options: CloseOptions | undefined): CheckedCloseOptions {
  const { drain = false, timeoutMs } = checkedOptions(options, 'options', ['drain', 'timeoutMs']);
  if (typeof drain !== 'boolean') throw invalidArgument('options.drain', 'true or false', drain);
  if (timeoutMs === undefined) return { drain, timeoutMs: null };
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0) || timeoutMs > 2 ** 31 - 1) {
    const expected = 'milliseconds (a number from 0 to 2147483647)';
    throw invalidArgument('options.timeoutMs', expected, timeoutMs);
  }
  if (!drain) throw invalidArgument('options.timeoutMs', 'nothing without `drain`', timeoutMs);
  return { drain, timeoutMs };
}

/** Waits for `work`, which never rejects, but no longer than `timeoutMs`; tells whether it was done by then. */
export async function isSettledWithin(
  work: Promise<void>,
  timeoutMs: number | null,
): Promise<boolean> {
  const done = work.then(() => true);
  if (timeoutMs === null) return await done;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}
