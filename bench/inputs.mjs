/** Inputs for any engine: held-out digits where it is that model, else numbers that are the same in every run. */
import { batchOf, inputName } from './digits.mjs';
import { arrayOf } from './tensor-bytes.mjs';

/**
 * One entry for each batch size, or one in all when no input has a dynamic first dimension.
 *
 * @param {{ inputs: readonly { name: string, type: string, dims: readonly number[] }[] }} engine
 * @param {readonly number[]} batches
 * @param {ReadonlyMap<string, readonly number[]>} dimsByName whole dims, for inputs with more dynamic dimensions than the first
 * @param {object | null} heldOut of `loadHeldOut`
 */
export function benchInputs(engine, batches, dimsByName, heldOut) {
  const isDynamic = engine.inputs.some(({ name, dims }) => dims[0] === -1 && !dimsByName.has(name));
  const sizes = isDynamic ? batches : [firstDim(engine.inputs[0], dimsByName)];
  return sizes.map((batch) => ({
    batch,
    inputs: Object.fromEntries(
      engine.inputs.map((input) => [input.name, tensorFor(input, batch, dimsByName, heldOut)]),
    ),
  }));
}

function tensorFor(input, batch, dimsByName, heldOut) {
  const dims = dimsOf(input, batch, dimsByName);
  if (heldOut !== null && input.name === inputName && batch <= heldOut.count) {
    return batchOf(heldOut, batch);
  }
  const data = new (arrayOf(input.type))(dims.reduce((product, size) => product * size, 1));
  // Zeros elsewhere: any integer may be an index, and zero is always one that exists.
  if (input.type === 'float32') fillUniform(data);
  if (input.type === 'float16') fillUniformHalf(data);
  return { type: input.type, data, dims };
}

function dimsOf(input, batch, dimsByName) {
  const given = dimsByName.get(input.name);
  if (given !== undefined) return [...given];
  const dims = input.dims.map((size, axis) => (axis === 0 && size === -1 ? batch : size));
  if (dims.includes(-1)) {
    throw new Error(
      `input ${input.name} has dims [${input.dims.join(', ')}]: give all of them by --dims ${input.name}=…`,
    );
  }
  return dims;
}

function firstDim(input, dimsByName) {
  return (dimsByName.get(input.name) ?? input.dims)[0] ?? 1;
}

/** Uniform in [0, 1), by the generator "mulberry32" with a fixed seed. */
function fillUniform(data) {
  const next = mulberry32(1);
  for (let i = 0; i < data.length; i++) data[i] = next();
}

/** Half-precision bits of numbers in [0.5, 1): sign 0, exponent 14, random mantissa. */
function fillUniformHalf(data) {
  const next = mulberry32(1);
  for (let i = 0; i < data.length; i++) data[i] = 0x3800 | Math.floor(next() * 1024);
}

function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
