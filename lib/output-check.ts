import { constants, type BigIntStats } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import path from 'node:path';
import { TrtError } from './errors';
import { manifestPathOf } from './manifest';
import { readPlanHeader } from './plan-header';
import { writeError } from './write-error';

/**
 * Finds out before a long build whether a plan and its manifest can be written to `output`, and refuses what would destroy
 * something: the model itself (by whatever path or link it is reached), or a file that is no engine. Rejects with
 * `ERR_TRT_WRITE`, `ERR_TRT_INVALID_ARG`.
 */
export async function checkOutput(output: string, model: string | null = null): Promise<void> {
  const folder = path.dirname(output);
  try {
    // Reading is for the lock and the sync of the folder.
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw writeError(output, 'write to the folder of the output', error);
  }
  const [parent, plan, manifest, source] = await Promise.all([
    stat(folder),
    standing(output),
    standing(manifestPathOf(output)),
    model === null ? null : standing(model),
  ]);
  if (!parent.isDirectory()) throw refused(output, `${folder} is not a folder`);
  if (source !== null) {
    if (isSame(source, plan)) throw wouldReplaceModel(output, output);
    if (isSame(source, manifest)) throw wouldReplaceModel(output, manifestPathOf(output));
  }
  if (plan === null) return;
  if (!plan.isFile()) throw refused(output, `something that is not a file stands at ${output}`);
  if (plan.size > 0n && !(await isPlan(output))) {
    throw refused(output, `the file that stands there is not an engine and would be lost`);
  }
}

function standing(file: string): Promise<BigIntStats | null> {
  return stat(file, { bigint: true }).catch(() => null);
}

function isSame(a: BigIntStats, b: BigIntStats | null): boolean {
  return b !== null && a.dev === b.dev && a.ino === b.ino;
}

async function isPlan(file: string): Promise<boolean> {
  const header = Buffer.alloc(64);
  try {
    const handle = await open(file, 'r');
    try {
      const { bytesRead } = await handle.read(header, 0, header.length, 0);
      readPlanHeader(header.subarray(0, bytesRead));
    } finally {
      await handle.close();
    }
    return true;
  } catch {
    return false;
  }
}

function wouldReplaceModel(output: string, written: string): TrtError {
  return new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected another path for the engine than ${output}: writing ${written} would replace the model itself.`,
    { details: { argument: 'options.output', path: written } },
  );
}

function refused(output: string, finding: string): TrtError {
  return new TrtError(
    'ERR_TRT_WRITE',
    `expected to write the plan to ${output}, but ${finding}. Name another output.`,
    { details: { path: output, step: 'check the output', errno: null } },
  );
}
