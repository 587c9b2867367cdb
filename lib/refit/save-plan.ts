import { rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { TrtError } from '../errors';
import type { FileWork } from '../file-work';
import { manifestPathOf } from '../manifest';
import { writeError } from '../write-error';

/**
 * Puts a plan in place of which nothing is known that a manifest could say. A manifest that stands there would be another plan's.
 * Rejects with `ERR_TRT_WRITE`.
 */
export async function putPlanAlone(
  tempPlan: string,
  output: string,
  work: FileWork,
): Promise<void> {
  const manifest = manifestPathOf(output);
  let lock: { release(): void } | null = null;
  try {
    lock = await work.lockFolder(path.dirname(output));
    const stands = await stat(manifest).then(
      () => true,
      () => false,
    );
    if (stands) throw otherManifest(output, manifest);
    await rename(tempPlan, output);
  } catch (error) {
    throw error instanceof TrtError ? error : writeError(output, 'put the plan in place', error);
  } finally {
    lock?.release();
  }
}

function otherManifest(output: string, manifest: string): TrtError {
  return new TrtError(
    'ERR_TRT_WRITE',
    `expected to write the engine to ${output} without a manifest, as it was loaded without one, but ${manifest} stands there and ` +
      'would be taken for its own. Name another output, or move that away.',
    { details: { path: manifest, step: 'put the plan in place', errno: null } },
  );
}
