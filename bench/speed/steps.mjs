/**
 * The table of `npm run bench:gpu`, in the order in which it is measured. `seconds` is what a step may take; torch.compile, which takes
 * longest and says least of trt-node, is the last one.
 */
import { driftOfInferences, driftOfLoads } from './drift.mjs';
import { eventLoop } from './event-loop.mjs';
import { graphRatio } from './graph.mjs';
import { latency } from './latency.mjs';
import { load } from './load.mjs';
import { defaults, throughput, transferLimit } from './throughput.mjs';
import { torch } from './torch.mjs';

export const steps = {
  latency: {
    plan: 'fp16',
    seconds: 90,
    run: (context, plan) =>
      latency(context, {
        plan,
        what: 'resnet50 fp16 batch 1',
        asyncTarget: 12,
        iterations: context.settings.iterations,
      }),
  },
  digits: {
    plan: 'digits',
    seconds: 45,
    run: (context, plan) =>
      latency(context, {
        plan,
        what: 'digits batch 1',
        asyncTarget: 10,
        iterations: 2 * context.settings.iterations,
      }),
  },
  graph: {
    plan: 'fp16',
    seconds: 45,
    run: (context, plan) => graphRatio(context, { plan, iterations: context.settings.iterations }),
  },
  'throughput-1': {
    plan: 'fp16',
    seconds: 90,
    run: (context, plan) => throughput(context, { plan, batch: 1 }),
  },
  'throughput-8': {
    plan: 'fp16',
    seconds: 90,
    run: (context, plan) => throughput(context, { plan, batch: 8 }),
  },
  defaults: {
    plan: 'fp16',
    seconds: 30,
    run: (context, plan) => defaults(context, { plan, batch: 8 }),
  },
  'int8-128': {
    plan: 'int8',
    seconds: 90,
    run: (context, plan) => transferLimit(context, { plan, batch: 128 }),
  },
  load: { plan: 'fp16', seconds: 60, run: (context, plan) => load(context, { plan }) },
  'event-loop': {
    plan: 'fp16',
    seconds: 45,
    run: (context, plan) => eventLoop(context, { plan, batch: 8 }),
  },
  torch: {
    plan: 'fp16',
    seconds: 120,
    run: (context, plan) =>
      torch(context, {
        plan,
        modes: ['eager', 'graph'],
        iterations: context.settings.iterations,
      }),
  },
  inferences: {
    plan: 'digits',
    seconds: 60,
    run: (context, plan) =>
      driftOfInferences(context, { plan, count: context.settings.short ? 20_000 : 100_000 }),
  },
  loads: {
    plan: 'digits',
    seconds: 120,
    run: (context, plan) =>
      driftOfLoads(context, { plan, count: context.settings.short ? 100 : 1000 }),
  },
  'torch-compile': {
    plan: 'fp16',
    seconds: 240,
    run: (context, plan) =>
      torch(context, {
        plan,
        modes: ['compile'],
        iterations: context.settings.iterations,
      }),
  },
};
