#!/usr/bin/env node
/**
 * Keeps the three TensorRT backends apart. They are one source, compiled once per TensorRT ABI; the linker keeps one copy of
 * every inline function and template that two of them define under one name. When such a copy sees a TensorRT header, one
 * backend runs with the other's flag values and vtable slots, in silence.
 *
 *   node scripts/check-odr.mjs [--build build] [--native native]
 *
 * Two looks. At the sources: a header that sees TensorRT opens no namespace of ours but trtnode::TRT_NODE_ABI. At the objects: two
 * backends share no weak symbol but those listed here and those that a header without TensorRT declares. The first finds
 * what the optimizer has inlined away, the second what a macro or a forward declaration hides.
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { isMain, main, output, root, StepError } from './process.mjs';

/** Names that may be shared, by outermost namespace. */
const sharedNamespaces = new Map([
  ['std', 'one standard library serves all backends'],
  ['__gnu_cxx', "libstdc++'s own helpers"],
  ['__cxxabiv1', "the C++ runtime's own types"],
]);

/** Names without a namespace that may be shared. */
const sharedSymbols = [
  /^_Z(n[wa]|d[la])/, // operator new and delete
  /^__gxx_personality_v0$/, // the C++ runtime's exception handler
  /^__clang_call_terminate$/, // the compiler's own
];

/** Every problem found, a sentence each. */
export function findOdrProblems({ build, native }) {
  const headers = readHeaders(native);
  return [...headerProblems(headers), ...objectProblems(findBackends(build), headers)];
}

function headerProblems(headers) {
  const problems = [];
  for (const { file, text, seesTensorRT } of headers.values()) {
    if (!seesTensorRT) continue;
    for (const [, name] of text.matchAll(/^\s*(?:inline\s+)?namespace\s+([\w:]+)\s*\{/gm)) {
      if (!/^trtnode\b/.test(name) || /^trtnode::TRT_NODE_ABI\b/.test(name)) continue;
      problems.push(
        `${file} sees a TensorRT header and opens namespace ${name}: what it declares differs per ABI and belongs in ` +
          'namespace trtnode::TRT_NODE_ABI',
      );
    }
  }
  return problems;
}

function objectProblems(backends, headers) {
  const owners = new Map();
  for (const [backend, objects] of backends) {
    for (const symbol of weakSymbols(objects)) {
      owners.set(symbol, [...(owners.get(symbol) ?? []), backend]);
    }
  }
  const clashes = [...owners].filter(([symbol, by]) => by.length > 1 && !mayShare(symbol, headers));
  const names = demangle(clashes.map(([symbol]) => symbol));
  return clashes.map(
    ([, by], i) =>
      `${names[i]} is defined by the backends ${by.join(', ')}: the linker would keep one for all of them. ` +
      'Put it into namespace trtnode::TRT_NODE_ABI, or declare it in a header that sees no TensorRT',
  );
}

function mayShare(weakSymbol, headers) {
  // A reference to a symbol that the compiler keeps for position-independent exception tables.
  const symbol = weakSymbol.replace(/^DW\.ref\./, '');
  if (sharedSymbols.some((pattern) => pattern.test(symbol))) return true;
  const [outer, inner] = scopeOf(symbol);
  if (outer === undefined) return false;
  if (sharedNamespaces.has(outer)) return true;
  if (outer !== 'trtnode' || inner === undefined) return false;
  const word = new RegExp(`\\b${inner}\\b`);
  return [...headers.values()].some(({ text, seesTensorRT }) => !seesTensorRT && word.test(text));
}

/**
 * The first two names of a mangled symbol's scope: `_ZN7trtnode3LogEv` is ['trtnode', 'Log']. Read from the mangled name, since a
 * demangled one begins with the return type of a template.
 */
export function scopeOf(symbol) {
  let rest = symbol.replace(/^_Z/, '');
  // Tables and type information, guards, thunks, a function's own statics and lambdas: what they belong to follows.
  for (let before; before !== rest;) {
    before = rest;
    rest = rest.replace(/^(T[VTISWH]|G[VR]|Z|Th[n\d]+_|Tv[n\d]+_[n\d]+_)/, '');
  }
  rest = rest.replace(/^N[rVK]*[RO]?/, '');
  if (/^S[tabsiod]/.test(rest)) return ['std'];
  const names = [];
  while (names.length < 2) {
    const length = /^L?(\d+)/.exec(rest);
    if (!length) break;
    const start = length[0].length;
    names.push(rest.slice(start, start + Number(length[1])));
    rest = rest.slice(start + Number(length[1]));
  }
  return names;
}

/** Weak and unique definitions: `nm` writes undefined weak symbols in lower case. */
function weakSymbols(objects) {
  const symbols = new Set();
  for (const line of output('nm', ['--format=posix', ...objects]).split('\n')) {
    const [name, type] = line.split(' ');
    if (type === 'W' || type === 'V' || type === 'u') symbols.add(name);
  }
  return symbols;
}

function demangle(symbols) {
  if (symbols.length === 0) return [];
  const options = { input: symbols.join('\n'), stdio: ['pipe', 'pipe', 'pipe'] };
  return output('c++filt', [], options).trimEnd().split('\n');
}

/** Object files by backend, from CMake's folders `trt_<abi>.dir`. */
function findBackends(build) {
  const backends = new Map();
  const files = fs.existsSync(build) ? fs.readdirSync(build, { recursive: true }) : [];
  for (const file of files) {
    const [, abi] = /(?:^|\/)CMakeFiles\/trt_(v\d+|rtx)\.dir\/.*\.o$/.exec(file) ?? [];
    if (abi === undefined) continue;
    backends.set(abi, [...(backends.get(abi) ?? []), path.join(build, file)]);
  }
  if (backends.size < 2) {
    throw new StepError(
      `expected the objects of two or more backends under ${build} but found ${backends.size}: run npm run build:native`,
    );
  }
  return backends;
}

/** Our headers, and which of them see TensorRT: by an include, by one of NVIDIA's names or by a macro that differs per ABI. */
function readHeaders(native) {
  const headers = new Map();
  for (const file of fs.existsSync(native) ? fs.readdirSync(native, { recursive: true }) : []) {
    if (!file.endsWith('.h')) continue;
    const text = fs.readFileSync(path.join(native, file), 'utf8');
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    const seesTensorRT =
      /#\s*include\s*["<]Nv\w+\.h[">]|\bnvinfer1\b|\bnvonnxparser\b|\bTRT_NODE_ABI/.test(code);
    headers.set(file, { file: path.join(native, file), text: code, seesTensorRT });
  }
  for (let changed = true; changed;) {
    changed = false;
    for (const [file, header] of headers) {
      if (header.seesTensorRT) continue;
      header.seesTensorRT = includesOf(file, header.text).some(
        (name) => headers.get(name)?.seesTensorRT,
      );
      changed ||= header.seesTensorRT;
    }
  }
  return headers;
}

function includesOf(file, text) {
  const names = [...text.matchAll(/#\s*include\s*"([^"]+)"/g)].map((match) => match[1]);
  return names.flatMap((name) => [name, path.join(path.dirname(file), name)]);
}

if (isMain(import.meta)) {
  await main(() => {
    const { values } = parseArgs({
      options: { build: { type: 'string' }, native: { type: 'string' } },
    });
    const build = path.resolve(values.build ?? path.join(root, 'build'));
    const native = path.resolve(values.native ?? path.join(root, 'native'));
    const problems = findOdrProblems({ build, native });
    for (const problem of problems) console.error(problem);
    if (problems.length === 0) console.log('the backends share nothing that sees TensorRT');
    return problems.length > 0 ? 1 : 0;
  });
}
