import { describe, expect, it } from 'vitest';
import { checkShapes } from '../../lib/engine-shapes';
import type { Profile, TensorInfo } from '../../lib/manifest-schema';

const image: TensorInfo = {
  name: 'image',
  type: 'float32',
  dims: [-1, 3, -1],
  isShapeTensor: false,
};
const mask: TensorInfo = { name: 'mask', type: 'bool', dims: [4], isShapeTensor: false };
const size: TensorInfo = { name: 'size', type: 'int64', dims: [2], isShapeTensor: true };

const imageIn = (min: number, opt: number, max: number): Profile => ({
  image: { min: [min, 3, 8], opt: [opt, 3, 16], max: [max, 3, 32] },
});
const engine = { inputs: [image, mask], profiles: [imageIn(1, 1, 4), imageIn(5, 8, 16)] };
const code = (name: string): unknown => expect.objectContaining({ code: name });

describe('dims by input name', () => {
  it('are those of the first profile’s opt where nothing is said', () => {
    const { profile, dims, values } = checkShapes(engine, {}, null);
    expect({ profile, dims, values }).toEqual({
      profile: 0,
      dims: [[1, 3, 16], [4]],
      values: [null, null],
    });
  });

  it('choose the first profile that takes them', () => {
    expect(checkShapes(engine, { image: [3, 3, 8] }, null).profile).toBe(0);
    expect(checkShapes(engine, { image: [9, 3, 8] }, null).profile).toBe(1);
  });

  it('must be within the profile that is named', () => {
    expect(checkShapes(engine, {}, 1).dims[0]).toEqual([8, 3, 16]);
    expect(() => checkShapes(engine, { image: [1, 3, 8] }, 1)).toThrow(code('ERR_TRT_INPUT_DIMS'));
  });

  it.each([[[1, 3]], [[1, 4, 8]], [[17, 3, 8]], ['1x3x8'], [[1, 3, 1.5]]])(
    'that no profile takes are refused: %j',
    (dims) => {
      const shapes = { image: dims as number[] };
      expect(() => checkShapes(engine, shapes, null)).toThrow(code('ERR_TRT_INPUT_DIMS'));
    },
  );

  it('of an input that is not there are refused', () => {
    const shapes = { images: [1, 3, 8] };
    expect(() => checkShapes(engine, shapes, null)).toThrow(code('ERR_TRT_INPUT_UNKNOWN'));
  });

  it.each([null, 3, [[1]], 'image'])('must be an object, not %j', (shapes) => {
    expect(() => checkShapes(engine, shapes, null)).toThrow(code('ERR_TRT_INVALID_ARG'));
  });

  it('come with the values of shape tensors, which are the profile’s opt', () => {
    const range = { min: [2], opt: [2], max: [2] };
    const values = { min: [1, 1], opt: [7, 2 ** 33], max: [9, 2 ** 40] };
    const sized = { inputs: [size], profiles: [{ size: { ...range, values } }] };
    const bytes = checkShapes(sized, {}, null).values[0];
    expect(new BigInt64Array(bytes?.buffer as ArrayBuffer)).toEqual(
      BigInt64Array.of(7n, 2n ** 33n),
    );
    const narrow = { inputs: [{ ...size, type: 'int32' as const }], profiles: sized.profiles };
    expect(checkShapes(narrow, {}, null).values[0]).toHaveLength(8);
  });

  it('of an engine without profiles are its own', () => {
    const fixed = { inputs: [mask], profiles: [] };
    expect(checkShapes(fixed, {}, null)).toEqual({ profile: 0, dims: [[4]], values: [null] });
  });
});
