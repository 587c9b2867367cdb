#!/usr/bin/env node
/**
 * Builds `build/Release/trt_node.node`. binding.gyp, cmake-js users and prebuildify all come through here, so that what is
 * compiled, and how, stands in CMakeLists.txt alone. Arguments in node-gyp's manner (which prebuildify passes) are accepted
 * and mean nothing here: Node-API makes one binary serve every Node.
 *
 *   TRT_NODE_TOOLCHAIN=zig   compile with PyPI's ziglang against glibc 2.28 (scripts/prebuild-native.mjs does)
 *   TRT_NODE_BUILD_DIR       the build folder, `build` unless said
 */
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}

if (process.platform !== 'linux') {
  console.error(
    `trt-node has native code for Linux with glibc alone; this is ${process.platform}. Nothing was built.`,
  );
  process.exit(1);
}

run(process.execPath, [path.join(root, 'scripts', 'fetch-headers.mjs')]);

const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js');
const toolchain = process.env.TRT_NODE_TOOLCHAIN;
run(process.execPath, [
  cmakeJs,
  // Not `compile`: that starts again from nothing whenever a source does not compile.
  'build',
  '--out',
  process.env.TRT_NODE_BUILD_DIR ?? 'build',
  '--config',
  'Release',
  '--parallel',
  String(os.availableParallelism()),
  '--CDCMAKE_EXPORT_COMPILE_COMMANDS=ON',
  ...(toolchain === 'zig'
    ? [`--CDCMAKE_TOOLCHAIN_FILE=${path.join(root, 'scripts', 'toolchain', 'zig.cmake')}`]
    : []),
]);
