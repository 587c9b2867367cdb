/** The two sides of bench/minilm-int8.mjs: one build of minilm in int8 and fp16 each, calibrated from the same file. */
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runPeer } from './calibration-sides.mjs';

const inputNames = ['input_ids', 'attention_mask'];

export async function buildWithNode({ model, device, optimizationLevel, folder }, algorithm) {
  const { buildEngine } = await import('../dist/index.js');
  const plan = path.join(folder, `trtNode-${algorithm}.engine`);
  const cache = path.join(folder, `trtNode-${algorithm}.calib`);
  // The scales of a run before this one would be taken, and nothing calibrated.
  await rm(cache, { force: true });
  await rm(`${cache}.json`, { force: true });
  const { manifest } = await buildEngine(model.modelPath, {
    runtime: 'tensorrt',
    device,
    precision: ['int8', 'fp16'],
    profiles: model.profiles,
    output: plan,
    timingCache: timingCacheIn(folder),
    calibration: { ...model.calibration, algorithm, cache },
    ...(optimizationLevel === null ? {} : { optimizationLevel }),
  });
  return {
    plan,
    cache: await readFile(cache, 'utf8'),
    tensorrt: manifest.version,
    batches: manifest.calibration.batches,
    buildSeconds: manifest.buildSeconds,
    timingCacheRead: manifest.timingCache !== undefined,
    planBytes: manifest.plan.sizeBytes,
  };
}

/** Takes the kernels' times from trt-node's timing cache where one is: what differs is not what two measurements differ by. */
export async function buildWithPython(job, algorithm) {
  const { model, device, optimizationLevel, folder, python } = job;
  const file = (ending) => path.join(folder, `python-${algorithm}.${ending}`);
  const [plan, cache, request] = [file('engine'), file('calib'), file('request.json')];
  const timingCache = await existing(timingCacheIn(folder));
  await writeFile(
    request,
    JSON.stringify({
      model: model.modelPath,
      data: model.calibration.data,
      inputs: Object.fromEntries(inputNames.map((name) => [name, dimsOf(model.profiles.all)])),
      batch: model.calibration.profile.batch,
      fp16: true,
      ...{ algorithm, device, optimizationLevel, timingCache, cache, plan },
    }),
  );
  const answer = await runPeer(python, request);
  return {
    plan,
    cache: await readFile(cache, 'utf8'),
    tensorrt: answer.tensorrt,
    python: answer.python,
    numpy: answer.numpy,
    batches: answer.batches,
    buildSeconds: answer.buildSeconds,
    timingCacheRead: timingCache !== null,
    planBytes: answer.planBytes,
  };
}

/** Both inputs are [batch, seq]. */
function dimsOf({ batch, seq }) {
  const [min, opt, max] = batch.map((size, i) => [size, seq[i]]);
  return { min, opt, max };
}

function timingCacheIn(folder) {
  return path.join(folder, 'timing.cache');
}

async function existing(file) {
  try {
    await access(file);
    return file;
  } catch {
    return null;
  }
}
