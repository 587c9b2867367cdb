import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { NativeExternalData } from './binding';
import { BuiltEngine, maxBytesInMemory } from './built-engine';
import { TrtError } from './errors';
import type { FileWork } from './file-work';
import type { Manifest } from './manifest-schema';
import { checkDataSpared, checkOutput } from './output-check';
import { publish } from './publish';
import { tempPathFor } from './temp-files';
import { inTempFolder, makeTempFolder, removeTempFolder } from './temp-folders';

/** Where a build writes its plan, and what becomes of it. */
export interface BuildTarget {
  /** A path where no file is yet. */
  readonly tempPlan: string;
  /** Rejects with `ERR_TRT_WRITE` when finishing would replace external data of the model. */
  checkData(data: NativeExternalData | null): Promise<void>;
  /** Rejects with the signal's reason when it is aborted before the first file is in place. */
  finish(manifest: Manifest, signal?: AbortSignal | null): Promise<BuiltEngine>;
  /**
   * Removes what was written; in the background once more when `writersGone` is fulfilled (see `BuildProcessOptions.onStart`).
   * Never rejects.
   */
  discard(writersGone?: Promise<void>): Promise<void>;
}

/**
 * Rejects with `ERR_TRT_WRITE` when nothing could be written to `output`, or to the temporary folder; null keeps the plan in
 * memory.
 */
export async function prepareTarget(
  output: string | null,
  model: string | null,
  work: FileWork,
): Promise<BuildTarget> {
  return output === null
    ? await memoryTarget()
    : await fileTarget(path.resolve(output), model, work);
}

async function fileTarget(
  output: string,
  model: string | null,
  work: FileWork,
): Promise<BuildTarget> {
  await checkOutput(output, model);
  const tempPlan = tempPathFor(output);
  return {
    tempPlan,
    checkData: async (data) => {
      if (data === null) return;
      const { folder, files } = data;
      const paths = files.map(({ location }) => path.join(folder, location));
      await checkDataSpared(output, paths);
    },
    async finish(manifest, signal = null) {
      await publish({ tempPlan, output, manifest, work, signal });
      return new BuiltEngine({ path: output }, manifest);
    },
    // `buildInChild` removes it again once the child is gone.
    discard: () => rm(tempPlan, { force: true }).catch(() => undefined),
  };
}

async function memoryTarget(): Promise<BuildTarget> {
  const folder = await makeTempFolder();
  const tempPlan = path.join(folder, 'plan');
  const discard = (writersGone?: Promise<void>): Promise<void> =>
    removeTempFolder(folder, writersGone);
  return {
    tempPlan,
    discard,
    checkData: () => Promise.resolve(),
    async finish(manifest) {
      const { sizeBytes } = manifest.plan;
      if (sizeBytes > maxBytesInMemory) {
        throw new TrtError(
          'ERR_TRT_INVALID_ARG',
          `expected \`options.output\` for a plan of ${sizeBytes} bytes: without it the plan is held in memory, which ends ` +
            'at 2 GiB. Name a file.',
          { details: { argument: 'options.output', sizeBytes } },
        );
      }
      const bytes = await inTempFolder('read the plan back', () => readFile(tempPlan));
      await discard();
      return new BuiltEngine({ bytes }, manifest);
    },
  };
}
