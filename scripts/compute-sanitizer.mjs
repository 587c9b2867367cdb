#!/usr/bin/env node
/**
 * `npm run test:compute-sanitizer`: inferences of every kind under CUDA's compute-sanitizer. memcheck finds what kernels and copies read or
 * write out of bounds, and calls of CUDA that fail; racecheck finds races on shared memory. Any report is a failure.
 *
 * Needs a GPU, compute-sanitizer (it comes with the CUDA toolkit) and `npm run build`.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { capture, main, root, since, StepError } from './process.mjs';

const usage = `Usage: npm run test:compute-sanitizer -- [options]

  --plans <folder>      where digits.engine is, or is built when it is missing (default: a temporary folder)
  --tools <list>        of memcheck, racecheck, initcheck, synccheck (default: memcheck,racecheck)
  --sanitizer <program> compute-sanitizer (default: on PATH, else of /usr/local/cuda)
  --library <path>      TensorRT (default: the one that loadEngine finds)
  --device <n>          CUDA device (default: 0)
  -- <options>          for compute-sanitizer itself

Exit code: 0 nothing was reported, 1 something was, or an inference went wrong.`;

const tools = ['memcheck', 'racecheck', 'initcheck', 'synccheck'];
/** What nothing else exits with. */
const reported = 86;

const { values: args, positionals } = parseArgs({
  options: {
    plans: { type: 'string' },
    tools: { type: 'string', default: 'memcheck,racecheck' },
    sanitizer: { type: 'string' },
    library: { type: 'string' },
    device: { type: 'string', default: '0' },
    help: { type: 'boolean', short: 'h', default: false },
  },
  allowPositionals: true,
});

if (args.help) console.log(usage);
else await main(checkAll);

async function checkAll() {
  const chosen = args.tools.split(',');
  const unknown = chosen.filter((tool) => !tools.includes(tool));
  if (unknown.length > 0) {
    throw new StepError(`expected of ${tools.join(', ')} for --tools, found ${unknown.join(', ')}`);
  }
  const sanitizer = findSanitizer();
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'trt-node-sanitizer-'));
  try {
    const plan = await digits(args.plans === undefined ? temporary : path.resolve(args.plans));
    const results = chosen.map((tool) => check(sanitizer, tool, plan));
    return results.every(Boolean) ? 0 : 1;
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true });
  }
}

function findSanitizer() {
  const toolkits = [process.env.CUDA_HOME, process.env.CUDA_PATH, '/usr/local/cuda'];
  const named = toolkits
    .filter(Boolean)
    .flatMap((folder) => [path.join(folder, 'bin'), path.join(folder, 'compute-sanitizer')]);
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), ...named];
  const found =
    args.sanitizer ??
    folders
      .map((folder) => path.join(folder, 'compute-sanitizer'))
      .find((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile());
  if (found) return found;
  throw new StepError(
    'expected compute-sanitizer on PATH or in the CUDA toolkit of $CUDA_HOME, found none. It comes with the CUDA toolkit, or alone as ' +
      'cuda-sanitizer-<version>; --sanitizer names it',
  );
}

async function digits(folder) {
  const output = path.join(folder, 'digits.engine');
  if (fs.existsSync(output)) return output;
  const { buildEngine } = await import('../dist/index.js');
  const { modelPath, profiles } = await import('../bench/digits.mjs');
  fs.mkdirSync(folder, { recursive: true });
  console.log('Building models/digits …');
  await buildEngine(modelPath, {
    ...{ runtime: 'tensorrt', precision: 'fp32', refit: 'all', profiles, output },
    ...{ device: Number(args.device), optimizationLevel: 0 },
    ...(args.library === undefined ? {} : { library: args.library }),
  });
  return output;
}

function check(sanitizer, tool, plan) {
  const start = performance.now();
  const { status, stdout, stderr } = capture(sanitizer, [
    ...['--tool', tool, '--error-exitcode', String(reported)],
    // trt-node looks for libraries in a child process, which does nothing on the GPU.
    ...['--target-processes', 'application-only', ...positionals],
    ...[process.execPath, path.join(root, 'scripts', 'sanitizer', 'inferences.mjs')],
    ...[plan, args.device, args.library ?? ''],
  ]);
  // What it was to watch has run, and it says so: without a GPU it reports nothing either.
  const ran = /^all inferences are right$/m.test(stdout);
  const summary = /^=+ (?:ERROR|RACECHECK) SUMMARY: .*$/m.exec(`${stdout}${stderr}`)?.[0];
  // racecheck's warnings change no exit code.
  const well = status === 0 && ran && /SUMMARY: 0 /.test(summary ?? '');
  const verdict = well ? 'ok' : status === reported ? 'REPORTED' : `FAILED (exit code ${status})`;
  console.log(`${tool.padEnd(12)}${verdict} (${since(start)})`);
  console.log(well ? summary : `${stdout}${stderr}`.trimEnd());
  return well;
}
