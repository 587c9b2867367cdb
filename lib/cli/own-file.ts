import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { TrtError } from '../errors';
import { realFiles } from '../publish-files';
import { tempPathFor } from '../temp-files';
import { writeError } from '../write-error';

/** A kind of file that a command writes, and writes anew. */
export interface OwnKind {
  /** For errors: `types`. */
  readonly what: string;
  /** Whether a text is of that kind: `-o package.json` is a slip of the hand. */
  readonly isOwn: (text: string) => boolean;
}

/**
 * What stands at `file`; null: nothing.
 *
 * @throws TrtError (as a rejection) `ERR_TRT_WRITE`: no file stands there, or it cannot be read
 */
export async function textAt(file: string, { what }: OwnKind): Promise<string | null> {
  try {
    if (!(await stat(file)).isFile()) throw foreignFile(file, what);
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw writeError(file, 'look at what stands there', error);
  }
}

/** Rejects with `ERR_TRT_WRITE` where a file of another kind would be lost: for a look before the work. */
export async function checkOwnFile(file: string, kind: OwnKind): Promise<void> {
  const before = await textAt(file, kind);
  if (before === null || before.trim() === '' || kind.isOwn(before)) return;
  throw foreignFile(file, kind.what);
}

/** Writes all of it or nothing. Rejects with `ERR_TRT_WRITE`. */
export async function writeOwnFile(file: string, text: string, kind: OwnKind): Promise<void> {
  await checkOwnFile(file, kind);
  const target = path.resolve(file);
  const temp = tempPathFor(target);
  try {
    const handle = await realFiles.open(temp, 'wx');
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    await realFiles.rename(temp, target);
  } catch (error) {
    await realFiles.unlink(temp).catch(() => undefined);
    throw writeError(target, `write ${kind.what}`, error);
  }
}

function foreignFile(file: string, what: string): TrtError {
  return new TrtError(
    'ERR_TRT_WRITE',
    `expected to write ${what} to ${file}, but what stands there is something else and would be lost. Name another file, or move that away.`,
    { details: { path: file, step: 'look at what stands there', errno: null } },
  );
}
