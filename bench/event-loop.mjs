#!/usr/bin/env node
/**
 * Does a build hold up the event loop? The gaps between the ticks of a 1 ms timer during builds, against those of a control run beside a
 * child that keeps as many cores busy for as long. The two take turns, so that what else the machine does hits both.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { clearInterval, setInterval } from 'node:timers';
import { pathToFileURL } from 'node:url';
import { modelPath, profiles } from './digits.mjs';
import { hostEnvironment } from './environment.mjs';
import { summarize } from '../dist/benchmark/statistics.js';

/**
 * @param {() => Promise<unknown>} build one build; its work has to be in child processes
 * @param {{ rounds?: number }} [options] builds and control runs, one each a round
 */
export async function measureEventLoop(build, { rounds = 5 } = {}) {
  const during = { build: [], control: [] };
  let seconds = 0;
  let childSeconds = 0;
  for (let round = 0; round < rounds; round++) {
    const cpuBefore = await childCpuSeconds();
    const run = await gapsDuring(build);
    const cpu = (await childCpuSeconds()) - cpuBefore;
    const threads = Math.max(1, Math.round(cpu / run.seconds));
    const control = await gapsDuring(() => busyChild(threads, run.seconds));
    during.build.push(...run.gaps);
    during.control.push(...control.gaps);
    seconds += run.seconds;
    childSeconds += cpu;
  }
  const ofBuild = summarize(during.build);
  const control = summarize(during.control);
  return {
    rounds,
    seconds,
    busyCores: childSeconds / seconds,
    build: ofBuild,
    control,
    ratio: ofBuild.p99 / control.p99,
  };
}

/** Milliseconds between the ticks of a 1 ms timer while `work` runs. */
export async function gapsDuring(work) {
  const gaps = [];
  const start = performance.now();
  let last = start;
  const tick = () => {
    const now = performance.now();
    gaps.push(now - last);
    last = now;
  };
  const timer = setInterval(tick, 1);
  try {
    await work();
    // The gap that is open when the work ends counts as well.
    tick();
  } finally {
    clearInterval(timer);
  }
  return { gaps, seconds: (last - start) / 1000 };
}

/** A child that spins on `threads` threads, its start included in `seconds` as a build's is. */
async function busyChild(threads, seconds) {
  const until = Date.now() + seconds * 1000;
  const spin = `while (Date.now() < ${until});`;
  const script =
    `const { Worker } = require('node:worker_threads');` +
    `for (let i = 1; i < ${threads}; i++) new Worker(${JSON.stringify(spin)}, { eval: true });` +
    spin;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the control's child ended with exit code ${code}`);
}

/** CPU time of the children that have ended: cutime and cstime of proc(5), in its 100 ticks a second. */
async function childCpuSeconds() {
  const stat = await readFile('/proc/self/stat', 'utf8');
  // The second field is the program's name and may hold spaces; the third follows its closing bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

async function main() {
  const { buildEngine } = await import('../dist/index.js');
  const result = await measureEventLoop(() =>
    buildEngine(modelPath, {
      runtime: 'tensorrt-rtx',
      computeCapabilities: ['8.6', '8.9', '12.0'],
      profiles,
    }),
  );
  const { node, cpu } = hostEnvironment();
  console.log(`Gaps between the ticks of a 1 ms timer, milliseconds; Node.js ${node}, ${cpu}`);
  for (const name of ['build', 'control']) {
    const { count, p50, p99, max } = result[name];
    console.log(
      `  ${name.padEnd(8)} p50 ${p50.toFixed(2)}  p99 ${p99.toFixed(2)}  max ${max.toFixed(2)}  (${count} ticks)`,
    );
  }
  console.log(
    `  p99 ratio ${result.ratio.toFixed(2)}; the builds kept ${result.busyCores.toFixed(1)} cores busy`,
  );
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main();
