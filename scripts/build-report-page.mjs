#!/usr/bin/env node
/**
 * What report pages carry, into dist/report/page: their style, their script with Chart.js in it, and the licences of what is in it.
 * `npm run build:ts` runs this after tsc, which checks and compiles everything else.
 */
import fs from 'node:fs';
import path from 'node:path';
import { isMain, main, root, run, StepError } from './process.mjs';

const source = path.join(root, 'lib', 'report', 'page');
const target = path.join(root, 'dist', 'report', 'page');

/** What ends up in the script. */
const bundled = ['chart.js', '@kurkle/color'];

export async function buildReportPage() {
  run(process.execPath, [
    path.join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
    '-p',
    source,
  ]);
  const { rolldown } = await import('rolldown');
  const bundle = await rolldown({ input: path.join(source, 'main.ts'), logLevel: 'silent' });
  const { output } = await bundle.generate({ format: 'iife', minify: true });
  await bundle.close();
  const [{ code, moduleIds }] = output;
  checkPackages(moduleIds);
  const notices = licences();
  const script = `/*!\n${notices}*/\n${code}`;
  const style = fs.readFileSync(path.join(source, 'page.css'), 'utf8');
  checkInline('page.js', script, /<\/script|<!--/i);
  checkInline('page.css', style, /<\/style/i);
  fs.mkdirSync(target, { recursive: true });
  fs.writeFileSync(path.join(target, 'page.js'), script);
  fs.writeFileSync(path.join(target, 'page.css'), style);
  fs.writeFileSync(path.join(target, 'LICENSES.txt'), notices);
}

/** Every report is a copy of them, so their notices go with it. */
function licences() {
  return bundled
    .map((name) => {
      const folder = path.join(root, 'node_modules', name);
      const { version, homepage } = JSON.parse(
        fs.readFileSync(path.join(folder, 'package.json'), 'utf8'),
      );
      const text = fs.readFileSync(path.join(folder, 'LICENSE.md'), 'utf8').trim();
      return `${name} ${version} (${homepage})\n\n${text}\n`;
    })
    .join('\n');
}

/** A package that nobody named above would be in every report without its notice. */
function checkPackages(moduleIds) {
  const found = moduleIds.flatMap(
    (id) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(id)?.[1] ?? [],
  );
  const unnamed = [...new Set(found)].filter((name) => !bundled.includes(name));
  if (unnamed.length === 0) return;
  throw new StepError(
    `the page's script has ${unnamed.join(', ')} in it: name it in scripts/build-report-page.mjs, for its licence`,
  );
}

/** Both stand within an element of the page, which these would end. */
function checkInline(name, text, ending) {
  const found = ending.exec(text);
  if (found === null && !/[\r\0]/.test(text)) return;
  throw new StepError(
    `${name} cannot stand in a page: it has ${found?.[0] ?? 'a carriage return or a NUL'}`,
  );
}

if (isMain(import.meta)) await main(buildReportPage);
