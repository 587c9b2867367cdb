#!/usr/bin/env node
/**
 * Compiles bench/floor.cc to build/bench/floor with TensorRT 10's headers from the folder that the addon is compiled from. Nothing of
 * NVIDIA's is linked, and the C++ runtime is linked in, so that the program runs on another machine.
 *
 *   CXX                      the compiler, c++ unless said
 *   TRT_NODE_TOOLCHAIN=zig   compile against glibc 2.28, as scripts/prebuild-native.mjs does
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { isMain, main, output, root, run } from '../scripts/process.mjs';

export const floorPath = path.join(root, 'build', 'bench', 'floor');

/** @param {string} file where the program is to lie */
export function buildFloor(file = floorPath) {
  output(process.execPath, [path.join(root, 'scripts', 'fetch-headers.mjs')]);
  const headers = path.join(root, '.cache', 'headers');
  const isZig = process.env.TRT_NODE_TOOLCHAIN === 'zig';
  const compiler = isZig
    ? path.join(root, 'scripts', 'toolchain', 'zig-c++')
    : (process.env.CXX ?? 'c++');
  mkdirSync(path.dirname(file), { recursive: true });
  run(compiler, [
    ...['-std=c++20', '-O2', '-Wall', '-Wextra', '-Wno-deprecated-declarations'],
    ...['-isystem', path.join(root, 'native', 'include')],
    ...['-isystem', path.join(headers, 'cuda'), '-isystem', path.join(headers, 'v10')],
    path.join(root, 'bench', 'floor.cc'),
    ...['-o', file, '-pthread', '-ldl'],
    // Zig's libc++ is in the program anyway.
    ...(isZig ? [] : ['-static-libstdc++', '-static-libgcc']),
  ]);
  return file;
}

if (isMain(import.meta)) await main(() => console.log(buildFloor()));
