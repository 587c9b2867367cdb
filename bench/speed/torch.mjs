/** PyTorch in float16 at batch 1: eager, CUDA graph, torch.compile. */
import { pooled } from './pooled.mjs';
import { asyncBlock, inTurns, restMs, syncBlock } from './turns.mjs';
import { atMost } from './verdict.mjs';

const names = {
  eager: 'PyTorch FP16 eager',
  graph: 'PyTorch FP16 CUDA graph',
  compile: 'torch.compile',
};

/**
 * @param {object} context
 * @param {{ plan: string, modes: readonly (keyof typeof names)[], iterations: number }} options
 */
export async function torch(context, { plan, modes, iterations }) {
  const one = await context.cases.of(plan, 1);
  const peer = await context.torch();
  const engine = await context.load(plan, { lanes: 1, waiting: 'spin', graphs: 'on' });
  try {
    const outputs = one.pinnedOutputs(engine, engine.inferSync(one.inputs));
    const pinned = one.pinnedInputs(engine);
    const { rounds, steady } = context.settings;
    const sides = {
      trtNode: async (block) => syncBlock(() => engine.inferSync(pinned, { outputs }), block),
      trtNodeInfer: async (block) => asyncBlock(() => engine.infer(one.inputs), block),
      ...Object.fromEntries(
        modes.map((mode) => [mode, (block) => peer.ask({ op: 'run', mode, ...block })]),
      ),
    };
    const block = { warmUps: 50, iterations };
    const results = await inTurns(Math.min(rounds, 3), sides, { block, steady, restMs });
    const wall = pooled(results);
    const layouts = Object.fromEntries(modes.map((mode) => [mode, results[mode][0].layout]));
    return {
      verdicts: modes.map((mode) =>
        atMost({
          what: `resnet50 batch 1, end to end, p50: trt-node (inferSync, pinned, graph) by ${names[mode]}`,
          value: wall.trtNode.p50 / wall[mode].p50,
          limit: 1,
          unit: '×',
          against: `${names[mode]} ${wall[mode].p50.toFixed(0)} µs (${layouts[mode]})`,
          note: `trt-node ${wall.trtNode.p50.toFixed(0)} µs, await infer of ordinary arrays ${wall.trtNodeInfer.p50.toFixed(0)} µs`,
        }),
      ),
      figures: {
        wall,
        compute: pooled(Object.fromEntries(modes.map((mode) => [mode, results[mode]])), 'compute'),
        layouts,
      },
      raw: results,
    };
  } finally {
    one.closePinned();
    await engine.close();
  }
}
