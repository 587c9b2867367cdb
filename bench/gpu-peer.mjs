#!/usr/bin/env node
/**
 * `npm run bench:peer`: the same plan through TensorRT's Python bindings and through trt-node, in blocks that take turns, and the ratio
 * of the two. README.md beside this says what is measured and how.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { inputName, loadHeldOut, maxRelativeDifference, modelPath, profiles } from './digits.mjs';
import { gpuState, hostEnvironment, mappedLibraries } from './environment.mjs';
import { benchInputs } from './inputs.mjs';
import { numbersOf } from './tensor-bytes.mjs';
import { compare, print } from './peer-report.mjs';
import { PythonPeer } from './python-peer.mjs';

const { values: args } = parseArgs({
  options: {
    plan: { type: 'string' },
    python: { type: 'string', default: process.env.PYTHON ?? 'python3' },
    batch: { type: 'string', default: '1,8,64' },
    dims: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '5' },
    'warm-ups': { type: 'string', default: '50' },
    iterations: { type: 'string', default: '500' },
    device: { type: 'string', default: '0' },
    out: { type: 'string' },
    raw: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const usage = `Usage: npm run bench:peer -- [options]

  --plan <file>         a plan of TensorRT (default: models/digits is built here, precision fp32)
  --python <program>    an interpreter with TensorRT's bindings and numpy (default: $PYTHON, else python3)
  --batch <list>        values of the first dimension where it is dynamic (default: 1,8,64)
  --dims <name=1x3x..>  dims of an input that has other dynamic dimensions; may be given again
  --rounds <n>          how often the two take turns, at least 3 (default: 5)
  --warm-ups <n>        inferences before each block (default: 50)
  --iterations <n>      inferences in each block (default: 500)
  --device <n>          CUDA device (default: 0)
  --out <file>          write the result as JSON, bench/results/<name>.json say
  --raw <file>          write every single measurement as JSON, in microseconds`;

if (args.help) {
  console.log(usage);
} else {
  try {
    await main();
  } catch (error) {
    // A plain Error is one that this benchmark throws itself: its message says enough.
    const isPlain = error?.constructor === Error;
    const code = error?.code === undefined ? '' : `${error.code}: `;
    console.error(isPlain || code !== '' ? `${code}${error.message}` : error);
    for (const line of error?.log ?? [])
      console.error(`  TensorRT ${line.severity}: ${line.message}`);
    process.exitCode = 1;
  }
}

async function main() {
  const settings = {
    rounds: integer('rounds', 3),
    warmUps: integer('warm-ups', 1),
    iterations: integer('iterations', 2),
    device: integer('device', 0),
    batches: args.batch.split(',').map((text) => positive('batch', text, 1)),
  };
  const folder = await mkdtemp(path.join(tmpdir(), 'trt-node-bench-'));
  const python = new PythonPeer(args.python);
  let engine = null;
  try {
    const plan = args.plan === undefined ? await buildDigits(folder, settings.device) : args.plan;
    const { loadEngine } = await import('../dist/index.js');
    engine = await loadEngine(path.resolve(plan), {
      device: settings.device,
      lanes: 1,
      graphs: 'off',
    });
    const pythonIs = await python.ask({
      op: 'load',
      plan: path.resolve(plan),
      device: settings.device,
    });
    const cases = await prepareCases(engine, settings.batches, folder);
    const rounds = await takeTurns({ engine, python, cases, settings });
    const result = {
      schemaVersion: 1,
      command: ['npm', 'run', 'bench:peer', '--', ...process.argv.slice(2)].join(' '),
      ...hostEnvironment(),
      gpu: rounds.at(-1).gpuAfter ?? { name: engine.device.name },
      trtNode: await trtNodeFacts(engine),
      python: withoutPaths(pythonIs),
      sameLibraries: isDeepStrictEqual(await mappedLibraries(), pythonIs.libraries),
      plan:
        args.plan === undefined ? 'models/digits, precision fp32, built here' : path.basename(plan),
      settings,
      clocks: rounds.map(({ gpuBefore, gpuAfter }) => ({ before: gpuBefore, after: gpuAfter })),
      cases: cases.map((one) => compare(one, rounds)),
    };
    print(result);
    if (args.out !== undefined) await writeJson(args.out, result, 2);
    if (args.raw !== undefined) await writeJson(args.raw, { ...result, rounds: rawOf(rounds) }, 0);
  } finally {
    await engine?.close();
    await python.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function buildDigits(folder, device) {
  const { buildEngine } = await import('../dist/index.js');
  console.log('Building models/digits, precision fp32 …');
  const output = path.join(folder, 'digits.engine');
  const built = await buildEngine(modelPath, {
    runtime: 'tensorrt',
    device,
    precision: 'fp32',
    profiles,
    output,
  });
  return built.path;
}

/** One case for each batch size: inputs for Node.js, and the same bytes in files for Python. */
async function prepareCases(engine, batches, folder) {
  const heldOut = engine.inputs[0].name === inputName ? await loadHeldOut() : null;
  const cases = [];
  for (const { batch, inputs } of benchInputs(engine, batches, parseDims(args.dims), heldOut)) {
    const outputFolder = path.join(folder, `batch-${batch}`);
    await mkdir(outputFolder);
    const files = [];
    for (const [index, [name, { data, dims }]] of Object.entries(inputs).entries()) {
      const file = path.join(outputFolder, `input-${index}.bin`);
      await writeFile(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      files.push({ name, dims, file });
    }
    cases.push({ batch, inputs, files, outputFolder, difference: 0 });
  }
  return cases;
}

/** Python and trt-node run the same blocks in turns; who begins changes every round. */
async function takeTurns({ engine, python, cases, settings }) {
  const rounds = [];
  for (let round = 0; round < settings.rounds; round++) {
    process.stdout.write(`Round ${round + 1} of ${settings.rounds} …\n`);
    const gpuBefore = await gpuState(settings.device);
    const blocks = new Map();
    for (const one of cases) {
      const sides = {
        python: () => pythonBlocks(python, one, settings),
        trtNode: () => nodeBlocks(engine, one, settings),
      };
      const order = round % 2 === 0 ? ['python', 'trtNode'] : ['trtNode', 'python'];
      const block = {};
      for (const side of order) block[side] = await sides[side]();
      one.difference = Math.max(one.difference, await outputDifference(engine, one, block));
      delete block.trtNode.outputs;
      blocks.set(one.batch, block);
    }
    rounds.push({ blocks, gpuBefore, gpuAfter: await gpuState(settings.device) });
  }
  return rounds;
}

async function pythonBlocks(python, one, { warmUps, iterations }) {
  const request = {
    op: 'run',
    inputs: one.files,
    warmUps,
    iterations,
    outputFolder: one.outputFolder,
  };
  const plain = await python.ask({ ...request, timed: false });
  const timed = await python.ask({ ...request, timed: true });
  const { enqueue, h2d, compute, d2h } = timed;
  return { infer: plain.wall, enqueue, h2d, compute, d2h };
}

async function nodeBlocks(engine, { inputs }, { warmUps, iterations }) {
  let outputs;
  for (let i = 0; i < warmUps; i++) await engine.infer(inputs);
  const infer = new Array(iterations);
  for (let i = 0; i < iterations; i++) {
    const start = performance.now();
    outputs = await engine.infer(inputs);
    infer[i] = microseconds(performance.now() - start);
  }

  for (let i = 0; i < warmUps; i++) engine.inferSync(inputs);
  const inferSync = new Array(iterations);
  for (let i = 0; i < iterations; i++) {
    const start = performance.now();
    engine.inferSync(inputs);
    inferSync[i] = microseconds(performance.now() - start);
  }

  for (let i = 0; i < warmUps; i++) await engine.inferTimed(inputs);
  const spans = { queue: [], enqueue: [], h2d: [], compute: [], d2h: [] };
  for (let i = 0; i < iterations; i++) {
    const { timing } = await engine.inferTimed(inputs);
    for (const name of Object.keys(spans)) spans[name].push(microseconds(timing[name]));
  }
  return { infer, inferSync, ...spans, outputs };
}

/** A faster side that computes something else would be no result: the outputs of both are compared in every round. */
async function outputDifference(engine, one, block) {
  let difference = 0;
  for (const [index, { name, type }] of engine.outputs.entries()) {
    const { data } = block.trtNode.outputs[name];
    const mine = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const theirs = await readFile(path.join(one.outputFolder, `${index}.bin`));
    if (theirs.byteLength !== mine.byteLength) {
      throw new Error(
        `Python's output ${name} has ${theirs.byteLength} bytes, trt-node's ${mine.byteLength}`,
      );
    }
    if (!mine.equals(theirs)) {
      const [a, b] = [mine, theirs].map((bytes) => numbersOf(type, bytes));
      difference = Math.max(difference, maxRelativeDifference(a, b));
    }
  }
  if (!(difference < 1e-3)) {
    throw new Error(`the outputs of Python and trt-node differ: max|a-b| / max|b| = ${difference}`);
  }
  return difference;
}

async function trtNodeFacts(engine) {
  const manifest = new URL('../package.json', import.meta.url);
  const { version } = JSON.parse(await readFile(manifest, 'utf8'));
  return withoutPaths({
    version,
    tensorrt: engine.version,
    libraries: await mappedLibraries(),
  });
}

/** A result is for other machines too: paths of this one say nothing there. */
function withoutPaths(facts) {
  return { ...facts, libraries: facts.libraries.map((library) => path.basename(library)) };
}

function rawOf(rounds) {
  return rounds.map(({ blocks }) => Object.fromEntries(blocks));
}

async function writeJson(file, value, indent) {
  await mkdir(path.dirname(path.resolve(file)), { recursive: true });
  await writeFile(file, `${JSON.stringify(value, null, indent)}\n`);
  console.log(`Wrote ${file}`);
}

/** Hundredths of a microsecond are below what either clock resolves. */
function microseconds(milliseconds) {
  return Math.round(milliseconds * 1e5) / 100;
}

function parseDims(list) {
  return new Map(
    list.map((text) => {
      const [, name, dims] = /^(.+)=(\d+(?:x\d+)*)$/.exec(text) ?? [];
      if (name === undefined) throw new Error(`expected --dims name=1x3x224x224, found ${text}`);
      return [name, dims.split('x').map(Number)];
    }),
  );
}

function integer(name, least) {
  return positive(name, args[name], least);
}

function positive(name, text, least) {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new Error(`expected --${name} to be an integer of at least ${least}, found ${text}`);
  }
  return value;
}
