/** The two sides of bench/calibration.mjs: one int8 build each, of the same model with the same batches. */
import { spawn } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export async function buildWithNode(job, name) {
  const { buildEngine } = await import('../dist/index.js');
  const cache = path.join(job.folder, `${name}.calib`);
  const timingCache = await copyOfTimingCache(job, name);
  const spans = new Map();
  const data = job.batches.map((batch) => ({
    [job.input]: { type: 'float32', data: batch, dims: [job.batch, ...job.dims] },
  }));
  const started = performance.now();
  const built = await buildEngine(job.model, {
    runtime: 'tensorrt',
    device: job.device,
    precision: 'int8',
    profiles: [{ [job.input]: job.profile }],
    ...(Number.isNaN(job.optimizationLevel) ? {} : { optimizationLevel: job.optimizationLevel }),
    timingCache,
    calibration: {
      data,
      algorithm: job.algorithm,
      cache,
      profile: { [job.input]: sameDims([job.batch, ...job.dims]) },
    },
    onProgress: ({ kind, phase, elapsedMs }) => {
      if (kind !== 'phase-start' && kind !== 'phase-end') return;
      const span = spans.get(phase) ?? {};
      span[kind] ??= elapsedMs;
      spans.set(phase, span);
    },
  });
  const wallSeconds = seconds(performance.now() - started);
  const { manifest } = built;
  return {
    tensorrt: manifest.version,
    batches: manifest.calibration.batches,
    readSeconds: spanOf(spans, 'Reading calibration batches'),
    batchesSeconds: spanOf(spans, 'Calibration'),
    buildSeconds: manifest.buildSeconds,
    wallSeconds,
    planBytes: built.sizeBytes,
    cache: await readFile(cache, 'utf8'),
    built,
  };
}

/** Each build has its own copy: what one learns is not the other's. The first makes it. */
async function copyOfTimingCache(job, name) {
  if (name === 'warm-up') return job.timingCache;
  if (job.timingCache === null) return false;
  const copy = path.join(job.folder, `${name}.timing`);
  await copyFile(job.timingCache, copy);
  return copy;
}

export async function buildWithPython(job, name) {
  const cache = path.join(job.folder, `${name}.calib`);
  const plan = path.join(job.folder, `${name}.engine`);
  const request = path.join(job.folder, `${name}.json`);
  const { model, input, data, algorithm, profile, device, timingCache } = job;
  await writeFile(
    request,
    JSON.stringify({
      ...{ model, input, data, algorithm, profile, device, timingCache, cache, plan },
      dims: [job.batches.length, job.batch, ...job.dims],
      optimizationLevel: Number.isNaN(job.optimizationLevel) ? null : job.optimizationLevel,
    }),
  );
  const answer = await runPeer(job.python, request);
  return { ...answer, cache: await readFile(cache, 'utf8'), plan };
}

/** A process for each build, as trtNode's builds have: neither finds libraries or a GPU warm that the other does not. */
export async function runPeer(python, request) {
  const script = fileURLToPath(new URL('calibration_peer.py', import.meta.url));
  const child = spawn(python, [script, request], {
    stdio: ['ignore', 2, 2, 'pipe'],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  });
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  const [answer, outcome] = await Promise.all([text(child.stdio[3]), ended]);
  if (outcome !== 0) {
    throw new Error(
      `the Python peer ended with ${outcome}; what it printed is above. It needs TensorRT's Python bindings and numpy.`,
    );
  }
  return JSON.parse(answer);
}

function spanOf(spans, phase) {
  const { 'phase-start': start, 'phase-end': end } = spans.get(phase) ?? {};
  if (start === undefined || end === undefined) {
    throw new Error(`expected the phase ${phase}, found ${[...spans.keys()].join(', ')}`);
  }
  return seconds(end - start);
}

function sameDims(dims) {
  return { min: dims, opt: dims, max: dims };
}

function seconds(milliseconds) {
  return milliseconds / 1000;
}
