/** Does anything grow? Memory of the process and of the GPU over many inferences, and over many loads. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PythonPeer } from '../python-peer.mjs';
import { atMost, forInformation } from './verdict.mjs';

const mebibyte = 2 ** 20;

export async function driftOfInferences(context, { plan, count }) {
  const one = await context.cases.of(plan, 1);
  const engine = await context.load(plan, {});
  try {
    const run = async (number) => {
      let left = number;
      const worker = async () => {
        while (left-- > 0) await engine.infer(one.inputs);
      };
      await Promise.all(Array.from({ length: 2 * engine.lanes }, worker));
    };
    // What is kept for reuse is taken by then.
    await run(Math.ceil(count / 10));
    return await drift(context, `${count} inferences of digits`, () => run(count));
  } finally {
    await engine.close();
  }
}

export async function driftOfLoads(context, { plan, count }) {
  const one = await context.cases.of(plan, 1);
  const run = async (number) => {
    for (let i = 0; i < number; i++) {
      const engine = await context.load(plan, {});
      await engine.infer(one.inputs);
      await engine.close();
    }
  };
  await run(Math.ceil(count / 20));
  const samples = [];
  const parts = 10;
  const result = await drift(context, `${count} load and close cycles of digits`, async () => {
    for (let part = 0; part < parts; part++) {
      await run(Math.ceil(count / parts));
      samples.push(await memory(context));
    }
  });
  const python = await driftOfPython(context, plan, one, count);
  const row = forInformation({
    what: `${count} load and close cycles of digits by Python: host memory`,
    value: (python.at(-1) - python[0]) / mebibyte,
    unit: 'MiB',
    against: '–',
    note: 'what TensorRT itself keeps, and its bindings',
  });
  // Whether it grows all the time, or what is kept for reuse was not all taken before.
  return { ...result, verdicts: [...result.verdicts, row], raw: { samples, python } };
}

/** Resident bytes over the same cycles in a process with TensorRT's own bindings. */
async function driftOfPython({ programs, settings: { device } }, plan, one, count) {
  const peer = new PythonPeer(programs.python);
  try {
    const request = { op: 'loadDrift', plan, device, ...one.pythonRequest, count };
    return (await peer.ask(request)).rss;
  } finally {
    await peer.close();
  }
}

async function drift(context, what, work) {
  const before = await memory(context);
  const started = performance.now();
  await work();
  const seconds = (performance.now() - started) / 1000;
  const after = await memory(context);
  const host = (after.rss - before.rss) / mebibyte;
  const device = (before.deviceFree - after.deviceFree) / mebibyte;
  const note = `${seconds.toFixed(1)} s`;
  return {
    verdicts: [
      atMost({
        what: `${what}: host memory`,
        value: host,
        limit: 20,
        unit: 'MiB',
        against: '–',
        note,
      }),
      atMost({
        what: `${what}: device memory`,
        value: device,
        limit: 0,
        unit: 'MiB',
        against: '–',
        note,
      }),
    ],
    figures: { before, after, seconds },
    raw: {},
  };
}

async function memory({ binding, settings: { device } }) {
  collectGarbage();
  // Finalizers run in later turns of the event loop.
  await new Promise((resolve) => setTimeout(resolve, 100));
  collectGarbage();
  const { freeBytes } = await binding.deviceMemory(device);
  return { rss: process.memoryUsage.rss(), deviceFree: freeBytes };
}

function collectGarbage() {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}
