#!/usr/bin/env node
/** The plans of `npm run bench:gpu`, built as the ladder builds them: resnet50 in fp16 and int8. What the ladder's cache has is not built again. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { buildRung } from './ladder-build.mjs';
import { ladderModels } from './ladder-models.mjs';

const { values: args } = parseArgs({
  options: {
    models: { type: 'string', default: process.env.TRT_NODE_TEST_MODELS ?? '.cache/models' },
    cache: { type: 'string', default: '.cache/ladder' },
    steps: { type: 'string', default: 'fp16,int8' },
    out: { type: 'string' },
    device: { type: 'string', default: '0' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (args.help || args.out === undefined) {
  console.log(`Usage: node bench/speed-plans.mjs --out <folder> [options]

  --out <folder>     resnet50-fp16.engine and resnet50-int8.engine, with their manifests, come to lie here
  --models <folder>  with resnet50, by scripts/make-resnet50.py (default: $TRT_NODE_TEST_MODELS, .cache/models)
  --cache <folder>   the ladder's: engines, timings, calibrations (default: .cache/ladder)
  --steps <list>     default: fp16,int8
  --device <n>       CUDA device (default: 0)`);
  process.exitCode = args.help ? 0 : 1;
} else {
  const [model] = await ladderModels(args.models, ['resnet50']);
  await mkdir(args.out, { recursive: true });
  for (const step of args.steps.split(',')) {
    const began = performance.now();
    const built = await buildRung(model, step, { cache: args.cache, device: Number(args.device) });
    const plan = path.join(args.out, `resnet50-${step}.engine`);
    await built.save(plan);
    console.log(`${plan}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
}
