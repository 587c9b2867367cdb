#!/usr/bin/env node
/**
 * Checks that a `.node` runs where we say it runs: what it links to, how new a C and C++ runtime it asks for, what it exports,
 * and that nothing can unload it.
 *
 *   node scripts/check-native.mjs FILE [--glibc 2.28] [--local]
 *
 * `--glibc` is the newest glibc version that a symbol may ask for (2.35 unless said). `--local` leaves the versions out:
 * a binary that is compiled on a machine for that machine may use all of it.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { isMain, main, output, StepError } from './process.mjs';

const allowedLibraries = [
  /^libc\.so\.6$/,
  /^libm\.so\.6$/,
  /^libdl\.so\.2$/,
  /^libpthread\.so\.0$/,
  /^librt\.so\.1$/,
  /^ld-linux[\w-]*\.so\.\d+$/,
  /^libgcc_s\.so\.1$/,
  /^libstdc\+\+\.so\.6$/,
];

// libstdc++ and libgcc of GCC 12, the oldest compiler line whose runtime Ubuntu 22.04 and Debian 12 both bring.
const newestVersions = { GLIBCXX: '3.4.30', CXXABI: '1.3.13', GCC: '12.0.0' };

const entryPoints = new Set(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);

/** What is wrong with a binary, a sentence each; empty when it is right. */
export function findProblems(file, { glibc = '2.35', local = false } = {}) {
  const dynamic = readelf('-d', file);
  const symbols = readSymbols(file);
  return [
    ...linkProblems(dynamic),
    ...(local ? [] : versionProblems(file, symbols, { ...newestVersions, GLIBC: glibc })),
    ...exportProblems(symbols),
  ];
}

function linkProblems(dynamic) {
  const problems = [];
  const needed = [...dynamic.matchAll(/\(NEEDED\)\s+Shared library: \[(.+?)\]/g)].map((m) => m[1]);
  const foreign = needed.filter((name) => !allowedLibraries.some((allowed) => allowed.test(name)));
  if (foreign.length > 0) {
    problems.push(
      `links to ${foreign.join(', ')}; only the C and C++ runtime may be NEEDED, everything else is opened by dlopen`,
    );
  }
  if (!/\(FLAGS_1\).*\bNODELETE\b/.test(dynamic)) {
    problems.push(
      'is not linked with -Wl,-z,nodelete; Node would unload it with the worker that loaded it, under running threads',
    );
  }
  const searchPath = /\((RPATH|RUNPATH)\)\s+Library \w+: \[(.*?)\]/.exec(dynamic);
  if (searchPath) problems.push(`has a ${searchPath[1]}, ${searchPath[2]}; it must have none`);
  if (/\(TEXTREL\)/.test(dynamic)) problems.push('has text relocations; compile with -fPIC');
  return problems;
}

function versionProblems(file, symbols, limits) {
  // The version table, not only the symbols: GLIBC_ABI_DT_RELR, say, is asked for without one.
  const asked = [...readelf('-V', file).matchAll(/Name: (\S+)\s+Flags:/g)].map((m) => m[1]);
  const problems = [];
  for (const version of [...new Set(asked)].sort()) {
    const [, family, number] = /^(\w+?)_(\d[\d.]*)$/.exec(version) ?? [];
    const limit = family === undefined ? undefined : limits[family];
    if (limit !== undefined && compareVersions(number, limit) <= 0) continue;
    const users = symbols.filter((symbol) => symbol.version === version).map(({ name }) => name);
    const allowed = limit === undefined ? 'which is not allowed' : `newer than ${family}_${limit}`;
    const names = users.length > 0 ? users.join(', ') : '(no symbol; the linker added it)';
    problems.push(`asks for ${version}, ${allowed}: ${names}`);
  }
  return problems;
}

function exportProblems(symbols) {
  const exported = symbols.filter((symbol) => symbol.exported).map(({ name }) => name);
  const extra = exported.filter((name) => !entryPoints.has(name));
  const problems = [];
  if (!exported.includes('napi_register_module_v1')) {
    problems.push('does not export napi_register_module_v1; it is no Node-API addon');
  }
  if (extra.length > 0) {
    const shown = extra.slice(0, 20).join(', ');
    const rest = extra.length > 20 ? ` and ${extra.length - 20} more` : '';
    problems.push(
      `exports ${extra.length} symbols besides Node-API's entry points, which other libraries of the process could bind to` +
        ` (hide them with a version script): ${shown}${rest}`,
    );
  }
  return problems;
}

function readSymbols(file) {
  const symbols = [];
  for (const line of readelf('--dyn-syms', file).split('\n')) {
    const match = /^\s*\d+:\s+[\da-f]+\s+\S+\s+\S+\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)/.exec(line);
    if (!match) continue;
    const [, bind, visibility, section, versioned] = match;
    const [name, version] = versioned.split(/@+/);
    const visible = visibility === 'DEFAULT' || visibility === 'PROTECTED';
    symbols.push({ name, version, exported: section !== 'UND' && bind !== 'LOCAL' && visible });
  }
  return symbols;
}

function readelf(option, file) {
  return output('readelf', ['-W', option, path.resolve(file)], {
    env: { ...process.env, LC_ALL: 'C' },
  });
}

function compareVersions(a, b) {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

if (isMain(import.meta)) {
  await main(() => {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { glibc: { type: 'string' }, local: { type: 'boolean' } },
    });
    const [file] = positionals;
    if (positionals.length !== 1) {
      throw new StepError('usage: node scripts/check-native.mjs FILE [--glibc 2.28] [--local]');
    }
    if (values.glibc !== undefined && !/^\d+\.\d+$/.test(values.glibc)) {
      throw new StepError(
        `expected a version such as 2.28 for --glibc but received ${values.glibc}`,
      );
    }
    const problems = findProblems(file, values);
    for (const problem of problems) console.error(`${file} ${problem}`);
    if (problems.length === 0) console.log(`${file} is as it should be`);
    return problems.length > 0 ? 1 : 0;
  });
}
