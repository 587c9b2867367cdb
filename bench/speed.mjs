#!/usr/bin/env node
/**
 * `npm run bench:gpu`: is the runtime as fast as the hardware? trt-node beside bench/floor.cc (plain C++, the same calls), TensorRT's Python
 * bindings and PyTorch, on the same plans, in turns, in one run; and a table with pass or miss for each row. README.md beside this says what
 * is measured and how.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { main as runMain, StepError } from '../scripts/process.mjs';
import { floorPath } from './build-floor.mjs';
import { modelPath, profiles } from './digits.mjs';
import { gpuState, hostEnvironment, mappedLibraries } from './environment.mjs';
import { Cases } from './speed/cases.mjs';
import { Peers } from './speed/peers.mjs';
import { Results, sha256Of } from './speed/results.mjs';
import { steps } from './speed/steps.mjs';
import { printVerdicts } from './speed/verdict.mjs';

const { values: args } = parseArgs({
  options: {
    plans: { type: 'string' },
    floor: { type: 'string', default: floorPath },
    python: { type: 'string', default: process.env.PYTHON ?? 'python3' },
    only: { type: 'string' },
    skip: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    iterations: { type: 'string', default: '400' },
    'warm-ups': { type: 'string', default: '3000' },
    seconds: { type: 'string', default: '0.5' },
    short: { type: 'boolean', default: false },
    device: { type: 'string', default: '0' },
    out: { type: 'string' },
    again: { type: 'boolean', default: false },
    'time-limit': { type: 'string', default: '0' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const names = Object.keys(steps);
const usage = `Usage: npm run bench:gpu -- --plans <folder> [options]

  --plans <folder>      resnet50-fp16.engine and resnet50-int8.engine, each with profiles for batches of 1, 2 to 8 and 9 to 128, and
                        digits.engine, which is built there when it is missing
  --floor <program>     by node bench/build-floor.mjs (default: build/bench/floor)
  --python <program>    an interpreter with TensorRT's bindings, numpy, PyTorch and torchvision (default: $PYTHON, else python3)
  --only <list>         steps: ${names.join(', ')}
  --skip <list>         steps to leave out
  --rounds <n>          how often the sides take turns, at least 3 (default: 5; throughput and graphs: at most 3)
  --iterations <n>      inferences in each block (default: 400)
  --warm-ups <n>        inferences of each side before the first round, at least 1 (default: 3000); 50 more before each block
  --seconds <s>         of each throughput measurement (default: 0.5)
  --short               20,000 inferences and 100 loads instead of 100,000 and 1,000
  --device <n>          CUDA device (default: 0)
  --out <file>          results with every single measurement, as JSON; what is in it of these plans is not measured again
  --again               measure again what is in --out
  --time-limit <s>      begin no step that could end after so many seconds (default: 0, none)`;

if (args.help) console.log(usage);
else await runMain(main);

/** 0: every row passes; 1: one does not, or was not measured. */
async function main() {
  if (args.plans === undefined) throw new StepError('expected --plans; see --help');
  const started = performance.now();
  const chosen = choose();
  const settings = {
    rounds: atLeast('rounds', 3),
    iterations: atLeast('iterations', 2),
    steady: atLeast('warm-ups', 1),
    seconds: Number(args.seconds),
    short: args.short,
    device: Number(args.device),
  };
  const { loadEngine } = await import('../dist/index.js');
  const { loadBinding } = await import('../dist/binding.js');
  const folder = await mkdtemp(path.join(tmpdir(), 'trt-node-bench-'));
  const peers = new Peers({ ...settings, floor: path.resolve(args.floor), python: args.python });
  const load = (plan, options) => loadEngine(plan, { device: settings.device, ...options });
  const context = {
    settings,
    load,
    binding: loadBinding(),
    cases: new Cases(folder, (plan) => load(plan, { lanes: 1, graphs: 'off' })),
    floor: () => peers.floor(),
    python: (plan) => peers.python(plan),
    torch: () => peers.torch(),
    programs: { floor: path.resolve(args.floor), python: args.python },
  };
  const command = ['npm', 'run', 'bench:gpu', '--', ...process.argv.slice(2)].join(' ');
  const results = await Results.open(args.out, command);
  const plans = await findPlans(settings.device);
  const done = [];
  let complete = true;
  try {
    for (const name of chosen) {
      const step = steps[name];
      const plan = plans[step.plan];
      if (plan === undefined) {
        console.log(`${name}: there is no ${step.plan} plan in --plans`);
        complete = false;
        continue;
      }
      const known = args.again ? undefined : results.known(name, plan.sha256, settings);
      if (known !== undefined) {
        done.push(known);
        continue;
      }
      const limit = Number(args['time-limit']);
      if (limit > 0 && (performance.now() - started) / 1000 + step.seconds / 2 > limit) {
        console.log(`${name}: left for another run`);
        complete = false;
        continue;
      }
      const measured = await measure(name, step, plan, context, peers);
      if (measured === null) {
        complete = false;
        continue;
      }
      done.push(measured);
      await results.keep(name, measured);
      await results.describe(await factsOf(peers, plans, settings));
    }
  } finally {
    await Promise.race([
      peers.close(),
      new Promise((resolve) => setTimeout(resolve, 5000).unref()),
    ]);
    await rm(folder, { recursive: true, force: true });
  }
  const verdicts = done.flatMap((step) => step.verdicts);
  console.log('');
  printVerdicts(verdicts);
  console.log(
    `\nlatency, digits, torch: each side ran ${settings.steady} times before the first round, and 50 times before each block`,
  );
  const misses = verdicts.filter(({ pass }) => pass === false).length;
  console.log(
    `\n${verdicts.length} rows, ${misses} missed${complete ? '' : '; not every step was measured'}`,
  );
  return complete && misses === 0 ? 0 : 1;
}

/** null: it failed, which has been said. */
async function measure(name, step, plan, context, peers) {
  const { device } = context.settings;
  const begun = performance.now();
  process.stdout.write(`${name} … `);
  const before = await gpuState(device);
  // A step that hangs would take the other steps' time too: without its peers it fails, and if it still hangs it is trt-node that does.
  const limits = [
    setTimeout(() => peers.kill(), step.seconds * 1000),
    setTimeout(
      () => {
        console.error(`${name} hangs: the run ends here. What was measured before is in --out.`);
        process.exit(1);
      },
      (step.seconds + 30) * 1000,
    ),
  ];
  try {
    const { verdicts, figures, raw } = await step.run(context, plan.path);
    const seconds = (performance.now() - begun) / 1000;
    const missed = verdicts.filter(({ pass }) => pass === false).length;
    console.log(`${seconds.toFixed(1)} s, ${missed === 0 ? 'pass' : `${missed} missed`}`);
    return {
      date: new Date().toISOString(),
      planSha256: plan.sha256,
      settings: context.settings,
      seconds,
      gpu: { before, after: await gpuState(device) },
      verdicts,
      figures,
      raw,
    };
  } catch (error) {
    console.log(`failed after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
    console.error(error);
    // Whatever was asked last is not answered any more: the next step starts them anew.
    peers.kill();
    return null;
  } finally {
    for (const limit of limits) clearTimeout(limit);
  }
}

function choose() {
  const list = (text) => text.split(',').filter((name) => name !== '');
  const wanted = args.only === undefined ? names : list(args.only);
  const unwanted = list(args.skip);
  for (const name of [...wanted, ...unwanted]) {
    if (!names.includes(name)) {
      throw new StepError(`there is no step ${name}: expected ${names.join(', ')}`);
    }
  }
  return names.filter((name) => wanted.includes(name) && !unwanted.includes(name));
}

async function findPlans(device) {
  const folder = path.resolve(args.plans);
  const files = { fp16: 'resnet50-fp16', int8: 'resnet50-int8', digits: 'digits' };
  const plans = {};
  for (const [name, file] of Object.entries(files)) {
    const plan = path.join(folder, `${file}.engine`);
    if (name === 'digits' && !existsSync(plan)) await buildDigits(plan, device);
    if (existsSync(plan)) plans[name] = { path: plan, sha256: await sha256Of(plan) };
  }
  return plans;
}

async function buildDigits(output, device) {
  const { buildEngine } = await import('../dist/index.js');
  console.log('Building models/digits, precision fp32 …');
  await buildEngine(modelPath, {
    runtime: 'tensorrt',
    device,
    precision: 'fp32',
    profiles,
    output,
  });
}

async function factsOf(peers, plans, { device }) {
  const manifest = new URL('../package.json', import.meta.url);
  const { version } = JSON.parse(await readFile(manifest, 'utf8'));
  return {
    ...hostEnvironment(),
    gpu: await gpuState(device),
    trtNode: {
      version,
      libraries: (await mappedLibraries()).map((library) => path.basename(library)),
    },
    peers: peers.facts,
    plans: Object.fromEntries(
      Object.entries(plans).map(([name, plan]) => [
        name,
        { file: path.basename(plan.path), sha256: plan.sha256 },
      ]),
    ),
  };
}

function atLeast(name, least) {
  const value = Number(args[name]);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new StepError(
      `expected --${name} to be an integer of at least ${least}, found ${args[name]}`,
    );
  }
  return value;
}
