#!/usr/bin/env node
/**
 * What a fresh clone lacks, made when it is missing or stale: node_modules, dist, the addon, a TensorRT that can build.
 * Node's own modules alone are imported: this runs before `npm ci`. Each function prints one line when it did something.
 */
import fs from 'node:fs';
import path from 'node:path';
import { capture, isMain, main, root, run, since, StepError } from './process.mjs';

const addon = path.join(root, 'build', 'Release', 'trt_node.node');
const cli = path.join(root, 'dist', 'cli', 'main.js');

/** `npm ci`, when node_modules is missing or older than the lock file. */
export function ensureModules() {
  const folder = path.join(root, 'node_modules');
  const installed = modified(path.join(folder, '.package-lock.json'));
  if (installed >= modified(path.join(root, 'package-lock.json')) && installed > 0) return;
  if (fs.lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink()) {
    // `npm ci` empties the folder that a link leads to, under whoever else uses it.
    throw new StepError(
      `${folder} is a symbolic link and older than package-lock.json: run npm ci where it leads to, or remove the link`,
    );
  }
  timed('node_modules', () => run('npm', ['ci', '--no-audit', '--no-fund']));
  // npm keeps the time of an unchanged list: without this, the next run would install again.
  fs.utimesSync(path.join(folder, '.package-lock.json'), new Date(), new Date());
}

/** The addon, when it is missing or older than a source of it. */
export function ensureNative() {
  const sources = ['native', 'CMakeLists.txt', 'scripts/build-native.mjs'];
  if (modified(addon) >= newest(sources)) return;
  timed('addon', () => {
    run(process.execPath, [path.join(root, 'scripts', 'build-native.mjs')]);
    if (!fs.existsSync(addon)) throw new StepError(`the native build ended without ${addon}`);
    // CMake leaves a binary alone whose sources are newer but the same.
    fs.utimesSync(addon, new Date(), new Date());
  });
}

/** dist, when it is missing or older than a source of it. */
export function ensureTypeScript() {
  const stamp = path.join(root, 'dist', 'index.js');
  if (modified(stamp) >= newest(['lib', 'tsconfig.json', 'scripts/build-report-page.mjs'])) return;
  timed('TypeScript', () => {
    // What a deleted source left behind would be packed.
    fs.rmSync(path.join(root, 'dist'), { recursive: true, force: true });
    run(process.execPath, [
      path.join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
      ...['--project', 'tsconfig.json', '--noEmitOnError'],
    ]);
    run(process.execPath, [path.join(root, 'scripts', 'build-report-page.mjs')]);
    fs.utimesSync(stamp, new Date(), new Date());
  });
}

export function ensureBuilt() {
  ensureModules();
  ensureTypeScript();
  ensureNative();
}

/** A TensorRT that can build on this machine; TensorRT-RTX is fetched when there is none. Needs `ensureBuilt`. */
export function ensureRuntime() {
  if (canDo('build')) return;
  timed('TensorRT', () => {
    run(process.execPath, [cli, 'setup']);
    if (!canDo('build')) {
      run(process.execPath, [cli, 'doctor', '--for', 'build']);
      throw new StepError('trt-node setup ended well, yet doctor finds no TensorRT that can build');
    }
  });
}

/** What `trt-node doctor` says: whether this machine can build, or infer. */
export function canDo(job) {
  const { status, stdout, stderr } = capture(process.execPath, [
    ...[cli, 'doctor', '--for', job, '--json'],
  ]);
  try {
    JSON.parse(stdout);
  } catch {
    throw new StepError(
      `trt-node doctor --json printed no JSON (exit ${status}):\n${stdout}${stderr}`,
    );
  }
  return status === 0;
}

function timed(what, work) {
  const start = performance.now();
  work();
  console.log(`${what.padEnd(14)}made (${since(start)})`);
}

/** When a file was last written, in ms; 0 for none. */
function modified(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** When the youngest of these files, or of the files in these folders, was last written. */
function newest(names) {
  let time = 0;
  for (const name of names) {
    const entry = path.join(root, name);
    time = Math.max(time, modified(entry));
    if (!fs.statSync(entry, { throwIfNoEntry: false })?.isDirectory()) continue;
    for (const file of fs.readdirSync(entry, { recursive: true })) {
      time = Math.max(time, modified(path.join(entry, file)));
    }
  }
  return time;
}

if (isMain(import.meta)) {
  await main(() => {
    ensureBuilt();
    ensureRuntime();
  });
}
