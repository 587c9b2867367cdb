import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { TrtError } from '../../errors';

/** What `scripts/build-report-page.mjs` makes of lib/report/page and Chart.js. */
export interface PageAssets {
  readonly script: string;
  readonly style: string;
}

/** The same folder from lib/report/html, where the tests run, and from dist/report/html. */
export const assetsFolder = path.join(__dirname, '..', '..', '..', 'dist', 'report', 'page');

/** Rejects with `ERR_TRT_INTERNAL` where the package, or the checkout, lacks them. */
export async function readPageAssets(folder = assetsFolder): Promise<PageAssets> {
  const read = async (name: string): Promise<string> => {
    const file = path.join(folder, name);
    try {
      return await readFile(file, 'utf8');
    } catch (cause) {
      throw new TrtError(
        'ERR_TRT_INTERNAL',
        `expected a part of the report's page at ${file}, but it cannot be read (${(cause as NodeJS.ErrnoException).code ?? String(cause)}). ` +
          'In a checkout run `npm run build:ts`; of an installed package it is a part, so install trt-node again. ' +
          'Reports that end in .md or .json do without it.',
        { cause, details: { path: file } },
      );
    }
  };
  const [script, style] = await Promise.all([read('page.js'), read('page.css')]);
  return { script, style };
}
