#!/usr/bin/env node
/**
 * `npm run test:soak`: a mixed load for a long time. Every minute the engine is exchanged for a newly loaded one while requests go on, and a
 * worker thread loads one, infers and ends. At the end the memory of the process and of the GPU, file descriptors and threads must be
 * flat, each answer must have been that of the first engine, and no request may have failed.
 *
 * Needs a GPU and `npm run build`. A day is `--minutes 1440`.
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { main, root, since, StepError } from './process.mjs';
import { judgeGrowth } from './soak/growth.mjs';
import { Host } from './soak/host.mjs';
import { Load } from './soak/load.mjs';

const usage = `Usage: npm run test:soak -- [options]

  --minutes <n>   how long (default: 20)
  --reload <s>    seconds between two exchanges of the engine (default: 60)
  --loops <n>     requests under way at a time (default: 8)
  --plan <file>   the plan to use (default: models/digits, built for this GPU)
  --library <p>   path of TensorRT (default: the one that loadEngine finds)
  --device <n>    CUDA device (default: 0)
  --host-mib <n>  growth of the process's memory that still counts as flat (default: 20)
  --out <file>    write all samples as JSON

Exit code: 0 all is right and flat, 1 it is not.`;

const { values: args } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    reload: { type: 'string', default: '60' },
    loops: { type: 'string', default: '8' },
    plan: { type: 'string' },
    library: { type: 'string' },
    device: { type: 'string', default: '0' },
    'host-mib': { type: 'string', default: '20' },
    out: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const mebibyte = 2 ** 20;
/** So many that they say something, so few that the pauses for them are nothing. */
const samplesWanted = 200;
/** Nothing of these comes in halves: any growth is a leak. */
const none = 0.5;

if (args.help) console.log(usage);
else await main(soak);

async function soak() {
  const seconds = positive('minutes') * 60;
  const loops = positive('loops');
  const context = await prepare();
  const load = new Load(await Host.open(context.load, loops));
  const { engine } = load.host;
  const started = performance.now();
  console.log(
    `${engine.device.name}, TensorRT ${engine.version}, ${engine.lanes} lanes: ${loops} loops for ${seconds / 60} minutes`,
  );
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const asking = load.run(loops);
  const { samples, exchanges } = await conduct(load, { ...context, seconds, loops });
  load.end();
  await asking;
  delay.disable();
  await load.host.close();
  const result = {
    seconds,
    requests: load.counts,
    exchanges,
    // In it are the pauses for samples, with a full collection of garbage each, and inferSync.
    eventLoopDelayMs: { p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6 },
    failures: load.failures,
    growth: load.failures.length > 0 ? null : judge(samples),
    samples,
  };
  if (args.out !== undefined) await writeFile(args.out, `${JSON.stringify(result, null, 1)}\n`);
  return report(result, since(started));
}

async function prepare() {
  const { buildEngine, loadEngine } = await import('../dist/index.js');
  const { loadBinding } = await import('../dist/binding.js');
  const device = Number(args.device);
  const options = { device, ...(args.library === undefined ? {} : { library: args.library }) };
  const plan =
    args.plan === undefined ? await digits(buildEngine, options) : path.resolve(args.plan);
  const binding = loadBinding();
  return { plan, options, binding, load: () => loadEngine(plan, options) };
}

async function digits(buildEngine, options) {
  const { modelPath, profiles } = await import('../bench/digits.mjs');
  const output = path.join(root, 'build', 'soak', 'digits.engine');
  await mkdir(path.dirname(output), { recursive: true });
  console.log('Building models/digits …');
  await buildEngine(modelPath, {
    ...options,
    runtime: 'tensorrt',
    precision: 'fp32',
    profiles,
    output,
  });
  return output;
}

/** Samples, and exchanges the engine, one after the other: a sample never sees two engines. */
async function conduct(load, context) {
  const { seconds } = context;
  const begun = performance.now();
  const now = () => (performance.now() - begun) / 1000;
  const every = { sample: seconds / samplesWanted, exchange: positive('reload') };
  const due = { ...every };
  const samples = [];
  let exchanges = 0;
  while (load.failures.length === 0 && Math.min(...Object.values(due)) <= seconds) {
    const what = due.exchange <= due.sample ? 'exchange' : 'sample';
    await sleep(Math.max(0, due[what] - now()) * 1000);
    try {
      if (what === 'exchange') {
        await exchange(load, context);
        exchanges += 1;
      } else {
        samples.push({ seconds: now(), ...(await sample(load, context)) });
      }
    } catch (error) {
      load.fail(what, error);
    }
    // What came due meanwhile is done once.
    due[what] = Math.max(due[what] + every[what], now());
  }
  return { samples, exchanges };
}

/** The new engine takes over before the old one is closed, so that no request meets a closed one. */
async function exchange(load, { load: open, loops, plan, options }) {
  const old = load.exchange(await Host.open(open, loops, load.host));
  await old.close();
  await inWorker(plan, options);
}

function inWorker(plan, options) {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { loadEngine } = require(workerData.entry);
    (async () => {
      const engine = await loadEngine(workerData.plan, workerData.options);
      await engine.warmup();
      await engine.close();
    })();`;
  const entry = path.join(root, 'dist', 'index.js');
  const worker = new Worker(source, { eval: true, workerData: { entry, plan, options } });
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`a worker exited with ${code}`)),
    );
  });
}

async function sample(load, { binding, options: { device } }) {
  await load.pause();
  try {
    // What is left after it is what leaks. Finalizers run in later turns of the event loop.
    collectGarbage();
    await sleep(10);
    collectGarbage();
    const { freeBytes, totalBytes } = await binding.deviceMemory(device);
    return {
      hostBytes: process.memoryUsage.rss(),
      deviceBytes: totalBytes - freeBytes,
      descriptors: (await readdir('/proc/self/fd')).length,
      threads: (await readdir('/proc/self/task')).length,
    };
  } finally {
    load.resume();
  }
}

function collectGarbage() {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

function judge(samples) {
  const of = (name, per, limit) =>
    judgeGrowth(
      samples.map((one) => ({ seconds: one.seconds, value: one[name] / per })),
      limit,
    );
  return {
    'host memory, MiB': of('hostBytes', mebibyte, positive('host-mib')),
    'device memory, MiB': of('deviceBytes', mebibyte, none),
    'file descriptors': of('descriptors', 1, none),
    threads: of('threads', 1, none),
  };
}

function report({ requests, exchanges, eventLoopDelayMs, failures, growth }, time) {
  const total = Object.values(requests).reduce((sum, count) => sum + count, 0);
  console.log(`${total} requests and ${exchanges} exchanges in ${time}`);
  for (const [kind, count] of Object.entries(requests)) console.log(`  ${kind}: ${count}`);
  const { p50, p99 } = eventLoopDelayMs;
  console.log(`event loop delay: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`);
  for (const failure of failures) console.error(`failed: ${failure}`);
  if (growth === null) return 1;
  for (const [title, { first, last, perHour, growth: grown, flat }] of Object.entries(growth)) {
    console.log(
      `${flat ? 'flat ' : 'GROWS'}  ${title}: ${first.toFixed(1)} → ${last.toFixed(1)}, by slope ${grown.toFixed(2)} (${perHour.toFixed(2)} an hour)`,
    );
  }
  return Object.values(growth).every(({ flat }) => flat) ? 0 : 1;
}

function positive(name) {
  const value = Number(args[name]);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new StepError(`expected --${name} to be a number above 0, found ${args[name]}`);
}
