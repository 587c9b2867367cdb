import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BuiltEngine, maxBytesInMemory } from './built-engine';
import { TrtError } from './errors';
import type { FileWork } from './file-work';
import type { Manifest } from './manifest-schema';
import { checkOutput } from './output-check';
import { publish } from './publish';
import { tempPathFor } from './temp-files';
import { makeTempFolder } from './temp-folders';
import { writeError } from './write-error';

/** Where a build writes its plan, and what becomes of it. */
export interface BuildTarget {
  /** A path where no file is yet. */
  readonly tempPlan: string;
  finish(manifest: Manifest): Promise<BuiltEngine>;
  /** Removes what was written. Never rejects. */
  discard(): Promise<void>;
}

/** Rejects with `ERR_TRT_WRITE` when nothing could be written to `output`; null keeps the plan in memory. */
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
    async finish(manifest) {
      await publish({ tempPlan, output, manifest, work });
      return new BuiltEngine({ path: output }, manifest);
    },
    discard: () => rm(tempPlan, { force: true }).catch(() => undefined),
  };
}

async function memoryTarget(): Promise<BuildTarget> {
  const folder = await inTempFolder('make a temporary folder', makeTempFolder);
  const tempPlan = path.join(folder, 'plan');
  const discard = (): Promise<void> =>
    rm(folder, { recursive: true, force: true }).catch(() => undefined);
  return {
    tempPlan,
    discard,
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

async function inTempFolder<T>(step: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw writeError(tmpdir(), step, error);
  }
}
