import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrtError } from '../../lib/errors';
import { checkedVerify, type VerifyOption } from '../../lib/verify/option';
import {
  arithmeticOf,
  defaultRtol,
  toleranceFor,
  type Arithmetic,
} from '../../lib/verify/tolerance';
import { manifestFixture } from '../support/manifests';

const cases: VerifyOption['cases'] = [];
const codeOf = (option: unknown): string => {
  try {
    checkedVerify(option);
    return 'accepted';
  } catch (error) {
    return (error as TrtError).code;
  }
};

describe('the option verify', () => {
  it('may be left out', () => expect(checkedVerify(undefined)).toBeNull());

  it('holds elements to a tolerance, and outputs to be finite, if nothing else is said', () => {
    expect(checkedVerify({ cases })).toEqual({
      cases,
      reference: 'onnxruntime',
      tolerance: { atol: null, rtol: null },
      metric: null,
      elementwise: true,
      finite: true,
      rowConsistency: 'no',
    });
  });

  it('has a metric instead of the tolerance, or beside one that is given', () => {
    const metric = { cases, metric: 'cosine', minimum: 0.9 } as const;
    expect(checkedVerify(metric)?.elementwise).toBe(false);
    expect(checkedVerify({ ...metric, atol: 0 })?.elementwise).toBe(true);
  });

  it('takes cases from paths and iterables', () => {
    expect(checkedVerify({ cases: 'cases.npz' })?.cases).toBe(path.resolve('cases.npz'));
    expect(checkedVerify({ cases: new URL('file:///cases') })?.cases).toBe('/cases');
    for (const iterable of [new Set(), new Map().values()]) {
      expect(checkedVerify({ cases: iterable })?.cases).toBe(iterable);
    }
  });

  it.each<[string, unknown]>([
    ['no object', null],
    ['no object', 'cases.npz'],
    ['no cases', {}],
    ['cases that are none', { cases: 3 }],
    ['an array of numbers', { cases: new Float32Array(3) }],
    ['a remote URL', { cases: 'https://example.com/cases.npz' }],
    ['an unknown key', { cases, tolerance: 1 }],
    ['a negative tolerance', { cases, atol: -1 }],
    ['NaN', { cases, rtol: NaN }],
    ['a type that is none', { cases, rtol: { fp16: 1 } }],
    ['a tolerance of no number', { cases, rtol: { float16: '1' } }],
    ['an unknown metric', { cases, metric: 'mse', maximum: 1 }],
    ['a metric without bounds', { cases, metric: 'cosine' }],
    ['bounds without a metric', { cases, minimum: 1 }],
    ['a minimum of a difference', { cases, metric: 'maxAbs', minimum: 1 }],
    ['a maximum of a similarity', { cases, metric: 'cosine', maximum: 1 }],
    ['a bound of no number', { cases, metric: 'cosine', minimum: '1' }],
    ['a negative drop', { cases, metric: 'cosine', maxDrop: -0.1 }],
    ['an unknown reference', { cases, reference: 'pytorch' }],
    ['finite of no boolean', { cases, finite: 1 }],
    ['rowConsistency of neither', { cases, rowConsistency: 'exact' }],
  ])('refuses %s', (_, option) => expect(codeOf(option)).toBe('ERR_TRT_INVALID_ARG'));
});

describe('the arithmetic of a build', () => {
  const build = (
    precision: readonly string[],
    types: readonly string[] = ['float32'],
    more: object = {},
  ): Arithmetic =>
    arithmeticOf(
      manifestFixture('plan', {
        options: { precision },
        network: { layers: types.map((type) => ({ name: type, type: '', outputTypes: [type] })) },
        ...more,
      }),
    );

  it.each<[Arithmetic, Arithmetic]>([
    [build(['fp32']), 'float32'],
    [build([]), 'tf32'],
    [build(['tf32']), 'tf32'],
    [build(['fp16', 'fp32']), 'float16'],
    [build(['bf16', 'fp16']), 'bfloat16'],
    [build(['int8', 'fp16']), 'int8'],
    [build(['fp8']), 'float8e4m3fn'],
    [build(['best']), 'bfloat16'],
    [build(['best'], ['float32'], { calibration: {} }), 'int8'],
    [build([], ['float16', 'int64', 'bool']), 'float16'],
    [build(['fp32'], ['float32', 'int8']), 'int8'],
    [build([], ['bfloat16', 'float8e4m3fn']), 'float8e4m3fn'],
  ])('is the coarsest that was allowed: %s', (found, expected) => expect(found).toBe(expected));

  it('chooses tolerances, by default those that are documented', () => {
    const none = { atol: null, rtol: null };
    expect(toleranceFor(none, 'int8')).toEqual({ atol: null, rtol: defaultRtol.int8 });
    expect(toleranceFor({ atol: 0.5, rtol: { float16: 0.25 } }, 'float16')).toEqual({
      atol: 0.5,
      rtol: 0.25,
    });
    expect(toleranceFor({ atol: { int8: 1 }, rtol: { float16: 0.25 } }, 'tf32')).toEqual({
      atol: null,
      rtol: defaultRtol.tf32,
    });
  });
});
