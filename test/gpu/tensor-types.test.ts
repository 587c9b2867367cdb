// Every tensor type through TensorRT and back, bit for bit; the numbers are the cases of the project's reliability list.
// Expectations are TensorRT 10's. What a type may be on TensorRT-RTX stands in test/native/types.test.ts.
import fs from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../lib/index';
import conversions from '../fixtures/conversions.json';
import { writeOnnx, type ElementType, type TinyModel } from '../support/onnx-writer';
import { casts, dequantize, identities, quantize } from '../support/type-models';
import { codeOf, temporaryFolder, trtNode } from './gpu-host';

const { Tensor } = trtNode;
const folder = await temporaryFolder();
let models = 0;

type Profiles = NonNullable<Parameters<typeof trtNode.buildEngine>[1]>['profiles'];

async function engineOf(model: TinyModel, profiles?: Profiles): Promise<Engine> {
  const file = path.join(folder, `${++models}.onnx`);
  await fs.writeFile(file, writeOnnx(model));
  const built = await trtNode.buildEngine(file, {
    runtime: 'tensorrt',
    optimizationLevel: 0,
    ...(profiles ? { profiles } : {}),
  });
  return built.load();
}

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

const together = ['float32', 'float16', 'bfloat16', 'int8', 'int32', 'int64', 'bool'] as const;
type Carried = (typeof together)[number] | 'uint8' | 'float8e4m3fn';

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

describe('types in one engine', () => {
  let engine: Engine;
  let scalars: Engine;
  beforeAll(async () => {
    const range = { min: [0, 3], opt: [8, 3], max: [100, 3] };
    engine = await engineOf(identities(together, ['n', 3]), [
      Object.fromEntries(together.map((type) => [`x_${type}`, range])),
    ]);
    scalars = await engineOf(identities(together, []));
    return async () => {
      await engine.close();
      await scalars.close();
    };
  });

  const through = async (which: Engine, dims: readonly number[]) => {
    const inputs = together.map((type) => [`x_${type}`, awkward(type, dims)] as const);
    return which.infer(Object.fromEntries(inputs));
  };

  it('are those of the model', () => {
    expect(engine.inputs.map(({ type }) => type)).toEqual(together);
    expect(engine.outputs.map(({ type }) => type)).toEqual(together);
  });

  it.each([
    ['#33 no elements', [0, 3]],
    ['#39 an odd count', [1, 3]],
    ['#34 #39 an odd count with every awkward code', [85, 3]],
    ['the largest of the profile', [100, 3]],
  ] as const)('%s: every type comes back bit for bit', async (_, dims) => {
    const outputs = await through(engine, dims);
    for (const type of together) {
      const y = outputs[`y_${type}`]!;
      expect({ type: y.type, dims: y.dims }).toEqual({ type, dims });
      expect({ type, bytes: bytesOf(y.data) }).toEqual({
        type,
        bytes: bytesOf(awkward(type, dims).data),
      });
    }
  });

  it('scalars come back as scalars', async () => {
    const inputs = together.map((type) => [`x_${type}`, Tensor.from(1, type)] as const);
    const outputs = await scalars.infer(Object.fromEntries(inputs));
    for (const type of together) {
      const y = outputs[`y_${type}`]!;
      expect({ type: y.type, dims: y.dims }).toEqual({ type, dims: [] });
      expect(Number(y.toNested())).toBe(1);
    }
  });
});

describe('types on their own', () => {
  it.each(['uint8', 'float8e4m3fn'] as const)('#39 %s comes back bit for bit', async (type) => {
    await using engine = await engineOf(identities([type], [257]));
    const x = awkward(type, [257]);
    const { [`y_${type}`]: y } = await engine.infer({ [`x_${type}`]: x });
    expect({ type: y!.type, dims: y!.dims }).toEqual({ type, dims: [257] });
    expect(bytesOf(y!.data)).toEqual(bytesOf(x.data));
  });

  it.each([
    // For weights alone.
    ['int4', 'ERR_TRT_BUILD_FAILED'],
    // Came with TensorRT 10.8 and 10.12.
    ['float4e2m1', 'ERR_TRT_ONNX_PARSE'],
    ['float8e8m0', 'ERR_TRT_ONNX_PARSE'],
  ] as const)('%s is no type of inputs and outputs in TensorRT 10.6: %s', async (type, code) => {
    expect(await codeOf(engineOf(identities([type], [5])))).toBe(code);
  });
});

describe('conversions', () => {
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

  it.each(['float16', 'bfloat16'] as const)('%s: Cast rounds as Tensor.from does', async (type) => {
    const { values, codes } = pairsOf(type);
    await using engine = await engineOf(casts([type], [values.length]));
    const { [`y_${type}`]: y } = await engine.infer({ [`x_${type}`]: values });
    expect(codesOf(type, y!.data)).toEqual(codes);
    expect(codesOf(type, Tensor.from(values, type).data)).toEqual(codes);
  });

  it('float8e4m3fn: QuantizeLinear rounds and saturates as Tensor.from does', async () => {
    const { values, codes } = pairsOf('float8e4m3fn');
    await using engine = await engineOf(quantize('float8e4m3fn', [values.length]));
    const { y } = await engine.infer({ x: values });
    expect(y!.type).toBe('float8e4m3fn');
    expect(codesOf('float8e4m3fn', y!.data)).toEqual(codes);
  });

  it('float8e4m3fn: DequantizeLinear gives the values that toFloat32 gives', async () => {
    await using engine = await engineOf(dequantize('float8e4m3fn', [256]));
    const x = awkward('float8e4m3fn', [256]);
    const { y } = await engine.infer({ x });
    expect(y!.toNested()).toEqual(x.toNested());
  });
});
