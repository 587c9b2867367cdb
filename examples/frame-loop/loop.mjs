// ffmpeg … -f rawvideo - | node loop.mjs model.engine
import { loadEngine } from 'trt-node';
import { framesOf } from './frames.mjs';

const [plan] = process.argv.slice(2);
if (plan === undefined) {
  console.error('usage: ffmpeg … -f rawvideo - | node loop.mjs model.engine');
  process.exit(2);
}
const engine = await loadEngine(plan);
const [input] = engine.inputs;
const [output] = engine.outputs;
if (input?.type !== 'uint8' || input.dims.includes(-1) || output === undefined) {
  console.error('expected an engine with one uint8 input of static dims: pixels as they come');
  process.exit(1);
}

/** Pinned memory for a frame, and a graph with tensors of its own on the GPU. */
const makeSlot = async () => {
  const pinned = engine.allocate(input.name);
  const graph = await engine.capture();
  return { pinned, graph, bytes: /** @type {Uint8Array} */ (pinned.data), busy: Promise.resolve() };
};

/**
 * @param {Awaited<ReturnType<typeof makeSlot>>} slot
 * @param {number} number
 */
const run = async ({ pinned, graph }, number) => {
  const begun = performance.now();
  const copied = graph.inputs[input.name]?.copyFrom(pinned); // the GPU reads pinned memory itself
  graph.launch(); // one call; it waits for the copy on the GPU
  const values = await graph.outputs[output.name]?.getData();
  await copied;
  const ms = (performance.now() - begun).toFixed(2);
  console.log(`frame ${number}: ${values?.length} values, the first ${values?.[0]}, ${ms} ms`);
};

// Two slots in turns: one is filled while the GPU works on the other.
const [even, odd] = [await makeSlot(), await makeSlot()];
let count = 0;
const freeSlot = async () => {
  const slot = count % 2 === 0 ? even : odd;
  await slot.busy;
  return slot;
};
for await (const slot of framesOf(process.stdin, freeSlot)) {
  slot.busy = run(slot, count);
  count += 1;
}
await Promise.all([even.busy, odd.busy]);
await Promise.all([even.graph.close(), odd.graph.close()]);
await engine.close();
