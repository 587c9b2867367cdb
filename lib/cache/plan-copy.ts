import { constants } from 'node:fs';
import { lstat } from 'node:fs/promises';
import type { PublishFiles } from '../publish-files';
import { untilAborted } from '../until-aborted';
import { writeError } from '../write-error';
import { fileState } from './digest-memo';
import { isMissing } from './key-lock';

/** Brings an entry's plan to `target`. False: it was removed or replaced meanwhile, and nothing is there. */
export async function copyEntry(
  files: PublishFiles,
  plan: string,
  identity: string,
  target: string,
): Promise<boolean> {
  try {
    await copyPlan(files, plan, target);
  } catch (error) {
    if (await isGone(plan)) return false;
    throw error;
  }
  if ((await fileState(plan))?.identity === identity) return true;
  await files.unlink(target).catch(() => undefined);
  return false;
}

/** Waits for a copy until an abort; what an abandoned one made is removed when it ends. */
export async function copiedUnlessAborted<T>(
  files: PublishFiles,
  target: string,
  signal: AbortSignal | null,
  copying: Promise<T>,
): Promise<T> {
  try {
    return await untilAborted(signal, copying);
  } catch (error) {
    void copying.then(() => files.unlink(target)).catch(() => undefined);
    throw error;
  }
}

/** By a clone where the file system has them. `target` is fsynced, or not there. Rejects with `ERR_TRT_WRITE`. */
export async function copyPlan(files: PublishFiles, plan: string, target: string): Promise<void> {
  try {
    await files.copyFile(plan, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    const handle = await files.open(target, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await files.unlink(target).catch(() => undefined);
    throw writeError(target, 'copy the plan', error);
  }
}

async function isGone(file: string): Promise<boolean> {
  return await lstat(file).then(() => false, isMissing);
}
