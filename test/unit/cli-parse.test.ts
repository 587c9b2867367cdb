import { describe, expect, it } from 'vitest';
import {
  parseComputeCapabilities,
  parseLabel,
  parseMemoryPool,
  parseProfile,
  parseShapes,
  parseSize,
  parseWholeNumber,
  profileOfShapes,
} from '../../lib/cli/parse';

const wrongArgument: unknown = expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' });

describe('parseShapes', () => {
  it('reads trtexec’s form', () => {
    expect(parseShapes('x:1x1x8x8,y:4', '--minShapes')).toEqual({ x: [1, 1, 8, 8], y: [4] });
  });

  it('reads names with colons', () => {
    expect(parseShapes('input:0:2x3', '--minShapes')).toEqual({ 'input:0': [2, 3] });
  });

  it.each(['', 'x', 'x:', ':1', 'x:1x', 'x:-1x8', 'x:1.5', 'x:1,', 'x:1,x:2', 'x:1*8'])(
    'refuses %j',
    (text) => expect(() => parseShapes(text, '--minShapes')).toThrow(wrongArgument),
  );
});

describe('parseProfile', () => {
  it('reads ranges, and one shape as all three', () => {
    expect(parseProfile('x:1x8/8x8/64x8,y:4')).toEqual({
      x: { min: [1, 8], opt: [8, 8], max: [64, 8] },
      y: { min: [4], opt: [4], max: [4] },
    });
  });

  it.each(['x:1/2', 'x:1/2/3/4', 'x:1//3', 'x:/1/2'])('refuses %j', (text) =>
    expect(() => parseProfile(text)).toThrow(wrongArgument),
  );
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

  it('refuses a missing option and a missing input', () => {
    expect(() => profileOfShapes({ optShapes: 'x:1' })).toThrow(wrongArgument);
    expect(() =>
      profileOfShapes({ minShapes: 'x:1', optShapes: 'x:1', maxShapes: 'x:1,y:1' }),
    ).toThrow(wrongArgument);
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
