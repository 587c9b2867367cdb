#!/usr/bin/env node
/**
 * `npm run bench:ladder`: the same models in fp32, tf32, fp16, int8, and int8 by a CUDA graph: GPU time, throughput, size, build time, layers, accuracy.
 *
 * Engines come from the engine cache and measurements from --out, so that a run that was cut off goes on where it ended.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { gpuState, hostEnvironment } from './environment.mjs';
import { buildRung, rungs } from './ladder-build.mjs';
import { ladderModels } from './ladder-models.mjs';
import { printLadder } from './ladder-table.mjs';
import { summarize } from '../dist/benchmark/statistics.js';
import { summarizeLayers } from '../dist/layer-summary.js';

const { values: args } = parseArgs({
  options: {
    models: { type: 'string', default: process.env.TRT_NODE_TEST_MODELS ?? '.cache/models' },
    only: { type: 'string', default: 'resnet50,minilm' },
    steps: { type: 'string', default: 'fp32,tf32,fp16,int8,int8-graph' },
    cache: { type: 'string', default: '.cache/ladder' },
    out: { type: 'string', default: '.cache/ladder/ladder.json' },
    'time-limit': { type: 'string', default: '0' },
    'optimization-level': { type: 'string' },
    'minilm-algorithm': { type: 'string', default: 'minmax' },
    iterations: { type: 'string', default: '200' },
    'warm-ups': { type: 'string', default: '30' },
    device: { type: 'string', default: '0' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const usage = `Usage: npm run bench:ladder -- [options]

  --models <folder>          with resnet50 and minilm, by scripts/make-*.py (default: $TRT_NODE_TEST_MODELS, .cache/models)
  --only <list>              models (default: resnet50,minilm)
  --steps <list>             rungs (default: fp32,tf32,fp16,int8,int8-graph; the last is int8's engine with graphs: 'on', all others 'off')
  --cache <folder>           engine cache, timing cache, calibration caches (default: .cache/ladder)
  --out <file>               results so far; what is in it is not measured again (default: .cache/ladder/ladder.json)
  --time-limit <s>           begin no build after so many seconds (default: 0, none)
  --optimization-level <n>   default: TensorRT's own
  --minilm-algorithm <name>  minilm's calibrator in int8: entropy2, entropy, minmax or percentile (default: minmax)
  --iterations <n>           timed inferences per profile (default: 200)
  --warm-ups <n>             before them (default: 30)
  --device <n>               CUDA device (default: 0)`;

if (args.help) {
  console.log(usage);
} else {
  await main();
}

async function main() {
  const started = performance.now();
  const limit = Number(args['time-limit']) * 1000;
  const result = await readResult();
  const options = { minilmAlgorithm: args['minilm-algorithm'] };
  for (const model of await ladderModels(args.models, args.only.split(','), options)) {
    for (const step of args.steps.split(',')) {
      if (!Object.hasOwn(rungs, step)) {
        throw new Error(`expected ${Object.keys(rungs).join(', ')} but received ${step}`);
      }
      const key = `${model.name} ${step}`;
      const known = result.rungs[key];
      if (known !== undefined && isOf(known, model)) continue;
      if (limit > 0 && performance.now() - started > limit) {
        console.log(`${key}: left for another run`);
        continue;
      }
      result.rungs[key] = await measureRung(model, step);
      await writeResult(result);
    }
  }
  printLadder(result);
}

/** Whether a rung was measured of this very model, in int8 with this calibrator too. */
function isOf(rung, { modelSha256, calibration }) {
  if (rung.modelSha256 !== modelSha256) return false;
  return !rungs[rung.step]?.isCalibrated || rung.calibration?.algorithm === calibration.algorithm;
}

async function measureRung(model, step) {
  const { precision, graphs } = rungs[step];
  const device = Number(args.device);
  const level = args['optimization-level'];
  console.log(`${model.name} ${step}: building …`);
  const began = performance.now();
  const built = await buildRung(model, step, { cache: args.cache, device, level });
  const callSeconds = (performance.now() - began) / 1000;
  const { manifest } = built;
  const engine = await built.load({ device, lanes: 1, graphs });
  try {
    const timed = [];
    for (const one of model.timed) timed.push(await measureTimes(engine, one, device));
    return {
      model: model.name,
      step,
      modelSha256: model.modelSha256,
      precision,
      graphs: engine.graphs,
      buildSeconds: manifest.buildSeconds,
      callSeconds,
      timingCacheRead: manifest.timingCache !== undefined,
      planBytes: manifest.plan.sizeBytes,
      planSha256: manifest.plan.sha256,
      ...(await layersOf(engine, manifest, precision)),
      calibration: manifest.calibration ?? null,
      timed,
      accuracy: await model.accuracy(engine),
      tensorrt: manifest.version,
      gpu: manifest.gpu,
      driver: manifest.driver,
      profiles: manifest.profiles,
      optimizationLevel: manifest.options.optimizationLevel,
      ...hostEnvironment(),
    };
  } finally {
    await engine.close();
  }
}

/** Of the build; where its inspector failed, as TensorRT 10.6's did over engines of several profiles, of the loaded engine. */
async function layersOf(engine, { layerSummary, layersReason = null }, precision) {
  if (layerSummary !== null) return { layerSummary, layersReason };
  const { raw } = await engine.inspect();
  const asked = [precision].flat().filter((each) => each === 'fp16' || each === 'int8');
  return { layerSummary: summarizeLayers(JSON.stringify(raw), asked), layersReason };
}

async function measureTimes(engine, { label, samples, inputs }, device) {
  const [iterations, warmUps] = [Number(args.iterations), Number(args['warm-ups'])];
  for (let i = 0; i < warmUps; i++) await engine.infer(inputs);
  const spans = { h2d: [], compute: [], d2h: [] };
  const gpuBefore = await gpuState(device);
  for (let i = 0; i < iterations; i++) {
    const { timing } = await engine.inferTimed(inputs);
    for (const name of Object.keys(spans)) spans[name].push(timing[name]);
  }
  const gpuAfter = await gpuState(device);
  const compute = summarize(spans.compute);
  return {
    label,
    samples,
    // Milliseconds, between CUDA events.
    compute,
    h2d: summarize(spans.h2d),
    d2h: summarize(spans.d2h),
    // Of the GPU's compute time alone: what the engine could do were it fed without a gap.
    samplesPerSecond: (samples * 1000) / compute.p50,
    raw: spans.compute,
    gpuBefore,
    gpuAfter,
  };
}

async function readResult() {
  try {
    return JSON.parse(await readFile(args.out, 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return {
      schemaVersion: 1,
      command: ['npm', 'run', 'bench:ladder', '--', ...process.argv.slice(2)].join(' '),
      rungs: {},
    };
  }
}

async function writeResult(result) {
  await mkdir(path.dirname(path.resolve(args.out)), { recursive: true });
  await writeFile(`${args.out}.new`, `${JSON.stringify(result, null, 1)}\n`);
  await rename(`${args.out}.new`, args.out);
}
