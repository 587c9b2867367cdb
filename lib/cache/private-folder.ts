import { lstat, mkdir, stat } from 'node:fs/promises';

/** Write permission of the group and of everybody else. */
const othersMayWrite = 0o022;

/** What is wrong with a folder that must be this user's alone. */
export interface PrivacyFinding {
  readonly reason: 'symlink' | 'not-a-folder' | 'owner' | 'writable-by-others';
  readonly text: string;
}

/**
 * Makes the folder, and those above it, for this user alone (mode 0700) where it is missing, and looks at whose it is. Whoever
 * else can write to it could bring in an engine, which is executable code. root can anyway.
 *
 * @returns what is wrong with it; null when nothing is. Rejects with the system's error when it cannot be made or looked at.
 */
export async function makePrivateFolder(folder: string): Promise<PrivacyFinding | null> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return await privacyOf(folder, { links: 'followed' });
}

/** As `makePrivateFolder` looks at it, without making it. */
export async function privacyOf(
  folder: string,
  { links }: { readonly links: 'followed' | 'refused' },
): Promise<PrivacyFinding | null> {
  const stats = await (links === 'followed' ? stat(folder) : lstat(folder));
  if (stats.isSymbolicLink()) return { reason: 'symlink', text: 'it is a symbolic link' };
  if (!stats.isDirectory()) return { reason: 'not-a-folder', text: 'it is not a folder' };
  const user = process.geteuid?.();
  if (stats.uid !== user && stats.uid !== 0) {
    return { reason: 'owner', text: `it belongs to user ${stats.uid}, and this is ${user}` };
  }
  if ((stats.mode & othersMayWrite) === 0) return null;
  const mode = (stats.mode & 0o777).toString(8);
  return { reason: 'writable-by-others', text: `others may write to it (mode ${mode})` };
}
