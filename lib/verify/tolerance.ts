import { invalidArgument } from '../errors';
import { suggestion } from '../nearest-name';
import type { Manifest } from '../manifest-schema';
import { typedArrayName } from '../data-types';

/**
 * The arithmetic of a build, from exact to coarse: the coarsest that its precision or the model's own types allow. What TensorRT
 * then chose makes no difference, so that two builds with the same options are held to the same tolerance.
 */
export const arithmetics = [
  'float32',
  'tf32',
  'float16',
  'bfloat16',
  'int8',
  'float8e4m3fn',
  'int4',
  'float4e2m1',
] as const;

export type Arithmetic = (typeof arithmetics)[number];

/** `atol` or `rtol`: one for all builds, or one for each arithmetic that the build may have. */
export type ToleranceOption = number | Readonly<Partial<Record<Arithmetic, number>>>;

/** `atol` null: `rtol` times the largest finite |expected| of the output. */
export interface Tolerance {
  readonly atol: number | null;
  readonly rtol: number;
}

export interface CheckedTolerance {
  readonly atol: ToleranceOption | null;
  readonly rtol: ToleranceOption | null;
}

/**
 * Defaults of `rtol`: what sound engines of deep networks stay below with some room, relative to the largest value of an output.
 * They catch wrong results; how much loss an application bears is its own to say.
 */
export const defaultRtol: Readonly<Record<Arithmetic, number>> = {
  float32: 1e-3,
  tf32: 1e-2,
  float16: 1e-2,
  bfloat16: 5e-2,
  int8: 1e-1,
  float8e4m3fn: 1e-1,
  int4: 2e-1,
  float4e2m1: 2e-1,
};

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function checkedTolerance(value: unknown, name: 'atol' | 'rtol'): ToleranceOption | null {
  const argument = `options.verify.${name}`;
  if (value === undefined) return null;
  if (typeof value === 'number') return notNegative(value, argument);
  if (typeof value !== 'object' || value === null || typedArrayName(value) !== undefined) {
    throw invalidArgument(argument, 'a number, or an object of numbers by type', value);
  }
  const entries = Object.entries(value).map(([type, number]: [string, unknown]) => {
    const known = arithmetics.find((arithmetic) => arithmetic === type);
    if (known === undefined) {
      const expected = `only ${arithmetics.join(', ')} as types${suggestion(type, arithmetics)}`;
      throw invalidArgument(argument, expected, type);
    }
    return [known, notNegative(number, `${argument}.${type}`)] as const;
  });
  return Object.fromEntries(entries);
}

function notNegative(value: unknown, argument: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw invalidArgument(argument, 'a finite number from 0 on', value);
}

/** What holds for a build of this arithmetic; a type that was not named has its default. */
export function toleranceFor(given: CheckedTolerance, arithmetic: Arithmetic): Tolerance {
  return {
    atol: valueFor(given.atol, arithmetic),
    rtol: valueFor(given.rtol, arithmetic) ?? defaultRtol[arithmetic],
  };
}

function valueFor(option: ToleranceOption | null, arithmetic: Arithmetic): number | null {
  return typeof option === 'number' ? option : (option?.[arithmetic] ?? null);
}

const ofPrecision: Readonly<Record<string, readonly Arithmetic[]>> = {
  fp16: ['float16'],
  bf16: ['bfloat16'],
  int8: ['int8'],
  fp8: ['float8e4m3fn'],
  best: ['float16', 'bfloat16'],
};

type Build = Pick<Manifest, 'options' | 'network' | 'outputs' | 'calibration'>;

/** The coarsest arithmetic that a build allowed: by its option `precision`, and by the types in the model. */
export function arithmeticOf(build: Build): Arithmetic {
  const given = build.options['precision'];
  const precisions = (Array.isArray(given) ? given : [given]) as readonly unknown[];
  const found = new Set<string>([
    ...typesOfModel(build),
    ...precisions.flatMap((precision) => ofPrecision[String(precision)] ?? []),
    ...(build.calibration === undefined ? [] : ['int8']),
    // TensorRT's TF32 flag is set unless 'fp32' cleared it.
    ...(precisions.includes('fp32') ? [] : ['tf32']),
  ]);
  return arithmetics.findLast((arithmetic) => found.has(arithmetic)) ?? 'float32';
}

const quantizedTypes: readonly string[] = ['int8', 'float8e4m3fn', 'int4', 'float4e2m1'];

/** Whether the model itself is quantized, so that no build of it is not. */
export function isQuantizedModel(build: Build): boolean {
  return typesOfModel(build).some((type) => quantizedTypes.includes(type));
}

function typesOfModel({ network, outputs }: Build): readonly string[] {
  return [
    ...network.layers.flatMap(({ outputTypes }) => outputTypes),
    ...outputs.map(({ type }) => type),
  ];
}
