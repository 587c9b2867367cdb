// Every tensor type through TensorRT and back, bit for bit; the numbers are the cases of the project's reliability list.
// Expectations are TensorRT 10's. What a type may be on TensorRT-RTX stands in test/native/types.test.ts.
import { describe, expect, it } from 'vitest';
import conversions from '../fixtures/conversions.json';
import type { ElementType } from '../support/onnx-writer';
import { casts, dequantize, identities, joined, quantize } from '../support/type-models';
import { enginesOf } from './engines-at-once';
import { trtNode } from './gpu-host';

const { Tensor } = trtNode;

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Codes that copying by value could change: NaN with payloads, quiet and signalling; infinities; denormals; -0; extremes. */
const floats32 = [
  0, 0x80000000, 1, 0x807fffff, 0x00800000, 0x3f800000, 0x7f7fffff, 0x7f800000, 0xff800000,
  0x7fc00000, 0xffc12345, 0x7f800001,
];
const floats16 = [
  0, 0x8000, 1, 0x83ff, 0x0400, 0x3c00, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0xfe55, 0x7c01,
];
const floatsB16 = [
  0, 0x8000, 1, 0x807f, 0x0080, 0x3f80, 0x7f7f, 0x7f80, 0xff80, 0x7fc0, 0xffd5, 0x7f81,
];
const integers64 = [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n];

const repeated = <T>(codes: readonly T[], count: number): T[] =>
  Array.from({ length: count }, (_, index) => codes[index % codes.length]!);
const counted = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

const carried = [
  'float32',
  'float16',
  'bfloat16',
  'int8',
  'uint8',
  'int32',
  'int64',
  'bool',
] as const;
type Carried = (typeof carried)[number] | 'float8e4m3fn';

/** A tensor of `type` whose codes are as awkward as the type has them. */
function awkward(type: Carried, dims: readonly number[]) {
  const count = dims.reduce((product, dim) => product * dim, 1);
  switch (type) {
    case 'float32':
      return new Tensor(
        type,
        new Float32Array(Uint32Array.from(repeated(floats32, count)).buffer),
        dims,
      );
    case 'float16':
      return new Tensor(type, Uint16Array.from(repeated(floats16, count)), dims);
    case 'bfloat16':
      return new Tensor(type, Uint16Array.from(repeated(floatsB16, count)), dims);
    case 'int64':
      return new Tensor(type, BigInt64Array.from(repeated(integers64, count)), dims);
    case 'int32':
      return new Tensor(
        type,
        Int32Array.from(repeated([0, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 24 + 1], count)),
        dims,
      );
    case 'int8':
      return new Tensor(type, Int8Array.from(counted(count)), dims);
    case 'uint8':
    case 'float8e4m3fn':
      return new Tensor(type, Uint8Array.from(counted(count)), dims);
    case 'bool':
      return new Tensor(
        type,
        Uint8Array.from(counted(count), (index) => (index % 3) & 1),
        dims,
      );
  }
}

/** The fixture's float32 values, without the denormals, which TensorRT may take for 0, and their codes. */
function pairsOf(type: 'float16' | 'bfloat16' | 'float8e4m3fn') {
  const pairs = (conversions[type] as [string, number][]).filter(([bits]) => {
    const magnitude = Number(bits) % 2 ** 31;
    return magnitude === 0 || magnitude >= 0x00800000;
  });
  const values = new Float32Array(Uint32Array.from(pairs, ([bits]) => Number(bits)).buffer);
  return { values, codes: pairs.map(([, code]) => code) };
}

const codesOf = (type: ElementType, data: ArrayBufferView): number[] =>
  Array.from(
    type === 'float8e4m3fn'
      ? bytesOf(data)
      : new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2),
  );

const range = { min: [0, 3], opt: [8, 3], max: [100, 3] };
const cast = ['float16', 'bfloat16'] as const;
const refused = [
  // QuantizeLinear makes it and DequantizeLinear takes it; Identity, which is a Cast to TensorRT, does not.
  ['float8e4m3fn', 'ERR_TRT_BUILD_FAILED'],
  // For weights alone.
  ['int4', 'ERR_TRT_BUILD_FAILED'],
  // Came with TensorRT 10.8 and 10.12.
  ['float4e2m1', 'ERR_TRT_ONNX_PARSE'],
  ['float8e8m0', 'ERR_TRT_ONNX_PARSE'],
] as const;

const { engine, code } = await enginesOf({
  dynamic: {
    model: identities(carried, ['n', 3]),
    profiles: [Object.fromEntries(carried.map((type) => [`x_${type}`, range]))],
  },
  static: {
    model: joined({
      scalar: identities(carried, []),
      ...Object.fromEntries(
        cast.map((type) => [`cast_${type}`, casts([type], [pairsOf(type).values.length])]),
      ),
    }),
  },
  float8e4m3fn_quantized: {
    model: joined({
      quantize: quantize('float8e4m3fn', [pairsOf('float8e4m3fn').values.length]),
      dequantize: dequantize('float8e4m3fn', [256]),
    }),
  },
  float8e4m3fn: { model: identities(['float8e4m3fn'], [5]) },
  int4: { model: identities(['int4'], [5]) },
  float4e2m1: { model: identities(['float4e2m1'], [5]) },
  float8e8m0: { model: identities(['float8e8m0'], [5]) },
});

describe('types in one engine', () => {
  it('are those of the model', async () => {
    const { inputs, outputs } = await engine('dynamic');
    expect(inputs.map(({ type }) => type)).toEqual(carried);
    expect(outputs.map(({ type }) => type)).toEqual(carried);
  });

  it.each([
    ['#33 no elements', [0, 3]],
    ['#39 an odd count', [1, 3]],
    ['#34 #39 an odd count with every awkward code', [85, 3]],
    ['the largest of the profile, with every byte', [100, 3]],
  ] as const)('%s: every type comes back bit for bit', async (_, dims) => {
    const inputs = carried.map((type) => [`x_${type}`, awkward(type, dims)] as const);
    const outputs = await (await engine('dynamic')).infer(Object.fromEntries(inputs));
    for (const type of carried) {
      const y = outputs[`y_${type}`]!;
      expect({ type: y.type, dims: y.dims }).toEqual({ type, dims });
      expect({ type, bytes: bytesOf(y.data) }).toEqual({
        type,
        bytes: bytesOf(awkward(type, dims).data),
      });
    }
  });
});

it.each(refused)('%s does not pass an Identity of TensorRT 10.6: %s', async (type, expected) => {
  expect(await code(type)).toBe(expected);
});

describe('scalars and casts', () => {
  const answers = async () => {
    const scalars = carried.map((type) => [`scalar.x_${type}`, Tensor.from(1, type)] as const);
    const values = cast.map((type) => [`cast_${type}.x_${type}`, pairsOf(type).values] as const);
    return (await engine('static')).infer(Object.fromEntries([...scalars, ...values]));
  };

  it('scalars come back as scalars', async () => {
    const outputs = await answers();
    for (const type of carried) {
      const y = outputs[`scalar.y_${type}`]!;
      expect({ type: y.type, dims: y.dims }).toEqual({ type, dims: [] });
      expect(Number(y.toNested())).toBe(1);
    }
  });

  it.each(cast)('%s: Cast rounds as Tensor.from does', async (type) => {
    const { values, codes } = pairsOf(type);
    const { [`cast_${type}.y_${type}`]: y } = await answers();
    expect(codesOf(type, y!.data)).toEqual(codes);
    expect(codesOf(type, Tensor.from(values, type).data)).toEqual(codes);
  });
});

describe('#39 float8e4m3fn', () => {
  const { values, codes } = pairsOf('float8e4m3fn');
  const x = awkward('float8e4m3fn', [256]);
  const answers = async () =>
    (await engine('float8e4m3fn_quantized')).infer({ 'quantize.x': values, 'dequantize.x': x });

  it('as an output: QuantizeLinear rounds and saturates as Tensor.from does', async () => {
    const { 'quantize.y': y } = await answers();
    expect(y!.type).toBe('float8e4m3fn');
    expect(codesOf('float8e4m3fn', y!.data)).toEqual(codes);
  });

  it('as an input: DequantizeLinear gives the values that toFloat32 gives', async () => {
    const { 'dequantize.y': y } = await answers();
    expect(y!.toNested()).toEqual(x.toNested());
  });
});
