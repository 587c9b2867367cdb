#!/usr/bin/env node
/**
 * Form and lint, one line per tool: prettier, eslint, the tests' types, clang-format.
 *
 *   node scripts/lint.mjs          check
 *   node scripts/lint.mjs --fix    write what can be fixed
 *   node scripts/lint.mjs --tidy   clang-tidy on the native sources, unless they passed as they are (slow; needs a native build)
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { capture, isMain, main, root, since, StepError } from './process.mjs';
import { pythonTool, pythonToolVersion } from './python-tool.mjs';

/** The fresh failures of all checks, and how many ran: `{ passed, failed }`. */
export function lint({ fix = false } = {}) {
  const bin = path.join(root, 'node_modules', '.bin');
  const folders = ['native', path.join('test', 'stubs'), path.join('test', 'sanitize'), 'bench'];
  const sources = folders.flatMap(sourcesIn);
  const checks = [
    [
      'prettier',
      path.join(bin, 'prettier'),
      [fix ? '--write' : '--check', '--log-level=warn', '.'],
    ],
    ['eslint', path.join(bin, 'eslint'), [...(fix ? ['--fix'] : []), '--max-warnings=0', '.']],
    ['test types', path.join(bin, 'tsc'), ['--project', 'test/tsconfig.json']],
  ];
  if (sources.length > 0) {
    const mode = fix ? ['-i'] : ['--dry-run', '--Werror'];
    checks.push(['clang-format', pythonTool('clang-format'), [...mode, ...sources]]);
  }
  let passed = 0;
  for (const [name, command, args] of checks) if (check(name, command, args)) passed++;
  return { passed, failed: checks.length - passed };
}

/** clang-tidy over what the last native build compiled. One process per core: each takes some 500 MB. */
export function tidy() {
  const database = path.join(root, 'build');
  if (!fs.existsSync(path.join(database, 'compile_commands.json'))) {
    throw new StepError('clang-tidy needs build/compile_commands.json: run `npm run build:native`');
  }
  const passedBefore = path.join(root, '.cache', 'clang-tidy-passed.txt');
  const digest = digestForTidy();
  if (fs.existsSync(passedBefore) && fs.readFileSync(passedBefore, 'utf8') === digest) {
    console.log('clang-tidy    ok (nothing changed since it passed)');
    return { passed: 1, failed: 0 };
  }
  const args = ['-P', String(os.availableParallelism()), '-n', '1', pythonTool('clang-tidy')];
  const input = sourcesIn('native')
    .filter((file) => file.endsWith('.cc'))
    .join('\n');
  const options = { input, stdio: ['pipe', 'pipe', 'pipe'] };
  const passed = check('clang-tidy', 'xargs', [...args, '--quiet', '-p', database], options);
  if (passed) fs.writeFileSync(passedBefore, digest);
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1 };
}

/** Everything of ours that clang-tidy's verdict depends on. */
function digestForTidy() {
  const hash = createHash('sha256').update(pythonToolVersion('clang-tidy'));
  for (const file of ['.clang-tidy', 'CMakeLists.txt', ...sourcesIn('native')]) {
    hash.update(`\0${file}\0`).update(fs.readFileSync(path.join(root, file)));
  }
  return hash.digest('hex');
}

function check(name, command, args, options = {}) {
  const start = performance.now();
  const result = capture(command, args, options);
  const ok = result.status === 0;
  console.log(`${name.padEnd(14)}${ok ? 'ok' : 'FAILED'} (${since(start)})`);
  if (!ok) console.log(beginning(`${result.stdout}${result.stderr}`.trimEnd()));
  return ok;
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
  await main(() => {
    const { values } = parseArgs({
      options: { fix: { type: 'boolean' }, tidy: { type: 'boolean' } },
    });
    return (values.tidy ? tidy() : lint({ fix: values.fix })).failed > 0 ? 1 : 0;
  });
}
