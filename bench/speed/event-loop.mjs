/** A 1 ms timer in JavaScript while all lanes are kept busy. */
import { summarize } from '../../dist/benchmark/statistics.js';
import { gapsDuring } from '../event-loop.mjs';
import { atMost } from './verdict.mjs';

const perLane = 2;
const seconds = 2.5;

export async function eventLoop(context, { plan, batch }) {
  const one = await context.cases.of(plan, batch);
  const verdicts = [];
  const figures = {};
  const raw = {};
  for (const waiting of ['auto', 'spin']) {
    const engine = await context.load(plan, { waiting });
    try {
      const outputs = await engine.infer(one.inputs);
      const inFlight = perLane * engine.lanes;
      const sides = {
        pinned: Array.from({ length: inFlight }, () => [
          one.pinnedInputs(engine),
          { outputs: one.pinnedOutputs(engine, outputs) },
        ]),
        ordinary: Array.from({ length: inFlight }, () => [one.inputs]),
      };
      for (const [arrays, requests] of Object.entries(sides)) {
        const { gaps, count } = await whileBusy(engine, requests);
        const key = `${waiting}, ${arrays}`;
        raw[key] = gaps.map((gap) => Math.round(gap * 1000) / 1000);
        figures[key] = { gaps: summarize(gaps), inferencesPerSecond: count / seconds };
        verdicts.push(
          atMost({
            what: `1 ms timer while all ${engine.lanes} lanes are busy (${key} arrays, batch ${batch}): p99 gap`,
            value: figures[key].gaps.p99,
            limit: 3,
            unit: 'ms',
            against: '–',
            note: `p50 ${figures[key].gaps.p50.toFixed(2)}, max ${figures[key].gaps.max.toFixed(2)} ms; ${(count / seconds).toFixed(0)} inferences/s`,
          }),
        );
      }
    } finally {
      one.closePinned();
      await engine.close();
    }
  }
  return { verdicts, figures, raw };
}

async function whileBusy(engine, requests) {
  const infer = async ([inputs, options], until) => {
    let count = 0;
    for (; performance.now() < until; count++) await engine.infer(inputs, options);
    return count;
  };
  const all = (duration) => {
    const until = performance.now() + duration;
    return Promise.all(requests.map((request) => infer(request, until)));
  };
  await all(300);
  let counts = [];
  const { gaps } = await gapsDuring(async () => {
    counts = await all(seconds * 1000);
  });
  return { gaps, count: counts.reduce((sum, count) => sum + count, 0) };
}
