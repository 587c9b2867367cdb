/** A plan at one batch size: the same bytes for trt-node, for the floor and for Python. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inputName, loadHeldOut, maxRelativeDifference } from '../digits.mjs';
import { benchInputs } from '../inputs.mjs';
import { numbersOf } from '../tensor-bytes.mjs';

export class Cases {
  #folder;
  #load;
  #facts = new Map();
  #cases = new Map();

  /**
   * @param {string} folder for inputs and outputs; its path has no tab
   * @param {(plan: string) => Promise<object>} load loads an engine of a plan
   */
  constructor(folder, load) {
    this.#folder = folder;
    this.#load = load;
  }

  /** @param {string} plan */
  async of(plan, batch) {
    const key = `${batch} ${plan}`;
    if (!this.#cases.has(key)) this.#cases.set(key, await this.#make(plan, batch));
    return this.#cases.get(key);
  }

  async #make(plan, batch) {
    const facts = await this.#factsOf(plan);
    const heldOut = facts.inputs[0].name === inputName ? await loadHeldOut() : null;
    const [{ inputs }] = benchInputs(facts, [batch], new Map(), heldOut);
    const folder = path.join(this.#folder, `case-${this.#cases.size}`);
    await mkdir(folder, { recursive: true });
    const files = [];
    for (const [index, [name, { data, dims }]] of Object.entries(inputs).entries()) {
      const file = path.join(folder, `input-${index}.bin`);
      await writeFile(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      files.push({ name, dims, file });
    }
    const profile = profileFor(facts.profiles, inputs);
    return new Case({ plan, batch, inputs, files, folder, profile, outputs: facts.outputs });
  }

  async #factsOf(plan) {
    if (!this.#facts.has(plan)) {
      const engine = await this.#load(plan);
      const { inputs, outputs, profiles } = engine;
      await engine.close();
      this.#facts.set(plan, { inputs, outputs, profiles });
    }
    return this.#facts.get(plan);
  }
}

class Case {
  constructor(facts) {
    Object.assign(this, facts);
  }

  #pinned = [];

  /** What the floor is asked with. */
  get floorRequest() {
    return Object.fromEntries([
      ['plan', this.plan],
      ['profile', this.profile],
      ...this.files.flatMap(({ name, dims, file }) => [
        [`shape.${name}`, dims.join('x')],
        [`input.${name}`, file],
      ]),
      ...this.outputs.map(({ name }, index) => [
        `output.${name}`,
        path.join(this.folder, `floor-${index}.bin`),
      ]),
    ]);
  }

  /** What gpu_peer.py is asked with. */
  get pythonRequest() {
    return { inputs: this.files, profile: this.profile, outputFolder: this.folder };
  }

  /** max|a − b| / max|b| of trt-node's outputs and what the floor wrote; more than rounding ends the run: a ratio of different work is none. */
  async compareWithFloor(tensors) {
    let difference = 0;
    for (const [index, { name, type }] of this.outputs.entries()) {
      const { data } = tensors[name];
      const mine = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      const theirs = await readFile(path.join(this.folder, `floor-${index}.bin`));
      if (mine.equals(theirs)) continue;
      const [a, b] = [mine, theirs].map((bytes) => numbersOf(type, bytes));
      difference = Math.max(difference, maxRelativeDifference(a, b));
    }
    if (!(difference < 1e-3)) {
      throw new Error(
        `the outputs of trt-node and the floor differ: max|a-b| / max|b| = ${difference}`,
      );
    }
    return difference;
  }

  /** Inputs on memory of the engine's own, which the GPU reads directly. */
  pinnedInputs(engine) {
    return Object.fromEntries(
      Object.entries(this.inputs).map(([name, { data, dims }]) => {
        const tensor = this.#allocate(engine, name, dims);
        tensor.data.set(data);
        return [name, tensor];
      }),
    );
  }

  /** Outputs of the dims that `tensors` have, on the engine's own memory. */
  pinnedOutputs(engine, tensors) {
    return Object.fromEntries(
      this.outputs.map(({ name }) => [name, this.#allocate(engine, name, tensors[name].dims)]),
    );
  }

  /** Gives all of that back. Before the engine is closed, after the last inference. */
  closePinned() {
    for (const tensor of this.#pinned.splice(0)) tensor.close();
  }

  #allocate(engine, name, dims) {
    const tensor = engine.allocate(name, dims);
    this.#pinned.push(tensor);
    return tensor;
  }
}

/** As trt-node chooses: the first one that takes the dims. */
function profileFor(profiles, inputs) {
  const index = profiles.findIndex((profile) =>
    Object.entries(inputs).every(([name, { dims }]) => {
      const range = profile[name];
      return (
        range === undefined ||
        dims.every((size, axis) => size >= range.min[axis] && size <= range.max[axis])
      );
    }),
  );
  if (index < 0) throw new Error('no profile of the plan takes these dims');
  return index;
}
