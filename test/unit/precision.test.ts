import { describe, expect, it } from 'vitest';
import type { TensorType } from '../../lib/data-types';
import type { TrtError } from '../../lib/errors';
import {
  checkedPrecision,
  resolvePrecision,
  type PrecisionFacts,
  type ResolvedPrecision,
} from '../../lib/precision';

const libraries = {
  v10: { flavour: 'tensorrt', version: '10.6.0', abi: 'v10' },
  v11: { flavour: 'tensorrt', version: '11.2.1', abi: 'v11' },
  rtx: { flavour: 'tensorrt-rtx', version: '1.7.1', abi: 'rtx' },
} as const;

interface Given {
  readonly on?: keyof typeof libraries;
  readonly quantized?: readonly TensorType[];
  readonly calibrated?: boolean;
  readonly capability?: string | null;
}

function resolve(precision: unknown, typing?: unknown, given: Given = {}): ResolvedPrecision {
  const { on = 'v10', quantized = [], calibrated = false, capability = '9.0' } = given;
  const facts: PrecisionFacts = {
    library: libraries[on],
    gpu: capability === null ? null : { name: 'a GPU', computeCapability: capability },
    quantized: new Set(quantized),
    calibrated,
  };
  return resolvePrecision(checkedPrecision(precision, typing), facts);
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as TrtError).code;
  }
  return 'no error';
}

const strong = { typing: 'strong', precisions: [] } as const;

describe('on TensorRT 10', () => {
  it.each<[unknown, unknown, Given, ResolvedPrecision]>([
    [undefined, undefined, {}, { ...strong, tf32: null }],
    [[], undefined, {}, { ...strong, tf32: null }],
    ['fp32', undefined, {}, { ...strong, tf32: false }],
    ['tf32', undefined, {}, { ...strong, tf32: true }],
    ['fp16', undefined, {}, { typing: 'weak', precisions: ['fp16'], tf32: null }],
    [['bf16', 'fp16'], undefined, {}, { typing: 'weak', precisions: ['fp16', 'bf16'], tf32: null }],
    [['fp16', 'fp32'], undefined, {}, { typing: 'weak', precisions: ['fp16'], tf32: false }],
    [undefined, 'weak', {}, { typing: 'weak', precisions: [], tf32: null }],
    ['int8', undefined, { calibrated: true }, { typing: 'weak', precisions: ['int8'], tf32: null }],
    [
      'int8',
      undefined,
      { quantized: ['int8'] },
      { typing: 'weak', precisions: ['int8'], tf32: null },
    ],
    ['best', undefined, {}, { typing: 'weak', precisions: ['fp16', 'bf16'], tf32: true }],
    [
      'best',
      undefined,
      { calibrated: true },
      { typing: 'weak', precisions: ['fp16', 'bf16', 'int8'], tf32: true },
    ],
    [
      'best',
      undefined,
      { capability: '7.5' },
      { typing: 'weak', precisions: ['fp16'], tf32: true },
    ],
    ['fp8', undefined, { quantized: ['float8e4m3fn'] }, { ...strong, tf32: null }],
    [
      ['fp8', 'fp16'],
      undefined,
      { quantized: ['float8e4m3fn'] },
      { typing: 'weak', precisions: ['fp16', 'fp8'], tf32: null },
    ],
  ])('%j with typing %j and %j', (precision, typing, given, expected) => {
    expect(resolve(precision, typing, given)).toEqual(expected);
  });
});

describe.each(['v11', 'rtx'] as const)('on %s, whose networks are strongly typed', (on) => {
  it.each<[unknown, ResolvedPrecision['tf32']]>([
    [undefined, null],
    ['fp32', false],
    ['tf32', true],
  ])('%j is honoured', (precision, tf32) => {
    expect(resolve(precision, undefined, { on })).toEqual({ ...strong, tf32 });
  });

  it('int8 and fp8 are honoured where the model has them', () => {
    expect(resolve('int8', undefined, { on, quantized: ['int8'] })).toEqual({
      ...strong,
      tf32: null,
    });
    expect(resolve('fp8', undefined, { on, quantized: ['float8e4m3fn'] })).toEqual({
      ...strong,
      tf32: null,
    });
  });

  it.each<[unknown, unknown, Given]>([
    ['fp16', undefined, {}],
    ['bf16', undefined, {}],
    ['best', undefined, {}],
    [['int8', 'fp16'], undefined, { quantized: ['int8'] }],
    ['int8', undefined, { calibrated: true }],
    // Calibration data would not help there.
    ['int8', undefined, {}],
    [undefined, 'weak', {}],
    ['int8', 'weak', { quantized: ['int8'] }],
  ])('#23 %j with typing %j and %j is refused', (precision, typing, given) => {
    expect(codeOf(() => resolve(precision, typing, { on, ...given }))).toBe(
      'ERR_TRT_PRECISION_UNSUPPORTED',
    );
  });
});

describe('refusals', () => {
  it.each<[string, unknown, unknown, Given]>([
    ['ERR_TRT_INVALID_ARG', 'fp17', undefined, {}],
    ['ERR_TRT_INVALID_ARG', [1], undefined, {}],
    ['ERR_TRT_INVALID_ARG', null, undefined, {}],
    ['ERR_TRT_INVALID_ARG', 'fp16', 'loose', {}],
    ['ERR_TRT_INVALID_ARG', ['fp32', 'tf32'], undefined, {}],
    ['ERR_TRT_INVALID_ARG', ['fp32', 'best'], undefined, {}],
    ['ERR_TRT_INVALID_ARG', 'fp16', 'strong', {}],
    ['ERR_TRT_INVALID_ARG', 'fp16', undefined, { calibrated: true }],
    ['ERR_TRT_CALIBRATION_REQUIRED', 'int8', undefined, {}],
    ['ERR_TRT_CALIBRATION_REQUIRED', 'int8', undefined, { quantized: ['float8e4m3fn'] }],
    ['ERR_TRT_UNSUPPORTED', 'int8', undefined, { calibrated: true, quantized: ['int8'] }],
    ['ERR_TRT_PRECISION_UNSUPPORTED', 'bf16', undefined, { capability: '7.5' }],
    ['ERR_TRT_PRECISION_UNSUPPORTED', 'fp8', undefined, {}],
    [
      'ERR_TRT_PRECISION_UNSUPPORTED',
      'fp8',
      undefined,
      { quantized: ['float8e4m3fn'], capability: '8.6' },
    ],
  ])('%s for %j with typing %j and %j', (code, precision, typing, given) => {
    expect(codeOf(() => resolve(precision, typing, given))).toBe(code);
  });
});
