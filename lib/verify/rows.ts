import { bitsPerElement, newArray, type TensorData } from '../data-types';
import { TrtError } from '../errors';
import type { InputRange, Profile, TensorInfo } from '../manifest-schema';
import { Tensor, type Tensors } from '../tensor';
import { elementCount } from '../tensor/dims';
import { compareTensors, type Comparison } from './compare';
import type { PlainTensor, PlainTensors } from './plain-tensors';
import type { Tolerance } from './tolerance';
import { sliceOf } from './values';

/** More rows find nothing that these do not, and cost memory. */
const maxRows = 256;

/** What is known of an engine and its batch. */
export interface BatchContract {
  readonly inputs: readonly TensorInfo[];
  readonly profiles: readonly Profile[];
}

/** The inputs of one case with their first rows repeated. */
export interface RepeatedRows {
  readonly rows: number;
  readonly inputs: PlainTensors;
}

/**
 * The first row of every batched input, as often as the profile that takes the case has room for.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`: the engine has no batch of two or more
 */
export function repeatFirstRow(engine: BatchContract, given: PlainTensors): RepeatedRows {
  const batched = batchedInputs(engine.inputs);
  const rows = Math.min(largestBatch(engine, batched, given), maxRows);
  if (!(rows >= 2)) throw noBatch(engine);
  const inputs = Object.entries(given).map(([name, tensor]) => [
    name,
    batched.has(name) ? repeated(tensor, name, rows) : tensor,
  ]);
  return { rows, inputs: Object.fromEntries(inputs) as PlainTensors };
}

/** Inputs whose first axis is the batch: those where it is open; where none is, all that have the same size there. */
function batchedInputs(inputs: readonly TensorInfo[]): ReadonlySet<string> {
  const candidates = inputs.filter(({ dims, isShapeTensor }) => !isShapeTensor && dims.length > 0);
  const open = candidates.filter(({ dims }) => dims[0] === -1);
  if (open.length > 0) return new Set(open.map(({ name }) => name));
  const sizes = new Set(candidates.map(({ dims }) => dims[0]));
  return new Set(sizes.size === 1 ? candidates.map(({ name }) => name) : []);
}

function largestBatch(
  { inputs, profiles }: BatchContract,
  batched: ReadonlySet<string>,
  given: PlainTensors,
): number {
  const sizes = (profiles.length === 0 ? [{}] : profiles).map((profile: Profile) => {
    const room = inputs.flatMap((info) => {
      const dims = given[info.name]?.dims ?? [];
      const range = profile[info.name];
      if (!takes(range, dims, batched.has(info.name))) return [-1];
      if (!batched.has(info.name)) return [];
      return [info.dims[0] === -1 ? (range?.max[0] ?? -1) : (info.dims[0] as number)];
    });
    return Math.min(...room);
  });
  return Math.max(...sizes);
}

/** Whether a profile takes these dims, whatever their first one where that is the batch. */
function takes(range: InputRange | undefined, dims: readonly number[], batched: boolean): boolean {
  if (range === undefined) return true;
  return dims.every((dim, axis) => {
    if (axis === 0 && batched) return true;
    return dim >= (range.min[axis] ?? dim) && dim <= (range.max[axis] ?? dim);
  });
}

function repeated(tensor: PlainTensor, name: string, rows: number): PlainTensor {
  const { type, dims, parts } = tensor;
  const [count = 0, ...row] = dims;
  const rowBits = elementCount(row) * bitsPerElement(type);
  const rowBytes = rowBits / 8;
  const first = parts[0]?.subarray(0, rowBytes);
  if (count === 0 || !Number.isInteger(rowBytes) || first?.byteLength !== rowBytes) {
    throw new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected a first row of whole bytes, and of at most 1 GiB, in input ${JSON.stringify(name)} for ` +
        '`options.verify.rowConsistency`. Give a case that has one, or leave the option out.',
      { details: { argument: 'options.verify.rowConsistency', input: name, dims } },
    );
  }
  const data = new Uint8Array(rows * rowBytes);
  for (let index = 0; index < rows; ++index) data.set(first, index * rowBytes);
  return { type, dims: [rows, ...row], parts: [data] };
}

/** A row that is not like the first one, with its worst element. */
export interface UnequalRow {
  readonly output: string;
  readonly dims: readonly number[];
  readonly comparison: Comparison;
}

/**
 * Outputs whose rows differ, those whose first axis is not the batch left out.
 *
 * @param tolerance null: exactly
 * @throws TrtError `ERR_TRT_INVALID_ARG`: no output has the batch
 */
export async function unequalRows(
  engine: BatchContract,
  outputs: Tensors,
  rows: number,
  tolerance: Tolerance | null,
): Promise<readonly UnequalRow[]> {
  const batched = Object.entries(outputs).filter(([, { dims }]) => dims[0] === rows);
  if (batched.length === 0) throw noBatch(engine);
  const found: UnequalRow[] = [];
  for (const [output, tensor] of batched) {
    if (equalBytes(tensor, rows)) continue;
    const whole = rowBytesOf(tensor) === null ? asFloat32(tensor) : tensor;
    const allowed = tolerance ?? { atol: 0, rtol: 0 };
    const comparison = await compareTensors(whole, firstRows(whole, rows), allowed);
    // Bits may differ where values do not: -0 and 0, two NaN.
    if (comparison.worst !== null) found.push({ output, dims: tensor.dims, comparison });
  }
  return found;
}

/** null: two to a byte, so that a row may end inside of one. */
function rowBytesOf({ type, dims }: Tensor): number | null {
  const bytes = (elementCount(dims.slice(1)) * bitsPerElement(type)) / 8;
  return Number.isInteger(bytes) ? bytes : null;
}

function equalBytes(tensor: Tensor, rows: number): boolean {
  const rowBytes = rowBytesOf(tensor);
  if (rowBytes === null) return false;
  const { buffer, byteOffset, byteLength } = tensor.data;
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  const first = bytes.subarray(0, rowBytes);
  for (let index = 1; index < rows; ++index) {
    if (first.compare(bytes, index * rowBytes, (index + 1) * rowBytes) !== 0) return false;
  }
  return true;
}

function asFloat32(tensor: Tensor): Tensor {
  return new Tensor('float32', tensor.toFloat32(), tensor.dims);
}

/** A tensor of the same dims whose rows are all the first one. */
function firstRows({ type, data, dims }: Tensor, rows: number): Tensor {
  const perRow = data.length / rows;
  const copy = newArray(type, data.length) as Extract<TensorData, Uint8Array>;
  const first = sliceOf(data, 0, perRow) as Uint8Array;
  for (let index = 0; index < rows; ++index) copy.set(first, index * perRow);
  return new Tensor(type, copy, dims);
}

function noBatch({ inputs }: BatchContract): TrtError {
  const dims = inputs.map(({ name, dims: own }) => `${JSON.stringify(name)} [${own.join(', ')}]`);
  return new TrtError(
    'ERR_TRT_INVALID_ARG',
    'expected an engine with a batch of two or more, as the first axis of its inputs and outputs, for `options.verify.rowConsistency` ' +
      `but received one with the inputs ${dims.join(', ')}. Give a profile with a larger batch, or leave the option out.`,
    { details: { argument: 'options.verify.rowConsistency' } },
  );
}
