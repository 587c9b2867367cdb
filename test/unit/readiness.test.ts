import { describe, expect, it } from 'vitest';
import type { NativeDriver } from '../../lib/binding';
import type { FoundLibrary } from '../../lib/discovery';
import { missingForBuild, missingForInfer } from '../../lib/readiness';
import { discovery, driverWith, gpu, noDriver, unusable, usable } from './fake-discovery';

const trt = usable('tensorrt', '10.6.0');
const rtx = usable('tensorrt-rtx', '1.7.1');

function codes(
  job: typeof missingForBuild,
  libraries: FoundLibrary[],
  driver: NativeDriver,
): string[] {
  return job({ found: discovery(libraries), driver }).map(({ code }) => code);
}

describe('missingForBuild', () => {
  it.each([
    ['TensorRT on a GPU', [trt], driverWith(gpu('9.0')), []],
    ['RTX without a driver', [rtx], noDriver, []],
    ['TensorRT without a driver', [trt], noDriver, ['ERR_TRT_NO_DRIVER']],
    ['TensorRT without a GPU', [trt], driverWith(), ['ERR_TRT_NO_GPU']],
    ['nothing', [], driverWith(gpu('9.0')), ['ERR_TRT_LIBRARY_NOT_FOUND']],
    [
      'a runtime without builder',
      [usable('tensorrt', '10.6.0', { hasBuilder: false })],
      driverWith(gpu('9.0')),
      ['ERR_TRT_BUILDER_MISSING'],
    ],
    [
      'TensorRT 8',
      [unusable('tensorrt', '8.6.1', 'ERR_TRT_LIBRARY_UNSUPPORTED')],
      driverWith(gpu('9.0')),
      ['ERR_TRT_LIBRARY_UNSUPPORTED'],
    ],
    ['an old GPU', [trt], driverWith(gpu('5.2')), ['ERR_TRT_GPU_UNSUPPORTED']],
    ['a GPU newer than TensorRT', [trt], driverWith(gpu('10.0')), ['ERR_TRT_GPU_UNSUPPORTED']],
    [
      'a newer TensorRT beside it',
      [trt, usable('tensorrt', '10.8.0')],
      driverWith(gpu('10.0')),
      [],
    ],
  ])('%s', (_name, libraries, driver, expected) => {
    expect(codes(missingForBuild, libraries, driver)).toEqual(expected);
  });
});

describe('advice', () => {
  it('takes the place of the general one', () => {
    const found = discovery([trt]);
    for (const driver of [noDriver, driverWith()]) {
      const [error] = missingForInfer({ found, driver, advice: 'Do this.' });
      expect(error?.message).toMatch(/Do this\.$/);
    }
  });
});

describe('missingForInfer', () => {
  it.each([
    ['TensorRT on a GPU', [trt], driverWith(gpu('9.0')), []],
    ['RTX on a GPU of its list', [rtx], driverWith(gpu('8.9')), []],
    ['RTX on another GPU', [rtx], driverWith(gpu('9.0')), ['ERR_TRT_GPU_UNSUPPORTED']],
    ['RTX where one of two GPUs is of its list', [rtx], driverWith(gpu('9.0'), gpu('8.9')), []],
    ['both on any GPU', [rtx, trt], driverWith(gpu('9.0')), []],
    ['RTX without a driver', [rtx], noDriver, ['ERR_TRT_NO_DRIVER']],
    ['no GPU', [trt], driverWith(), ['ERR_TRT_NO_GPU']],
    ['nothing at all', [], noDriver, ['ERR_TRT_LIBRARY_NOT_FOUND', 'ERR_TRT_NO_DRIVER']],
  ])('%s', (_name, libraries, driver, expected) => {
    expect(codes(missingForInfer, libraries, driver)).toEqual(expected);
  });
});
