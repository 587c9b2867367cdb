#!/usr/bin/env node
/**
 * What INT8 costs minilm in accuracy, through trt-node and through TensorRT's Python bindings, with the same calibrators and the same
 * data. README.md beside this says what is measured and how.
 *
 * What is done is kept in --cache and written to --out after each build, so that a run that was cut off loses one build at most.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { compareScales } from './calibration-scales.mjs';
import { gpuState, hostEnvironment } from './environment.mjs';
import { ladderModels } from './ladder-models.mjs';
import { buildWithNode, buildWithPython } from './minilm-int8-sides.mjs';

const { values: args } = parseArgs({
  options: {
    models: { type: 'string', default: process.env.TRT_NODE_TEST_MODELS ?? '.cache/models' },
    python: { type: 'string', default: process.env.PYTHON ?? 'python3' },
    algorithms: { type: 'string', default: 'entropy2,minmax' },
    cache: { type: 'string', default: '.cache/minilm-int8' },
    level: { type: 'string' },
    device: { type: 'string', default: '0' },
    out: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const usage = `Usage: node bench/minilm-int8.mjs [options]

  --models <folder>    with minilm, by scripts/make-minilm.py (default: $TRT_NODE_TEST_MODELS, .cache/models)
  --python <program>   an interpreter with TensorRT's bindings and numpy (default: $PYTHON, else python3)
  --algorithms <list>  of entropy2, entropy and minmax (default: entropy2,minmax)
  --cache <folder>     plans, scales, a timing cache, and what was measured: it is not measured again (default: .cache/minilm-int8)
  --level <n>          TensorRT's builder optimization level (default: its own)
  --device <n>         CUDA device (default: 0)
  --out <file>         write the result as JSON, after each build; bench/results/<name>.json say

Exit code: 0 pass, 1 miss or a build that failed.`;

const leastCosine = 0.98;
const algorithmNames = ['entropy2', 'entropy', 'minmax'];
/** trt-node first: its timing cache is for both. */
const sides = { trtNode: buildWithNode, python: buildWithPython };

if (args.help) console.log(usage);
else await main();

async function main() {
  const algorithms = checkedAlgorithms();
  const job = await prepareJob();
  const result = {
    schemaVersion: 1,
    command: ['node', 'bench/minilm-int8.mjs', ...process.argv.slice(2)].join(' '),
    ...hostEnvironment(),
    trtNode: await packageVersion(),
    gpu: { before: await gpuState(job.device), after: null },
    model: { name: path.basename(job.model.modelPath), sha256: job.key.modelSha256 },
    calibrationData: {
      name: path.basename(job.model.calibration.data),
      sha256: job.key.dataSha256,
      profile: job.model.calibration.profile,
    },
    settings: {
      algorithms,
      precision: ['int8', 'fp16'],
      profiles: job.model.profiles,
      optimizationLevel: job.optimizationLevel,
      device: job.device,
    },
    algorithms: Object.fromEntries(algorithms.map((algorithm) => [algorithm, {}])),
    verdict: null,
  };
  for (const algorithm of algorithms) {
    const of = result.algorithms[algorithm];
    for (const side of Object.keys(sides)) {
      of[side] = await measured(job, side, algorithm);
      console.log(`${algorithm}, ${side}: ${JSON.stringify(of[side])}`);
      of.scales = await scalesOf(job, of, algorithm);
      result.verdict = verdictOn(result);
      result.gpu.after = await gpuState(job.device);
      await writeResult(result);
    }
  }
  print(result);
  if (result.verdict?.pass !== true) process.exitCode = 1;
}

async function prepareJob() {
  const [model] = await ladderModels(path.resolve(args.models), ['minilm']);
  const folder = path.resolve(args.cache);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const optimizationLevel = args.level === undefined ? null : Number(args.level);
  return {
    model,
    folder,
    device: Number(args.device),
    python: args.python,
    optimizationLevel,
    // What a kept measurement must agree in.
    key: {
      modelSha256: model.modelSha256,
      dataSha256: sha256(await readFile(model.calibration.data)),
      optimizationLevel,
    },
  };
}

/** One side with one calibrator, or what went wrong there: the others are worth having all the same. */
async function measured(job, side, algorithm) {
  const file = path.join(job.folder, `${side}-${algorithm}.measured.json`);
  const kept = await readKept(file);
  if (kept !== null && JSON.stringify(kept.key) === JSON.stringify(job.key)) return kept.side;
  console.log(`${algorithm}, ${side}: building …`);
  // It would not go with the plan and the scales that a build leaves which is cut off.
  await rm(file, { force: true });
  const started = performance.now();
  try {
    const { plan, cache, ...built } = await sides[side](job, algorithm);
    const wallSeconds = (performance.now() - started) / 1000;
    const accuracy = await accuracyOf(job, plan);
    const found = { ...accuracy, ...built, wallSeconds, cacheSha256: sha256(cache) };
    await writeJson(file, { key: job.key, date: new Date().toISOString(), side: found });
    return found;
  } catch (error) {
    console.error(error);
    return { error: `${error.code ?? error.name}: ${error.message}` };
  }
}

/** By the same function as in the ladder, for plans of either side. */
async function accuracyOf({ model, device }, plan) {
  const { loadEngine } = await import('../dist/index.js');
  const engine = await loadEngine(plan, { device });
  try {
    const accuracy = await model.accuracy(engine);
    if (Number.isFinite(accuracy.meanCosine)) return accuracy;
    throw new Error(
      `expected a mean cosine but it is ${accuracy.meanCosine}: embeddings have NaN or are zero`,
    );
  } finally {
    await engine.close();
  }
}

/** null until both sides have theirs. */
async function scalesOf({ folder }, { trtNode, python }, algorithm) {
  if (!isMeasured(trtNode) || !isMeasured(python)) return null;
  const cacheOf = async (side) => ({
    cache: await readFile(path.join(folder, `${side}-${algorithm}.calib`), 'utf8'),
  });
  return compareScales({ trtNode: await cacheOf('trtNode'), python: await cacheOf('python') });
}

/** The better calibrator of each side; null until all are measured. */
function verdictOn({ algorithms }) {
  const all = Object.entries(algorithms);
  const best = (side) =>
    all
      .map(([algorithm, of]) => ({ algorithm, meanCosine: of[side]?.meanCosine }))
      .reduce((a, b) => (b.meanCosine > a.meanCosine ? b : a));
  if (all.some(([, of]) => !isMeasured(of.trtNode) || !isMeasured(of.python))) return null;
  const [trtNode, python] = [best('trtNode'), best('python')];
  return {
    rule: `trt-node's mean cosine >= ${leastCosine} or >= the better Python one`,
    trtNode,
    python,
    pass: trtNode.meanCosine >= leastCosine || trtNode.meanCosine >= python.meanCosine,
  };
}

function isMeasured(side) {
  return side !== undefined && side.error === undefined;
}

function print({ algorithms, verdict }) {
  const header = ['calibrator', 'side', 'mean cosine', 'smallest', 'build s', 'scales'];
  const rows = Object.entries(algorithms).flatMap(([algorithm, of]) =>
    Object.keys(sides).map((side) => [algorithm, side, ...cells(of[side]), scalesText(of.scales)]),
  );
  console.log('');
  for (const row of [header, header.map(() => '---'), ...rows]) {
    console.log(`| ${row.join(' | ')} |`);
  }
  if (verdict === null) {
    console.log('\nNo verdict: a build failed, what it said is above.');
    return;
  }
  const { rule, trtNode, python, pass } = verdict;
  console.log(
    `\n${pass ? 'pass' : 'miss'}: ${rule} (${trtNode.meanCosine.toFixed(6)} with ${trtNode.algorithm}, ` +
      `Python ${python.meanCosine.toFixed(6)} with ${python.algorithm})`,
  );
}

function cells(side) {
  if (!isMeasured(side)) return ['failed', '–', '–'];
  const { meanCosine, smallestCosine, buildSeconds } = side;
  return [meanCosine.toFixed(6), smallestCosine.toFixed(6), buildSeconds.toFixed(1)];
}

function scalesText(scales) {
  if (scales === null) return '–';
  return scales.sameBytes ? 'same bytes' : `${scales.equal} of ${scales.tensors} equal`;
}

async function packageVersion() {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url)));
  return { version };
}

async function readKept(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

async function writeResult(result) {
  if (args.out === undefined) return;
  await mkdir(path.dirname(path.resolve(args.out)), { recursive: true });
  await writeJson(args.out, result);
  console.log(`Wrote ${args.out}`);
}

/** By a rename, so that a run that is cut off leaves the last whole result. */
async function writeJson(file, value) {
  await writeFile(`${file}.new`, `${JSON.stringify(value, null, 2)}\n`);
  await rename(`${file}.new`, file);
}

function checkedAlgorithms() {
  const names = args.algorithms.split(',');
  const unknown = names.find((name) => !algorithmNames.includes(name));
  if (unknown === undefined) return names;
  throw new Error(`expected --algorithms of ${algorithmNames.join(', ')}, found ${unknown}`);
}

function sha256(content) {
  return createHash('sha256').update(content).digest('hex');
}
