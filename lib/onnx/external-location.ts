import path from 'node:path';

/** `details.reason` of ERR_TRT_EXTERNAL_DATA for a location that is refused before any file is looked at. */
export type LocationProblem =
  'empty' | 'absolute' | 'parent-folder' | 'backslash' | 'nul' | 'too-long' | 'folder';

/** Linux's PATH_MAX and NAME_MAX, without the NUL of the first. */
const maxPathBytes = 4095;
const maxNameBytes = 255;

/** How the problem ends the sentence "it …". */
export const locationProblems: Readonly<Record<LocationProblem, string>> = {
  empty: 'is empty',
  absolute: 'is an absolute path',
  'parent-folder': 'has `..` in it',
  backslash: 'has a backslash in it',
  nul: 'has a NUL character in it',
  'too-long': `is longer than a path may be (${maxPathBytes} bytes, ${maxNameBytes} for each name)`,
  folder: 'is a folder and not a file',
};

/**
 * What is wrong with the location of external data; null for a path that stays below the model's folder, as far as its text
 * tells. A backslash separates folders on Windows, where such a model was written, and hides a `..` here.
 */
export function locationProblem(location: string): LocationProblem | null {
  if (location === '') return 'empty';
  if (location.includes('\0')) return 'nul';
  if (location.includes('\\')) return 'backslash';
  if (location.startsWith('/')) return 'absolute';
  const names = location.split('/');
  if (names.includes('..')) return 'parent-folder';
  if (Buffer.byteLength(location) > maxPathBytes) return 'too-long';
  if (names.some((name) => Buffer.byteLength(name) > maxNameBytes)) return 'too-long';
  return names.at(-1) === '' || names.at(-1) === '.' ? 'folder' : null;
}

/** One spelling for all that mean the same file: `./w.bin` is `w.bin`. For a location without a problem. */
export function normalLocation(location: string): string {
  return path.posix.normalize(location);
}

/** A file of `files` that is also a folder of another one; null when all of them can lie side by side. Normal locations. */
export function fileAndFolder(
  files: readonly string[],
): { readonly file: string; readonly inside: string } | null {
  // NUL is in no location and comes before all else, so what is inside of a file would come right after it.
  const sorted = files.map((file) => file.replaceAll('/', '\0')).sort();
  const at = sorted.findIndex((file, index) => sorted[index + 1]?.startsWith(`${file}\0`));
  if (at === -1) return null;
  const [file = '', inside = ''] = sorted.slice(at, at + 2);
  return { file: file.replaceAll('\0', '/'), inside: inside.replaceAll('\0', '/') };
}
