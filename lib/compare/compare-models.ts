import { TrtError } from '../errors';
import type { TensorInfo } from '../manifest-schema';
import { quotedNames } from '../quoted-names';
import { Tensor, type TensorLike, type Tensors } from '../tensor';
import type { Tolerance } from '../verify/tolerance';
import { isFloating } from '../verify/values';
import { OutputComparer, type OutputComparison } from './output-comparison';
import type { Subject } from './subject';

/** An output that both have: under one name, or the only one of each. */
export interface OutputPair {
  readonly a: string;
  readonly b: string;
}

export interface ModelsComparison {
  readonly runs: number;
  readonly outputs: readonly OutputComparison[];
  /** Outputs that one alone has. */
  readonly unmatched: { readonly a: readonly string[]; readonly b: readonly string[] };
}

export interface ComparisonOptions {
  /** null: differences are measured, and none is a mismatch. */
  readonly tolerance: Tolerance | null;
  /** Of engines, the optimization profile; null: the first that takes the inputs. */
  readonly profile: number | null;
  readonly signal: AbortSignal;
}

/** Inputs by name, one set after another. */
export type InputSets = AsyncIterable<Readonly<Record<string, TensorLike>>>;

/**
 * Runs both on the same inputs and compares their outputs.
 *
 * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG` (they do not take the same inputs, or have no output in common; dims of an output
 * differ), the codes of `infer`
 */
export async function compareModels(
  a: Subject,
  b: Subject,
  inputs: InputSets,
  { tolerance, profile, signal }: ComparisonOptions,
): Promise<ModelsComparison> {
  checkSameInputs(a, b);
  const pairs = outputPairs(a, b);
  const comparers = pairs.map((pair) => new OutputComparer(pair.a, tolerance));
  let runs = 0;
  for await (const given of inputs) {
    signal.throwIfAborted();
    const [ours, theirs] = await Promise.all([
      a.infer(fitting(given, a.inputs), profile),
      b.infer(fitting(given, b.inputs), profile),
    ]);
    for (const [index, pair] of pairs.entries()) {
      const [left, right] = [tensorOf(ours, pair.a, a), tensorOf(theirs, pair.b, b)];
      checkSameDims(pair, left, right);
      await comparers[index]?.add(left, right);
    }
    runs += 1;
  }
  return {
    runs,
    outputs: comparers.map((comparer) => comparer.result()),
    unmatched: {
      a: namesOf(a.outputs).filter((name) => !pairs.some((pair) => pair.a === name)),
      b: namesOf(b.outputs).filter((name) => !pairs.some((pair) => pair.b === name)),
    },
  };
}

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function checkSameInputs(a: Subject, b: Subject): void {
  const [ours, theirs] = [namesOf(a.inputs), namesOf(b.inputs)];
  const same = ours.length === theirs.length && ours.every((name) => theirs.includes(name));
  if (!same) {
    throw new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected two models that take the same inputs, but ${a.path} takes ${quotedNames(ours)} and ${b.path} takes ${quotedNames(theirs)}. ` +
        'Compare two that were made from the same model.',
      { details: { argument: 'b', inputs: { a: ours, b: theirs } } },
    );
  }
  for (const { name, type, dims } of a.inputs) {
    const other = b.inputs.find((info) => info.name === name);
    if (other === undefined) continue;
    const ranks = dims.length === other.dims.length;
    const fits = dims.every((dim, axis) => {
      const theirDim = other.dims[axis] ?? 0;
      return dim < 0 || theirDim < 0 || dim === theirDim;
    });
    const types = type === other.type || (isFloating(type) && isFloating(other.type));
    if (ranks && fits && types) continue;
    throw new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected inputs that fit both models, but input ${JSON.stringify(name)} is ${type} [${dims.join(', ')}] in ${a.path} and ` +
        `${other.type} [${other.dims.join(', ')}] in ${b.path}.`,
      { details: { argument: 'b', input: name } },
    );
  }
}

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function outputPairs(a: Subject, b: Subject): readonly OutputPair[] {
  const [ours, theirs] = [namesOf(a.outputs), namesOf(b.outputs)];
  const common = ours.filter((name) => theirs.includes(name));
  if (common.length > 0) return common.map((name) => ({ a: name, b: name }));
  const [left] = ours;
  const [right] = theirs;
  if (ours.length === 1 && theirs.length === 1 && left !== undefined && right !== undefined) {
    return [{ a: left, b: right }];
  }
  throw new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected two models with an output in common, but ${a.path} gives ${quotedNames(ours)} and ${b.path} gives ${quotedNames(theirs)}.`,
    { details: { argument: 'b', outputs: { a: ours, b: theirs } } },
  );
}

/** Floats in the model's own float type: an engine may take float16 where the ONNX file has float32. */
function fitting(
  given: Readonly<Record<string, TensorLike>>,
  inputs: readonly TensorInfo[],
): Readonly<Record<string, TensorLike>> {
  return Object.fromEntries(
    Object.entries(given).map(([name, tensor]) => {
      const type = inputs.find((info) => info.name === name)?.type ?? tensor.type;
      if (type === tensor.type || !isFloating(type) || !isFloating(tensor.type))
        return [name, tensor];
      const values = new Tensor(tensor.type, tensor.data, tensor.dims).toFloat32();
      return [name, Tensor.from(values, type, tensor.dims)];
    }),
  );
}

function tensorOf(tensors: Tensors, name: string, { path }: Subject): TensorLike {
  const tensor = tensors[name];
  if (tensor !== undefined) return tensor;
  throw new TrtError('ERR_TRT_INTERNAL', `${path} gave no output ${JSON.stringify(name)}.`);
}

function checkSameDims(pair: OutputPair, a: TensorLike, b: TensorLike): void {
  if (a.dims.length === b.dims.length && a.dims.every((dim, axis) => dim === b.dims[axis])) return;
  throw new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected outputs of the same dims, but output ${JSON.stringify(pair.a)} has [${a.dims.join(', ')}] and [${b.dims.join(', ')}]. ` +
      'Compare two that were made from the same model.',
    { details: { argument: 'b', output: pair.a, dims: { a: a.dims, b: b.dims } } },
  );
}

const namesOf = (tensors: readonly TensorInfo[]): readonly string[] =>
  tensors.map(({ name }) => name);
