/** What a CUDA graph saves: the same network replayed and enqueued, at batch 1. */
import { pooled } from './pooled.mjs';
import { asyncBlock, inTurns, microseconds, syncBlock } from './turns.mjs';
import { atMost } from './verdict.mjs';

export async function graphRatio(context, { plan, iterations }) {
  const one = await context.cases.of(plan, 1);
  const floor = await context.floor();
  const engines = {};
  try {
    for (const graphs of ['on', 'off']) {
      engines[graphs] = await context.load(plan, { lanes: 1, waiting: 'spin', graphs });
    }
    const block = { warmUps: 50, iterations };
    const pinned = Object.fromEntries(
      Object.entries(engines).map(([graphs, engine]) => {
        const outputs = one.pinnedOutputs(engine, engine.inferSync(one.inputs));
        return [graphs, [one.pinnedInputs(engine), { outputs }]];
      }),
    );
    const ofTrtNode = (graphs) => async () => {
      const compute = [];
      const once = async () => {
        const { timing } = await engines[graphs].inferTimed(...pinned[graphs]);
        compute.push(microseconds(timing.compute));
      };
      await asyncBlock(once, block);
      const { wall } = syncBlock(() => engines[graphs].inferSync(...pinned[graphs]), block);
      return { compute: compute.slice(-iterations), wall };
    };
    const ofFloor = (graph) => async () => {
      const request = { ...one.floorRequest, graph, 'warm-ups': 50, iterations };
      const { compute } = await floor.ask({ op: 'events', ...request });
      const { wall } = await floor.ask({ op: 'latency', ...request });
      return { compute, wall };
    };
    const results = await inTurns(Math.min(context.settings.rounds, 3), {
      replay: ofTrtNode('on'),
      enqueue: ofTrtNode('off'),
      floorReplay: ofFloor('on'),
      floorEnqueue: ofFloor('off'),
    });
    const compute = pooled(results, 'compute');
    const wall = pooled(results, 'wall');
    const ratio = (of, mine, other) => of[mine].p50 / of[other].p50;
    return {
      verdicts: [
        atMost({
          what: 'resnet50 fp16 batch 1: graph replay by plain enqueue, time on the GPU, p50',
          value: ratio(compute, 'replay', 'enqueue'),
          limit: 0.85,
          unit: '×',
          against: `enqueue ${compute.enqueue.p50.toFixed(1)} µs`,
          note:
            `replay ${compute.replay.p50.toFixed(1)} µs; end to end ${ratio(wall, 'replay', 'enqueue').toFixed(3)} ×; ` +
            `floor ${ratio(compute, 'floorReplay', 'floorEnqueue').toFixed(3)} ×`,
        }),
      ],
      figures: { compute, wall, graphs: { on: engines.on.graphs, off: engines.off.graphs } },
      raw: results,
    };
  } finally {
    one.closePinned();
    for (const engine of Object.values(engines)) await engine.close();
  }
}
