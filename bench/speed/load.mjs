/**
 * From the file to the first result: in processes that have TensorRT's libraries open already, and in fresh ones. No side keeps an engine of
 * the plan open meanwhile, which makes the next load another one: TensorRT shares what it has.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { summarize } from '../../dist/benchmark/statistics.js';
import { FloorPeer } from '../floor-peer.mjs';
import { PythonPeer } from '../python-peer.mjs';
import { inTurns } from './turns.mjs';
import { atMost, forInformation } from './verdict.mjs';

const firstLoad = fileURLToPath(new URL('first-load.mjs', import.meta.url));

export async function load(context, { plan, rounds = 5 }) {
  const one = await context.cases.of(plan, 1);
  const sides = { context, plan, one, device: context.settings.device };
  const warm = await warmLoads(sides, rounds);
  const fresh = await freshLoads(sides, rounds);
  const figures = Object.fromEntries(
    Object.entries({ ...warm, ...fresh }).map(([name, all]) => [
      name,
      summarize(all.flatMap(({ milliseconds }) => milliseconds)),
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
      forInformation({
        what: 'resnet50 fp16: the first load of a process, p50',
        value: p50('trtNodeFresh'),
        unit: 'ms',
        against: `Python ${p50('pythonFresh').toFixed(1)} ms`,
        note: 'without starting the program and its imports; that of Python opens TensorRT',
      }),
    ],
    figures,
    raw: { ...warm, ...fresh },
  };
}

async function warmLoads({ context, plan, one, device }, rounds) {
  const ofTrtNode = (options) => async () => {
    const start = performance.now();
    const engine = await context.load(plan, options);
    await engine.infer(one.inputs);
    const milliseconds = performance.now() - start;
    await engine.close();
    return { milliseconds: [milliseconds] };
  };
  const python = new PythonPeer(context.programs.python);
  const floor = new FloorPeer(context.programs.floor, device);
  try {
    const pythonLoad = loadOfPython({ plan, one, device });
    const results = await inTurns(rounds + 1, {
      trtNode: ofTrtNode({ lanes: 1 }),
      trtNodeDefaults: ofTrtNode({}),
      trtNodeNoDigest: ofTrtNode({ lanes: 1, integrity: 'off' }),
      python: () => python.ask(pythonLoad),
      floor: () => floor.ask({ op: 'load', ...one.floorRequest, graph: 'off', iterations: 1 }),
    });
    // The first round opens the libraries, and finds files and pages that the others do not.
    return Object.fromEntries(Object.entries(results).map(([name, all]) => [name, all.slice(1)]));
  } finally {
    await Promise.all([python.close(), floor.close()]);
  }
}

async function freshLoads({ context, plan, one, device }, rounds) {
  const inputs = one.files.map((file) => ({ ...file, type: one.inputs[file.name].type }));
  const request = JSON.stringify({ plan, device, options: { lanes: 1 }, inputs });
  return await inTurns(rounds, {
    async trtNodeFresh() {
      const { stdout } = await promisify(execFile)(process.execPath, [firstLoad, request], {
        timeout: 60_000,
      });
      return JSON.parse(stdout);
    },
    async pythonFresh() {
      const peer = new PythonPeer(context.programs.python);
      try {
        return await peer.ask(loadOfPython({ plan, one, device }));
      } finally {
        await peer.close();
      }
    },
  });
}

function loadOfPython({ plan, one, device }) {
  return { op: 'loadTimes', plan, device, ...one.pythonRequest, iterations: 1 };
}
