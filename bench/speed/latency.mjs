/** End to end, one inference after the other: trt-node beside the floor and TensorRT's Python bindings. */
import { median } from '../../dist/benchmark/statistics.js';
import { pooled } from './pooled.mjs';
import { asyncBlock, inTurns, microseconds, restMs, syncBlock } from './turns.mjs';
import { atMost } from './verdict.mjs';

const labels = {
  inferSyncPinned: 'inferSync, pinned, CUDA graph',
  inferSpin: "await infer, ordinary arrays, waiting 'spin'",
  inferAuto: "await infer, ordinary arrays, waiting 'auto'",
  inferBlock: "await infer, ordinary arrays, waiting 'block'",
};

const lane = { lanes: 1, graphs: 'on' };

/** What CUDA events and the lane's clock tell of an inference. */
const spanNames = ['h2d', 'compute', 'd2h'];
const hostNames = ['queue', 'enqueue', 'total'];

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
    // Who waits for inferSync spins in the driver with each of them but `block`. The lane of this one sleeps soon, so that it does not spin
    // beside that.
    const sync = engines.auto;
    const outputs = sync.inferSync(one.inputs);
    const pinned = one.pinnedInputs(sync);
    const into = { outputs: one.pinnedOutputs(sync, outputs) };
    const ofFloor = (request) => (block) =>
      floor.ask({ op: 'latency', ...one.floorRequest, ...floorWords(block), ...request });
    const ofPython = (request) => async (block) => {
      const python = await context.python(plan);
      return await python.ask({
        ...{ op: 'run', timed: false, ...block },
        ...{ ...one.pythonRequest, ...request },
      });
    };
    const infer = (waiting) => (block) =>
      asyncBlock(() => engines[waiting].infer(one.inputs), block);
    const sides = {
      floorPinned: ofFloor({ wait: 'synchronize' }),
      floorPinnedQuery: ofFloor({ wait: 'query' }),
      inferSyncPinned: async (block) => syncBlock(() => sync.inferSync(pinned, into), block),
      floorPageable: ofFloor({ arrays: 'pageable' }),
      floorPageableQuery: ofFloor({ arrays: 'pageable', wait: 'query' }),
      floorPageableBlock: ofFloor({ arrays: 'pageable', wait: 'block' }),
      inferSync: async (block) => syncBlock(() => sync.inferSync(one.inputs), block),
      inferSpin: infer('spin'),
      inferAuto: infer('auto'),
      inferBlock: infer('block'),
      floorSpans: ofFloor({ op: 'events' }),
      spans: (block) => timesOf(() => sync.inferTimed(pinned, into), block),
      ...(await working({
        floorWholeGraph: ofFloor({ graph: 'whole' }),
        pythonPinnedGraph: ofPython({ arrays: 'pinned', graph: true }),
        pythonOrdinary: ofPython({}),
      })),
    };
    const block = { warmUps: 50, iterations };
    const { rounds, steady } = context.settings;
    const results = await inTurns(rounds, sides, { block, steady, restMs });
    const difference = await one.compareWithFloor(outputs);
    const written = await one.compareWithFloor(into.outputs);
    const hop = await floor.ask({ op: 'hop' });
    const hops = { condition: median(hop.condition), epoll: median(hop.epoll) };
    const wall = pooled(results);
    const spans = Object.fromEntries(
      [...spanNames, ...hostNames].map((name) => [name, pooled(results, name)]),
    );
    const figures = { wall, cpu: cpuOf(results), spans, hops, difference, written };
    return { verdicts: verdictsOf(what, figures, asyncTarget), figures, raw: { results, hop } };
  } finally {
    one.closePinned();
    for (const engine of Object.values(engines)) await engine.close();
  }
}

/** A block as the floor is told of it. */
function floorWords({ warmUps, iterations }) {
  return { 'warm-ups': warmUps, iterations };
}

/** Microseconds of each kind, of inferences one after the other. */
async function timesOf(inferTimed, { warmUps, iterations }) {
  const times = Object.fromEntries([...spanNames, ...hostNames].map((name) => [name, []]));
  for (let i = -warmUps; i < iterations; i++) {
    const { timing } = await inferTimed();
    if (i < 0) continue;
    for (const [name, all] of Object.entries(times)) all.push(microseconds(timing[name]));
  }
  return times;
}

/** Those of the sides that run at all: what stands beside the table takes nothing of it down. */
async function working(sides) {
  const kept = {};
  for (const [name, side] of Object.entries(sides)) {
    try {
      await side({ warmUps: 1, iterations: 2 });
      kept[name] = side;
    } catch (error) {
      console.error(`\n${name} is left out: ${error.message}`);
    }
  }
  return kept;
}

function verdictsOf(what, { wall, cpu, spans, hops }, asyncTarget) {
  const p50 = (name) => wall[name].p50;
  const onGpu = (side) => spanNames.map((name) => spans[name][side].p50.toFixed(1)).join(' + ');
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
      `on the GPU ${spanNames.join(' + ')} ${onGpu('spans')}, floor ${onGpu('floorSpans')}`,
      `floor with the copies in the graph ${beside('floorWholeGraph')}`,
      `Python, pinned and graph ${beside('pythonPinnedGraph')}`,
    ]),
    row('inferSpin', pageable, 'floorPageable', asyncTarget, [
      `inferSync of ordinary arrays ${p50('inferSync').toFixed(1)}`,
      `Python with np.copyto ${beside('pythonOrdinary')}`,
    ]),
    // JavaScript asks for a millisecond, and then sleeps in epoll while its lane spins.
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
