import { describe, expect, it } from 'vitest';
import { Tensor } from '../../lib/tensor';
import { compareTensors, findNotFinite } from '../../lib/verify/compare';
import { indicesOf, sliceElements } from '../../lib/verify/values';

const floats = (...values: number[]): Tensor =>
  new Tensor('float32', Float32Array.from(values), [values.length]);
const exactly = { atol: 0, rtol: 0 };

describe('two tensors', () => {
  it('agree within atol + rtol |expected|', async () => {
    const tolerance = { atol: 0.5, rtol: 0.25 };
    // 4 may be off by 1.5, -8 by 2.5.
    const found = await compareTensors(floats(5.5, -10.5), floats(4, -8), tolerance);
    expect(found).toMatchObject({ elements: 2, mismatches: 0, worst: null });
    const { worst, mismatches } = await compareTensors(floats(6, -11), floats(4, -8), tolerance);
    expect(mismatches).toBe(2);
    expect(worst).toMatchObject({ place: 0, got: 6, expected: 4, tolerance: 1.5, excess: 2 / 1.5 });
  });

  it('have the largest difference as their worst where nothing may differ', async () => {
    const { worst } = await compareTensors(floats(1, 5, 2), floats(0, 0, 0), exactly);
    expect(worst).toMatchObject({ place: 1, difference: 5, excess: Infinity });
    const special = await compareTensors(floats(1, NaN, 9), floats(0, 0, 0), exactly);
    expect(special.worst).toMatchObject({ place: 1, difference: Infinity });
  });

  it('have an atol by the scale of what is expected, by default', async () => {
    const scale = { atol: null, rtol: 0.125 };
    // 0 may be off by 0.125 · 8.
    expect((await compareTensors(floats(1, 8), floats(0, 8), scale)).mismatches).toBe(0);
    expect((await compareTensors(floats(1.5, 8), floats(0, 8), scale)).mismatches).toBe(1);
    expect((await compareTensors(floats(1, 0), floats(0, 0), scale)).mismatches).toBe(1);
  });

  it('agree in NaN and in infinities, and differ without bound where only one has them', async () => {
    const special = [NaN, Infinity, -Infinity, 1];
    const { mismatches } = await compareTensors(floats(...special), floats(...special), exactly);
    expect(mismatches).toBe(0);
    for (const [got, expected] of [
      [NaN, 1],
      [1, NaN],
      [Infinity, 1],
      [1, Infinity],
      [Infinity, -Infinity],
    ] as const) {
      const loose = { atol: 1e30, rtol: 1 };
      const { worst } = await compareTensors(floats(got), floats(expected), loose);
      expect(worst, `${got} for ${expected}`).toMatchObject({ got, expected, excess: Infinity });
    }
  });

  it('are measured', async () => {
    // a = (3, 4), b = (4, 3): a·b = 24, |a| = |b| = 5, a - b = (-1, 1).
    const { measures } = await compareTensors(floats(3, 4), floats(4, 3), exactly);
    expect(measures.maxAbs).toBe(1);
    expect(measures.maxRel).toBe(0.25);
    expect(measures.cosine).toBeCloseTo(24 / 25, 12);
    expect(measures.l2).toBeCloseTo(Math.SQRT2 / 5, 12);
  });

  it('are measured where they are zero or empty', async () => {
    const nothing = { maxAbs: 0, maxRel: 0, cosine: 1, l2: 0 };
    expect((await compareTensors(floats(0, 0), floats(0, 0), exactly)).measures).toEqual(nothing);
    expect((await compareTensors(floats(), floats(), exactly)).measures).toEqual(nothing);
    expect((await compareTensors(floats(1), floats(0), exactly)).measures).toEqual({
      maxAbs: 1,
      maxRel: Infinity,
      cosine: 0,
      l2: Infinity,
    });
  });

  it.each(['float16', 'bfloat16', 'float8e4m3fn', 'float4e2m1'] as const)(
    'of %s are compared by their values with any other float type',
    async (type) => {
      const got = Tensor.from([1, -2, 3], type);
      expect((await compareTensors(got, floats(1, -2, 3), exactly)).mismatches).toBe(0);
      const { worst } = await compareTensors(got, floats(1, -2, 4), exactly);
      expect(worst).toMatchObject({ place: 2, got: 3, expected: 4 });
    },
  );

  it.each(['int8', 'uint8', 'int32', 'int4', 'bool'] as const)(
    'of %s must be equal whatever the tolerance',
    async (type) => {
      const values = type === 'bool' ? [true, false, true] : [1, 0, 3];
      const other = type === 'bool' ? [true, true, true] : [1, 1, 3];
      const loose = { atol: 10, rtol: 10 };
      const got = Tensor.from(values as number[], type);
      const expected = Tensor.from(other as number[], type);
      expect((await compareTensors(got, got, loose)).mismatches).toBe(0);
      expect((await compareTensors(got, expected, loose)).mismatches).toBe(1);
    },
  );

  it.each(['float32', 'float4e2m1'] as const)(
    'of %s are compared to the last of many slices',
    async (type) => {
      const count = 2 * sliceElements + 5;
      const values = Float32Array.from({ length: count }, (_, index) => index % 4);
      const got = Tensor.from(values, type, [count]);
      values[count - 1] = 6;
      values[sliceElements] = 6;
      const expected = Tensor.from(values, type, [count]);
      const { worst, mismatches, elements } = await compareTensors(got, expected, exactly);
      expect({ mismatches, elements }).toEqual({ mismatches: 2, elements: count });
      expect([sliceElements, count - 1]).toContain(worst?.place);
      expect(worst?.expected).toBe(6);
    },
  );
});

describe('values that are not finite', () => {
  it('are counted, and the first is told', async () => {
    const count = sliceElements + 3;
    const data = new Float32Array(count);
    data[sliceElements + 1] = -Infinity;
    data[sliceElements + 2] = NaN;
    expect(await findNotFinite(new Tensor('float32', data))).toEqual({
      elements: count,
      count: 2,
      place: sliceElements + 1,
      value: -Infinity,
    });
  });

  it('are none in integers, and none in float8 but NaN', async () => {
    expect(await findNotFinite(new Tensor('int32', Int32Array.of(1)))).toBeNull();
    expect(await findNotFinite(new Tensor('float8e4m3fn', Uint8Array.of(0x7e)))).toBeNull();
    const nan = new Tensor('float8e4m3fn', Uint8Array.of(0, 0x7f));
    expect(await findNotFinite(nan)).toMatchObject({ count: 1, place: 1, value: NaN });
  });
});

it('an element’s indices are those of row-major order', () => {
  expect(indicesOf(0, [])).toEqual([]);
  expect(indicesOf(23, [2, 3, 4])).toEqual([1, 2, 3]);
  expect(indicesOf(4, [2, 3])).toEqual([1, 1]);
});
