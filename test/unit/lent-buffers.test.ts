import { beforeEach, describe, expect, it, vi } from 'vitest';
import { allocateTensor } from '../../lib/infer/allocate';
import { lendOutput } from '../../lib/infer/lent-buffers';
import { Tensor } from '../../lib/tensor';
import { tensorInfo } from '../support/fake-native-engine';

const detach = vi.hoisted(() => vi.fn());

vi.mock('../../lib/binding', async (importActual) => ({
  ...(await importActual<object>()),
  loadBinding: () => ({ detach }),
}));

beforeEach(() => void detach.mockClear());

const engine = { inputs: [tensorInfo('x', 'float32', [-1])], outputs: [], profiles: [{}] };
const allocate = (buffer: ArrayBuffer) =>
  allocateTensor({ allocate: () => buffer }, engine, 'x', [1]);

describe('close() of a tensor', () => {
  it('gives what engine.allocate() took back, however small, and once', () => {
    const buffer = new ArrayBuffer(4);
    const tensor = allocate(buffer);
    tensor.close();
    tensor.close();
    expect(detach.mock.calls).toEqual([[buffer]]);
  });

  it.each([
    [64 * 1024, 1],
    [64 * 1024 - 1, 0],
  ])('gives an output of %i bytes back %i times', (bytes, times) => {
    const data = new Uint8Array(bytes);
    lendOutput(data.buffer);
    new Tensor('uint8', data).close();
    expect(detach).toHaveBeenCalledTimes(times);
  });

  it('leaves an array of the caller’s alone', () => {
    new Tensor('uint8', new Uint8Array(128 * 1024)).close();
    expect(detach).not.toHaveBeenCalled();
  });
});

describe('engine.allocate()', () => {
  it('gives memory that no array can hold back, and says so', () => {
    // As Node does for an array that is too long, its constructor throws a RangeError.
    const buffer = new ArrayBuffer(3);
    expect(() => allocate(buffer)).toThrow(
      expect.objectContaining({ name: 'TrtError', code: 'ERR_TRT_UNSUPPORTED' }),
    );
    expect(detach.mock.calls).toEqual([[buffer]]);
  });
});
