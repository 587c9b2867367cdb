import { invalidArgument, type TrtError } from '../errors';
import type { ProgressTracker } from '../progress/tracker';
import { untilAborted } from '../until-aborted';
import type { BatchShape } from './batch-shape';
import { calibrationDataError } from './data-error';
import { fileItems } from './file-items';
import { checkedItem, unfitItem } from './item';
import { isIterable, type CheckedCalibrationData } from './option';
import { BatchSpool, type SpooledBatches } from './spool';

export interface ReadBatchesOptions {
  /** A private one, for the batches alone. */
  readonly folder: string;
  readonly signal: AbortSignal | null;
  readonly progress: Pick<ProgressTracker, 'phase'>;
}

/**
 * Reads calibration data to its end, an item at a time: the next one is asked for when the last is on disk. Rejects with
 * `ERR_TRT_CALIBRATION_DATA`, `ERR_TRT_DATA_FILE`, `ERR_TRT_WRITE`; after an abort with the signal's reason, without waiting for the
 * iterable.
 */
export async function readBatches(
  data: CheckedCalibrationData,
  shape: BatchShape,
  { folder, signal, progress }: ReadBatchesOptions,
): Promise<SpooledBatches> {
  const spool = new BatchSpool(folder, shape, signal);
  const phase = progress.phase('Reading calibration batches', 0);
  const items = 'path' in data ? itemsOfFiles(data.path, shape) : new GivenItems(data.items);
  try {
    for (let index = 0; ; index += 1) {
      const next = await untilAborted(signal, items.next(index));
      if (next === null) break;
      const place = { index, file: next.file };
      await spool.add(checkedItem(shape, next.value, place)).catch((error: unknown) => {
        // The caller may have transferred an array while it was copied.
        throw unfitItem(error, place);
      });
      phase.step(spool.count);
    }
    const batches = await spool.finish();
    phase.end();
    if (batches.count > 0) return batches;
    throw noBatch(batches.droppedSamples, shape);
  } catch (error) {
    await spool.close().catch(() => undefined);
    const ended = items.end();
    // The iterable may hang: that must not hold an abort up.
    if (signal?.aborted === true) throw signal.reason;
    await untilAborted(signal, ended);
    throw error;
  }
}

interface ItemSource {
  /** null: that was the last. */
  next(index: number): Promise<GivenItem | null>;
  /** No more items are wanted. Never rejects. */
  end(): Promise<void>;
}

interface GivenItem {
  readonly value: unknown;
  readonly file: string | null;
}

function itemsOfFiles(path: string, shape: BatchShape): ItemSource {
  const items = fileItems(path, shape);
  return {
    async next() {
      const next = await items.next();
      return next.done === true ? null : { value: next.value.inputs, file: next.value.file };
    },
    async end() {
      await items.return().catch(() => undefined);
    },
  };
}

/** The caller's iterable, whose errors are the caller's. */
class GivenItems implements ItemSource {
  private iterator: Iterator<unknown> | AsyncIterator<unknown> | null = null;

  constructor(private readonly items: () => unknown) {}

  async next(index: number): Promise<GivenItem | null> {
    const iterator = (this.iterator ??= await this.open());
    return await ofCaller(index, async () => {
      const next = await iterator.next();
      // A plain iterable may have promises as its items.
      return next.done === true ? null : { value: await next.value, file: null };
    });
  }

  async end(): Promise<void> {
    try {
      await this.iterator?.return?.();
    } catch {
      // The first error is the one that counts.
    }
  }

  private async open(): Promise<Iterator<unknown> | AsyncIterator<unknown>> {
    const given = await ofCaller(0, async () => await this.items());
    if (!isIterable(given)) {
      const expected = 'a function that returns an (async) iterable, a generator say,';
      throw invalidArgument('options.calibration.data', expected, given);
    }
    return await ofCaller(0, () =>
      Promise.resolve(
        Symbol.asyncIterator in given ? given[Symbol.asyncIterator]() : given[Symbol.iterator](),
      ),
    );
  }
}

async function ofCaller<T>(index: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw calibrationDataError(
      `the calibration data threw at item ${index}: ${words.replace(/\.$/, '')}`,
      "What it threw is this error's `cause`.",
      { item: index, reason: 'thrown' },
      error,
    );
  }
}

function noBatch(dropped: number, { samples, inputs }: BatchShape): TrtError {
  const batch = inputs.map(({ name, dims }) => `${name} [${dims.join(', ')}]`).join(', ');
  const found = dropped === 0 ? 'it has no item' : `its ${dropped} samples do not fill one`;
  return calibrationDataError(
    `expected at least one batch of calibration data (${batch}), but ${found}`,
    `Give more samples${samples === null ? '' : ', or a smaller batch in `calibration.profile`'}; a few hundred make good scales.`,
    { samples: dropped, expected: samples },
  );
}
