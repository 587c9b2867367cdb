import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { TrtError } from '../errors';
import { jsonObjectIn } from '../own-files';
import { realFiles } from '../publish-files';
import { tempPathFor } from '../temp-files';
import { writeError } from '../write-error';
import { snapshotKind, type EnvironmentSnapshot } from './environment-snapshot';
import type { KnownEnvironment } from './known-environment';
import { readEnvironment } from './read-environment';

/** Refuses to replace what is no lock: the file of another program would be lost. Rejects with ERR_TRT_WRITE. */
export async function checkSnapshotTarget(file: string): Promise<void> {
  const target = path.resolve(file);
  const standing = await stat(target).catch(() => null);
  if (standing === null) return;
  const isFolder = standing.isDirectory();
  if (standing.isFile()) {
    if (standing.size === 0) return;
    const value = await jsonObjectIn(target, standing.size);
    if (value?.['kind'] === snapshotKind && Number.isSafeInteger(value['schemaVersion'])) return;
  }
  const finding = isFolder
    ? 'a folder stands there'
    : 'what stands there is no file of `trt-node doctor --lock` and would be lost';
  throw new TrtError(
    'ERR_TRT_WRITE',
    `expected to write the lock to ${target}, but ${finding}. Name another file, or move that away.`,
    { details: { path: target, step: 'look at what stands there', errno: null } },
  );
}

/** Writes it so that a kill leaves the old file or the new one. Only a lock is replaced. Rejects with ERR_TRT_WRITE. */
export async function writeSnapshot(file: string, snapshot: EnvironmentSnapshot): Promise<void> {
  const target = path.resolve(file);
  await checkSnapshotTarget(target);
  const temp = tempPathFor(target);
  let step = 'create a file';
  try {
    const handle = await realFiles.open(temp, 'wx');
    try {
      step = 'write the snapshot';
      await handle.writeFile(`${JSON.stringify(snapshot, null, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    step = 'put the snapshot in place';
    await realFiles.rename(temp, target);
  } catch (error) {
    await realFiles.unlink(temp).catch(() => undefined);
    throw writeError(target, step, error);
  }
}

/**
 * A file of `doctor --lock` or `doctor --json`. Rejects with ERR_TRT_INVALID_ARG when it is neither, or when a value in it
 * is of another type; values that it lacks are not known.
 */
export async function readSnapshot(file: string, option: string): Promise<KnownEnvironment> {
  const refuse = (finding: string, cause?: unknown): TrtError =>
    new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected a file of \`trt-node doctor --lock\` or \`doctor --json\` for \`${option}\` but received ${file}: ${finding}. ` +
        'Make one on the machine to compare with: `npx trt-node doctor --lock env.lock`.',
      { details: { argument: option, path: file }, ...(cause !== undefined && { cause }) },
    );
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    const isSyntax = cause instanceof SyntaxError;
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw refuse(isSyntax ? 'it is not JSON' : `it cannot be read (${code})`, cause);
  }
  return readEnvironment(content, refuse);
}
