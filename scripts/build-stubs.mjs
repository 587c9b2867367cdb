#!/usr/bin/env node
/**
 * Compiles the test-only stubs of test/stubs: a TensorRT of each ABI (an identity engine behind the headers' own interfaces)
 * and a CUDA driver that works in ordinary memory. `.cache/stubs/<digest>` holds them, where the digest is that of all that
 * they are made from, so they are compiled once. Prints the folder.
 *
 *   v10/libnvinfer.so.10, v11/libnvinfer.so.11 (with their libnvinfer_plugin), rtx/libtensorrt_rtx.so.1, each with its parser
 *   driver/libcuda.so.1, driver/control.node, plugin/libstub_plugin.so
 *   plugin/libroll_plugin.so: no stub but a plugin for a real TensorRT 10; the GPU tests find it by TRT_NODE_TEST_PLUGIN
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
  {
    abi: 'v10',
    library: 'libnvinfer.so.10',
    plugins: 'libnvinfer_plugin.so.10',
    parser: 'libnvonnxparser.so.10',
  },
  {
    abi: 'v11',
    library: 'libnvinfer.so.11',
    plugins: 'libnvinfer_plugin.so.11',
    parser: 'libnvonnxparser.so.11',
  },
  {
    abi: 'rtx',
    library: 'libtensorrt_rtx.so.1',
    plugins: null,
    parser: 'libtensorrt_onnxparser_rtx.so.1',
  },
];

/** The interfaces that the stubs derive from, by their namespace. */
const coreInterfaces = {
  'nvinfer1::apiv': [
    ...['VRuntime', 'VCudaEngine', 'VExecutionContext', 'VEngineInspector'],
    ...['VBuilder', 'VBuilderConfig', 'VNetworkDefinition', 'VTensor', 'VLayer', 'VConstantLayer'],
    ...['VOptimizationProfile', 'VTimingCache', 'VRefitter', 'VSerializationConfig'],
  ],
  nvinfer1: ['IPluginRegistry'],
};
/** RTX's alone. */
const rtxInterfaces = { 'nvinfer1::apiv': ['VRuntimeConfig', 'VRuntimeCache'] };
const parserInterfaces = { nvonnxparser: ['IParser', 'IParserRefitter'] };

/** Enumerations whose numbers differ between the ABIs: what a builder is told is written down by their names. */
const enums = [
  ...['BuilderFlag', 'NetworkDefinitionCreationFlag', 'MemoryPoolType', 'TacticSource'],
  ...['PreviewFeature', 'HardwareCompatibilityLevel', 'ProfilingVerbosity', 'DeviceType'],
  ...['TilingOptimizationLevel', 'SerializationFlag'],
];

/**
 * Compiles what is not there yet. Returns the folder. Of several processes one works at a time: the kernel's lock goes with whoever holds
 * it. The addon has such a lock too, but these are compiled where there is no addon yet.
 */
export function buildStubs() {
  const cache = path.join(root, '.cache');
  fs.mkdirSync(cache, { recursive: true });
  const script = path.join(root, 'scripts', 'build-stubs.mjs');
  const args = [path.join(cache, 'stubs.lock'), process.execPath, script, alone];
  return output('flock', args).trim();
}

/** Makes this script build by itself: whoever started it holds the lock. */
const alone = '--alone';

async function buildAlone() {
  output(process.execPath, [path.join(root, 'scripts', 'fetch-headers.mjs')]);
  const folder = path.join(root, '.cache', 'stubs', digest());
  if (fs.existsSync(folder)) {
    fs.utimesSync(folder, new Date(), new Date());
    return folder;
  }
  const staging = `${folder}.${process.pid}.tmp`;
  try {
    await Promise.all([
      compileDriver(path.join(staging, 'driver')),
      compilePlugin(path.join(staging, 'plugin')),
      compileProfiler(path.join(staging, 'nvtx')),
      ...abis.map((entry) => compileTensorrt(entry, path.join(staging, entry.abi))),
    ]);
    fs.renameSync(staging, folder);
    removeOld(path.dirname(folder));
  } finally {
    fs.rmSync(staging, { recursive: true, force: true });
  }
  return folder;
}

/** Stubs that nobody asked for since yesterday: of sources that are no more, or left by a process that was killed. */
function removeOld(stubs) {
  const dayAgo = Date.now() - 24 * 60 * 60 * 1000;
  for (const name of fs.readdirSync(stubs)) {
    const folder = path.join(stubs, name);
    const { mtimeMs = Infinity } = fs.statSync(folder, { throwIfNoEntry: false }) ?? {};
    if (mtimeMs < dayAgo) fs.rmSync(folder, { recursive: true, force: true });
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

const driverUnits = [
  ...['faults', 'machine', 'memory', 'streams', 'capture'],
  ...['exports', 'exports_stream', 'exports_graph'],
];

async function compileDriver(folder) {
  fs.mkdirSync(folder, { recursive: true });
  await compile([
    ...[...flags, ...includes, '-shared', '-Wl,-soname,libcuda.so.1'],
    ...driverUnits.map((name) => path.join(sources, 'driver', `${name}.cc`)),
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

async function compilePlugin(folder) {
  fs.mkdirSync(folder, { recursive: true });
  await compile([
    ...[...flags, '-shared', path.join(sources, 'plugin', 'plugin.cc')],
    ...['-o', path.join(folder, 'libstub_plugin.so')],
  ]);
  await compile([
    ...[...flags, ...includes, '-isystem', path.join(headers, 'v10'), '-shared'],
    path.join(sources, 'plugin', 'roll.cc'),
    ...['-o', path.join(folder, 'libroll_plugin.so'), '-ldl'],
  ]);
}

async function compileProfiler(folder) {
  fs.mkdirSync(folder, { recursive: true });
  await compile([
    ...[...flags, '-shared', path.join(sources, 'nvtx', 'injection.cc')],
    ...['-o', path.join(folder, 'libstub_profiler.so')],
  ]);
}

async function compileTensorrt({ abi, library, plugins, parser }, folder) {
  const made = path.join(folder, 'made');
  fs.mkdirSync(made, { recursive: true });
  const own = [
    ...[...flags, ...includes, '-isystem', path.join(headers, abi), `-I${made}`],
    `-DTRT_NODE_STUB_${abi.toUpperCase()}=1`,
  ];
  const text = headerText(own);
  const write = (name, content) => fs.writeFileSync(path.join(made, name), content);
  const core = [coreInterfaces, ...(abi === 'rtx' ? [rtxInterfaces] : [])];
  write('unimplemented.h', unimplemented(text, core, 'NvInfer.h'));
  write('unimplemented_parser.h', unimplemented(text, [parserInterfaces], 'NvOnnxParser.h'));
  write('enum_names.h', enumNames(text));
  // NVIDIA's headers take most of the time, so what needs them is one unit.
  const units = [
    ...['library', 'plan', 'write_plan', 'registry', 'engine', 'engine_weights', 'context'],
    ...[
      'enqueue',
      'runtime_config',
      'refitter',
      'network',
      'timing_cache',
      'builder_config',
      'calibration',
    ],
    'builder',
  ].map((unit) => `tensorrt/${unit}.cc`);
  write('together.cc', units.map((unit) => `#include "${unit}"\n`).join(''));
  await compile([
    ...[...own, '-shared', `-Wl,-soname,${library}`],
    ...[path.join(made, 'together.cc'), path.join(sources, 'tensorrt', 'factory.cc')],
    ...['-o', path.join(folder, library), '-pthread', '-ldl'],
  ]);
  await compile([
    ...[...own, '-shared', `-Wl,-soname,${parser}`],
    ...['parser/parser.cc', 'parser/onnx.cc', 'tensorrt/library.cc'].map((unit) =>
      path.join(sources, unit),
    ),
    ...['-o', path.join(folder, parser), '-pthread', '-ldl'],
  ]);
  if (plugins !== null) {
    await compile([
      ...[...flags, '-shared', path.join(sources, 'tensorrt', 'plugins.cc')],
      ...[path.join(folder, library), '-Wl,-rpath,$ORIGIN', '-o', path.join(folder, plugins)],
    ]);
  }
  fs.rmSync(made, { recursive: true });
}

/** The headers without comments, macros and branches that are switched off. */
function headerText(compilerFlags) {
  return output(compiler, [
    ...[...compilerFlags, '-E', '-P', '-x', 'c++', '-include', 'NvInfer.h'],
    ...['-include', 'NvOnnxParser.h', '/dev/null'],
  ]);
}

/**
 * For each interface of the headers a class that has all of its methods, each of which says its name and aborts: the three
 * ABIs differ in what they declare, and trt-node calls little of it.
 */
function unimplemented(text, interfaces, header) {
  const classes = interfaces
    .flatMap(Object.entries)
    .map(
      ([namespace, names]) =>
        `namespace ${namespace} {\n${names.map((name) => classOf(text, name)).join('\n')}\n}`,
    );
  return `#pragma once\n#include <${header}>\n#include "tensorrt/library.h"\n${classes.join('\n')}\n`;
}

function classOf(text, name) {
  const body = new RegExp(`class ${name}\\s*(?:: public VRoot)?\\s*\\{([^]*?)\\n?\\};`).exec(
    text,
  )?.[1];
  if (body === undefined) throw new StepError(`the headers have no interface ${name}`);
  const methods = body
    .split(';')
    .map((declaration) =>
      declaration
        .replace(/^\s*(public|protected):/, '')
        .trim()
        .replaceAll(/\s+/g, ' '),
    )
    .filter((declaration) => declaration.includes('virtual ') && !declaration.includes('~'))
    .map((declaration) => {
      const method = /(\w+)\s*\(/.exec(declaration.replace('[[deprecated]]', ''))?.[1];
      const signature = declaration.replace('virtual ', '').replace(/ ?= ?0$/, '');
      return `  ${signature} override { ::stub::NotImplemented("${name}::${method}"); }`;
    });
  return `class Unimplemented${name} : public ${name} {\n public:\n${methods.join('\n')}\n};`;
}

/** NameOf(BuilderFlag::kFP16) → "FP16", for every enumeration in `enums`. */
function enumNames(text) {
  const functions = enums.map((name) => {
    const body = new RegExp(`enum class ${name} : \\w+\\s*\\{([^}]*)\\}`).exec(text)?.[1];
    if (body === undefined) throw new StepError(`the headers have no enumeration ${name}`);
    const tests = [...body.matchAll(/\bk([A-Z0-9_]+)\b(?=[^,=]*(?:=\s*\d|,|\s*$))/g)].map(
      ([, enumerator]) =>
        `  if (value == nvinfer1::${name}::k${enumerator}) return "${enumerator}";`,
    );
    return `inline const char* NameOf(nvinfer1::${name} value) {\n${tests.join('\n')}\n  return "unknown";\n}`;
  });
  return `#pragma once\n#include <NvInfer.h>\nnamespace stub {\n${functions.join('\n')}\n}\n`;
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
  const build = process.argv.includes(alone) ? buildAlone : buildStubs;
  await main(async () => console.log(await build()));
}
