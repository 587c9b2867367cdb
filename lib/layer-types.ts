import type { TensorType } from './data-types';

/**
 * What the engine inspector writes for a type, by the words in it: `Half`, `Row major linear FP32`, `Channel major FP16 format
 * where channel % 8 == 0`, `Thirty-two wide channel vectorized row major Int8 format`. More specific words come first.
 */
const words: readonly (readonly [RegExp, TensorType])[] = [
  [/\bbf16\b|\bbfp16\b|bfloat16/, 'bfloat16'],
  [/\bfp16\b|\bhalf\b|\bfloat16\b/, 'float16'],
  [/\be8m0\b/, 'float8e8m0'],
  [/\bfp8\b|float8|e4m3/, 'float8e4m3fn'],
  [/\bfp4\b|float4|e2m1/, 'float4e2m1'],
  [/\buint8\b/, 'uint8'],
  [/\bint8\b/, 'int8'],
  [/\bint4\b/, 'int4'],
  [/\bint64\b/, 'int64'],
  [/\bint32\b/, 'int32'],
  [/\bbool\b/, 'bool'],
  [/\bfp32\b|\bfloat\b|\bfloat32\b/, 'float32'],
];

/** null for what tells no type, such as `N/A due to dynamic shapes`. */
export function inspectedType(text: unknown): TensorType | null {
  if (typeof text !== 'string') return null;
  const lower = text.toLowerCase();
  return words.find(([pattern]) => pattern.test(lower))?.[1] ?? null;
}

const kernelTypes: Readonly<Record<string, TensorType>> = {
  f32: 'float32',
  tf32: 'float32',
  f16: 'float16',
  bf16: 'bfloat16',
  e4m3: 'float8e4m3fn',
  e2m1: 'float4e2m1',
  i8: 'int8',
  i4: 'int4',
};
const kernelOperands = /_(tf32|f32|bf16|f16|e4m3|e2m1|i8|i4)(tf32|f32|bf16|f16|e4m3|e2m1|i8|i4)_/;

/** The type of the first operand in a kernel's name, `sm80_xmma_gemm_f16f16_f16f32_f32_…`; null where it does not stand there. */
export function kernelType(tactic: unknown): TensorType | null {
  if (typeof tactic !== 'string') return null;
  const operand = kernelOperands.exec(tactic)?.[1];
  return operand === undefined ? null : (kernelTypes[operand] ?? null);
}

/** Types that a layer computes in; `bool`, indices and shapes are only moved. */
export const arithmeticTypes: ReadonlySet<TensorType> = new Set<TensorType>([
  'float32',
  'float16',
  'bfloat16',
  'float8e4m3fn',
  'float4e2m1',
  'int8',
  'int4',
]);
