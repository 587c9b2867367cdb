import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { checkedCalibration } from '../../lib/calibration/option';

const invalid = { code: 'ERR_TRT_INVALID_ARG' };

it('is null when it is not given', () => {
  expect(checkedCalibration(undefined)).toBeNull();
});

it('has defaults, and takes a path, a URL, an iterable or a function as data', () => {
  const data = [{ x: new Float32Array(1) }];
  const checked = checkedCalibration({ data });
  expect(checked).toMatchObject({
    algorithm: 'entropy2',
    cache: null,
    profile: null,
    quantile: 0.9999,
    regressionCutoff: 1,
  });
  expect(checked?.data && 'items' in checked.data && checked.data.items()).toBe(data);
  expect(checkedCalibration({ data: 'a/batches.npz' })?.data).toEqual({
    path: path.resolve('a/batches.npz'),
  });
  const url = pathToFileURL('/tmp/batches.npy');
  expect(checkedCalibration({ data: url })?.data).toEqual({ path: '/tmp/batches.npy' });
  const make = () => data;
  expect(checkedCalibration({ data: make })?.data).toEqual({ items: make });
  const stream = new ReadableStream();
  expect(checkedCalibration({ data: stream })?.data).toHaveProperty('items');
});

it('takes a cache alone, and a profile as the ones of `profiles`', () => {
  const checked = checkedCalibration({
    cache: 'model.calib',
    algorithm: 'percentile',
    quantile: 0.99,
    regressionCutoff: 0.5,
    profile: { batch: 8, x: { min: [1], opt: [2], max: [4] } },
  });
  expect(checked).toMatchObject({
    data: null,
    cache: path.resolve('model.calib'),
    quantile: 0.99,
    regressionCutoff: 0.5,
  });
  expect(checked?.profile?.dims.get('batch')).toEqual({ min: 8, opt: 8, max: 8 });
  expect(checked?.profile?.inputs.get('x')?.dims).toEqual({ min: [1], opt: [2], max: [4] });
});

it.each<[string, unknown]>([
  ['nothing in it', {}],
  ['null', null],
  ['an array', [{ x: new Float32Array(1) }]],
  ['an unknown key', { data: [], cahce: 'x' }],
  ['an item instead of items', { data: { x: new Float32Array(1) } }],
  ['numbers instead of items', { data: new Float32Array(4) }],
  ['a number as data', { data: 4 }],
  ['an empty path', { data: '' }],
  ['a URL as a string', { cache: 'https://somewhere/cache' }],
  ['an unknown algorithm', { data: [], algorithm: 'entropy3' }],
  ['a quantile without percentile', { data: [], quantile: 0.5 }],
  ['a quantile of 0', { data: [], algorithm: 'percentile', quantile: 0 }],
  ['a cutoff above 1', { data: [], algorithm: 'percentile', regressionCutoff: 1.1 }],
  ['a quantile that is NaN', { data: [], algorithm: 'percentile', quantile: NaN }],
  ['a profile that is a number', { data: [], profile: 8 }],
])('refuses %s', (_, option) => {
  expect(() => checkedCalibration(option)).toThrow(expect.objectContaining(invalid));
});

it('refuses a profile that TensorRT would', () => {
  const error = expect.objectContaining({ code: 'ERR_TRT_PROFILE_INVALID' });
  expect(() => checkedCalibration({ data: [], profile: { batch: -1 } })).toThrow(error);
  expect(() => checkedCalibration({ data: [], profile: {} })).toThrow(error);
});
