/** models/odd: small ONNX files of odd kinds with ONNX Runtime's answers, made by scripts/make-odd-models.py. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import type { BuiltEngine, TensorData, TensorInputs, TensorLike } from '../../lib/index';
import type { InputRange } from '../../lib/manifest-schema';

const folder = path.join(import.meta.dirname, '..', '..', 'models', 'odd');

type OddType = 'float32' | 'float16' | 'bfloat16' | 'int8' | 'uint8' | 'int32' | 'int64' | 'bool';

export interface OddTensor {
  readonly type: OddType;
  readonly dims: readonly number[];
  /** float16 and bfloat16: their bits. Strings: NaN, infinities, and integers that no number holds. */
  readonly data: readonly (number | string)[];
}

export interface OddExpectation {
  readonly builds: boolean;
  /** One of these where it does not build. */
  readonly codes?: readonly string[];
  readonly reason?: string;
  readonly computeCapabilities?: readonly string[];
  readonly differs?: OddDifference;
}

/** A known wrong answer of one TensorRT version. */
export interface OddDifference {
  /** `10.6` is every 10.6.x. */
  readonly version: string;
  readonly what: string;
  /** Of each run, the outputs that are wrong, as that version gives them. */
  readonly outputs: readonly Readonly<Record<string, OddTensor>>[];
}

export interface OddRun {
  readonly inputs: Readonly<Record<string, OddTensor>>;
  readonly outputs: Readonly<Record<string, OddTensor>>;
}

export interface OddModel {
  readonly name: string;
  readonly what: string;
  /** Whose work it tries: TensorRT's alone, where the binding has no part that another model does not try. */
  readonly tries: 'trt-node' | 'TensorRT';
  readonly file: string;
  readonly profiles: readonly Readonly<Record<string, InputRange>>[];
  /** Inputs that TensorRT's parser renames. */
  readonly inputNames: Readonly<Record<string, string>>;
  readonly tensorrt: OddExpectation;
  readonly rtx: OddExpectation;
  /** max|a − b| <= absolute + relative × max|b|, per output; null without runs. */
  readonly tolerance: { readonly relative: number; readonly absolute: number } | null;
  readonly runs: readonly OddRun[];
}

export const oddModels = (
  JSON.parse(readFileSync(path.join(folder, 'cases.json'), 'utf8')) as {
    readonly cases: readonly OddModel[];
  }
).cases;

export function oddModel(name: string): OddModel {
  const found = oddModels.find((model) => model.name === name);
  if (!found) throw new Error(`models/odd has no ${name}`);
  return found;
}

export const pathOf = ({ file }: Pick<OddModel, 'file'>): string => path.join(folder, file);

/** The inputs of a run under the engine's names. */
export function inputsOf({ inputNames }: OddModel, { inputs }: OddRun): [string, OddTensor][] {
  const renamed = new Map(Object.entries(inputNames));
  return Object.entries(inputs).map(([name, tensor]) => [renamed.get(name) ?? name, tensor]);
}

export function tensorInputs(model: OddModel, run: OddRun): TensorInputs {
  // fromEntries, since an assignment to `__proto__` makes no property.
  return Object.fromEntries(
    inputsOf(model, run).map(([name, { type, dims, data }]): [string, TensorLike] => [
      name,
      { type, dims, data: arrayOf(type, data) },
    ]),
  );
}

function arrayOf(type: OddType, data: OddTensor['data']): TensorData {
  switch (type) {
    case 'float32':
      return Float32Array.from(data, Number);
    case 'float16':
    case 'bfloat16':
      return Uint16Array.from(data, Number);
    case 'int8':
      return Int8Array.from(data, Number);
    case 'uint8':
    case 'bool':
      return Uint8Array.from(data, Number);
    case 'int32':
      return Int32Array.from(data, Number);
    case 'int64':
      return BigInt64Array.from(data, BigInt);
  }
}

/** A run with what this TensorRT answers to it, where that is known to be wrong. */
export function runAnsweredBy(
  version: string,
  { tensorrt: { differs } }: OddModel,
  run: OddRun,
  index: number,
): OddRun {
  if (!differs || !version.startsWith(`${differs.version}.`)) return run;
  return { inputs: run.inputs, outputs: { ...run.outputs, ...differs.outputs[index] } };
}

/** Compares an engine's outputs with ONNX Runtime's: names, types, dims and values. */
export function expectOutputs(
  outputs: Readonly<Record<string, TensorLike>>,
  { outputs: expected }: OddRun,
  { tolerance }: OddModel,
): void {
  expect(Object.keys(outputs).toSorted()).toEqual(Object.keys(expected).toSorted());
  for (const [name, { type, dims, data }] of Object.entries(expected)) {
    const output = outputs[name] as TensorLike;
    expect({ name, type: output.type, dims: output.dims }).toEqual({ name, type, dims });
    const wanted = arrayOf(type, data);
    if (type === 'float32' || type === 'float16' || type === 'bfloat16') {
      expectClose(name, numbersOf(type, output.data), numbersOf(type, wanted), tolerance!);
    } else {
      expect({ name, data: output.data }).toEqual({ name, data: wanted });
    }
  }
}

function expectClose(
  name: string,
  actual: readonly number[],
  expected: readonly number[],
  { relative, absolute }: NonNullable<OddModel['tolerance']>,
): void {
  // NaN and infinities have no distance: they stand where they stand.
  const outside = (values: readonly number[]): readonly (number | null)[] =>
    values.map((value) => (Number.isFinite(value) ? null : value));
  expect({ name, values: outside(actual) }).toEqual({ name, values: outside(expected) });
  const largest = Math.max(0, ...expected.map(Math.abs).filter(Number.isFinite));
  const distances = expected.map((value, i) => Math.abs(value - (actual[i] as number)));
  const distance = Math.max(0, ...distances.filter(Number.isFinite));
  expect(distance, `${name}: max|a - b|, where max|b| is ${largest}`).toBeLessThanOrEqual(
    absolute + relative * largest,
  );
}

function numbersOf(type: 'float32' | 'float16' | 'bfloat16', data: TensorData): number[] {
  if (type === 'float32') return Array.from(data as Float32Array);
  const bits = new Uint16Array(data.buffer as ArrayBuffer, data.byteOffset, data.length);
  return Array.from(bits, type === 'float16' ? halfToNumber : bfloatToNumber);
}

// IEEE 754 binary16: 1 bit sign, 5 bits exponent with bias 15, 10 bits fraction.
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0
    ? sign * fraction * 2 ** -24
    : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16 is the upper half of a float32. */
function bfloatToNumber(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0] as number;
}

export type BuildOutcome = { readonly built: BuiltEngine } | { readonly error: unknown };

/**
 * Builds the models in their order, `atOnce` beside each other, and answers with the outcome of one of them: a test then
 * waits for its own model alone.
 */
export function buildAll(
  models: readonly OddModel[],
  build: (model: OddModel) => Promise<BuiltEngine>,
  atOnce: number,
): (model: OddModel) => Promise<BuildOutcome> {
  const outcomes = new Map<OddModel, Promise<BuildOutcome>>();
  const lanes = Array.from({ length: atOnce }, () => Promise.resolve<unknown>(undefined));
  models.forEach((model, index) => {
    const lane = index % atOnce;
    const outcome = (lanes[lane] as Promise<unknown>).then(() =>
      build(model).then(
        (built) => ({ built }),
        (error: unknown) => ({ error }),
      ),
    );
    lanes[lane] = outcome;
    outcomes.set(model, outcome);
  });
  return (model) => {
    const outcome = outcomes.get(model);
    if (!outcome) throw new Error(`${model.name} was not among the models to build`);
    return outcome;
  };
}

export async function builtOf(outcome: Promise<BuildOutcome>): Promise<BuiltEngine> {
  const settled = await outcome;
  if ('error' in settled) throw settled.error;
  return settled.built;
}

export async function codeOfBuild(outcome: Promise<BuildOutcome>): Promise<string> {
  const settled = await outcome;
  if ('built' in settled) return 'no error: it was built';
  return (settled.error as { code?: string }).code ?? String(settled.error);
}

/** `-1` in an engine's dims is any number. */
export function fits(dims: readonly number[], actual: readonly number[]): boolean {
  return (
    dims.length === actual.length && dims.every((dim, axis) => dim === -1 || dim === actual[axis])
  );
}
