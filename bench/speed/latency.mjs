/** End to end, one inference after the other: trt-node beside the floor and TensorRT's Python bindings. */
import { median } from '../../dist/benchmark/statistics.js';
import { asyncBlock, inTurns, pooled, syncBlock } from './turns.mjs';
import { atMost } from './verdict.mjs';

const labels = {
  inferSyncPinned: 'inferSync, pinned, CUDA graph',
  inferSpin: "await infer, ordinary arrays, waiting 'spin'",
  inferAuto: "await infer, ordinary arrays, waiting 'auto'",
  inferBlock: "await infer, ordinary arrays, waiting 'block'",
};

const lane = { lanes: 1, graphs: 'on' };

/**
 * @param {object} context of bench/speed.mjs
 * @param {{ plan: string, what: string, asyncTarget: number, iterations: number }} options
 * `asyncTarget`: microseconds above the floor that `await infer` may take when its lane spins
 */
export async function latency(context, { plan, what, asyncTarget, iterations }) {
  const one = await context.cases.of(plan, 1);
  const floor = await context.floor();
  const engines = {};
  try {
    for (const waiting of ['spin', 'auto', 'block']) {
      engines[waiting] = await context.load(plan, { ...lane, waiting });
    }
    const outputs = engines.spin.inferSync(one.inputs);
    const pinned = one.pinnedInputs(engines.spin);
    const into = { outputs: one.pinnedOutputs(engines.spin, outputs) };
    const block = { warmUps: 50, iterations };
    const ofFloor = (request) => () =>
      floor.ask({ op: 'latency', ...one.floorRequest, 'warm-ups': 50, iterations, ...request });
    const ofPython = (request) => async () => {
      const python = await context.python(plan);
      return await python.ask({
        ...{ op: 'run', timed: false, ...block },
        ...{ ...one.pythonRequest, ...request },
      });
    };
    const infer = (waiting) => () => asyncBlock(() => engines[waiting].infer(one.inputs), block);
    const results = await inTurns(context.settings.rounds, {
      floorPinned: ofFloor({ wait: 'synchronize' }),
      floorPinnedQuery: ofFloor({ wait: 'query' }),
      inferSyncPinned: async () => syncBlock(() => engines.spin.inferSync(pinned, into), block),
      floorPageable: ofFloor({ arrays: 'pageable' }),
      floorPageableQuery: ofFloor({ arrays: 'pageable', wait: 'query' }),
      floorPageableBlock: ofFloor({ arrays: 'pageable', wait: 'block' }),
      inferSync: async () => syncBlock(() => engines.spin.inferSync(one.inputs), block),
      inferSpin: infer('spin'),
      inferAuto: infer('auto'),
      inferBlock: infer('block'),
      ...(await working({
        floorWholeGraph: ofFloor({ graph: 'whole' }),
        pythonPinnedGraph: ofPython({ arrays: 'pinned', graph: true }),
        pythonOrdinary: ofPython({}),
      })),
    });
    const difference = await one.compareWithFloor(outputs);
    const written = await one.compareWithFloor(into.outputs);
    const hop = await floor.ask({ op: 'hop' });
    const hops = { condition: median(hop.condition), epoll: median(hop.epoll) };
    const figures = { wall: pooled(results), cpu: cpuOf(results), hops, difference, written };
    return { verdicts: verdictsOf(what, figures, asyncTarget), figures, raw: { results, hop } };
  } finally {
    one.closePinned();
    for (const engine of Object.values(engines)) await engine.close();
  }
}

/** Those of the sides that run at all: what stands beside the table takes nothing of it down. */
async function working(sides) {
  const kept = {};
  for (const [name, side] of Object.entries(sides)) {
    try {
      await side();
      kept[name] = side;
    } catch (error) {
      console.error(`\n${name} is left out: ${error.message}`);
    }
  }
  return kept;
}

function verdictsOf(what, { wall, cpu, hops }, asyncTarget) {
  const p50 = (name) => wall[name].p50;
  const beside = (name) => wall[name]?.p50.toFixed(1) ?? 'failed';
  // Whichever way of spinning is the faster one on this machine.
  const pinned = Math.min(p50('floorPinned'), p50('floorPinnedQuery'));
  const pageable = Math.min(p50('floorPageable'), p50('floorPageableQuery'));
  const row = (name, floorP50, floorName, extra, note) =>
    atMost({
      what: `${what}: ${labels[name]}, p50`,
      value: p50(name),
      limit: floorP50 + extra,
      unit: 'µs',
      against: `floor ${floorP50.toFixed(1)} + ${extra.toFixed(1)}`,
      note: [
        `CPU ${cpu[name].toFixed(1)} µs an inference, floor ${cpu[floorName].toFixed(1)}`,
        ...note,
      ].join('; '),
    });
  const { condition, epoll } = hops;
  return [
    row('inferSyncPinned', pinned, 'floorPinned', 2, [
      `floor with the copies in the graph ${beside('floorWholeGraph')}`,
      `Python, pinned and graph ${beside('pythonPinnedGraph')}`,
    ]),
    row('inferSpin', pageable, 'floorPageable', asyncTarget, [
      `inferSync of ordinary arrays ${p50('inferSync').toFixed(1)}`,
      `Python with np.copyto ${beside('pythonOrdinary')}`,
    ]),
    // JavaScript sleeps in epoll while its lane spins.
    row('inferAuto', pageable, 'floorPageable', asyncTarget + epoll, [
      `one hop: epoll ${epoll.toFixed(1)}`,
    ]),
    // The lane sleeps too: until it has work, and until the GPU is done.
    row(
      'inferBlock',
      p50('floorPageableBlock'),
      'floorPageableBlock',
      asyncTarget + condition + epoll,
      [`two hops: condition variable ${condition.toFixed(1)}, epoll ${epoll.toFixed(1)}`],
    ),
  ];
}

function cpuOf(results) {
  return Object.fromEntries(
    Object.entries(results)
      .filter(([, rounds]) => rounds[0].cpu !== undefined)
      .map(([name, rounds]) => [name, median(rounds.map(({ cpu }) => cpu))]),
  );
}
