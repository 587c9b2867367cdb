#!/usr/bin/env node
/**
 * Compiles the test-only stubs of test/stubs: a TensorRT of each ABI (an identity engine behind the headers' own interfaces)
 * and a CUDA driver that works in ordinary memory. `.cache/stubs/<digest>` holds them, where the digest is that of all that
 * they are made from, so they are compiled once. Prints the folder.
 *
 *   v10/libnvinfer.so.10, v11/libnvinfer.so.11 (with their libnvinfer_plugin), rtx/libtensorrt_rtx.so.1
 *   driver/libcuda.so.1, driver/control.node
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { isMain, main, output, root, StepError } from './process.mjs';

const sources = path.join(root, 'test', 'stubs');
const headers = path.join(root, '.cache', 'headers');
const compiler = process.env.CXX ?? 'c++';
const flags = [
  ...['-std=c++20', '-O1', '-g1', '-fPIC', '-fvisibility=hidden', '-fno-gnu-unique'],
  ...['-Wall', '-Wextra', '-Wno-unused-parameter', '-Wno-deprecated-declarations'],
];

const abis = [
  { abi: 'v10', library: 'libnvinfer.so.10', plugins: 'libnvinfer_plugin.so.10' },
  { abi: 'v11', library: 'libnvinfer.so.11', plugins: 'libnvinfer_plugin.so.11' },
  { abi: 'rtx', library: 'libtensorrt_rtx.so.1', plugins: null },
];

/** The interfaces that the stubs derive from. */
const interfaces = ['VRuntime', 'VCudaEngine', 'VExecutionContext', 'VEngineInspector'];

/** Compiles what is not there yet. Returns the folder. Safe to be called by several processes at a time. */
export async function buildStubs() {
  output(process.execPath, [path.join(root, 'scripts', 'fetch-headers.mjs')]);
  const folder = path.join(root, '.cache', 'stubs', digest());
  if (fs.existsSync(folder)) return folder;
  const staging = `${folder}.${process.pid}.tmp`;
  try {
    await Promise.all([
      compileDriver(path.join(staging, 'driver')),
      ...abis.map((entry) => compileTensorrt(entry, path.join(staging, entry.abi))),
    ]);
    publish(staging, folder);
    removeOld(path.dirname(folder));
  } finally {
    fs.rmSync(staging, { recursive: true, force: true });
  }
  return folder;
}

/** Stubs of sources that are no more; not those of today, which another process may be using. */
function removeOld(stubs) {
  const dayAgo = Date.now() - 24 * 60 * 60 * 1000;
  for (const name of fs.readdirSync(stubs)) {
    const folder = path.join(stubs, name);
    const { mtimeMs = Infinity } = fs.statSync(folder, { throwIfNoEntry: false }) ?? {};
    if (mtimeMs < dayAgo) fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** The folder appears whole or not at all; whoever comes second keeps the first one's. */
function publish(staging, folder) {
  try {
    fs.renameSync(staging, folder);
  } catch (error) {
    if (!['EEXIST', 'ENOTEMPTY'].includes(error.code)) throw error;
  }
}

function digest() {
  const hash = createHash('sha256');
  const add = (file) => hash.update(`${path.basename(file)}\0`).update(fs.readFileSync(file));
  hash.update(output(compiler, ['--version']));
  add(path.join(root, 'scripts', 'build-stubs.mjs'));
  for (const file of filesIn(sources)) add(file);
  for (const { abi } of abis) {
    const source = path.join(headers, abi, 'source.txt');
    if (!fs.existsSync(source)) {
      throw new StepError(`the stubs need TensorRT's headers of every ABI, and ${abi} has none`);
    }
    add(source);
  }
  return hash.digest('hex').slice(0, 16);
}

function filesIn(folder) {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}

const includes = [
  `-I${sources}`,
  ...['-isystem', path.join(root, 'native', 'include'), '-isystem', path.join(headers, 'cuda')],
];

async function compileDriver(folder) {
  fs.mkdirSync(folder, { recursive: true });
  await compile([
    ...[...flags, ...includes, '-shared', '-Wl,-soname,libcuda.so.1'],
    ...['faults.cc', 'machine.cc', 'exports.cc'].map((name) => path.join(sources, 'driver', name)),
    ...['-o', path.join(folder, 'libcuda.so.1'), '-pthread'],
  ]);
  const nodeHeaders = createRequire(import.meta.url).resolve('node-api-headers/package.json');
  await compile([
    ...[...flags, ...includes, '-isystem', path.join(path.dirname(nodeHeaders), 'include')],
    ...['-shared', path.join(sources, 'control', 'control.cc')],
    ...[path.join(folder, 'libcuda.so.1'), '-Wl,-rpath,$ORIGIN'],
    ...['-o', path.join(folder, 'control.node')],
  ]);
}

async function compileTensorrt({ abi, library, plugins }, folder) {
  fs.mkdirSync(folder, { recursive: true });
  const own = [
    ...[...flags, ...includes, '-isystem', path.join(headers, abi), `-I${folder}`],
    `-DTRT_NODE_STUB_${abi.toUpperCase()}=1`,
  ];
  fs.writeFileSync(path.join(folder, 'unimplemented.h'), unimplemented(own));
  // NVIDIA's headers take most of the time, so what needs them is one unit.
  const units = ['library', 'plan', 'engine', 'context', 'enqueue'].map(
    (unit) => `tensorrt/${unit}.cc`,
  );
  const together = path.join(folder, 'together.cc');
  fs.writeFileSync(together, units.map((unit) => `#include "${unit}"\n`).join(''));
  await compile([
    ...[...own, '-shared', `-Wl,-soname,${library}`],
    ...[together, path.join(sources, 'tensorrt', 'factory.cc')],
    ...['-o', path.join(folder, library), '-pthread', '-ldl'],
  ]);
  if (plugins !== null) {
    await compile([
      ...[...flags, '-shared', path.join(sources, 'tensorrt', 'plugins.cc')],
      ...[path.join(folder, library), '-Wl,-rpath,$ORIGIN', '-o', path.join(folder, plugins)],
    ]);
  }
  for (const name of ['together.cc', 'unimplemented.h']) fs.rmSync(path.join(folder, name));
}

/**
 * For each interface of the headers a class that has all of its methods, each of which says its name and aborts: the three
 * ABIs differ in what they declare, and trt-node calls little of it.
 */
function unimplemented(compilerFlags) {
  // Without comments, macros and branches that are switched off.
  const text = output(compiler, [
    ...[...compilerFlags, '-E', '-P', '-x', 'c++', '-include', 'NvInferRuntime.h', '/dev/null'],
  ]);
  const classes = interfaces.map((name) => {
    const body = new RegExp(`class ${name} : public VRoot\\s*\\{([^]*?)\\n?\\};`).exec(text)?.[1];
    if (body === undefined) throw new StepError(`the headers have no interface ${name}`);
    const methods = body
      .split(';')
      .map((declaration) =>
        declaration
          .replace(/^\s*public:/, '')
          .trim()
          .replaceAll(/\s+/g, ' '),
      )
      .filter((declaration) => declaration.includes('virtual '))
      .map((declaration) => {
        const method = /(\w+)\s*\(/.exec(declaration)?.[1];
        const signature = declaration.replace('virtual ', '').replace(/ ?= ?0$/, '');
        return `  ${signature} override { ::stub::NotImplemented("${name}::${method}"); }`;
      });
    return `class Unimplemented${name} : public ${name} {\n public:\n${methods.join('\n')}\n};`;
  });
  return [
    '#pragma once',
    '#include "tensorrt/library.h"',
    'namespace nvinfer1::apiv {',
    ...classes,
    '}  // namespace nvinfer1::apiv',
    '',
  ].join('\n');
}

function compile(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(compiler, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let words = '';
    child.stdout.on('data', (data) => (words += data));
    child.stderr.on('data', (data) => (words += data));
    child.once('error', reject);
    child.once('close', (code) => {
      // A warning is a failure too: nobody would read it.
      if (code === 0 && words === '') resolve();
      else reject(new StepError(`${compiler} ${args.join(' ')} exited with ${code}:\n${words}`));
    });
  });
}

if (isMain(import.meta)) {
  await main(async () => console.log(await buildStubs()));
}
