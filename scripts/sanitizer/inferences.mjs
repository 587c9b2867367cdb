/**
 * What scripts/compute-sanitizer.mjs watches: every way in which trt-node puts work on the GPU, each with its result checked. Arguments: a
 * plan of models/digits, a device, a library (empty: the one that is found).
 */
import * as bench from '../../bench/digits.mjs';
import { CudaStream, DeviceTensor, loadEngine } from '../../dist/index.mjs';

const [plan, device, library] = process.argv.slice(2);
const gpu = { device: Number(device) };
const options = { ...gpu, ...(library ? { library } : {}) };
const heldOut = await bench.loadHeldOut();
const { inputName: input, outputName: output } = bench;
const inputsOf = (batch) => ({ [input]: bench.batchOf(heldOut, batch) });

/** TF32, which a plan may use, gives 7e-4. */
const tolerance = 1e-2;

function check(what, batch, logits) {
  const reference = heldOut.referenceLogits.subarray(0, batch * bench.classes);
  const difference = bench.maxRelativeDifference(logits, reference);
  if (logits.length === reference.length && difference <= tolerance) return;
  throw new Error(`${what}: batch ${batch} has ${logits.length} logits, off by ${difference}`);
}

async function withEngine(what, laneOptions, work) {
  const engine = await loadEngine(plan, { ...options, ...laneOptions });
  try {
    await work(engine, (batch, outputs) => check(what, batch, outputs[output].data));
  } finally {
    await engine.close();
  }
  console.log(`${what}: right`);
}

await withEngine('without graphs', { graphs: 'off', lanes: 1 }, async (engine, right) => {
  for (const batch of [1, 64, 8]) {
    right(batch, await engine.infer(inputsOf(batch)));
    right(batch, engine.inferSync(inputsOf(batch)));
    right(batch, (await engine.inferTimed(inputsOf(batch))).outputs);
  }
});

for (const contextMemory of ['separate', 'shared']) {
  const lanes = { graphs: 'on', lanes: 2, contextMemory };
  await withEngine(`graphs, ${contextMemory} memory`, lanes, async (engine, right) => {
    await engine.warmup({ [input]: [8, 1, 8, 8] });
    for (const batch of [8, 1]) {
      const all = Array.from({ length: 12 }, () => engine.infer(inputsOf(batch)));
      for (const outputs of await Promise.all(all)) right(batch, outputs);
    }
    if (engine.graphs.replays === 0) throw new Error(`no graph: ${engine.graphs.reason}`);
  });
}

await withEngine('memory of the caller', { graphs: 'on', lanes: 2 }, async (engine, right) => {
  const batch = 8;
  const pinned = engine.allocate(input, [batch, 1, 8, 8]);
  pinned.data.set(bench.batchOf(heldOut, batch).data);
  const target = engine.allocate(output, [batch, bench.classes]);
  const pageable = new Float32Array(batch * bench.classes);
  const onGpu = await DeviceTensor.from(pinned, gpu);
  for (let i = 0; i < 3; i += 1) {
    right(batch, await engine.infer({ [input]: pinned }, { outputs: { [output]: target } }));
    right(batch, await engine.infer({ [input]: onGpu }, { outputs: { [output]: pageable } }));
    const outputs = await engine.infer({ [input]: onGpu }, { outputs: { [output]: 'device' } });
    right(batch, { [output]: { data: await outputs[output].getData() } });
    await outputs[output].close();
  }
  await onGpu.close();
  for (const tensor of [pinned, target]) tensor.close();
});

await withEngine('contexts and graphs by hand', { lanes: 1 }, async (engine, right) => {
  const batch = 4;
  const stream = await CudaStream.create(gpu);
  const context = await engine.createContext();
  const x = await DeviceTensor.from(bench.batchOf(heldOut, batch), gpu);
  const tensors = await Promise.all(
    [0, 1].map(() => DeviceTensor.allocate('float32', [batch, bench.classes], gpu)),
  );
  const dataOf = async (tensor) => ({ [output]: { data: await tensor.getData() } });
  context.setInput(input, x);
  for (const tensor of tensors) {
    context.setOutput(output, tensor);
    context.enqueue(stream);
    right(batch, await dataOf(tensor));
    const graph = await context.capture(stream);
    for (let i = 0; i < 3; i += 1) graph.launch();
    right(batch, await dataOf(tensor));
    await graph.close();
  }
  await context.close();
  const graph = await engine.capture({ [input]: [batch, 1, 8, 8] });
  await graph.inputs[input].copyFrom(x);
  graph.launch();
  right(batch, await dataOf(graph.outputs[output]));
  await graph.close();
  for (const tensor of [x, ...tensors]) await tensor.close();
  stream.close();
});

await withEngine('a refit and a profile', { graphs: 'on', lanes: 2 }, async (engine, right) => {
  right(8, await engine.infer(inputsOf(8)));
  if (engine.refittable) await engine.refit(bench.modelPath);
  else console.log('this plan cannot be refitted');
  right(8, await engine.infer(inputsOf(8)));
  const { layers } = await engine.profile({ iterations: 2, warmup: 1 });
  if (layers.length === 0) throw new Error('a profile without layers');
});

{
  // Closed in the middle of them: those on the GPU end, the others are refused.
  const engine = await loadEngine(plan, { ...options, lanes: 2 });
  const all = Array.from({ length: 40 }, () => engine.infer(inputsOf(64)));
  await Promise.race(all);
  const [ends] = await Promise.all([Promise.allSettled(all), engine.close()]);
  for (const { status, value, reason } of ends) {
    if (status === 'fulfilled') check('closing', 64, value[output].data);
    else if (reason.code !== 'ERR_TRT_ENGINE_CLOSED') throw reason;
  }
  console.log('closed with work: right');
}

console.log('all inferences are right');
