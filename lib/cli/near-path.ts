import path from 'node:path';

/** A path as a reader wants it: from the working directory, where it lies in it. */
export function nearPath(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative === '' || relative.startsWith('..') ? file : relative;
}
