// Numbers in test names are the cases of "Inputs and outputs" in the project's reliability list. Shape tensors: shape-values.test.ts.
import { describe, expect, it } from 'vitest';
import { TrtError } from '../../lib/errors';
import { checkInputs, unchangedPart } from '../../lib/input-validation';
import type { InputContract } from '../../lib/input-validation';
import { Tensor } from '../../lib/tensor';
import { tensorInfo } from '../support/fake-native-engine';

const staticEngine: InputContract = {
  inputs: [tensorInfo('image', 'float32', [1, 4]), tensorInfo('ids', 'int64', [3])],
  profiles: [{}],
};

/** Profile 0 takes batches of 1 to 4, profile 1 those of 8 to 32. */
const dynamicEngine: InputContract = {
  inputs: [tensorInfo('x', 'float32', [-1, 2])],
  profiles: [
    { x: { min: [1, 2], opt: [2, 2], max: [4, 2] } },
    { x: { min: [8, 2], opt: [16, 2], max: [32, 2] } },
  ],
};

function good(): Record<string, unknown> {
  return { image: new Float32Array(4), ids: new BigInt64Array(3) };
}

/** `{ [name]: value }`, also for `__proto__`. */
function named<T>(name: string, value: T): Record<string, T> {
  return Object.fromEntries([[name, value]]);
}

function refusal(
  inputs: unknown,
  engine: InputContract = staticEngine,
  profile: number | null = null,
): TrtError {
  try {
    checkInputs(engine, inputs, profile);
  } catch (error) {
    if (error instanceof TrtError) return error;
    throw error;
  }
  throw new Error('the inputs were accepted');
}

/** A batch for the dynamic engine. */
function batch(size: number): Record<string, unknown> {
  return { x: { type: 'float32', data: new Float32Array(size * 2), dims: [size, 2] } };
}

function detached(): Float32Array {
  const array = new Float32Array(4);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

describe('accepted inputs', () => {
  it('come in the engine’s order with the caller’s own bytes', () => {
    const image = Float32Array.of(1, 2, 3, 4);
    const ids = BigInt64Array.of(5n, 6n, 7n);
    const checked = checkInputs(staticEngine, { ids, image }, null);
    expect(checked.profile).toBe(0);
    expect(checked.dims).toEqual([[1, 4], [3]]);
    expect(checked.bytes.map(({ name, byteLength }) => [name, byteLength])).toEqual([
      ['image', 16],
      ['ids', 24],
    ]);
    expect(checked.bytes[0]?.parts[0]?.buffer).toBe(image.buffer);
  });

  it('may be views into the middle of a buffer', () => {
    const image = new Float32Array(Float32Array.of(9, 1, 2, 3, 4, 9).buffer, 4, 4);
    const { bytes } = checkInputs(staticEngine, { ...good(), image }, null);
    const seen = bytes[0]?.parts[0]?.slice();
    expect(new Float32Array(seen?.buffer as ArrayBuffer)).toEqual(Float32Array.of(1, 2, 3, 4));
  });

  it.each([
    ['a Tensor', new Tensor('float32', new Float32Array(4), [1, 4])],
    ['an object of its shape', { type: 'float32', data: new Float32Array(4), dims: [1, 4] }],
    ['a frozen one', Object.freeze({ type: 'float32', data: new Float32Array(4), dims: [1, 4] })],
    [
      'one with more properties, as ONNX Runtime’s have',
      { type: 'float32', data: new Float32Array(4), dims: [1, 4], location: 'cpu', size: 4 },
    ],
    ['one on shared memory', new Float32Array(new SharedArrayBuffer(16))],
  ])('may be %s', (_, image) => {
    expect(checkInputs(staticEngine, { ...good(), image }, null).dims[0]).toEqual([1, 4]);
  });

  it('#33 may be empty where the engine takes a dim of 0', () => {
    const engine = {
      inputs: [tensorInfo('x', 'float32', [-1, 2])],
      profiles: [{ x: { min: [0, 2], opt: [1, 2], max: [4, 2] } }],
    };
    const checked = checkInputs(engine, batch(0), null);
    expect(checked.dims).toEqual([[0, 2]]);
    expect(checked.bytes[0]?.byteLength).toBe(0);
  });

  it('may be none where the engine has none', () => {
    expect(checkInputs({ inputs: [], profiles: [] }, {}, null)).toEqual({
      profile: 0,
      dims: [],
      bytes: [],
    });
  });

  it('#32 has each property read once, so that what was checked is what is used', () => {
    let reads = 0;
    const image = {
      type: 'float32',
      dims: [1, 4],
      get data() {
        reads += 1;
        return reads === 1 ? new Float32Array(4) : new Float32Array(4000);
      },
    };
    expect(checkInputs(staticEngine, { ...good(), image }, null).bytes[0]?.byteLength).toBe(16);
    expect(reads).toBe(1);
  });

  it('#32 keeps its own copy of the dims', () => {
    const dims = [1, 2];
    const data = new Float32Array(2);
    const checked = checkInputs(dynamicEngine, { x: { type: 'float32', data, dims } }, null);
    dims[0] = 4;
    expect(checked.dims).toEqual([[1, 2]]);
  });
});

describe('names', () => {
  it('#31 an unknown input is named with the nearest known one', () => {
    const error = refusal({ ...good(), imgae: new Float32Array(4) });
    expect(error.code).toBe('ERR_TRT_INPUT_UNKNOWN');
    expect(error.details).toMatchObject({ tensor: 'imgae', inputs: ['image', 'ids'] });
    expect(error.message).toMatch(/did you mean "image"/);
  });

  it('#31 an input that resembles nothing gets no suggestion', () => {
    expect(refusal({ completely_different: 1 }).message).not.toMatch(/did you mean/);
  });

  it('#31 all missing inputs are listed', () => {
    const error = refusal({});
    expect(error.code).toBe('ERR_TRT_INPUT_MISSING');
    expect(error.details['missing']).toEqual(['image', 'ids']);
  });

  it('#31 an empty object is as good as none where the engine has no inputs, and as bad where it has', () => {
    const none = { inputs: [], profiles: [{}] };
    expect(checkInputs(none, {}, null).bytes).toEqual([]);
    expect(refusal({ x: new Float32Array(1) }, none).code).toBe('ERR_TRT_INPUT_UNKNOWN');
    expect(refusal({}).code).toBe('ERR_TRT_INPUT_MISSING');
  });

  it.each([
    ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', ' ', 'a\0b', '0', 'input:0'],
    ...['größe', 'вход', '入力', '입력', 'إدخال', '🧠', 'e\u0301', '\ud800', 'model/x.1'],
  ])('#32 an input may be called %j', (name) => {
    const engine = {
      inputs: [tensorInfo(name, 'float32', [-1])],
      profiles: [named(name, { min: [1], opt: [1], max: [2] })],
    };
    const tensor = (length: number) => new Tensor('float32', new Float32Array(length));
    const { bytes, dims } = checkInputs(engine, named(name, tensor(2)), null);
    expect(bytes[0]?.name).toBe(name);
    expect(dims).toEqual([[2]]);
    expect(refusal({}, engine).details['missing']).toEqual([name]);
    const outside = refusal(named(name, tensor(3)), engine);
    expect(outside.code).toBe('ERR_TRT_INPUT_DIMS');
    expect(outside.details['tensor']).toBe(name);
  });

  it('#32 names that look alike are not the same', () => {
    const engine = { inputs: [tensorInfo('\u00e9', 'float32', [1])], profiles: [{}] };
    const error = refusal({ 'e\u0301': new Float32Array(1) }, engine);
    expect(error.code).toBe('ERR_TRT_INPUT_UNKNOWN');
    expect(error.message).toContain('did you mean');
  });

  it('#32 the inputs may have no prototype, be frozen, or a proxy', () => {
    const bare = Object.assign(Object.create(null) as object, good());
    for (const inputs of [bare, Object.freeze(good()), new Proxy(good(), {})]) {
      expect(checkInputs(staticEngine, inputs, null).dims).toEqual([[1, 4], [3]]);
    }
    const odd = Object.create(null) as object;
    expect(refusal({ ...good(), image: odd }).code).toBe('ERR_TRT_INPUT_TYPE');
  });

  it('#32 properties that everything inherits are no inputs and no dims', () => {
    const polluted = Object.prototype as Record<string, unknown>;
    Object.assign(polluted, { image: new Float32Array(4), dims: [1, 4] });
    try {
      expect(refusal({ ids: new BigInt64Array(3) }).code).toBe('ERR_TRT_INPUT_MISSING');
      expect(checkInputs(staticEngine, good(), null).dims).toEqual([[1, 4], [3]]);
    } finally {
      delete polluted['image'];
      delete polluted['dims'];
    }
  });

  it('#32 an inherited property is no input', () => {
    expect(refusal(Object.create(good())).code).toBe('ERR_TRT_INPUT_MISSING');
    const engine = { inputs: [tensorInfo('constructor', 'float32', [1])], profiles: [{}] };
    expect(refusal({}, engine).code).toBe('ERR_TRT_INPUT_MISSING');
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a string', 'image'],
    ['a typed array', new Float32Array(4)],
  ])('%s in the place of the inputs', (_, inputs) => {
    expect(refusal(inputs).code).toBe('ERR_TRT_INVALID_ARG');
  });
});

describe('types', () => {
  it.each([
    ['#28 a Float64Array for float32', new Float64Array(4), 'Float64Array'],
    ['#28 an Int32Array for float32', new Int32Array(4), 'Int32Array'],
    ['a plain array', [1, 2, 3, 4], undefined],
    ['null', null, 'null'],
    ['undefined', undefined, 'undefined'],
    ['a DataView', new DataView(new ArrayBuffer(16)), undefined],
    ['a tensor of another type', new Tensor('int32', new Int32Array(4), [1, 4]), 'int32'],
    ['a tensor of an unknown type', { type: 'string', data: ['a'], dims: [1, 4] }, 'string'],
    ['a tensor without a type', { data: new Float32Array(4), dims: [1, 4] }, 'undefined'],
    [
      'a tensor whose array is of another type',
      { type: 'float32', data: new Float64Array(4), dims: [1, 4] },
      'Float64Array',
    ],
    [
      '#32 a proxy',
      { type: 'float32', data: new Proxy(new Float32Array(4), {}), dims: [1, 4] },
      undefined,
    ],
  ])('%s', (_, image, got) => {
    const error = refusal({ ...good(), image });
    expect(error.code).toBe('ERR_TRT_INPUT_TYPE');
    expect(error.details).toMatchObject({ tensor: 'image', expected: 'float32' });
    if (got !== undefined) expect(error.details['got']).toBe(got);
  });

  it('#28 an Int32Array for int64', () => {
    const error = refusal({ ...good(), ids: new Int32Array(3) });
    expect(error.code).toBe('ERR_TRT_INPUT_TYPE');
    expect(error.details).toEqual({ tensor: 'ids', expected: 'int64', got: 'Int32Array' });
  });

  it('a tensor on a GPU, whose data must not be touched', () => {
    const image = {
      type: 'float32',
      dims: [1, 4],
      location: 'gpu-buffer',
      get data(): never {
        throw new Error('data was read');
      },
    };
    expect(refusal({ ...good(), image }).code).toBe('ERR_TRT_INPUT_TYPE');
  });

  const own = new RangeError('mine');
  const fails = (): never => {
    throw own;
  };
  it.each([
    [
      'a getter of the inputs',
      Object.defineProperty(good(), 'image', { get: fails, enumerable: true }),
    ],
    ['a proxy of the inputs', new Proxy(good(), { ownKeys: fails })],
    ['a proxy’s get', new Proxy(good(), { get: fails })],
    ...['type', 'data', 'dims', 'location'].map((property): [string, unknown] => {
      const image = { type: 'float32', data: new Float32Array(4), dims: [1, 4] };
      return [
        `a getter of ${property}`,
        { ...good(), image: Object.defineProperty(image, property, { get: fails }) },
      ];
    }),
    [
      'an element of dims',
      {
        ...good(),
        image: {
          type: 'float32',
          data: new Float32Array(4),
          dims: Object.defineProperty([1, 4], '1', { get: fails }),
        },
      },
    ],
  ])('#32 the error that %s throws reaches the caller as it is', (_, inputs) => {
    let seen: unknown;
    try {
      checkInputs(staticEngine, inputs, null);
    } catch (error) {
      seen = error;
    }
    expect(seen).toBe(own);
  });

  it('#32 a revoked proxy is an error, of JavaScript’s own', () => {
    const { proxy, revoke } = Proxy.revocable(good(), {});
    revoke();
    expect(() => checkInputs(staticEngine, proxy, null)).toThrow(TypeError);
  });
});

describe('dims', () => {
  const withDims = (dims: unknown): Record<string, unknown> => ({
    ...good(),
    image: { type: 'float32', data: new Float32Array(4), dims },
  });

  it.each([
    ['#29 another rank', [4]],
    ['#29 another static dim', [1, 5]],
    ['#32 NaN', [1, NaN]],
    ['#32 a negative dim', [1, -4]],
    ['#32 two negative dims whose product is right', [-1, -4]],
    ['#32 a fraction', [1, 4.5]],
    ['#32 beyond 2^53', [1, 2 ** 53]],
    ['#32 infinity', [1, Infinity]],
    ['#32 a bigint', [1, 4n]],
    ['#32 a string', [1, '4']],
    ['#32 null', [1, null]],
    ['#32 a boolean', [true, 4]],
    ['#32 an object that is no text either', [Object.create(null), 4]],
    ['#32 a rank that is wrong beside it', [Object.create(null)]],
    ['#32 an object that turns into the number', [1, { valueOf: () => 4 }]],
    ['#32 a typed array', Int32Array.of(1, 4)],
    ['#32 a hole', Object.assign(new Array(2), { 0: 1 })],
    ['a sparse array of a billion axes', Object.assign([], { length: 1e9 })],
    ['dims that are missing', undefined],
    ['dims that are no array', { length: 2, 0: 1, 1: 4 }],
  ])('%s', (_, dims) => {
    const error = refusal(withDims(dims));
    expect(error.code).toBe('ERR_TRT_INPUT_DIMS');
    expect(error.details).toMatchObject({ tensor: 'image', expected: [1, 4] });
  });

  it.each([
    ['a proxy', new Proxy([1, 4], {})],
    ['frozen', Object.freeze([1, 4])],
    ['of a subclass', class extends Array<number> {}.from([1, 4])],
    ['with more properties', Object.assign([1, 4], { label: 'NC' })],
  ])('#32 may be %s', (_, dims) => {
    expect(checkInputs(staticEngine, withDims(dims), null).dims[0]).toEqual([1, 4]);
  });

  it('#32 -0 counts as 0', () => {
    const engine = { inputs: [tensorInfo('x', 'float32', [-1])], profiles: [] };
    const x = { type: 'float32', data: new Float32Array(0), dims: [-0] };
    expect(Object.is(checkInputs(engine, { x }, null).dims[0]?.[0], 0)).toBe(true);
  });

  it('#32 a product beyond 2^53 is no length of any array', () => {
    const engine = { inputs: [tensorInfo('x', 'float32', [-1, -1])], profiles: [] };
    const dims = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
    const x = { type: 'float32', data: new Float32Array(1), dims };
    expect(refusal({ x }, engine).code).toBe('ERR_TRT_INPUT_LENGTH');
  });

  it('a bare array for an input with dynamic dims', () => {
    const error = refusal({ x: new Float32Array(4) }, dynamicEngine);
    expect(error.code).toBe('ERR_TRT_INPUT_DIMS');
    expect(error.message).toContain('[1..4, 2]');
  });
});

describe('profiles', () => {
  it.each([
    [1, 0],
    [4, 0],
    [8, 1],
    [32, 1],
  ])('a batch of %i runs in profile %i, the first that takes it', (size, profile) => {
    expect(checkInputs(dynamicEngine, batch(size), null).profile).toBe(profile);
  });

  it('a given profile is used though another would come first', () => {
    const both = { x: { min: [1, 2], opt: [1, 2], max: [8, 2] } };
    const engine = { ...dynamicEngine, profiles: [both, both] };
    expect(checkInputs(engine, batch(2), null).profile).toBe(0);
    expect(checkInputs(engine, batch(2), 1).profile).toBe(1);
  });

  it.each([0, 5, 33])(
    '#29 a batch of %i fits no profile, and the ranges of all are told',
    (size) => {
      const error = refusal(batch(size), dynamicEngine);
      expect(error.code).toBe('ERR_TRT_INPUT_DIMS');
      expect(error.message).toContain('[1..4, 2]');
      expect(error.message).toContain('[8..32, 2]');
      expect(error.details).toMatchObject({ tensor: 'x', got: [size, 2] });
      expect(error.details['ranges']).toEqual(
        dynamicEngine.profiles.map((profile) => profile['x']),
      );
    },
  );

  it('#29 a batch outside of the given profile is refused though another takes it', () => {
    const error = refusal(batch(8), dynamicEngine, 0);
    expect(error.code).toBe('ERR_TRT_INPUT_DIMS');
    expect(error.message).toContain('[1..4, 2]');
    expect(error.message).not.toContain('[8..32, 2]');
  });

  it('two inputs that fit only different profiles are refused', () => {
    const range = (min: number, max: number) => ({ min: [min], opt: [min], max: [max] });
    const engine = {
      inputs: [tensorInfo('a', 'uint8', [-1]), tensorInfo('b', 'uint8', [-1])],
      profiles: [
        { a: range(1, 2), b: range(1, 2) },
        { a: range(3, 4), b: range(3, 4) },
      ],
    };
    const tensor = (n: number) => new Tensor('uint8', new Uint8Array(n));
    expect(checkInputs(engine, { a: tensor(3), b: tensor(4) }, null).profile).toBe(1);
    expect(refusal({ a: tensor(1), b: tensor(4) }, engine).code).toBe('ERR_TRT_INPUT_DIMS');
  });
});

describe('data', () => {
  it.each([
    ['#30 a bare array that is too short', new Float32Array(3)],
    ['#30 a bare array that is too long', new Float32Array(5)],
    ['an empty one', new Float32Array(0)],
    [
      '#30 a tensor with less data than its dims say',
      { type: 'float32', data: new Float32Array(3), dims: [1, 4] },
    ],
  ])('%s', (_, image) => {
    const error = refusal({ ...good(), image });
    expect(error.code).toBe('ERR_TRT_INPUT_LENGTH');
    expect(error.details).toMatchObject({ tensor: 'image', expected: 4 });
  });

  it.each([
    ['int4', 5, 3],
    ['int4', 4, 2],
    ['int4', 0, 0],
    ['float4e2m1', 1, 1],
    ['float8e4m3fn', 5, 5],
  ] as const)('#30 %s: %i elements lie in %i bytes', (type, elements, bytes) => {
    const engine = { inputs: [tensorInfo('x', type, [elements])], profiles: [{}] };
    const checked = checkInputs(engine, { x: new Uint8Array(bytes) }, null);
    expect(checked.bytes[0]).toMatchObject({
      byteLength: bytes,
      parts: bytes === 0 ? [] : [new Uint8Array(bytes)],
    });
    const error = refusal({ x: new Uint8Array(bytes + 1) }, engine);
    expect(error.code).toBe('ERR_TRT_INPUT_LENGTH');
    expect(error.details).toMatchObject({ expected: bytes, got: bytes + 1 });
  });

  it('#30 a byte array may start anywhere in its buffer', () => {
    const engine = { inputs: [tensorInfo('x', 'uint8', [2])], profiles: [{}] };
    const x = new Uint8Array(Uint8Array.of(9, 1, 2, 9).buffer, 1, 2);
    expect(checkInputs(engine, { x }, null).bytes[0]?.parts[0]).toEqual(Uint8Array.of(1, 2));
  });

  it('#30 bytes in the place of elements, aligned or not, are another type', () => {
    const buffer = new ArrayBuffer(17);
    for (const image of [new Uint8Array(buffer, 1, 16), new DataView(buffer, 1, 16), buffer]) {
      expect(refusal({ ...good(), image }).code).toBe('ERR_TRT_INPUT_TYPE');
    }
  });

  it('#35 a view that grows with its buffer counts with the length that it has now', () => {
    // @ts-expect-error maxByteLength is ES2024, and Node has it since version 20
    const buffer = new ArrayBuffer(8, { maxByteLength: 16 }) as ArrayBuffer & {
      resize(size: number): void;
    };
    const image = new Float32Array(buffer);
    expect(refusal({ ...good(), image }).code).toBe('ERR_TRT_INPUT_LENGTH');
    buffer.resize(16);
    expect(checkInputs(staticEngine, { ...good(), image }, null).bytes[0]?.byteLength).toBe(16);
  });

  it('#35 a detached buffer', () => {
    const error = refusal({ ...good(), image: detached() });
    expect(error.code).toBe('ERR_TRT_INPUT_DETACHED');
    expect(error.details).toEqual({ tensor: 'image' });
  });

  it('#35 a buffer that another input’s getter detaches during the check', () => {
    const image = new Float32Array(4);
    const ids = {
      type: 'int64',
      dims: [3],
      get data() {
        structuredClone(image.buffer, { transfer: [image.buffer] });
        return new BigInt64Array(3);
      },
    };
    expect(refusal({ image, ids }).code).toBe('ERR_TRT_INPUT_DETACHED');
  });

  it('#35 a resizable buffer that shrank below its view', () => {
    // @ts-expect-error maxByteLength is ES2024, and Node has it since version 20
    const buffer = new ArrayBuffer(16, { maxByteLength: 16 }) as ArrayBuffer & {
      resize(size: number): void;
    };
    const image = new Float32Array(buffer, 0, 4);
    buffer.resize(8);
    expect(refusal({ ...good(), image }).code).toBe('ERR_TRT_INPUT_LENGTH');
  });
});

describe('#40 an input of more than 4 GiB', () => {
  it('is copied in parts that Node 20 can view, to its last byte', () => {
    const count = 2 ** 30 + 3;
    const engine = { inputs: [tensorInfo('x', 'float32', [count])], profiles: [{}] };
    const x = new Float32Array(count);
    x[count - 1] = 1;
    const [input] = checkInputs(engine, { x }, null).bytes;
    expect(input?.byteLength).toBe(count * 4);
    expect(input?.parts.map(({ byteLength }) => byteLength)).toEqual([
      ...Array<number>(4).fill(2 ** 30),
      12,
    ]);

    // Only the end is read here: the memory before it has never been touched.
    const last = unchangedPart(input!, count * 4 - 1);
    expect(new Float32Array(last.slice().buffer)).toEqual(Float32Array.of(0, 0, 1));
    structuredClone(x.buffer, { transfer: [x.buffer] });
    expect(() => unchangedPart(input!, 2 ** 31)).toThrow(
      expect.objectContaining({ code: 'ERR_TRT_INPUT_DETACHED' }) as Error,
    );
  });
});
