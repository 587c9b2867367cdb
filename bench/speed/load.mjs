/** From the file to the first result, in processes that have TensorRT's libraries open already. */
import { summarize } from '../../dist/benchmark/statistics.js';
import { inTurns } from './turns.mjs';
import { atMost } from './verdict.mjs';

export async function load(context, { plan, rounds = 5 }) {
  const one = await context.cases.of(plan, 1);
  const floor = await context.floor();
  const python = await context.python(plan);
  const ofTrtNode = (options) => async () => {
    const start = performance.now();
    const engine = await context.load(plan, options);
    await engine.infer(one.inputs);
    const milliseconds = performance.now() - start;
    await engine.close();
    return { milliseconds: [milliseconds] };
  };
  const pythonRequest = { plan, device: context.settings.device, ...one.pythonRequest };
  const results = await inTurns(rounds + 1, {
    trtNode: ofTrtNode({ lanes: 1 }),
    trtNodeDefaults: ofTrtNode({}),
    trtNodeNoDigest: ofTrtNode({ lanes: 1, integrity: 'off' }),
    python: () => python.ask({ op: 'loadTimes', ...pythonRequest, iterations: 1 }),
    floor: () => floor.ask({ op: 'load', ...one.floorRequest, graph: 'off', iterations: 1 }),
  });
  // The first round finds files and pages that the others do not.
  const figures = Object.fromEntries(
    Object.entries(results).map(([name, all]) => [
      name,
      summarize(all.slice(1).flatMap(({ milliseconds }) => milliseconds)),
    ]),
  );
  const p50 = (name) => figures[name].p50;
  return {
    verdicts: [
      atMost({
        what: 'resnet50 fp16: load, deserialize to first result, p50 by that of Python',
        value: p50('trtNode') / p50('python'),
        limit: 1.05,
        unit: '×',
        against: `Python ${p50('python').toFixed(1)} ms`,
        note:
          `one lane ${p50('trtNode').toFixed(1)} ms, lanes chosen ${p50('trtNodeDefaults').toFixed(1)}, ` +
          `without the digest ${p50('trtNodeNoDigest').toFixed(1)}; floor ${p50('floor').toFixed(1)}`,
      }),
    ],
    figures,
    raw: results,
  };
}
