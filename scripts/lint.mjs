#!/usr/bin/env node
/**
 * Form and lint, one line per tool: prettier, eslint, the tests' types, the API reference, clang-format.
 *
 *   node scripts/lint.mjs          check
 *   node scripts/lint.mjs --fix    write what can be fixed
 *   node scripts/lint.mjs --tidy   clang-tidy on the native sources, unless they passed as they are (slow)
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { entriesToCheck } from './compile-database.mjs';
import { captureBeside, isMain, main, output, root, since, StepError } from './process.mjs';
import { pythonTool, pythonToolVersion } from './python-tool.mjs';
import { ending } from './test-results.mjs';

/** Every check; eslint, the longest, beside the others. Returns `{ passed, failures }`. */
export async function lint({ fix = false } = {}) {
  const bin = path.join(root, 'node_modules', '.bin');
  const folders = ['native', path.join('test', 'stubs'), path.join('test', 'sanitize'), 'bench'];
  const sources = folders.flatMap(sourcesIn);
  const eslint = [
    'eslint',
    path.join(bin, 'eslint'),
    [...(fix ? ['--fix'] : []), '--max-warnings=0', '.'],
  ];
  const prettier = [
    'prettier',
    path.join(bin, 'prettier'),
    [fix ? '--write' : '--check', '--log-level=warn', '.'],
  ];
  const others = [
    ['test types', path.join(bin, 'tsc'), ['--project', 'test/tsconfig.json']],
    ['API reference', path.join(bin, 'typedoc'), ['--emit', 'none']],
  ];
  if (sources.length > 0) {
    const mode = fix ? ['-i'] : ['--dry-run', '--Werror'];
    others.push(['clang-format', pythonTool('clang-format'), [...mode, ...sources]]);
  }
  // What writes the same files works alone.
  const lanes = fix ? [[prettier, eslint, ...others]] : [[eslint], [prettier, ...others]];
  const lists = await Promise.all(lanes.map(checkInTurn));
  return together(lists.flat());
}

/**
 * clang-tidy over the native sources, one process per core: each takes some 500 MB. It reads them one by one, though they are
 * compiled several at once: so each must include what it needs.
 */
export async function tidy() {
  const passedBefore = path.join(root, '.cache', 'clang-tidy-passed.txt');
  const digest = digestForTidy();
  if (fs.existsSync(passedBefore) && fs.readFileSync(passedBefore, 'utf8') === digest) {
    console.log('clang-tidy    ok (nothing changed since it passed)');
    return together([null]);
  }
  const { database, files } = databaseForTidy();
  const args = ['-P', String(os.availableParallelism()), '-n', '1', pythonTool('clang-tidy')];
  const failure = await check('clang-tidy', 'xargs', [
    ...['-a', files, ...args],
    ...['--quiet', '-p', database],
  ]);
  if (failure === null) fs.writeFileSync(passedBefore, digest);
  return together([failure]);
}

/** The folder of a compile_commands.json of what clang-tidy has to read, and a list of the files, the longest to take first. */
function databaseForTidy() {
  const database = path.join(root, 'build', 'tidy');
  const all = path.join(database, 'cmake');
  output(process.execPath, [path.join(root, 'scripts', 'fetch-headers.mjs')]);
  output(process.execPath, [
    createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js'),
    ...['configure', '--out', all, '--config', 'Release'],
    ...['--CDCMAKE_EXPORT_COMPILE_COMMANDS=ON', '--CDTRT_NODE_UNITY=OFF'],
  ]);
  const name = 'compile_commands.json';
  const entries = entriesToCheck(JSON.parse(fs.readFileSync(path.join(all, name), 'utf8')));
  if (entries.length === 0) throw new StepError(`${path.join(all, name)} names no source`);
  fs.writeFileSync(path.join(database, name), JSON.stringify(entries, null, 1));
  const bytes = new Map();
  for (const { file } of entries) {
    bytes.set(file, (bytes.get(file) ?? 0) + fs.statSync(file).size);
  }
  const files = path.join(database, 'files.txt');
  const sorted = [...bytes].sort(([, a], [, b]) => b - a).map(([file]) => file);
  fs.writeFileSync(files, sorted.join('\n'));
  return { database, files };
}

/** Everything of ours that clang-tidy's verdict depends on. */
function digestForTidy() {
  const hash = createHash('sha256').update(pythonToolVersion('clang-tidy'));
  for (const file of ['.clang-tidy', 'CMakeLists.txt', ...sourcesIn('native')]) {
    hash.update(`\0${file}\0`).update(fs.readFileSync(path.join(root, file)));
  }
  return hash.digest('hex');
}

async function checkInTurn(checks) {
  const failures = [];
  for (const [name, command, args] of checks) failures.push(await check(name, command, args));
  return failures;
}

/** Its failure, or null. */
async function check(name, command, args) {
  const start = performance.now();
  const { status, stdout, stderr } = await captureBeside(command, args);
  const ok = status === 0;
  console.log(`${name.padEnd(14)}${ok ? 'ok' : 'FAILED'} (${since(start)})`);
  if (ok) return null;
  const words = `${stdout}${stderr}`.trimEnd();
  console.log(beginning(words));
  // clang-tidy's processes print at once, and end with counts.
  const errors = words.split('\n').filter((line) => / error: /.test(line));
  return { suite: 'checks', name, output: errors.length > 0 ? errors.join('\n') : ending(words) };
}

function together(checked) {
  const failures = checked.filter((failure) => failure !== null);
  return { passed: checked.length - failures.length, failures };
}

function beginning(text) {
  const lines = text.split('\n');
  const most = 200;
  if (lines.length <= most) return text;
  return [...lines.slice(0, most), `… and ${lines.length - most} lines more`].join('\n');
}

function sourcesIn(relative) {
  const folder = path.join(root, relative);
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true })
    .filter((file) => /\.(h|cc)$/.test(file))
    .map((file) => path.join(relative, file))
    .sort();
}

if (isMain(import.meta)) {
  await main(async () => {
    const { values } = parseArgs({
      options: { fix: { type: 'boolean' }, tidy: { type: 'boolean' } },
    });
    const { failures } = await (values.tidy ? tidy() : lint({ fix: values.fix }));
    return failures.length > 0 ? 1 : 0;
  });
}
