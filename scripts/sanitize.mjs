#!/usr/bin/env node
/**
 * `npm run test:sanitize`: native/core, cuda, exec and trt in a C++ program on the stub driver and the stub TensorRT 10 (test/stubs),
 * under AddressSanitizer with LeakSanitizer and UndefinedBehaviorSanitizer, and under ThreadSanitizer. Node itself is not
 * instrumented, so they run here and not in the addon. One line for each check of test/sanitize.
 *
 *   node scripts/sanitize.mjs                        both
 *   node scripts/sanitize.mjs --only thread          one of them
 *   node scripts/sanitize.mjs --only thread deadlines lanes_and_graphs     these checks alone
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildStubs } from './build-stubs.mjs';
import { capture, captureBeside, isMain, main, root, since, StepError } from './process.mjs';
import { ending } from './test-results.mjs';

const compiler = process.env.CXX ?? 'c++';

/**
 * `null` and `vptr` of UndefinedBehaviorSanitizer double the time to compile; AddressSanitizer finds what they would.
 * The stubs are not instrumented. For ThreadSanitizer their locks would put calls of the driver in order that nothing of ours
 * does, so they count for nothing; they tell it themselves which host memory the GPU reads and writes.
 */
const sanitizers = {
  address: {
    flags: ['-fsanitize=address,undefined', '-fno-sanitize=null,vptr', '-fno-sanitize-recover=all'],
    environment: {
      ASAN_OPTIONS: 'detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  },
  thread: {
    flags: ['-fsanitize=thread'],
    environment: {
      TSAN_OPTIONS: `second_deadlock_stack=1:suppressions=${path.join(root, 'test', 'sanitize', 'thread.supp')}`,
    },
  },
};

/** Builds and runs them. Returns `{ passed, failures }`: what cannot be built has failed. */
export async function sanitize(names = Object.keys(sanitizers), checks = []) {
  const stubs = buildStubs();
  // Side by side: each has a folder of its own, and the machine's processors.
  const builds = await Promise.all(names.map((name) => build(name)));
  const total = { passed: 0, failures: [] };
  for (const [i, name] of names.entries()) {
    const { program, seconds, failure } = builds[i];
    console.log(`${name.padEnd(14)}${failure ? 'FAILED to build' : 'built'} (${seconds})`);
    if (failure) {
      console.log(failure);
      total.failures.push(failureOf(name, 'the build', ending(failure)));
      continue;
    }
    const { passed, failures } = runChecks(name, program, stubs, checks);
    total.passed += passed;
    total.failures.push(...failures);
  }
  return total;
}

async function build(name) {
  const start = performance.now();
  const folder = path.join(root, '.cache', 'sanitize', name);
  const { flags } = sanitizers[name];
  fs.mkdirSync(folder, { recursive: true });
  const steps = [
    [
      ...['-S', root, '-B', folder, '-DTRT_NODE_SANITIZE=ON', '-DCMAKE_BUILD_TYPE='],
      ...[`-DCMAKE_CXX_COMPILER=${compiler}`],
      `-DCMAKE_CXX_FLAGS=-O1 -g1 -fno-omit-frame-pointer ${flags.join(' ')}`,
    ],
    [
      ...['--build', folder, '--target', 'trt_node_sanitize'],
      ...['--parallel', String(Math.max(1, Math.ceil(os.availableParallelism() / 2)))],
    ],
  ];
  for (const step of steps) {
    const { status, stdout, stderr } = await captureBeside('cmake', step);
    if (status !== 0) return { failure: `${stdout}${stderr}`.trimEnd(), seconds: since(start) };
  }
  return { program: path.join(folder, 'trt_node_sanitize'), seconds: since(start) };
}

function runChecks(name, program, stubs, checks) {
  const start = performance.now();
  const { status, stdout, stderr } = capture(program, checks, {
    env: {
      ...process.env,
      ...sanitizers[name].environment,
      LD_LIBRARY_PATH: path.join(stubs, 'driver'),
      TRT_NODE_STUB_LIBRARY: path.join(stubs, 'v10', 'libnvinfer.so.10'),
    },
  });
  console.log(`${stdout}${stderr}`.trimEnd());
  console.log(`${name.padEnd(14)}ran (${since(start)})`);
  const counts = /^(\d+) passed, (\d+) failed$/m.exec(stdout);
  const failures = [...stdout.matchAll(failedCheck)].map(([, check, words]) =>
    failureOf(name, check, words),
  );
  if (failures.length === 0 && (status !== 0 || counts === null)) {
    failures.push(failureOf(name, 'its program', ending(`${stdout}${stderr}`)));
  }
  return { passed: Number(counts?.[1] ?? 0), failures };
}

/** Its name, and what it printed: up to the next check, or the counts. */
const failedCheck = /^FAILED (\S+) \(.*\n([^]*?)(?=^(?:ok {5}|FAILED )\S+ \(|^\d+ passed, )/gm;

function failureOf(sanitizer, name, output) {
  return { suite: `sanitize ${sanitizer}`, name, output };
}

if (isMain(import.meta)) {
  await main(async () => {
    const { values, positionals } = parseArgs({
      options: { only: { type: 'string' } },
      allowPositionals: true,
    });
    const names = values.only?.split(',') ?? Object.keys(sanitizers);
    const unknown = names.filter((name) => !(name in sanitizers));
    if (unknown.length > 0) {
      throw new StepError(
        `expected of ${Object.keys(sanitizers).join(', ')} for --only but received ${unknown.join(', ')}`,
      );
    }
    return (await sanitize(names, positionals)).failures.length > 0 ? 1 : 0;
  });
}
