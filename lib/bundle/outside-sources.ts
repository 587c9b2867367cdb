import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { invalidArgument } from '../errors';
import type { Content } from './contents';

/**
 * The contents with the real paths of their sources: a link in the folder may be replaced before it is followed. Writing a bundle
 * removes files of its folder: rejects with `ERR_TRT_INVALID_ARG` when a source lies in it. `touched` are the paths in the folder
 * that will be removed or written.
 */
export async function outsideSources(
  folder: string,
  contents: readonly Content[],
  touched: readonly string[],
): Promise<readonly Content[]> {
  const resolved = await Promise.all(
    contents.map(async (content) =>
      'source' in content ? { ...content, source: await realpath(content.source) } : content,
    ),
  );
  const realFolder = await realpath(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  });
  if (realFolder === null) return resolved;
  // A link or a mount below the folder leads to sources that lie elsewhere by their paths.
  const replaced = new Set<string>();
  for (const file of touched) {
    const identity = await identityOf(path.join(realFolder, file));
    if (identity !== null) replaced.add(identity);
  }
  for (const content of resolved) {
    if (!('source' in content)) continue;
    const { source } = content;
    const identity = await identityOf(source);
    if (isBelow(realFolder, source) || (identity !== null && replaced.has(identity))) {
      throw invalidArgument(
        'options.out',
        `a folder that holds nothing of what goes into the bundle (${source} lies in ${folder}: bundle into another folder)`,
        folder,
      );
    }
  }
  return resolved;
}

function isBelow(folder: string, file: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`);
}

/** What removing this path would remove; null for what is never removed: a folder, nothing. */
async function identityOf(file: string): Promise<string | null> {
  const there = await lstat(file, { bigint: true }).catch(() => null);
  return there?.isFile() === true ? `${there.dev}:${there.ino}` : null;
}
