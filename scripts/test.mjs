#!/usr/bin/env node
/**
 * `npm test`: everything that can be checked here, on a fresh clone too. The last line counts the checks and the tests.
 *
 *   node scripts/test.mjs                    all; the gpu suite where a GPU can infer
 *   node scripts/test.mjs --only unit,native these suites alone, without the checks
 *   node scripts/test.mjs --gpu              the gpu suite must run
 *   node scripts/test.mjs --only models      what scripts/make-*.py made, on a GPU; else it runs where both are there
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { canDo, ensureModules, ensureNative, ensureRuntime, ensureTypeScript } from './ensure.mjs';
import { capture, main, root, since, StepError } from './process.mjs';
import { ending, readVitestReport, TestResults } from './test-results.mjs';

const suites = ['unit', 'types', 'native', 'sanitize', 'package', 'gpu', 'models'];
const results = new TestResults();

await main(async () => {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, gpu: { type: 'boolean' } },
  });
  const chosen = values.only?.split(',') ?? suites;
  const unknown = chosen.filter((name) => !suites.includes(name));
  if (unknown.length > 0) {
    throw new StepError(
      `expected of ${suites.join(', ')} for --only but received ${unknown.join(', ')}`,
    );
  }
  if (values.gpu && !chosen.includes('gpu')) chosen.push('gpu');
  const start = performance.now();

  if (await attempt('set-up', () => prepare(chosen))) {
    if (values.only === undefined) await checkAll();
    for (const suite of suites.filter((name) => chosen.includes(name))) {
      const demanded = values.only !== undefined;
      if (suite === 'gpu' && !gpuCanRun(values.gpu || demanded)) continue;
      if (suite === 'models' && !modelsCanRun(demanded)) continue;
      if (suite === 'package' && !(await attempt('prebuild', prebuild))) continue;
      if (suite === 'native' && !(await attempt('stubs', stubs))) continue;
      if (suite === 'sanitize') await attempt('sanitize', sanitizers);
      else runSuite(suite);
    }
  }

  console.log(results.text());
  console.log(`\nall of it took ${since(start)}`);
  console.log(results.counts());
  return results.failed > 0 ? 1 : 0;
});

/** What the chosen suites stand on. */
function prepare(chosen) {
  timed('node_modules', ensureModules);
  timed('TypeScript', ensureTypeScript);
  if (chosen.every((name) => name === 'unit' || name === 'types')) return;
  timed('addon', ensureNative);
  timed('TensorRT', ensureRuntime);
}

async function checkAll() {
  const { lint, tidy } = await import('./lint.mjs');
  await attempt('lint', async () => results.add(await lint()));
  // Compiled here for here: the published binary's C library version is checked where it is built.
  check('check-native', ['build/Release/trt_node.node', '--local']);
  check('check-odr', []);
  await attempt('clang-tidy', async () => results.add(await tidy()));
}

function check(name, args) {
  const start = performance.now();
  const script = path.join(root, 'scripts', `${name}.mjs`);
  const { status, stdout, stderr } = capture(process.execPath, [script, ...args]);
  const words = `${stdout}${stderr}`.trimEnd();
  console.log(`${name.padEnd(14)}${status === 0 ? 'ok' : 'FAILED'} (${since(start)})`);
  if (status === 0) {
    results.add({ passed: 1 });
  } else {
    console.log(words);
    fail('checks', name, ending(words));
  }
}

/** Before the suite, as its files would compile them side by side. */
async function stubs() {
  const { buildStubs } = await import('./build-stubs.mjs');
  buildStubs();
}

/** C++ programs of their own, not vitest's. */
async function sanitizers() {
  console.log('\n--- sanitize');
  const { sanitize } = await import('./sanitize.mjs');
  results.add(await sanitize());
}

async function prebuild() {
  const { ensurePrebuilt } = await import('./prebuild-native.mjs');
  ensurePrebuilt();
}

/** A part of the run. What it throws counts as a failure, and the last line still comes. */
async function attempt(name, work) {
  const start = performance.now();
  try {
    await work();
    return true;
  } catch (error) {
    const words = error instanceof StepError ? error.message : error.stack;
    console.log(`${name.padEnd(14)}FAILED\n${words}`);
    fail('set-up', name, ending(words));
    return false;
  } finally {
    results.addTime(name, performance.now() - start);
  }
}

function timed(part, work) {
  const start = performance.now();
  work();
  results.addTime(part, performance.now() - start);
}

function fail(suite, name, output) {
  results.add({ failures: [{ suite, name, output }] });
}

function gpuCanRun(demanded) {
  if (demanded || canDo('infer')) return true;
  const cli = path.join(root, 'dist', 'cli', 'main.js');
  const { stdout } = capture(process.execPath, [cli, 'doctor', '--for', 'infer']);
  console.log('\n*** The gpu suite was NOT run: nothing can infer on this machine. Not one of its');
  console.log('*** tests is counted. What trt-node doctor --for infer says:');
  console.log(stdout.trimEnd().replaceAll(/^/gm, '***   '));
  return false;
}

function modelsCanRun(demanded) {
  const folder = process.env.TRT_NODE_TEST_MODELS ?? path.join(root, '.cache', 'models');
  const made = fs.existsSync(folder);
  if (demanded || (made && canDo('infer'))) return true;
  const why = made ? 'nothing can infer on this machine' : 'they have not been made';
  console.log(`\n*** The models suite was NOT run: ${why}. Not one of its tests is counted.`);
  console.log('*** CONTRIBUTING.md says how to make ResNet-50, MiniLM and the decoder.');
  return false;
}

/** Runs one vitest project and adds what it counted. A suite that ran nothing has failed. */
function runSuite(suite) {
  console.log(`\n--- ${suite}`);
  const start = performance.now();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'trt-node-test-'));
  const file = path.join(folder, 'report.json');
  try {
    const { status } = capture(
      process.execPath,
      [
        ...[path.join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', suite],
        ...['--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const report = fs.existsSync(file)
      ? JSON.parse(fs.readFileSync(file, 'utf8'))
      : { testResults: [] };
    const { tests, ...counted } = readVitestReport(report, suite, root);
    results.add(counted);
    results.addTime(suite, performance.now() - start, tests);
    if (counted.failures.length > 0) return;
    if (status !== 0) {
      const words = `exit code ${status}: an error outside of its tests, which stands under its output above`;
      fail(suite, 'the suite itself', words);
    } else if (counted.passed === 0) {
      fail(suite, 'the suite itself', 'it ran no test, which counts as a failure');
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
