#!/usr/bin/env node
/**
 * `npm run demo`: on a fresh clone, sets up what it needs, converts models/digits into an engine, shows what it made, and where
 * a GPU can run it, checks its answers and measures its latency.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  accuracyOf,
  batchOf,
  inputName,
  loadHeldOut,
  maxRelativeDifference,
  modelPath,
  outputName,
  profiles,
} from '../bench/digits.mjs';
import { ensureBuilt, ensureRuntime } from './ensure.mjs';
import { StepError } from './process.mjs';

/** Ampere, Ada and Blackwell with graphics: what most machines with TensorRT-RTX have. */
const fleet = ['8.6', '8.9', '12.0'];
const warmUps = 20;
const iterations = 500;
/** How far the share of right answers may be from PyTorch's on a CPU: 0.2 points, less than one image. */
const accuracyTolerance = 0.002;
/** max|a − b| / max|b| over the logits for `precision: 'fp32'`. */
const logitTolerance = 1e-4;

const root = fileURLToPath(new URL('..', import.meta.url));
const startedAt = performance.now();

const { values: args } = parseArgs({
  options: {
    output: { type: 'string', default: path.join(root, 'build', 'demo', 'digits.engine') },
    'no-setup': { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (args.help) {
  console.log(`Usage: npm run demo -- [options]

  --output <path>  where to put the engine (default: build/demo/digits.engine)
  --no-setup       use what is built and installed, set nothing up`);
} else {
  try {
    await demo();
  } catch (error) {
    report(error);
    process.exitCode = 1;
  }
}

async function demo() {
  if (!args['no-setup']) {
    heading('Setting up');
    ensureBuilt();
    ensureRuntime();
    console.log('  ready');
  }
  const { buildEngine } = await import('../dist/index.js');

  heading('Building an engine from models/digits/digits.onnx');
  const { built, forThisGpu } = await build(buildEngine);
  describe(built);

  heading('Running it on the held-out images');
  const engine = await loadWhereItRuns(built, forThisGpu);
  if (engine !== null) {
    try {
      await classify(engine);
      await measure(engine);
    } finally {
      await engine.close();
    }
  }
  console.log(`\nDone in ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`);
}

/** For this machine's GPU where there is one that can be built for; else with TensorRT-RTX for the fleet above. */
async function build(buildEngine) {
  const output = path.resolve(args.output);
  await mkdir(path.dirname(output), { recursive: true });
  const options = { output, profiles, precision: 'fp32' };
  try {
    return { built: await buildEngine(modelPath, options), forThisGpu: true };
  } catch (error) {
    const noTargetHere = [
      'ERR_TRT_TARGET_REQUIRED',
      'ERR_TRT_GPU_UNSUPPORTED',
      'ERR_TRT_NO_DRIVER',
      'ERR_TRT_NO_GPU',
    ];
    if (!noTargetHere.includes(error?.code)) throw error;
    note('Not for a GPU of this machine', error);
    console.log(`  So TensorRT-RTX builds it for compute capabilities ${fleet.join(', ')}.\n`);
    const built = await buildEngine(modelPath, {
      ...options,
      runtime: 'tensorrt-rtx',
      computeCapabilities: fleet,
    });
    return { built, forThisGpu: false };
  }
}

function describe(built) {
  const { manifest } = built;
  const product = manifest.flavour === 'tensorrt-rtx' ? 'TensorRT-RTX' : 'TensorRT';
  const [profile] = manifest.profiles;
  const range = profile?.[inputName];
  table([
    ['Engine', path.relative(process.cwd(), built.path)],
    ['Size', `${kibibytes(built.sizeBytes)} (from ${kibibytes(manifest.model.sizeBytes)} of ONNX)`],
    ['Built by', `${product} ${manifest.version} in ${manifest.buildSeconds.toFixed(2)} s`],
    ['Runs on', whereItRuns(manifest, product)],
    ...manifest.inputs.map((input) => ['Input', tensor(input)]),
    ...manifest.outputs.map((output) => ['Output', tensor(output)]),
    ...(range === undefined
      ? []
      : [['Profile', `batch ${range.min[0]} to ${range.max[0]}, tuned for ${range.opt[0]}`]]),
  ]);

  layers(`The network, as read from the model: ${manifest.network.layers.length} layers`, [
    ...manifest.network.layers,
  ]);
  if (manifest.layers === null) {
    console.log(`\n  The engine's layers are not known: ${manifest.layersReason}`);
  } else {
    layers(`The engine, after fusion: ${manifest.layers.length} layers`, manifest.layers);
  }
}

function whereItRuns(manifest, product) {
  const version = `${product} ${manifest.version}`;
  if (manifest.gpu !== null && manifest.flavour === 'tensorrt') {
    return `${manifest.gpu.name} (compute capability ${manifest.gpu.computeCapability}) with ${version}`;
  }
  const capabilities = manifest.computeCapabilities.join(', ');
  return `GPUs of compute capability ${capabilities} with ${version}`;
}

/** null, with the reason printed, where no GPU of this machine can run the engine. */
async function loadWhereItRuns(built, forThisGpu) {
  try {
    return await built.load();
  } catch (error) {
    const cannotRunHere = [
      'ERR_TRT_NO_DRIVER',
      'ERR_TRT_NO_GPU',
      'ERR_TRT_GPU_UNSUPPORTED',
      'ERR_TRT_ENGINE_GPU',
    ];
    // An engine built for this machine's own GPU has to load: no excuse then.
    if (forThisGpu || !cannotRunHere.includes(error?.code)) throw error;
    console.log(
      `  ${bold('Inference was NOT run.')} The engine is built, but nothing here runs it:`,
    );
    note('Reason', error);
    console.log(
      '  So no accuracy and no latency is shown; run this demo on a GPU machine for them.',
    );
    return null;
  }
}

async function classify(engine) {
  const heldOut = await loadHeldOut();
  const { [outputName]: logits } = await engine.infer({
    [inputName]: batchOf(heldOut, heldOut.count),
  });
  const accuracy = accuracyOf(logits.data, heldOut.labels);
  const reference = heldOut.reference.pytorch;
  const difference = maxRelativeDifference(logits.data, heldOut.referenceLogits);
  table([
    ['GPU', `${engine.device.name} (compute capability ${engine.device.computeCapability})`],
    ['Images', `${heldOut.count}, which training never saw`],
    ['Accuracy', `${percent(accuracy)} here, ${percent(reference.accuracy)} by PyTorch on a CPU`],
    ['Logits', `max|a-b| / max|b| = ${difference.toExponential(2)} against PyTorch's`],
  ]);
  if (!(Math.abs(accuracy - reference.accuracy) <= accuracyTolerance)) {
    throw new Error(
      `expected an accuracy within ${percent(accuracyTolerance)} of PyTorch's ` +
        `${percent(reference.accuracy)} but found ${percent(accuracy)}`,
    );
  }
  if (!(difference < logitTolerance)) {
    throw new Error(`expected logits within ${logitTolerance} of PyTorch's, found ${difference}`);
  }
}

async function measure(engine) {
  // Compiled by now, which it need not be when this script starts.
  const { summarize } = await import('../dist/benchmark/statistics.js');
  const inputs = { [inputName]: batchOf(await loadHeldOut(), 1) };
  for (let i = 0; i < warmUps; i++) await engine.inferTimed(inputs);
  const compute = [];
  const endToEnd = [];
  for (let i = 0; i < iterations; i++) {
    const start = performance.now();
    const { timing } = await engine.inferTimed(inputs);
    endToEnd.push(performance.now() - start);
    compute.push(timing.compute);
  }
  console.log(
    `\n  Latency, batch 1, ${iterations} iterations after ${warmUps} warm-ups, one at a time; milliseconds:`,
  );
  const row = (name, values) => {
    const s = summarize(values);
    const cells = [s.mean, s.standardDeviation, s.p50, s.p95, s.p99];
    return `  ${name.padEnd(24)}${cells.map((ms) => ms.toFixed(4).padStart(10)).join('')}`;
  };
  const titles = ['mean', 'std dev', 'p50', 'p95', 'p99'];
  console.log(`  ${''.padEnd(24)}${titles.map((title) => title.padStart(10)).join('')}`);
  console.log(row('compute (CUDA events)', compute));
  console.log(row('end to end (wall clock)', endToEnd));
}

function layers(title, list) {
  console.log(`\n  ${title}`);
  const most = 40;
  const width = Math.max(...list.map((layer) => layer.type.length));
  for (const layer of list.slice(0, most)) {
    const types = layer.outputTypes.join(', ');
    console.log(
      `    ${layer.type.padEnd(width)}  ${types.padEnd(8)}  ${shortened(layer.name, 90)}`,
    );
  }
  if (list.length > most) console.log(`    … and ${list.length - most} more`);
}

function tensor({ name, type, dims }) {
  return `${name}  ${type} [${dims.map((size) => (size === -1 ? '?' : size)).join(', ')}]`;
}

function table(rows) {
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) console.log(`  ${name.padEnd(width)}  ${value}`);
}

function note(title, error) {
  console.log(`  ${title}: ${error.message.replaceAll('\n', '\n    ')} (${error.code})`);
}

function heading(text) {
  console.log(`\n${bold(text)}`);
}

function bold(text) {
  return process.stdout.isTTY && !process.env.NO_COLOR ? `\u001b[1m${text}\u001b[22m` : text;
}

function percent(share) {
  return `${(share * 100).toFixed(2)} %`;
}

function kibibytes(bytes) {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

function shortened(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

function report(error) {
  console.error(`\n${bold('The demo failed.')}`);
  const isTrtError = error?.name === 'TrtError';
  if (isTrtError) console.error(`${error.code}: ${error.message}`);
  else console.error(error instanceof StepError ? error.message : error);
  for (const line of error?.log ?? [])
    console.error(`  TensorRT ${line.severity}: ${line.message}`);
  let cause = error?.cause;
  while (isTrtError && cause instanceof Error) {
    console.error(`  because: ${cause.message}`);
    cause = cause.cause;
  }
}
