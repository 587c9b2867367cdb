import { isTensorType, typedArrayName, type TensorData } from '../data-types';
import { openTensorFiles } from '../data-files/tensor-files';
import { describeValue, invalidArgument, TrtError } from '../errors';
import { checkInputs } from '../input-validation';
import { checkedOptions } from '../known-keys';
import type { Profile, TensorInfo } from '../manifest-schema';
import { suggestion } from '../nearest-name';
import { quotedNames } from '../quoted-names';
import { Tensor, type TensorInputs, type TensorLike, type Tensors } from '../tensor';
import { naturalType, asTypedArray } from '../tensor/typed-arrays';
import { untilAborted } from '../until-aborted';
import { verifyThrew } from './failure';
import type { CheckedVerify, VerifyCase } from './option';
import type { PlainTensors } from './plain-tensors';
import { isFloating } from './values';

/** What a case is checked against. */
export interface CaseContract {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly profiles: readonly Profile[];
}

/** A case that the engine can run. */
export interface CheckedCase {
  readonly name: string;
  readonly inputs: PlainTensors;
  /** By output; a bare array has no dims of its own. null: the case has no outputs. */
  readonly expected: Readonly<Record<string, TensorLike | TensorData>> | null;
  /** As it was given, for the caller's metric. */
  readonly given: VerifyCase;
}

/**
 * The cases, one at a time, each checked against the engine. Rejects with ERR_TRT_DATA_FILE, ERR_TRT_INVALID_ARG, ERR_TRT_INPUT_…
 * naming the case, ERR_TRT_VERIFY_FAILED with the cause that an iterable threw, and `signal.reason`.
 */
export async function* readCases(
  verify: CheckedVerify,
  engine: CaseContract,
  signal: AbortSignal | null,
): AsyncGenerator<CheckedCase, void, void> {
  let index = 0;
  for await (const given of givenCases(verify.cases, engine, signal)) {
    yield checkedCase(given, index, engine);
    index += 1;
  }
}

async function* givenCases(
  cases: CheckedVerify['cases'],
  engine: CaseContract,
  signal: AbortSignal | null,
): AsyncGenerator<unknown, void, void> {
  if (typeof cases !== 'string') {
    yield* eachUntilAborted(cases, signal, (error) => verifyThrew('cases', null, error));
    return;
  }
  const files = eachUntilAborted(openTensorFiles(cases), signal, (error) => error);
  for await (const { name, tensors } of files) yield caseOfFile(name, tensors, engine);
}

/** Rejects with what `explain` makes of an error of the iterable's. */
async function* eachUntilAborted<T>(
  cases: Iterable<T> | AsyncIterable<T>,
  signal: AbortSignal | null,
  explain: (error: unknown) => unknown,
): AsyncGenerator<T, void, void> {
  const attempt = async <Result>(work: () => Result | Promise<Result>): Promise<Result> => {
    try {
      return await untilAborted(signal, Promise.resolve().then(work));
    } catch (error) {
      signal?.throwIfAborted();
      throw explain(error);
    }
  };
  const iterator = await attempt(() =>
    Symbol.asyncIterator in cases ? cases[Symbol.asyncIterator]() : cases[Symbol.iterator](),
  );
  let open = true;
  try {
    for (;;) {
      // When `next` throws, the iterator has ended by itself.
      open = false;
      const next = await attempt<IteratorResult<T, unknown>>(() => iterator.next());
      if (next.done === true) return;
      open = true;
      // A synchronous iterable may hold promises, as `for await` takes them.
      yield await attempt(() => next.value);
    }
  } finally {
    // Not awaited: an iterable that is stuck would keep the error back.
    if (open)
      void Promise.resolve()
        .then(() => iterator.return?.())
        .catch(() => undefined);
  }
}

/** Arrays by the names of inputs and outputs. */
function caseOfFile(file: string, tensors: Tensors, engine: CaseContract): VerifyCase {
  const inputs: [string, Tensor][] = [];
  const outputs: [string, Tensor][] = [];
  let label: Tensor | undefined;
  const isInput = (name: string): boolean => engine.inputs.some((info) => info.name === name);
  const isOutput = (name: string): boolean => engine.outputs.some((info) => info.name === name);
  for (const [name, tensor] of Object.entries(tensors)) {
    const [, prefix, rest = ''] = /^(input|output):(.*)$/s.exec(name) ?? [];
    if (isInput(name)) inputs.push([name, asInput(tensor, name, engine)]);
    else if (isOutput(name)) outputs.push([name, tensor]);
    else if (prefix === 'input' && isInput(rest))
      inputs.push([rest, asInput(tensor, rest, engine)]);
    else if (prefix === 'output' && isOutput(rest)) outputs.push([rest, tensor]);
    else if (name === 'label') label = tensor;
    else throw unknownArray(file, name, engine);
  }
  return {
    name: file,
    inputs: Object.fromEntries(inputs),
    ...(outputs.length === 0 ? {} : { outputs: Object.fromEntries(outputs) }),
    ...(label === undefined ? {} : { label }),
  };
}

/** NumPy has no bfloat16, and most people save float32. */
function asInput(tensor: Tensor, name: string, { inputs }: CaseContract): Tensor {
  const type = inputs.find((info) => info.name === name)?.type ?? tensor.type;
  if (tensor.type === type || !isFloating(tensor.type) || !isFloating(type)) return tensor;
  return Tensor.from(tensor.toFloat32(), type, tensor.dims);
}

function unknownArray(file: string, array: string, { inputs, outputs }: CaseContract): TrtError {
  const names = [...inputs, ...outputs].map(({ name }) => name);
  return new TrtError(
    'ERR_TRT_DATA_FILE',
    `the array ${JSON.stringify(array)} in ${file} is neither an input nor an output of the model, nor \`label\`` +
      `${suggestion(array, names)}. Inputs are ${quotedNames(inputs.map(({ name }) => name))}, outputs ` +
      `${quotedNames(outputs.map(({ name }) => name))}.`,
    { details: { path: file, array, reason: 'name' } },
  );
}

function checkedCase(given: unknown, index: number, engine: CaseContract): CheckedCase {
  const argument = `options.verify.cases[${index}]`;
  if (given === null || given === undefined) throw invalidArgument(argument, 'an object', given);
  const known = ['inputs', 'outputs', 'label', 'name'] as const;
  const {
    inputs,
    outputs,
    name = String(index),
  } = checkedOptions(given as VerifyCase, argument, known);
  if (typeof name !== 'string') throw invalidArgument(`${argument}.name`, 'a string', name);
  return {
    name,
    inputs: plainInputs(inputs, name, engine),
    expected: outputs === undefined ? null : checkedOutputs(outputs, argument, engine),
    given: given as VerifyCase,
  };
}

function plainInputs(
  inputs: TensorInputs | undefined,
  name: string,
  engine: CaseContract,
): PlainTensors {
  try {
    const { dims, bytes } = checkInputs(engine, inputs, null);
    return Object.fromEntries(
      engine.inputs.map(({ name: input, type }, index) => [
        input,
        { type, dims: dims[index] ?? [], parts: bytes[index]?.parts ?? [] },
      ]),
    );
  } catch (error) {
    if (!(error instanceof TrtError)) throw error;
    const { code, message, details } = error;
    const words = `case ${JSON.stringify(name)} of \`verify\`: ${message}`;
    throw new TrtError(code, words, { cause: error, details: { ...details, case: name } });
  }
}

function checkedOutputs(
  outputs: unknown,
  argument: string,
  engine: CaseContract,
): NonNullable<CheckedCase['expected']> {
  const names = engine.outputs.map(({ name }) => name);
  const isObject = typeof outputs === 'object' && outputs !== null;
  if (!isObject || typedArrayName(outputs) !== undefined || Object.keys(outputs).length === 0) {
    const expected = 'an object of tensors by output name (or no `outputs`)';
    throw invalidArgument(`${argument}.outputs`, expected, outputs);
  }
  const entries = Object.entries(outputs).map(([name, value]: [string, unknown]) => {
    if (!names.includes(name)) {
      const expected = `only names of outputs (${quotedNames(names)})${suggestion(name, names)}`;
      throw invalidArgument(`${argument}.outputs`, expected, name);
    }
    return [name, checkedOutput(value, `${argument}.outputs[${JSON.stringify(name)}]`)] as const;
  });
  return Object.fromEntries(entries);
}

function checkedOutput(value: unknown, argument: string): TensorLike | TensorData {
  const array = asTypedArray(value);
  if (array !== undefined) {
    if (naturalType(array) !== undefined) return array as TensorData;
    const expected = 'a tensor { type, data, dims } (an array of this kind belongs to no type)';
    throw invalidArgument(argument, expected, value);
  }
  if (typeof value !== 'object' || value === null) {
    throw invalidArgument(argument, 'a tensor { type, data, dims } or a typed array', value);
  }
  const { type, data, dims } = value as Readonly<Record<'type' | 'data' | 'dims', unknown>>;
  if (!isTensorType(type)) throw invalidArgument(`${argument}.type`, 'a type of tensors', type);
  try {
    return new Tensor(type, data as TensorData, dims as readonly number[]);
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : describeValue(cause);
    throw new TrtError('ERR_TRT_INVALID_ARG', `${argument} is no tensor: ${words}`, {
      cause,
      details: { argument },
    });
  }
}
