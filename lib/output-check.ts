import { constants, type BigIntStats } from 'node:fs';
import { access, open, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { TrtError } from './errors';
import { manifestPathOf } from './manifest';
import { isManifestFile, isPlanFile } from './own-files';
import { tempPathFor } from './temp-files';
import { writeError } from './write-error';

/** Linux's NAME_MAX. */
const maxNameBytes = 255;

/**
 * Finds out before a long build whether a plan and its manifest can be written to `output`, and refuses what would destroy
 * something: the model itself (by whatever path or link it is reached), a file that is no engine, or a file that is no
 * manifest at `<output>.json`. Rejects with `ERR_TRT_WRITE`, `ERR_TRT_INVALID_ARG`.
 */
export async function checkOutput(output: string, model: string | null = null): Promise<void> {
  await checkFolder(output);
  const manifestPath = manifestPathOf(output);
  const [plan, manifest, source] = await Promise.all([
    standing(output),
    standing(manifestPath),
    model === null ? null : standing(model),
  ]);
  if (source !== null) {
    if (isSame(source, plan)) throw wouldReplaceModel(output, output);
    if (isSame(source, manifest)) throw wouldReplaceModel(output, manifestPath);
  }
  if (plan !== null) {
    if (!plan.isFile()) throw refused(output, output, `${kindOf(plan)} stands there`);
    if (plan.size > 0n && !(await isPlanFile(output))) {
      throw refused(
        output,
        output,
        'the file that stands there is not an engine and would be lost',
      );
    }
  }
  if (manifest !== null) await checkManifest(output, manifestPath, manifest);
  await tryToCreate(output, manifestPath);
}

/**
 * Refuses to replace a file of the model's external data. `checkOutput` cannot: they are known once the model is read.
 * Rejects with `ERR_TRT_WRITE`.
 */
export async function checkDataSpared(output: string, data: readonly string[]): Promise<void> {
  const written = [output, manifestPathOf(output)];
  const targets = await Promise.all(written.map(standing));
  for (const file of data) {
    const stats = await standing(file);
    const index = stats === null ? -1 : targets.findIndex((target) => isSame(stats, target));
    const target = written[index];
    if (target === undefined) continue;
    throw refused(output, target, "the file that stands there holds the model's external data");
  }
}

async function checkFolder(output: string): Promise<void> {
  const folder = path.dirname(output);
  const step = 'write to the folder of the output';
  let parent: BigIntStats;
  try {
    parent = await stat(folder, { bigint: true });
  } catch (error) {
    throw writeError(output, step, error);
  }
  // Before `access`, which tells of a file without execute permission that it is not permitted.
  if (!parent.isDirectory()) throw refused(output, output, `${folder} is not a folder`);
  try {
    // Reading is for the lock and the sync of the folder.
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw writeError(output, step, error);
  }
}

async function checkManifest(output: string, file: string, stats: BigIntStats): Promise<void> {
  if (!stats.isFile()) {
    throw refused(output, file, `${kindOf(stats)} stands there, where the manifest goes`);
  }
  if (stats.size === 0n || (await isManifestFile(file, Number(stats.size)))) return;
  throw refused(
    output,
    file,
    'the file that stands there, where the manifest goes, is not a manifest of trt-node and would be lost',
  );
}

/** Tries what permissions do not tell, with the longest name that publication uses. */
async function tryToCreate(output: string, manifestPath: string): Promise<void> {
  const temp = tempPathFor(manifestPath);
  const added = nameBytes(temp) - nameBytes(output);
  if (nameBytes(temp) > maxNameBytes) {
    throw refused(
      output,
      output,
      `the file name has ${nameBytes(output)} bytes, and with what the manifest and the temporary files beside it add ` +
        `(${added}) it is longer than the ${maxNameBytes} that a name may have`,
      `Choose a file name of at most ${maxNameBytes - added} bytes.`,
    );
  }
  const step = 'create a file beside the output';
  try {
    const handle = await open(temp, 'wx');
    await handle.close();
    await unlink(temp);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // The folder is there: a file system such as /proc has no other words for it.
    if (code !== 'ENOENT') throw writeError(output, step, error);
    throw new TrtError(
      'ERR_TRT_WRITE',
      `could not ${step} for ${output}: ${message}. That file system takes no new files: name another output.`,
      { cause: error, details: { path: output, step, errno: code } },
    );
  }
}

function nameBytes(file: string): number {
  return Buffer.byteLength(path.basename(file));
}

function standing(file: string): Promise<BigIntStats | null> {
  return stat(file, { bigint: true }).catch(() => null);
}

function isSame(a: BigIntStats, b: BigIntStats | null | undefined): boolean {
  return b != null && a.dev === b.dev && a.ino === b.ino;
}

function kindOf(stats: BigIntStats): string {
  return stats.isDirectory() ? 'a folder' : 'something that is not a regular file';
}

function wouldReplaceModel(output: string, written: string): TrtError {
  return new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected another path for the engine than ${output}: writing ${written} would replace the model itself.`,
    { details: { argument: 'options.output', path: written } },
  );
}

/** `file` is what cannot be written: the plan or its manifest. */
function refused(
  output: string,
  file: string,
  finding: string,
  next = 'Name another output, or move that away.',
): TrtError {
  const what = file === output ? `the engine to ${output}` : `${file} beside the engine`;
  return new TrtError('ERR_TRT_WRITE', `expected to write ${what}, but ${finding}. ${next}`, {
    details: { path: file, step: 'check the output', errno: null },
  });
}
