/** Inferences a second with transfers, at as many lanes as the floor has streams; and the limit that copies and network set. */
import { summarize } from '../../dist/benchmark/statistics.js';
import { inTurns } from './turns.mjs';
import { atLeast, forInformation } from './verdict.mjs';

/** Requests under way for each lane: one on the GPU, one in the queue, so that no lane waits for JavaScript. */
const perLane = 2;

/** resnet50 at `batch` with 1, 2, 4 and 8 lanes. */
export async function throughput(context, { plan, batch, lanes = [1, 2, 4, 8] }) {
  const one = await context.cases.of(plan, batch);
  const verdicts = [];
  const figures = {};
  const raw = {};
  for (const count of lanes) {
    const results = await race(context, one, count);
    raw[count] = results;
    const best = figuresOf(results);
    figures[count] = best;
    const { trtNode, floorDepth1, floorDepth2 } = best;
    const floor = Math.max(floorDepth1, floorDepth2);
    verdicts.push(
      atLeast({
        what: `resnet50 fp16 batch ${batch}, ${count} lane${count === 1 ? '' : 's'}: throughput by the floor's`,
        value: trtNode / floor,
        limit: 0.97,
        unit: '×',
        against: `floor ${floor.toFixed(0)}/s`,
        note:
          `trt-node ${trtNode.toFixed(0)}/s, ${(trtNode * batch).toFixed(0)} images/s; ` +
          `floor ${floorDepth1.toFixed(0)}/s one deep, ${floorDepth2.toFixed(0)}/s two deep`,
      }),
    );
  }
  return { verdicts, figures, raw };
}

/** int8 at batch 128 against max(copies, network), were they overlapped perfectly. */
export async function transferLimit(context, { plan, batch, lanes = [2, 4] }) {
  const one = await context.cases.of(plan, batch);
  const floor = await context.floor();
  const spans = await floor.ask({
    op: 'events',
    ...one.floorRequest,
    'warm-ups': 10,
    iterations: 50,
  });
  const p50 = Object.fromEntries(
    ['h2d', 'compute', 'd2h'].map((name) => [name, summarize(spans[name]).p50]),
  );
  const longest = Object.keys(p50).reduce((a, b) => (p50[b] > p50[a] ? b : a));
  const limit = 1e6 / p50[longest];
  const figures = { spans: p50, limit };
  const raw = { spans };
  let best = { lanes: 0, trtNode: 0, floor: 0 };
  for (const count of lanes) {
    const results = await race(context, one, count);
    raw[count] = results;
    figures[count] = figuresOf(results);
    const { trtNode, floorDepth1, floorDepth2 } = figures[count];
    if (trtNode > best.trtNode) {
      best = { lanes: count, trtNode, floor: Math.max(floorDepth1, floorDepth2) };
    }
  }
  return {
    verdicts: [
      atLeast({
        what: `resnet50 int8 batch ${batch}, transfers included: share of the limit`,
        value: best.trtNode / limit,
        limit: 0.95,
        unit: '×',
        against: `1 / ${longest} = ${limit.toFixed(0)}/s`,
        note:
          `${best.lanes} lanes, ${(best.trtNode * batch).toFixed(0)} images/s; floor ${(best.floor / limit).toFixed(3)} ×; ` +
          `h2d ${p50.h2d.toFixed(0)}, compute ${p50.compute.toFixed(0)}, d2h ${p50.d2h.toFixed(0)} µs`,
      }),
    ],
    figures,
    raw,
  };
}

/** What a loaded engine does by itself: lanes chosen, `auto` everything, ordinary arrays. */
export async function defaults(context, { plan, batch }) {
  const one = await context.cases.of(plan, batch);
  const engine = await context.load(plan, {});
  try {
    const sides = Array.from({ length: perLane * engine.lanes }, () => ({ inputs: one.inputs }));
    const { perSecond } = await ofTrtNode(context, engine, sides);
    return {
      verdicts: [
        forInformation({
          what: `resnet50 fp16 batch ${batch}, defaults and ordinary arrays: throughput`,
          value: perSecond,
          unit: '/s',
          note: `${engine.lanes} lanes`,
        }),
      ],
      figures: { perSecond, lanes: engine.lanes },
      raw: {},
    };
  } finally {
    await engine.close();
  }
}

async function race(context, one, lanes) {
  const floor = await context.floor();
  const { seconds, rounds } = context.settings;
  const engine = await context.load(one.plan, { lanes, waiting: 'spin', graphs: 'on' });
  try {
    const outputs = await engine.infer(one.inputs);
    const sides = Array.from({ length: perLane * lanes }, () => ({
      inputs: one.pinnedInputs(engine),
      options: { outputs: one.pinnedOutputs(engine, outputs) },
    }));
    const ofFloor = (depth) => () =>
      floor.ask({ op: 'throughput', ...one.floorRequest, streams: lanes, depth, seconds });
    const results = await inTurns(Math.min(rounds, 3), {
      trtNode: () => ofTrtNode(context, engine, sides),
      floorDepth1: ofFloor(1),
      floorDepth2: ofFloor(2),
    });
    await one.compareWithFloor(sides.at(-1).options.outputs);
    return results;
  } finally {
    one.closePinned();
    await engine.close();
  }
}

/** Inferences completed in `seconds`, after 0.2 seconds of the same. */
async function ofTrtNode({ settings: { seconds } }, engine, sides) {
  let completed = 0;
  let stop = false;
  const workers = sides.map(async ({ inputs, options }) => {
    while (!stop) {
      await engine.infer(inputs, options);
      completed += 1;
    }
  });
  // A failure ends the measurement and not only its worker.
  const failure = Promise.all(workers);
  const sleep = (milliseconds) =>
    Promise.race([failure, new Promise((resolve) => setTimeout(resolve, milliseconds))]);
  try {
    await sleep(200);
    const [before, cpu, start] = [completed, process.cpuUsage(), performance.now()];
    await sleep(seconds * 1000);
    const count = completed - before;
    const elapsed = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    return {
      count,
      seconds: elapsed,
      perSecond: count / elapsed,
      cpuSeconds: (user + system) / 1e6,
    };
  } finally {
    stop = true;
    await failure;
  }
}

/** The median round of each side. */
function figuresOf(results) {
  return Object.fromEntries(
    Object.entries(results).map(([name, rounds]) => [
      name,
      summarize(rounds.map(({ perSecond }) => perSecond)).p50,
    ]),
  );
}
