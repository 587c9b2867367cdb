import { describe, expect, it } from 'vitest';
import { TrtError } from '../../lib/errors';
import type { ModelInput } from '../../lib/named-dims';
import { checkedProfiles } from '../../lib/profile-option';
import { resolveProfiles } from '../../lib/profiles';

/** A model like a sentence encoder: two inputs that share two named dims. */
const encoder: readonly ModelInput[] = [
  { name: 'ids', dims: ['batch', 'seq'] },
  { name: 'mask', dims: ['batch', 'seq'] },
];
const image: readonly ModelInput[] = [{ name: 'image', dims: ['batch', 3, null] }];
const cube: readonly ModelInput[] = [{ name: 'x', dims: ['a', 'b', 'c'] }];
const static2: readonly ModelInput[] = [{ name: 'x', dims: [2, 3] }];
/** A shape tensor beside the data. */
const reshape: readonly ModelInput[] = [
  { name: 'x', dims: ['n', 4] },
  { name: 'shape', dims: [2] },
];

const range = (min: unknown, opt: unknown, max: unknown): unknown => ({ min, opt, max });

function resolve(
  profiles: unknown,
  inputs: readonly ModelInput[],
): ReturnType<typeof resolveProfiles> {
  return resolveProfiles(checkedProfiles(profiles), inputs);
}

function refusal(profiles: unknown, inputs: readonly ModelInput[] = encoder): TrtError {
  try {
    resolve(profiles, inputs);
  } catch (error) {
    if (error instanceof TrtError) return error;
    throw error;
  }
  return expect.unreachable('this should have been refused');
}

describe('named dims', () => {
  it('fill in every input that has them', () => {
    const { profiles, names } = resolve([{ batch: [1, 8, 32], seq: [1, 128, 512] }], encoder);
    const expected = { min: [1, 1], opt: [8, 128], max: [32, 512] };
    expect(profiles).toEqual([{ ids: expected, mask: expected }]);
    expect(names).toBeUndefined();
  });

  it('may be fixed by a single size', () => {
    const { profiles } = resolve([{ batch: 4, seq: [1, 2, 3] }], encoder);
    expect(profiles[0]?.['ids']).toEqual({ min: [4, 1], opt: [4, 2], max: [4, 3] });
  });

  it('leave static dims as the model has them', () => {
    const inputs = [{ name: 'x', dims: ['batch', 3, 'side', 'side'] }];
    const { profiles } = resolve([{ batch: [1, 2, 4], side: [32, 224, 512] }], inputs);
    expect(profiles).toEqual([
      { x: { min: [1, 3, 32, 32], opt: [2, 3, 224, 224], max: [4, 3, 512, 512] } },
    ]);
  });

  it('give way to an input’s own range, as a whole', () => {
    const own = range([2, 2], [2, 2], [3, 3]);
    const { profiles } = resolve([{ batch: [1, 8, 32], seq: 16, mask: own }], encoder);
    expect(profiles).toEqual([{ ids: { min: [1, 16], opt: [8, 16], max: [32, 16] }, mask: own }]);
  });

  it('cannot fill in a dim that has no name', () => {
    const error = refusal([{ batch: [1, 8, 32] }], image);
    expect(error.code).toBe('ERR_TRT_PROFILE_MISSING');
    expect(error.details['open']).toEqual([{ profile: 0, input: 'image', axis: 2, dim: null }]);
  });

  it('are no part of inputs without dynamic dims', () => {
    const inputs = [...encoder, { name: 'scale', dims: [1] }, { name: 'k', dims: [] }];
    const { profiles } = resolve([{ batch: 1, seq: 1 }], inputs);
    expect(Object.keys(profiles[0] ?? {})).toEqual(['ids', 'mask']);
  });

  it('may have the range of an input with one axis, as the command line writes it', () => {
    const { profiles } = resolve([{ batch: range([1], [8], [32]), seq: 4 }], encoder);
    expect(profiles[0]?.['ids']).toEqual({ min: [1, 4], opt: [8, 4], max: [32, 4] });
  });

  it('come after inputs where a range with one axis could be either', () => {
    const inputs = [
      { name: 'n', dims: ['n'] },
      { name: 'x', dims: ['n', 2] },
    ];
    const error = refusal([{ n: range([1], [2], [3]) }], inputs);
    expect(error.code).toBe('ERR_TRT_PROFILE_MISSING');
    expect(error.details['inputs']).toEqual(['x']);
    expect(resolve([{ n: [1, 2, 3] }], inputs).profiles).toEqual([
      { n: range([1], [2], [3]), x: range([1, 2], [2, 2], [3, 2]) },
    ]);
  });

  it.each(['__proto__', 'constructor', 'größe', '批次', 'a b'])('may be called %s', (name) => {
    const profile = JSON.parse(`{${JSON.stringify(name)}:[1,2,3]}`) as unknown;
    const { profiles } = resolve([profile], [{ name, dims: [name] }]);
    expect(Object.entries(profiles[0] ?? {})).toEqual([[name, range([1], [2], [3])]]);
    expect(Object.getPrototypeOf(profiles[0])).toBe(Object.prototype);
  });

  it('is listed with all others, and the nearest one, when there is none of that name', () => {
    const error = refusal([{ bacth: [1, 2, 3], seq: 1 }]);
    expect(error.code).toBe('ERR_TRT_PROFILE_INVALID');
    expect(error.details).toMatchObject({ profile: 0, dim: 'bacth', dims: ['batch', 'seq'] });
    expect(error.message).toMatch(/"batch", "seq"; did you mean "batch"/);
  });

  it.each([
    ['where the model names none', [{ batch: 1 }], static2],
    ['for an input', [{ ids: [1, 2, 3] }], encoder],
  ])('are refused %s', (_, profiles, inputs) => {
    const error = refusal(profiles, inputs);
    expect(error.code).toBe('ERR_TRT_PROFILE_INVALID');
    expect(error.message).toContain(`"${inputs[0]?.name}"`);
  });

  it.each([
    ['#19 min above opt', [3, 2, 4]],
    ['#19 opt above max', [1, 5, 4]],
    ['#19 a negative size', [-1, 2, 3]],
    ['a negative single size', -1],
    ['a fraction', 1.5],
    ['NaN', NaN],
    ['2^53', 2 ** 53],
    ['#18 2^31', [1, 2, 2 ** 31]],
    ['a size as text', ['1', 2, 3]],
    ['a bigint', [1n, 2, 3]],
    ['two sizes', [1, 2]],
    ['four sizes', [1, 2, 3, 4]],
    ['no size', []],
    ['a hole', Object.assign(new Array(3), { 0: 1, 2: 3 })],
  ])('are refused with %s', (_, batch) => {
    const error = refusal([
      { seq: 1, batch: 1 },
      { seq: 1, batch },
    ]);
    expect(error.code).toBe('ERR_TRT_PROFILE_INVALID');
    expect(error.details).toMatchObject({ profile: 1, dim: 'batch' });
  });
});

describe('names of profiles', () => {
  it('keep their order', () => {
    const given = { small: { batch: 1, seq: 16 }, large: { batch: [1, 8, 32], seq: 512 } };
    const { profiles, names } = resolve(given, encoder);
    expect(names).toEqual(['small', 'large']);
    expect(profiles.map((profile) => profile['ids']?.max)).toEqual([
      [1, 16],
      [32, 512],
    ]);
  });

  it('stand in the messages, with the index in the details', () => {
    const error = refusal({ small: { batch: 1, seq: 1 }, large: { batch: 0.5, seq: 1 } });
    expect(error.details['profile']).toBe(1);
    expect(error.message).toContain('options.profiles.large.batch');
  });

  it.each([
    ['none at all', {}],
    ['an empty one', { '': { batch: 1, seq: 1 } }],
    ['a number, which JavaScript would sort to the front', { b: { seq: 1 }, 1: { seq: 1 } }],
    ['those of inputs, where the brackets are forgotten', { ids: range([1, 1], [1, 1], [1, 1]) }],
    ['those of dims, where the brackets are forgotten', { batch: [1, 8, 32], seq: 1 }],
    ['text', 'batch'],
  ])('are not %s', (_, profiles) => {
    expect(refusal(profiles).code).toBe('ERR_TRT_INVALID_ARG');
  });
});

describe('explicit ranges', () => {
  it('are copied', () => {
    const min = [1, 1];
    const given = [{ ids: { min, opt: [1, 1], max: [1, 1] }, batch: 1, seq: 1 }];
    const { profiles } = resolve(given, encoder);
    min[0] = 7;
    expect(profiles[0]?.['ids']?.min).toEqual([1, 1]);
  });

  it('may name a static input as it is', () => {
    const own = range([2, 3], [2, 3], [2, 3]);
    expect(resolve([{ x: own }], static2).profiles).toEqual([{ x: own }]);
  });

  it('take scalars and dims of 0', () => {
    const inputs = [
      { name: 's', dims: [] },
      { name: 'x', dims: [null] },
    ];
    const given = { s: range([], [], []), x: range([0], [1], [1]) };
    expect(resolve([given], inputs).profiles).toEqual([given]);
  });

  it.each([
    ['#19 min above opt', { ids: range([1, 5], [1, 4], [1, 8]) }, { input: 'ids', axis: 1 }],
    ['#19 opt above max', { ids: range([1, 1], [9, 1], [8, 1]) }, { input: 'ids', axis: 0 }],
    ['#19 a wrong rank', { ids: range([1], [1], [1]) }, { input: 'ids' }],
    ['#19 ranks that differ', { ids: range([1], [1, 1], [1, 1]) }, { input: 'ids' }],
    ['#18 nine dims', { ids: range(Array(9).fill(1), [1], [1]) }, { input: 'ids' }],
    ['#18 a negative dim', { ids: range([1, -1], [1, 1], [1, 1]) }, { input: 'ids', axis: 1 }],
    ['a fraction', { ids: range([1, 1], [1, 1.5], [1, 2]) }, { input: 'ids', axis: 1 }],
    ['a dim as text', { ids: range([1, 1], [1, '1'], [1, 2]) }, { input: 'ids', axis: 1 }],
    ['2^53', { ids: range([1, 1], [1, 1], [1, 2 ** 53]) }, { input: 'ids', axis: 1 }],
    ['#18 2^31', { ids: range([1, 1], [1, 1], [1, 2 ** 31]) }, { input: 'ids', axis: 1 }],
    ['#18 2^52', { ids: range([1, 1], [1, 1], [2 ** 52, 1]) }, { input: 'ids', axis: 0 }],
    [
      'an unknown input',
      { isd: range([1, 1], [1, 1], [1, 1]) },
      { input: 'isd', inputs: ['ids', 'mask'] },
    ],
    ['a named dim with two axes', { batch: range([1, 1], [1, 1], [1, 1]) }, { input: 'batch' }],
    ['nothing', {}, {}],
  ])('are refused with %s', (_, profile, details) => {
    const error = refusal([{ batch: 1, seq: 1 }, profile]);
    expect(error.code).toBe('ERR_TRT_PROFILE_INVALID');
    expect(error.details).toMatchObject({ profile: 1, ...details });
  });

  it('may have just as many elements as an int64 counts', () => {
    // 7 × 7 × 73 × 127 × 337 × 92737 × 649657 = 2^63 − 1.
    const dims = [7 * 7, 73 * 127 * 92737, 337 * 649657];
    expect(dims.reduce((product, dim) => product * BigInt(dim), 1n)).toBe(2n ** 63n - 1n);
    expect(resolve([{ x: range(dims, dims, dims) }], cube).profiles).toHaveLength(1);
  });

  it.each([
    ['', { x: range([1, 1, 1], [1, 1, 1], [4, 2 ** 31 - 1, 2 ** 31 - 1]) }],
    [' by named dims', { a: 4, b: 2 ** 31 - 1, c: 2 ** 31 - 1 }],
  ])('#18 are refused with more elements than an int64 counts%s', (_, profile) => {
    const error = refusal([profile], cube);
    expect(error.code).toBe('ERR_TRT_PROFILE_INVALID');
    expect(error.details).toMatchObject({ profile: 0, input: 'x' });
  });

  it('may have dims of up to 2^31 − 1', () => {
    expect(resolve([{ batch: 1, seq: [1, 2, 2 ** 31 - 1] }], encoder).profiles).toHaveLength(1);
  });

  it.each([
    ['#19 another dim', range([2, 4], [2, 4], [2, 4]), { axis: 1 }],
    ['#19 a range', range([1, 3], [2, 3], [2, 3]), { axis: 0 }],
    ['#19 another rank', range([2], [2], [2]), {}],
  ])('are refused with %s for a static input', (_, x, details) => {
    const error = refusal([{ x }], static2);
    expect(error.code).toBe('ERR_TRT_PROFILE_INVALID');
    expect(error.details).toMatchObject({ profile: 0, input: 'x', ...details });
  });

  it('suggest the nearest input', () => {
    expect(refusal([{ msak: range([1, 1], [1, 1], [1, 1]) }]).message).toMatch(
      /did you mean "mask"/,
    );
  });

  it.each([
    ['a profile that is an array', []],
    ['a profile that is no object', 7],
    ['a hole', undefined],
    ['a range that is no object', { x: 'wide' }],
    ['null', { x: null }],
    ['a range without opt', { x: { min: [1], max: [2] } }],
    ['a range of nothing', { x: {} }],
    ['a misspelt bound', { x: { min: [1], opt: [1], max: [1], maks: [] } }],
    ['dims that are no array', { x: { min: 1, opt: 1, max: 1 } }],
    ['values that are no range', { x: { values: [1] } }],
    ['values without min', { x: { values: { opt: [1], max: [1] } } }],
  ])('that are none are wrong arguments: %s', (_, profile) => {
    expect(refusal([profile], static2).code).toBe('ERR_TRT_INVALID_ARG');
  });
});

describe('what people write by mistake is told with its remedy', () => {
  const own = range([1, 1], [2, 2], [3, 3]);
  it.each([
    ['bounds of a named dim as an object', [{ batch: range(1, 8, 64) }], 'batch: [1, 8, 64]'],
    ['brackets around named profiles', [{ small: { batch: [1, 8, 64] } }], '{ small: { … } }'],
    ['brackets around a named profile', { small: [{ batch: 1, seq: 1 }] }, '{ small: { … } }'],
    ['no brackets', { ids: own }, '[{ ids: … }]'],
    ['dims of an input as a list', [{ ids: [[1], [2], [3]] }], 'ids: { min: […], opt: […]'],
  ])('%s', (_, profiles, remedy) => {
    expect(refusal(profiles).message).toContain(remedy);
  });

  it('values for a named dim', () => {
    const profile = { batch: { values: range([1], [8], [64]) }, seq: 1 };
    expect(refusal([profile]).message).toContain('batch: [1, 8, 64] (batch:1/8/64 on the command');
  });

  it('no brackets around the values of an input', () => {
    const end = { values: range([2], [2], [2]) };
    expect(refusal({ shape: end }, reshape).message).toContain('[{ shape: { values: … } }]');
    expect(refusal({ small: end }, reshape).message).not.toContain('[{');
  });

  it('a dim that one of several profiles leaves out', () => {
    const { message } = refusal({ small: { batch: 1, seq: 1 }, large: { batch: 8 } });
    expect(message).toMatch(/options\.profiles\.large.* seq: \[min, opt, max\]/);
    expect(message).not.toContain('batch: [');
    expect(message).not.toContain('profiles: [{');
  });

  it('an input with a dim that has no name, which needs its own range', () => {
    const inputs = [...image, { name: 'n', dims: ['count'] }];
    expect(refusal([{ batch: 1 }], inputs).message).toContain(
      'image: { min: […], opt: […], max: […] }, count: [min, opt, max]',
    );
  });

  it('a misspelt bound, which makes no profile of a range', () => {
    const misspelt = { min: [1, 1], opt: [1, 1], maks: [1, 1] };
    expect(refusal([{ ids: misspelt }]).message).toContain('did you mean "max"');
  });
});

describe('values of a shape tensor', () => {
  const values = range([1, 4], [8, 4], [64, 4]);

  it('take their dims from the model where it fixes them', () => {
    const { profiles } = resolve([{ n: [1, 2, 4], shape: { values } }], reshape);
    expect(profiles[0]?.['shape']).toEqual({ min: [2], opt: [2], max: [2], values });
  });

  it('stand beside dims', () => {
    const shape = { min: [2], opt: [2], max: [2], values };
    expect(resolve([{ n: 1, shape }], reshape).profiles[0]?.['shape']).toEqual(shape);
  });

  it('take the dims of a named dim too', () => {
    const inputs = [{ name: 'shape', dims: ['rank'] }];
    expect(resolve([{ rank: 2, shape: { values } }], inputs).profiles[0]?.['shape']).toEqual({
      min: [2],
      opt: [2],
      max: [2],
      values,
    });
  });

  it('may be negative, and one for a scalar', () => {
    const inputs = [{ name: 'k', dims: [] }];
    const own = range([-1], [0], [7]);
    expect(resolve([{ k: { values: own } }], inputs).profiles[0]?.['k']).toEqual({
      min: [],
      opt: [],
      max: [],
      values: own,
    });
  });

  it.each([
    ['too few', range([1], [1], [1])],
    ['too many', range([1, 1, 1], [1, 1, 1], [1, 1, 1])],
    ['different numbers', range([1, 1], [1], [1, 1])],
    ['min above opt', range([1, 5], [1, 4], [1, 6])],
    ['opt above max', range([1, 4], [1, 6], [1, 5])],
    ['a fraction', range([1, 1], [1, 1.5], [2, 2])],
    ['a bigint', range([1n, 1], [1, 1], [1, 1])],
  ])('are refused: %s', (_, own) => {
    const error = refusal([{ n: 1, shape: { values: own } }], reshape);
    expect(error.code).toBe('ERR_TRT_PROFILE_INVALID');
    expect(error.details).toMatchObject({ profile: 0, input: 'shape' });
  });
});

it('a shape tensor has at most 64 values', () => {
  const profile = (count: number) => {
    const ones = Array.from({ length: count }, () => 1);
    return [{ shape: { values: range(ones, ones, ones) } }];
  };
  const inputs = (count: number) => [{ name: 'shape', dims: [count] }];
  expect(resolve(profile(64), inputs(64)).profiles).toHaveLength(1);
  expect(refusal(profile(65), inputs(65)).code).toBe('ERR_TRT_PROFILE_INVALID');
});

describe('dynamic dims without a range', () => {
  it('are all listed when there is no profile', () => {
    const error = refusal(undefined);
    expect(error.code).toBe('ERR_TRT_PROFILE_MISSING');
    expect(error.details['inputs']).toEqual(['ids', 'mask']);
    expect(error.details['open']).toHaveLength(4);
    for (const input of ['ids', 'mask']) {
      expect(error.message).toContain(`input "${input}" axis 0 (batch)`);
      expect(error.message).toContain(`input "${input}" axis 1 (seq)`);
    }
    expect(refusal([]).code).toBe('ERR_TRT_PROFILE_MISSING');
  });

  it('are listed for each profile that leaves them open', () => {
    const error = refusal([
      { batch: 1 },
      { batch: 1, seq: 1 },
      { seq: 1, ids: range([1, 1], [1, 1], [1, 1]) },
    ]);
    expect(error.code).toBe('ERR_TRT_PROFILE_MISSING');
    expect(error.details['open']).toEqual([
      { profile: 0, input: 'ids', axis: 1, dim: 'seq' },
      { profile: 0, input: 'mask', axis: 1, dim: 'seq' },
      { profile: 2, input: 'mask', axis: 0, dim: 'batch' },
    ]);
  });

  it('have no name where the model gives them none, and a negative size is none', () => {
    const inputs = [{ name: 'x', dims: [null, -1] }];
    expect(refusal(undefined, inputs).details['open']).toEqual([
      { profile: null, input: 'x', axis: 0, dim: null },
      { profile: null, input: 'x', axis: 1, dim: null },
    ]);
  });

  it('are none in a static model', () => {
    expect(resolve(undefined, static2)).toEqual({ profiles: [], names: undefined });
  });
});

describe('a model whose inputs could not be listed', () => {
  it('gets explicit ranges as they are, and none when none are given', () => {
    const given = { a: { x: range([1], [2], [3]) }, b: { y: range([1], [1], [1]) } };
    expect(resolve(given, [])).toEqual({ profiles: [given.a, given.b], names: ['a', 'b'] });
    expect(resolve(undefined, [])).toEqual({ profiles: [], names: undefined });
  });

  const nine = Array.from({ length: 9 }, () => 1);
  it.each([
    ['#18 nine dims', { x: range(nine, nine, nine) }, { input: 'x' }],
    ['named dims', { batch: [1, 2, 3] }, { dim: 'batch' }],
    ['values without dims', { s: { values: range([1], [1], [1]) } }, { input: 's' }],
  ])('cannot take %s', (_, profile, details) => {
    const error = refusal([profile], []);
    expect(error.code).toBe('ERR_TRT_PROFILE_INVALID');
    expect(error.details).toEqual({ profile: 0, ...details });
  });
});

it('an error of the caller’s own getter stays what it is', () => {
  const own = new RangeError('mine');
  const profile = {
    get x(): never {
      throw own;
    },
  };
  expect(() => checkedProfiles([profile])).toThrow(own);
});

it('finds each of many names at once', () => {
  const names = Array.from({ length: 30_000 }, (_, index) => `dim ${index}`);
  const dims = new Map(names.map((name) => [name, { min: 1, opt: 1, max: 1 }]));
  const range = { dims: { min: [1], opt: [1], max: [1] }, values: null };
  const inputs = names.map((dim) => ({ name: `in ${dim}`, dims: [dim] }));
  const given = new Map(inputs.map(({ name }) => [name, range]));
  const profile = { path: 'profiles[0]', profile: 0, inputs: given, dims };
  const started = performance.now();
  const { profiles } = resolveProfiles({ list: [profile], names: undefined }, inputs);
  expect(Object.keys(profiles[0] ?? {})).toHaveLength(names.length);
  // One list searched for each name of another takes over ten times as long.
  expect(performance.now() - started).toBeLessThan(3000);
});
