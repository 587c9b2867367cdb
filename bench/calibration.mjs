#!/usr/bin/env node
/**
 * The same INT8 calibration through TensorRT's Python bindings and through trt-node, in turns: what each costs, and whether the scales are
 * the same. README.md beside this says what is measured and how.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { compareScales } from './calibration-scales.mjs';
import { buildWithNode, buildWithPython } from './calibration-sides.mjs';
import { accuracyOf, loadHeldOut, modelPath as digitsPath } from './digits.mjs';
import { gpuState, hostEnvironment } from './environment.mjs';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string' },
    input: { type: 'string', default: 'image' },
    dims: { type: 'string', default: '3x224x224' },
    python: { type: 'string', default: process.env.PYTHON ?? 'python3' },
    algorithm: { type: 'string', default: 'entropy2' },
    batches: { type: 'string', default: '32' },
    batch: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '2' },
    level: { type: 'string', default: '0' },
    device: { type: 'string', default: '0' },
    digits: { type: 'boolean', default: false },
    out: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const usage = `Usage: node bench/calibration.mjs [options]

  --model <file>      default: $TRT_NODE_TEST_MODELS/resnet50/resnet50.onnx
  --input <name>      the model's input, float32 (default: image)
  --dims <3x224x224>  its dims behind the batch
  --python <program>  an interpreter with TensorRT's bindings and numpy (default: $PYTHON, else python3)
  --algorithm <name>  entropy2, entropy or minmax (default: entropy2)
  --batches <n>       calibration batches (default: 32)
  --batch <n>         images in each (default: 8)
  --rounds <n>        how often the two take turns (default: 2)
  --level <n>         TensorRT's builder optimization level (default: 0)
  --device <n>        CUDA device (default: 0)
  --digits            also the accuracy of models/digits in int8, built by both
  --out <file>        write the result as JSON, bench/results/<name>.json say`;

if (args.help) console.log(usage);
else await main();

async function main() {
  const folder = await mkdtemp(path.join(tmpdir(), 'trt-node-bench-'));
  try {
    const settings = {
      algorithm: args.algorithm,
      batches: positive('batches'),
      batch: positive('batch'),
      rounds: positive('rounds'),
      optimizationLevel: Number(args.level),
      device: Number(args.device),
      python: args.python,
    };
    const gpuBefore = await gpuState(settings.device);
    const job = await prepareJob(folder, settings);
    // Once, so that both have the same measurements of kernels and neither pays for the first read of TensorRT's libraries.
    console.log('Warming the timing cache …');
    await buildWithNode(job, 'warm-up');
    const rounds = [];
    for (let round = 0; round < settings.rounds; round++) {
      const sides = { python: buildWithPython, trtNode: buildWithNode };
      const order = round % 2 === 0 ? ['python', 'trtNode'] : ['trtNode', 'python'];
      const result = {};
      for (const side of order) {
        result[side] = await sides[side](job, `${side}-${round}`);
        console.log(`Round ${round + 1}, ${side}: ${JSON.stringify(withoutScales(result[side]))}`);
      }
      rounds.push({ ...result, scales: compareScales(result) });
    }
    const result = {
      schemaVersion: 1,
      command: ['node', 'bench/calibration.mjs', ...process.argv.slice(2)].join(' '),
      ...hostEnvironment(),
      gpu: { before: gpuBefore, after: await gpuState(settings.device) },
      model: { name: path.basename(job.model), sha256: await sha256Of(job.model) },
      settings: { ...settings, python: undefined },
      rounds: rounds.map(({ python, trtNode, scales }) => ({
        python: withoutScales(python),
        trtNode: withoutScales(trtNode),
        scales,
      })),
      ratios: ratiosOf(rounds),
      ...(args.digits ? { digits: await digitsAccuracy(folder, settings) } : {}),
    };
    print(result);
    if (args.out !== undefined) {
      await mkdir(path.dirname(path.resolve(args.out)), { recursive: true });
      await writeFile(args.out, `${JSON.stringify(result, null, 2)}\n`);
      console.log(`Wrote ${args.out}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The model, and batches of random images that are the same in every run. */
async function prepareJob(folder, settings) {
  const { TRT_NODE_TEST_MODELS: models } = process.env;
  if (args.model === undefined && models === undefined) {
    throw new Error('expected --model, or TRT_NODE_TEST_MODELS with the folder that has resnet50/');
  }
  const model = path.resolve(args.model ?? path.join(models, 'resnet50', 'resnet50.onnx'));
  const dims = args.dims.split('x').map(Number);
  const perBatch = settings.batch * dims.reduce((product, dim) => product * dim, 1);
  const batches = randomBatches(settings.batches, perBatch);
  const data = path.join(folder, 'batches.f32');
  await writeFile(data, new Uint8Array(batches[0].buffer));
  const widest = 4 * settings.batch;
  return {
    ...settings,
    folder,
    model,
    input: args.input,
    data,
    batches,
    dims,
    timingCache: path.join(folder, 'timing.cache'),
    profile: {
      min: [1, ...dims],
      opt: [settings.batch, ...dims],
      max: [widest, ...dims],
    },
  };
}

/** About what normalised images have: sums of four uniform numbers. */
function randomBatches(count, perBatch) {
  const all = new Float32Array(count * perBatch);
  let state = 20_261_121;
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  for (let i = 0; i < all.length; i++) {
    all[i] = 1.7 * (uniform() + uniform() + uniform() + uniform());
  }
  return Array.from({ length: count }, (_, i) => all.subarray(i * perBatch, (i + 1) * perBatch));
}

/** trt-node by Python, of the sums over all rounds. */
function ratiosOf(rounds) {
  const sum = (of) => rounds.reduce((total, round) => total + of(round), 0);
  const ratio = (ours, theirs) => round4(sum(ours) / sum(theirs));
  return {
    /** Batches to disk, and TensorRT's run over them, by Python's run over its batches in memory. */
    calibration: ratio(
      ({ trtNode }) => trtNode.readSeconds + trtNode.batchesSeconds,
      ({ python }) => python.batchesSeconds,
    ),
    /** The same with all that TensorRT does: until the plan is there. */
    calibrationAndBuild: ratio(
      ({ trtNode }) => trtNode.readSeconds + trtNode.buildSeconds,
      ({ python }) => python.buildSeconds,
    ),
    batches: ratio(
      ({ trtNode }) => trtNode.batchesSeconds,
      ({ python }) => python.batchesSeconds,
    ),
    build: ratio(
      ({ trtNode }) => trtNode.buildSeconds,
      ({ python }) => python.buildSeconds,
    ),
    /** trt-node's has the start of a process in it, hashing and publication; Python's begins in a process that runs. */
    wall: ratio(
      ({ trtNode }) => trtNode.wallSeconds,
      ({ python }) => python.wallSeconds,
    ),
  };
}

/** models/digits in int8 by both, calibrated on 192 of the held-out images, and right answers among all 360. */
async function digitsAccuracy(folder, settings) {
  const heldOut = await loadHeldOut();
  const perBatch = 32 * 64;
  const calibration = heldOut.images.slice(0, 6 * perBatch);
  const data = path.join(folder, 'digits.f32');
  await writeFile(data, new Uint8Array(calibration.buffer));
  const results = { float32: heldOut.reference.pytorch.accuracy };
  for (const algorithm of ['entropy2', 'minmax']) {
    const job = {
      ...settings,
      folder,
      algorithm,
      data,
      model: digitsPath,
      input: 'images',
      batch: 32,
      batches: Array.from({ length: 6 }, (_, i) =>
        calibration.subarray(i * perBatch, (i + 1) * perBatch),
      ),
      dims: [1, 8, 8],
      optimizationLevel: NaN, // TensorRT's own
      timingCache: null,
      profile: { min: [1, 1, 8, 8], opt: [256, 1, 8, 8], max: [360, 1, 8, 8] },
    };
    const python = await buildWithPython(job, `digits-python-${algorithm}`);
    const trtNode = await buildWithNode(job, `digits-trt-node-${algorithm}`);
    const ours = path.join(folder, `digits-${algorithm}.engine`);
    await trtNode.built.save(ours);
    results[algorithm] = {
      python: await accuracyOfPlan(python.plan, heldOut),
      trtNode: await accuracyOfPlan(ours, heldOut),
      scales: compareScales({ python, trtNode }),
    };
  }
  return results;
}

async function accuracyOfPlan(plan, heldOut) {
  const { loadEngine } = await import('../dist/index.js');
  const engine = await loadEngine(plan);
  try {
    const images = { type: 'float32', data: heldOut.images, dims: [heldOut.count, 1, 8, 8] };
    const { logits } = await engine.infer({ images });
    return round4(accuracyOf(logits.data, heldOut.labels));
  } finally {
    await engine.close();
  }
}

function print({ rounds, ratios, digits }) {
  const last = rounds.at(-1);
  console.log(`\ntrt-node by Python, ${rounds.length} rounds:`);
  for (const [name, ratio] of Object.entries(ratios)) console.log(`  ${name}: ${ratio}`);
  console.log(
    `Scales: ${last.scales.tensors} tensors, ${last.scales.equal} equal, largest relative difference ` +
      `${last.scales.maxRelativeDifference}, ${last.scales.onlyInTrtNode.length} only here, ` +
      `${last.scales.onlyInPython.length} only there`,
  );
  if (digits !== undefined) console.log(`digits: ${JSON.stringify(digits)}`);
}

function withoutScales(side) {
  const kept = Object.entries(side).filter(([name]) => !['cache', 'plan', 'built'].includes(name));
  const rounded = kept.map(([name, value]) => [
    name,
    name.endsWith('Seconds') ? round4(value) : value,
  ]);
  return { ...Object.fromEntries(rounded), cacheSha256: sha256(side.cache) };
}

async function sha256Of(file) {
  return sha256(await readFile(file));
}

function sha256(content) {
  return createHash('sha256').update(content).digest('hex');
}

function round4(value) {
  return Math.round(value * 1e4) / 1e4;
}

function positive(name) {
  const value = Number(args[name]);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new Error(`expected --${name} to be a positive integer, found ${args[name]}`);
  }
  return value;
}
