import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseLibraryName } from './candidates';
import type { SearchPath } from './places';

/**
 * The folders that the dynamic linker searches by its own configuration: those that /etc/ld.so.conf and its includes name,
 * and those of TensorRTs that its cache lists (which stay there when their folder has left the configuration since).
 */
export async function linkerFolders(root: string): Promise<SearchPath[]> {
  const folders = [...(await configuredFolders(root)), ...(await cachedFolders(root))];
  return folders.map((folder) => ({ path: path.join(root, folder), source: 'ldconfig' }));
}

async function configuredFolders(root: string): Promise<string[]> {
  const seen = new Set<string>();
  const main = await foldersOfFile(root, '/etc/ld.so.conf', seen);
  // Distributions include this folder from ld.so.conf; an image may have lost that line.
  return [...main, ...(await foldersOfIncludes(root, '/etc/ld.so.conf.d/*.conf', seen))];
}

/** `seen`: configuration files that were read, as they can include each other. */
async function foldersOfFile(root: string, file: string, seen: Set<string>): Promise<string[]> {
  if (seen.has(file)) return [];
  seen.add(file);
  const text = await readFile(path.join(root, file), 'utf8').catch(() => '');
  const folders: string[] = [];
  for (const line of text.split('\n').map((each) => each.replace(/#.*/, '').trim())) {
    const pattern = /^include\s+(\S.*)$/.exec(line)?.[1];
    if (pattern !== undefined) {
      for (const each of pattern.split(/\s+/)) {
        const absolute = path.resolve(path.dirname(file), each);
        folders.push(...(await foldersOfIncludes(root, absolute, seen)));
      }
    } else if (path.isAbsolute(line)) {
      folders.push(line);
    }
  }
  return folders;
}

/** `pattern` may have wildcards in its file name, as all include lines of distributions do. */
async function foldersOfIncludes(
  root: string,
  pattern: string,
  seen: Set<string>,
): Promise<string[]> {
  const folder = path.dirname(pattern);
  const names = await readdir(path.join(root, folder)).catch((): string[] => []);
  const wanted = wildcard(path.basename(pattern));
  const folders: string[] = [];
  for (const name of names.filter((each) => wanted.test(each)).sort()) {
    folders.push(...(await foldersOfFile(root, path.join(folder, name), seen)));
  }
  return folders;
}

function wildcard(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}

/** The cache ends in NUL-terminated paths; reading them needs neither its record format nor an `ldconfig` program. */
async function cachedFolders(root: string): Promise<string[]> {
  const bytes = await readFile(path.join(root, 'etc/ld.so.cache')).catch(() => Buffer.alloc(0));
  const paths = bytes
    .toString('utf8')
    .split('\0')
    .filter((text) => text.startsWith('/') && parseLibraryName(path.basename(text)) !== null);
  return [...new Set(paths.map((each) => path.dirname(each)))];
}
