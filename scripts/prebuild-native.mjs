#!/usr/bin/env node
/**
 * Builds the binary that is published, prebuilds/linux-x64/trt-node.glibc.node: compiled by Zig's Clang for glibc 2.28 with libc++
 * inside, stripped, and checked. Nothing is built again while its sources and the result are what they were.
 *
 * It is built in a folder of its own, since prebuildify moves the binary away from where it was built.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { findProblems } from './check-native.mjs';
import { isMain, main, root, run, since, StepError } from './process.mjs';
import { pythonTool, pythonToolVersion } from './python-tool.mjs';

const glibc = '2.28';
const folder = path.join(root, '.cache', 'prebuild');
const stamp = path.join(folder, 'stamp.json');

/** The published binary's path, built first where needed. */
export const prebuilt = path.join(root, 'prebuilds', 'linux-x64', 'trt-node.glibc.node');

export function ensurePrebuilt() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new StepError(
      `the published binary is built on Linux x64; this is ${process.platform} ${process.arch}`,
    );
  }
  const sources = digestOfSources();
  if (isCurrent(sources)) return;
  const start = performance.now();
  pythonTool('ziglang');
  fs.rmSync(path.join(root, 'prebuilds'), { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  run(
    path.join(root, 'node_modules', '.bin', 'prebuildify'),
    [
      ...['--napi', '--strip', '--tag-libc', '--name', 'trt-node', '--arch', 'x64'],
      ...['--target', process.version],
      ...['--cwd', folder, '--out', root],
      ...['--node-gyp', path.join(root, 'scripts', 'build-native.mjs')],
    ],
    {
      env: {
        ...process.env,
        TRT_NODE_TOOLCHAIN: 'zig',
        TRT_NODE_BUILD_DIR: path.join(folder, 'build'),
        PREBUILD_LIBC: 'glibc',
      },
    },
  );
  checkPrebuilt();
  fs.writeFileSync(stamp, JSON.stringify({ sources, binary: digestOf([prebuilt]) }));
  const megabytes = (fs.statSync(prebuilt).size / 1e6).toFixed(1);
  console.log(`prebuild      made, ${megabytes} MB, glibc ${glibc} (${since(start)})`);
}

/** Fails unless the published binary is there, made of the sources as they are, and right. Builds nothing. */
export function requirePrebuilt() {
  if (!isCurrent(digestOfSources())) {
    const name = path.relative(root, prebuilt);
    const state = fs.existsSync(prebuilt) ? 'was not made from the current sources' : 'is missing';
    throw new StepError(
      `the package needs ${name}, which ${state}: run \`npm run build:prebuilt\` (after \`npm ci\`)`,
    );
  }
  checkPrebuilt();
}

function checkPrebuilt() {
  const problems = findProblems(prebuilt, { glibc });
  if (problems.length > 0) {
    throw new StepError(problems.map((problem) => `${prebuilt} ${problem}`).join('\n'));
  }
}

function isCurrent(sources) {
  if (!fs.existsSync(stamp) || !fs.existsSync(prebuilt)) return false;
  const made = JSON.parse(fs.readFileSync(stamp, 'utf8'));
  return made.sources === sources && made.binary === digestOf([prebuilt]);
}

function digestOfSources() {
  const names = ['native', 'scripts/toolchain'].flatMap((name) =>
    fs.readdirSync(path.join(root, name), { recursive: true }).map((file) => path.join(name, file)),
  );
  const single = ['CMakeLists.txt', 'scripts/build-native.mjs', 'scripts/fetch-headers.mjs'];
  const lock = 'package-lock.json'; // the versions of cmake-js and node-addon-api
  const files = [...names, ...single, lock].map((name) => path.join(root, name)).sort();
  return digestOf(files.filter((file) => fs.statSync(file).isFile()));
}

function digestOf(files) {
  const hash = createHash('sha256').update(pythonToolVersion('ziglang'));
  for (const file of files) {
    hash.update(`\0${path.relative(root, file)}\0`).update(fs.readFileSync(file));
  }
  return hash.digest('hex');
}

if (isMain(import.meta)) {
  await main(() => {
    ensurePrebuilt();
    console.log(path.relative(root, prebuilt));
  });
}
