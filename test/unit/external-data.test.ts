import { describe, expect, it } from 'vitest';
import { TrtError } from '../../lib/errors';
import { checkedExternalData, digestExternalData } from '../../lib/onnx/external-data';
import type { ExternalTensor } from '../../lib/onnx/tensor';
import { digestOf } from '../support/manifests';

const float32 = 1;
const int4 = 22;

/** Six float32 numbers: 24 bytes. */
function tensor(changes: Partial<ExternalTensor> = {}): ExternalTensor {
  return {
    name: 'w',
    location: 'weights.bin',
    offset: null,
    length: null,
    dims: [2, 3],
    dataType: float32,
    ...changes,
  };
}

function refusalOf(changes: Partial<ExternalTensor>): TrtError {
  try {
    checkedExternalData([tensor(), tensor(changes)]);
  } catch (error) {
    if (error instanceof TrtError) return error;
    throw error;
  }
  return expect.unreachable('this should have been refused');
}

describe('#24 a location', () => {
  it.each([
    ['/etc/passwd', 'absolute'],
    ['//etc/passwd', 'absolute'],
    ['..', 'parent-folder'],
    ['../secret.bin', 'parent-folder'],
    ['a/../../b', 'parent-folder'],
    ['a/..', 'parent-folder'],
    // Harmless by its text alone, but `a` may be a link.
    ['a/../b', 'parent-folder'],
    ['..\\secret.bin', 'backslash'],
    ['C:\\weights.bin', 'backslash'],
    ['', 'empty'],
    ['weights.bin\0.txt', 'nul'],
    ['n'.repeat(256), 'too-long'],
    ['é'.repeat(128), 'too-long'],
    ['abc/'.repeat(1024), 'too-long'],
    ['.', 'folder'],
    ['./', 'folder'],
    ['w/', 'folder'],
    ['w/.', 'folder'],
  ])('%j is refused', (location, reason) => {
    const error = refusalOf({ name: 'the-culprit', location });
    expect(error.code).toBe('ERR_TRT_EXTERNAL_DATA');
    expect(error.details).toMatchObject({ reason, tensor: 'the-culprit', location });
    expect(error.message).toContain('the-culprit');
  });

  it.each([
    ['weights.bin', 'weights.bin'],
    ['./weights.bin', 'weights.bin'],
    ['data//a/./b.bin', 'data/a/b.bin'],
    ['...', '...'],
    ['..weights', '..weights'],
    ['重み.bin', '重み.bin'],
    ['__proto__', '__proto__'],
    ['n'.repeat(255), 'n'.repeat(255)],
  ])('%j is one below the folder', (location, file) => {
    const { locations, files } = checkedExternalData([tensor({ location })]);
    expect(locations).toEqual([location]);
    expect(files).toEqual([file]);
  });
});

describe('#24 locations that cannot all be files', () => {
  it.each([
    [['a', 'a/b'], 'a'],
    [['a/b/c', './a//b'], './a//b'],
    [['a-b', 'a/x/y', 'a', 'a0'], 'a'],
  ])('%j are refused', (locations, folder) => {
    const tensors = locations.map((location) => tensor({ name: `in ${location}`, location }));
    const refused = expect.objectContaining({
      code: 'ERR_TRT_EXTERNAL_DATA',
      details: expect.objectContaining({
        reason: 'folder',
        tensor: `in ${folder}`,
        location: folder,
      }) as object,
    }) as Error;
    expect(() => checkedExternalData(tensors)).toThrow(refused);
  });

  it.each([[['a', 'a.b/c', 'ab/c', 'b/a']], [['a/b', 'a/c', 'A', 'c/a/b']]])(
    '%j can all be files',
    (locations) => {
      const tensors = locations.map((location) => tensor({ location }));
      expect(checkedExternalData(tensors).files).toEqual(locations);
    },
  );
});

describe('#24 #26 offset and length', () => {
  it.each(['-1', '-4611686018427387904', '1.5', '0x10', '1e3', ' 1', '+1', '', 'all', '１'])(
    '%j are no numbers of bytes',
    (text) => {
      for (const key of ['offset', 'length'] as const) {
        expect(refusalOf({ [key]: text }).details).toMatchObject({
          reason: 'bad-number',
          tensor: 'w',
        });
      }
    },
  );

  it.each([String(2n ** 62n), String(2n ** 64n), '9'.repeat(100_000)])(
    '#26 a number that no file reaches is refused without more ado (%#)',
    (text) => {
      for (const key of ['offset', 'length'] as const) {
        const { details, message } = refusalOf({ [key]: text });
        expect(details).toMatchObject({ reason: 'bad-number' });
        expect(message.length).toBeLessThan(1000);
      }
    },
  );

  it.each([
    ['shorter', { length: '23' }, 24],
    ['longer', { length: '25' }, 24],
    ['empty', { length: '0' }, 24],
    ['not empty', { dims: [0, 7], length: '1' }, 0],
    ['of another type', { dataType: 11, length: '24' }, 48],
    ['of dims beyond all numbers', { dims: [2 ** 62, 2 ** 62], length: '24' }, String(2n ** 126n)],
  ])('a length that is %s than dims and type say', (_, changes, expected) => {
    expect(refusalOf(changes).details).toMatchObject({
      reason: 'length',
      expected,
      found: Number(changes.length),
    });
  });

  it.each([
    ['packed types', { dataType: int4, dims: [3], length: '2' }],
    ['scalars', { dims: [], length: '4' }],
    ['nothing at all', { dims: [0, 7], length: '0' }],
    ['zeros in front', { length: '0024' }],
    ['types of a newer ONNX', { dataType: 99, length: '5' }],
  ])('a length may be that of %s', (_, changes) => {
    expect(() => checkedExternalData([tensor(changes)])).not.toThrow();
  });

  it.each([
    ['a negative dim', { dims: [-1, 3] }],
    ['a negative dim and a length', { dims: [-1, 3], length: '12' }],
    ['strings', { dataType: 8 }],
    ['no type', { dataType: 0 }],
  ])('without a length, %s gives no size', (_, changes) => {
    expect(refusalOf(changes).details).toMatchObject({ reason: 'bad-size' });
  });
});

describe('digests', () => {
  const bytes = new Uint8Array(48);
  const tensors = [
    tensor({ name: 'first' }),
    tensor({ name: 'second', offset: '24', length: '24' }),
    tensor({ name: 'third', location: './weights.bin' }),
    tensor({ name: 'fourth', location: '__proto__' }),
  ];

  it('come for every location, from one look at every file', async () => {
    const seen: string[] = [];
    const digests = await digestExternalData(checkedExternalData(tensors), (file) => {
      seen.push(file);
      return Promise.resolve(digestOf(bytes));
    });
    expect(seen).toEqual(['weights.bin', '__proto__']);
    expect(Object.entries(digests)).toEqual([
      ['weights.bin', digestOf(bytes)],
      ['./weights.bin', digestOf(bytes)],
      ['__proto__', digestOf(bytes)],
    ]);
  });

  it('#24 do not come for a file that ends before a tensor does', async () => {
    const short = new Uint8Array(47);
    const digests = digestExternalData(checkedExternalData(tensors), () =>
      Promise.resolve(digestOf(short)),
    );
    await expect(digests).rejects.toMatchObject({
      code: 'ERR_TRT_EXTERNAL_DATA',
      details: {
        reason: 'too-short',
        tensor: 'second',
        location: 'weights.bin',
        expected: 48,
        found: 47,
      },
    });
  });

  it('tell which tensor needs the file that could not be opened', async () => {
    const digests = digestExternalData(
      checkedExternalData([tensor(), tensor({ name: 'lost', location: './lost.bin' })]),
      (location) =>
        location === 'weights.bin'
          ? Promise.resolve(digestOf(bytes))
          : Promise.reject(
              new TrtError('ERR_TRT_EXTERNAL_DATA', 'no', {
                details: { reason: 'missing', location },
              }),
            ),
    );
    await expect(digests).rejects.toMatchObject({
      code: 'ERR_TRT_EXTERNAL_DATA',
      details: { reason: 'missing', tensor: 'lost', location: './lost.bin' },
      message: expect.stringContaining('lost') as string,
    });
  });
});
