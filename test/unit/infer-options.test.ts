import { describe, expect, it } from 'vitest';
import { TrtError } from '../../lib/errors';
import { nativeTargets } from '../../lib/binding';
import { checkInferOptions, defaultInferOptions } from '../../lib/infer-options';
import type { InferOptions } from '../../lib/infer-options';
import { tensorInfo } from '../support/fake-native-engine';

const outputs = ['scores', 'boxes', '__proto__'].map((name) => tensorInfo(name, 'float32', [1]));
const names = ['small', 'large'];

/** Options as JavaScript may pass them. */
function check(options: unknown, profileNames: readonly string[] | undefined = names) {
  const engine = { outputs, profiles: [{}, {}], profileNames, device: 0 };
  return checkInferOptions(options as InferOptions, engine, defaultInferOptions(engine));
}

function refusal(options: unknown, profileNames?: readonly string[]): TrtError {
  try {
    check(options, profileNames);
  } catch (error) {
    if (error instanceof TrtError) return error;
    throw error;
  }
  return expect.unreachable('this should have been refused');
}

describe('profile', () => {
  it.each([
    [undefined, null],
    [0, 0],
    [1, 1],
    ['small', 0],
    ['large', 1],
  ])('%j is %j', (profile, index) => {
    expect(check({ profile }).profile).toBe(index);
  });

  it.each([2, -1, 0.5, NaN, '0', 'Large', '', null, 1n, ['small']])('is not %s', (profile) => {
    const error = refusal({ profile });
    expect(error.code).toBe('ERR_TRT_INVALID_ARG');
    expect(error.details['argument']).toBe('options.profile');
  });

  it('is suggested by its name', () => {
    expect(refusal({ profile: 'lrage' }).message).toMatch(/"small", "large"; did you mean "large"/);
  });

  it('has an index alone where the build gave no names', () => {
    const engine = { outputs, profiles: [{}, {}], profileNames: undefined, device: 0 };
    const defaults = defaultInferOptions(engine);
    expect(checkInferOptions({ profile: 1 }, engine, defaults).profile).toBe(1);
    expect(() => checkInferOptions({ profile: 'large' }, engine, defaults)).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' }),
    );
  });

  it('is none where the manifest names more than the engine has', () => {
    expect(refusal({ profile: 'third' }, ['small', 'large', 'third']).code).toBe(
      'ERR_TRT_INVALID_ARG',
    );
  });
});

describe('outputs', () => {
  it('are all, or those that are named', () => {
    const { none, cpu } = nativeTargets;
    expect(check({}).targets).toEqual([cpu, cpu, cpu]);
    expect(check({ outputs: ['boxes', '__proto__'] }).targets).toEqual([none, cpu, cpu]);
    expect(check({ outputs: [] }).targets).toEqual([none, none, none]);
  });

  it('#31 of an unknown name are refused with the nearest', () => {
    const error = refusal({ outputs: ['box'] });
    expect(error.code).toBe('ERR_TRT_OUTPUT_UNKNOWN');
    expect(error.details).toMatchObject({ output: 'box' });
    expect(error.message).toContain('did you mean "boxes"');
  });

  it('may be larger than in the first profile, of which TensorRT tells the dims', () => {
    const engine = { outputs, profiles: [{}], profileNames: undefined, device: 0 };
    const options = { outputs: { boxes: new Float32Array(0) } };
    const defaults = defaultInferOptions(engine);
    expect(() => checkInferOptions(options, engine, defaults)).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' }),
    );
    expect(check(options).memory?.[1]).toBe(options.outputs.boxes);
  });

  it.each([
    ['#31 a name twice', ['boxes', 'boxes']],
    ['text', 'boxes'],
    ['a number', [0]],
    ['a hole', new Array(1)],
  ])('are not %s', (_, list) => {
    expect(refusal({ outputs: list }).code).toBe('ERR_TRT_INVALID_ARG');
  });
});
