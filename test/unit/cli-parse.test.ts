import { describe, expect, it } from 'vitest';
import {
  parseComputeCapabilities,
  parseLabel,
  parseMemoryPool,
  parseProfile,
  profileOfShapes,
} from '../../lib/cli/parse';
import {
  parseChoice,
  parseChoices,
  parsePreviewFeatures,
  parseTacticSources,
} from '../../lib/cli/parse-names';
import {
  parseNumber,
  parseSize,
  parseTolerance,
  parseWholeNumber,
} from '../../lib/cli/parse-numbers';
import { checkedProfiles } from '../../lib/profile-option';
import { resolveProfiles } from '../../lib/profiles';

const wrongArgument: unknown = expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' });

describe('parseProfile', () => {
  it('reads ranges, and one shape as all three', () => {
    expect(parseProfile('x:1x8/8x8/64x8,y:4')).toEqual({
      x: { min: [1, 8], opt: [8, 8], max: [64, 8] },
      y: { min: [4], opt: [4], max: [4] },
    });
  });

  it('reads names with colons and equals signs', () => {
    expect(Object.keys(parseProfile('input:0:2x3,a=b:1,c:d=1'))).toEqual(['input:0', 'a=b', 'c:d']);
  });

  it('reads values of shape tensors, which may be negative, alone and beside dims', () => {
    expect(parseProfile('shape=-1x8/2x8/64x8,k=5,both:2,both=1x2')).toEqual({
      shape: { values: { min: [-1, 8], opt: [2, 8], max: [64, 8] } },
      k: { values: { min: [5], opt: [5], max: [5] } },
      both: {
        min: [2],
        opt: [2],
        max: [2],
        values: { min: [1, 2], opt: [1, 2], max: [1, 2] },
      },
    });
  });

  it('writes named dims so that the model decides', () => {
    const inputs = [{ name: 'x', dims: ['batch', 3] }];
    const profile = parseProfile('batch:1/8/32');
    expect(resolveProfiles(checkedProfiles([profile]), inputs).profiles).toEqual([
      { x: { min: [1, 3], opt: [8, 3], max: [32, 3] } },
    ]);
    const vector = [{ name: 'batch', dims: [null] }];
    expect(resolveProfiles(checkedProfiles([profile]), vector).profiles).toEqual([
      { batch: { min: [1], opt: [8], max: [32] } },
    ]);
  });

  it('takes __proto__ as a name like any other', () => {
    const profile = parseProfile('__proto__:1');
    expect(Object.keys(profile)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(profile)).toBe(Object.prototype);
  });

  it.each([
    ...['', 'x', 'x:', ':1', '=1', 'x:1x', 'x:-1x8', 'x:1.5', 'x:1,', 'x:1,x:2', 'x:1*8'],
    ...['x:1/2', 'x:1/2/3/4', 'x:1//3', 'x:/1/2', 'x=1,x=2', 'x=--1', 'x=1.5', 'x='],
  ])('refuses %j', (text) => expect(() => parseProfile(text)).toThrow(wrongArgument));
});

it.each(['x:1/2', 'x=1/2/3/4'])('parseProfile says how many parts %j needs', (text) => {
  expect(() => parseProfile(text)).toThrow(/three, min\/opt\/max, or one/);
});

describe('profileOfShapes', () => {
  it('is null when nothing was given', () => expect(profileOfShapes({})).toBeNull());

  it('joins the three options', () => {
    const shapes = { minShapes: 'y:1,x:1x8', optShapes: 'x:8x8,y:2', maxShapes: 'x:64x8,y:3' };
    expect(profileOfShapes(shapes)).toEqual({
      x: { min: [1, 8], opt: [8, 8], max: [64, 8] },
      y: { min: [1], opt: [2], max: [3] },
    });
  });

  it('takes values as --profile does', () => {
    const shapes = { minShapes: 's:2,s=1x-1', optShapes: 's:2,s=2x0', maxShapes: 's=3x1,s:2' };
    expect(profileOfShapes(shapes)).toEqual({
      s: { min: [2], opt: [2], max: [2], values: { min: [1, -1], opt: [2, 0], max: [3, 1] } },
    });
  });

  it('refuses a missing option and a missing input', () => {
    expect(() => profileOfShapes({ optShapes: 'x:1' })).toThrow(wrongArgument);
    expect(() =>
      profileOfShapes({ minShapes: 'x:1', optShapes: 'x:1', maxShapes: 'x:1,y:1' }),
    ).toThrow(wrongArgument);
    expect(() => profileOfShapes({ minShapes: 'x:1', optShapes: 'x=1', maxShapes: 'x:1' })).toThrow(
      wrongArgument,
    );
  });

  it('refuses ranges', () => {
    const shapes = { minShapes: 'x:1/2/3', optShapes: 'x:1', maxShapes: 'x:1' };
    expect(() => profileOfShapes(shapes)).toThrow(wrongArgument);
  });
});

describe('parseSize', () => {
  it.each([
    ['1GiB', 1024 ** 3],
    ['1.5 MiB', 1.5 * 1024 ** 2],
    ['512M', 512 * 1024 ** 2],
    ['10MB', 10e6],
    ['0B', 0],
  ])('reads %j', (text, bytes) => expect(parseSize(text, '--memory-pool')).toBe(bytes));

  it.each(['1', '', 'GiB', '1 gib', '-1GiB', '1e3B', '9999999TiB'])('refuses %j', (text) =>
    expect(() => parseSize(text, '--memory-pool')).toThrow(wrongArgument),
  );
});

describe('the smaller parsers', () => {
  it('read what they should', () => {
    expect(parseMemoryPool('workspace=1GiB')).toEqual(['workspace', 1024 ** 3]);
    expect(parseMemoryPool('tacticDram:2G')).toEqual(['tacticDram', 2 * 1024 ** 3]);
    expect(parseLabel('commit=a=b')).toEqual(['commit', 'a=b']);
    expect(parseComputeCapabilities('8.6, 12.0')).toEqual(['8.6', '12.0']);
    expect(parseWholeNumber('3', '--device')).toBe(3);
  });

  it.each([
    () => parseMemoryPool('heap=1GiB'),
    () => parseMemoryPool('workspace'),
    () => parseLabel('=b'),
    () => parseLabel('commit'),
    () => parseComputeCapabilities('86'),
    () => parseComputeCapabilities('8.6,'),
    () => parseWholeNumber('-1', '--device'),
    () => parseWholeNumber('1.5', '--device'),
  ])('refuse the rest: %s', (parse) => expect(parse).toThrow(wrongArgument));
});

describe('numbers', () => {
  it.each([
    ['1', 1],
    ['.5', 0.5],
    ['1e-3', 0.001],
    ['-2.5E1', -25],
  ])('parseNumber reads %j', (text, value) => expect(parseNumber(text, '--minimum')).toBe(value));

  it.each(['', 'x', '1 2', '0x10', 'Infinity', '1e999', 'NaN', '1,5'])(
    'parseNumber refuses %j',
    (text) => expect(() => parseNumber(text, '--minimum')).toThrow(wrongArgument),
  );

  it('reads tolerances, one for all or by type', () => {
    expect(parseTolerance('1e-3', '--atol')).toBe(0.001);
    expect(parseTolerance('float16=1e-2, float32=1e-5', '--atol')).toEqual({
      float16: 0.01,
      float32: 0.00001,
    });
  });

  it.each(['=1', 'float16=', 'float16=x', 'a=1=2', '1,2'])('refuses the tolerance %j', (text) =>
    expect(() => parseTolerance(text, '--atol')).toThrow(wrongArgument),
  );
});

describe('names', () => {
  const levels = ['none', 'amperePlus'] as const;

  it.each(['amperePlus', 'ampere-plus', 'AMPERE_PLUS'])('takes %s as amperePlus', (text) =>
    expect(parseChoice(text, '--level', levels)).toBe('amperePlus'),
  );

  it('reads lists of choices', () => {
    expect(parseChoices('fp16, int8', '--precision', ['fp16', 'int8'])).toEqual(['fp16', 'int8']);
  });

  it('reads tactic sources and preview features as TensorRT and as options write them', () => {
    expect(parseTacticSources('CUBLAS_LT,cublas')).toEqual(['cublasLt', 'cublas']);
    expect(parseTacticSources('none')).toEqual([]);
    expect(parsePreviewFeatures('aliasedPluginIo1003,RUNTIME_ACTIVATION_RESIZE_10_10=off')).toEqual(
      [
        ['aliasedPluginIo1003', true],
        ['runtimeActivationResize1010', false],
      ],
    );
  });

  it.each([
    () => parseChoice('ampere', '--level', levels),
    () => parseChoices('fp16,', '--precision', ['fp16']),
    () => parseTacticSources('cublas,'),
    () => parseTacticSources('-cublas'),
    () => parseTacticSources('cublas,cutlass'),
    () => parseTacticSources('cublas,none'),
    () => parsePreviewFeatures('aliasedPluginIo'),
    () => parsePreviewFeatures('aliasedPluginIo1003=maybe'),
    () => parsePreviewFeatures('=on'),
    () => parsePreviewFeatures('aliasedPluginIo1003=on=off'),
  ])('refuses what is none of them: %s', (parse) => expect(parse).toThrow(wrongArgument));
});
