import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writer } from 'protobufjs/minimal';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TrtError } from '../../lib/errors';
import { readOnnxModel, type OnnxModel } from '../../lib/onnx/onnx-model';
import { writeOnnx, type Constant, type Node, type TinyGraph } from '../support/onnx-writer';

const digits = readFileSync(path.join(__dirname, '../../models/digits/digits.onnx'));

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'onnx-model-'));
  file = path.join(folder, 'model.onnx');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(bytes: Uint8Array | string): Promise<OnnxModel> {
  await writeFile(file, bytes);
  return readOnnxModel(file);
}

const key = (field: number, wireType: number): number => (field << 3) | wireType;

/** A ModelProto of the fields given, in that order. */
function model(...fields: readonly ((writer: Writer) => Writer)[]): Uint8Array {
  const writer = Writer.create();
  for (const field of fields) field(writer);
  return writer.finish();
}

const irVersion = (writer: Writer): Writer => writer.uint32(key(1, 0)).int64(8);
const producer = (writer: Writer): Writer => writer.uint32(key(2, 2)).string('pytorch');
const inMessage = (field: number, content: Uint8Array) => (writer: Writer) =>
  writer.uint32(key(field, 2)).bytes(content);
const graphOf = (content: Uint8Array): ((writer: Writer) => Writer) => inMessage(7, content);
const graph = graphOf(model((w) => w.uint32(key(2, 2)).string('a name'.repeat(50))));
const opset = (writer: Writer): Writer => writer.uint32(key(8, 2)).bytes(Uint8Array.of(0x10, 17));
const metadata = (writer: Writer): Writer =>
  writer.uint32(key(14, 2)).bytes(Uint8Array.of(0x0a, 1, 65));

/** What this process has read so far, by the kernel's count. */
function bytesRead(): number {
  return Number(/^rchar: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}

describe('readOnnxModel', () => {
  it('takes a real model', async () => {
    const facts = await read(digits);
    expect(facts.sizeBytes).toBe(digits.length);
    expect(facts.irVersion).toBeGreaterThan(2);
  });

  it.each([
    ['in the order of the specification', model(irVersion, producer, graph, opset, metadata)],
    ['in another order', model(opset, graph, irVersion)],
    ['with several opsets', model(irVersion, graph, opset, opset)],
    [
      'with a field of a newer ONNX',
      model(irVersion, graph, opset, (w) => w.uint32(key(27, 2)).bytes(Uint8Array.of(1))),
    ],
    [
      'with fixed-width fields of a newer ONNX',
      model(irVersion, graph, opset, (w) =>
        w.uint32(key(28, 1)).fixed64(1).uint32(key(29, 5)).fixed32(1),
      ),
    ],
  ])('takes a model %s', async (_, bytes) => {
    expect((await read(bytes)).irVersion).toBe(8);
  });

  it('reads little of a model of gigabytes, and refuses one that protobuf cannot hold', async () => {
    // One initializer whose raw_data is a hole in the file. Lengths of this size have five bytes, tags before them one.
    const size = 2 ** 31 - 1;
    const name = model((w) => w.uint32(key(8, 2)).string('weights'));
    const graphLength = size - model(irVersion, opset).length - 6;
    const tensorLength = graphLength - 6;
    const head = model(
      irVersion,
      opset,
      (w) => w.uint32(key(7, 2)).uint32(graphLength),
      (w) => w.uint32(key(5, 2)).uint32(tensorLength),
      (w) => w.uint32(key(8, 2)).string('weights'),
      (w) => w.uint32(key(9, 2)).uint32(tensorLength - name.length - 6),
    );
    await writeFile(file, head);
    await truncate(file, size);
    const before = bytesRead();
    expect(await readOnnxModel(file)).toMatchObject({ irVersion: 8, sizeBytes: size, inputs: [] });
    expect(bytesRead() - before).toBeLessThan(2 ** 22);

    await truncate(file, size - 1);
    await expect(readOnnxModel(file)).rejects.toMatchObject({ details: { reason: 'truncated' } });
    await truncate(file, size + 1);
    await expect(readOnnxModel(file)).rejects.toMatchObject({
      code: 'ERR_TRT_ONNX_INVALID',
      details: { reason: 'too-large' },
      message: expect.stringContaining('external data') as string,
    });
    await rm(file);
  });

  it('finds every truncation that reaches into the graph or the opset', async () => {
    // Cuts at field boundaries after the required fields leave a valid, shorter model; there are none in this one.
    const whole = model(irVersion, producer, graph, opset);
    for (let length = 1; length < whole.length; length += 1) {
      const outcome = read(whole.subarray(0, length));
      await expect(outcome, `cut at ${length}`).rejects.toMatchObject({
        code: 'ERR_TRT_ONNX_INVALID',
        details: { reason: 'truncated' },
      });
    }
  });

  it('finds truncations of a real model', async () => {
    const step = Math.ceil(digits.length / 150);
    const lengths = new Set([1, 2, 3, 10, digits.length - 2, digits.length - 1]);
    for (let length = 5; length < digits.length; length += step) lengths.add(length);
    for (const length of lengths) {
      await expect(read(digits.subarray(0, length)), `cut at ${length}`).rejects.toMatchObject({
        code: 'ERR_TRT_ONNX_INVALID',
        details: { reason: 'truncated' },
      });
    }
  });

  it.each([
    ['plain text', 'Not found\n'],
    ['long text', 'a model is not a poem\n'.repeat(1000)],
    ['a web page', '<!DOCTYPE html><html><head><title>404</title></head></html>'],
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'],
    ['JSON', '{"ir_version": 8}'],
    ['zeros', new Uint8Array(4096)],
    ['ones', new Uint8Array(4096).fill(0xff)],
    ['a PNG', new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13])],
    ['a zip', new Uint8Array([0x50, 0x4b, 3, 4, 20, 0, 0, 0, 8, 0])],
    ['a plan', new Uint8Array([0x66, 0x74, 0x72, 0x74, 0, 0, 0, 0, 1, 2, 3, 4])],
    ['a known field with another wire type', model((w) => w.uint32(key(1, 2)).string('x'))],
    ['field number 0', model(irVersion, graph, opset, (w) => w.uint32(key(0, 0)).uint32(1))],
    ['the wire type of groups', model(irVersion, graph, opset, (w) => w.uint32(key(30, 3)))],
    ['ir_version 0', model((w) => w.uint32(key(1, 0)).int64(0), graph, opset)],
    ['a graph without ir_version', model(graph, opset)],
  ])('refuses %s', async (_, bytes) => {
    await expect(read(bytes)).rejects.toMatchObject({
      code: 'ERR_TRT_ONNX_INVALID',
      details: { reason: 'not-onnx', path: file },
    });
  });

  it.each([
    ['a TensorRT-RTX plan', 'vtrt\0\0\0\0', 'loadEngine()'],
    ['a TensorRT plan', 'ftrt\0\0\0\0', 'loadEngine()'],
    ['a web page (HTML)', '<!doctype html><title>Sign in</title>', 'download'],
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\n', 'git lfs pull'],
    ['a zip archive', Buffer.from('PK\x03\x04\0\0', 'latin1'), 'Export'],
    ['a PNG image', Buffer.from('\x89PNG\r\n', 'latin1'), 'Export'],
    ['gzip data', Buffer.from('\x1f\x8b\x08\0', 'latin1'), 'gunzip'],
    ['JSON', '{"ir_version": 8}', 'Export'],
  ])('says that it is %s, and what to do', async (name, content, remedy) => {
    await expect(read(content)).rejects.toMatchObject({
      details: { reason: 'not-onnx', looksLike: expect.stringContaining(name) as string },
      message: expect.stringMatching(remedy.replace(/[()]/g, '\\$&')) as string,
    });
  });

  it('refuses an empty file', async () => {
    await expect(read('')).rejects.toMatchObject({
      code: 'ERR_TRT_ONNX_INVALID',
      details: { reason: 'empty' },
    });
  });

  it('refuses a folder, and a FIFO without waiting for its writer', async () => {
    const subfolder = path.join(folder, 'sub');
    const fifo = path.join(folder, 'fifo');
    await mkdir(subfolder);
    execFileSync('mkfifo', [fifo]);
    for (const target of [subfolder, fifo, '/dev/null']) {
      await expect(readOnnxModel(target)).rejects.toMatchObject({
        code: 'ERR_TRT_ONNX_INVALID',
        details: { reason: 'not-a-file' },
      });
    }
  });

  it('reports a missing file', async () => {
    for (const target of [path.join(folder, 'missing.onnx'), path.join('/dev/null', 'x.onnx')]) {
      await expect(readOnnxModel(target)).rejects.toMatchObject({
        code: 'ERR_TRT_ONNX_NOT_FOUND',
      });
    }
  });
});

describe('inputs', () => {
  const value = (name: string, ...dims: readonly (number | string | null)[]) =>
    ({ name, type: 'float32', dims }) as const;

  it('are those of the graph that no initializer fills', async () => {
    const { inputs } = await read(
      writeOnnx({
        inputs: [
          value('x', 'batch', 3, null),
          value('w', 3),
          { name: 'ids', type: 'int64', dims: [] },
          value('入力 🎛', -1, ''),
        ],
        outputs: [value('y', 'batch')],
        nodes: [],
        constants: [{ name: 'w', type: 'float32', dims: [3], data: new Uint8Array(12) }],
      }),
    );
    expect(inputs).toEqual([
      { name: 'x', type: 'float32', dims: ['batch', 3, null] },
      { name: 'ids', type: 'int64', dims: [] },
      { name: '入力 🎛', type: 'float32', dims: [null, null] },
    ]);
  });

  it('have no dims where the model has no shape, and no type where they are no tensor', async () => {
    const info = (...fields: readonly ((writer: Writer) => Writer)[]): Uint8Array =>
      model(irVersion, opset, graphOf(model(inMessage(11, model(...fields)))));
    const name = (w: Writer): Writer => w.uint32(key(1, 2)).string('x');
    const elementType = model((w) => w.uint32(key(1, 0)).int32(10));
    const tensorType = inMessage(2, model(inMessage(1, elementType)));
    expect((await read(info(name, tensorType))).inputs).toEqual([
      { name: 'x', type: 'float16', dims: null },
    ]);
    const sequence = inMessage(2, model(inMessage(4, new Uint8Array())));
    expect((await read(info(name, sequence))).inputs).toEqual([
      { name: 'x', type: null, dims: null },
    ]);
  });

  it('keep what they are where a field comes again that is none', async () => {
    const tensorType = model(
      (w) => w.uint32(key(1, 0)).int32(10),
      inMessage(1, Uint8Array.of(7)),
      (w) => w.uint32(key(1, 5)).fixed32(7),
      inMessage(
        2,
        model(
          inMessage(
            1,
            model((w) => w.uint32(key(1, 0)).int64(3), inMessage(1, Uint8Array.of(5))),
          ),
        ),
      ),
    );
    const info = model(
      (w) => w.uint32(key(1, 2)).string('x'),
      (w) => w.uint32(key(1, 0)).uint32(65),
      inMessage(2, model(inMessage(1, tensorType))),
    );
    const { inputs } = await read(model(irVersion, opset, graphOf(model(inMessage(11, info)))));
    expect(inputs).toEqual([{ name: 'x', type: 'float16', dims: [3] }]);
  });

  it('of the digits model are its images', async () => {
    expect((await read(digits)).inputs).toEqual([
      { name: 'images', type: 'float32', dims: [expect.any(String), 1, 8, 8] },
    ]);
  });
});

describe('external tensors', () => {
  const external = (name: string): Constant => ({
    name,
    type: 'float32',
    dims: [2, 3],
    external: [
      ['location', `${name}.bin`],
      ['offset', '8'],
      ['length', '24'],
      ['checksum', 'da39a3ee'],
    ],
  });
  const embedded: Constant = { name: 'e', type: 'float32', dims: [1], data: new Uint8Array(4) };
  const empty = { inputs: [], outputs: [], nodes: [] };
  const node = (content: Partial<Node>): Node => ({ op: 'X', inputs: [], outputs: [], ...content });
  const sparse = { values: external('v'), indices: external('i'), dims: [9] };

  it('are told with what the model says of them', async () => {
    const { externalTensors } = await read(
      writeOnnx({ ...empty, constants: [embedded, external('w')] }),
    );
    expect(externalTensors).toEqual([
      { name: 'w', location: 'w.bin', offset: '8', length: '24', dims: [2, 3], dataType: 1 },
    ]);
  });

  it('take the last of two entries, and none for what is missing', async () => {
    const twice: Constant = {
      ...external('w'),
      external: [
        ['location', 'good.bin'],
        ['location', '../evil.bin'],
      ],
    };
    const { externalTensors } = await read(
      writeOnnx({ ...empty, constants: [twice, { ...external('v'), external: [] }] }),
    );
    expect(externalTensors).toMatchObject([
      { location: '../evil.bin', offset: null, length: null },
      { location: '', offset: null, length: null },
    ]);
  });

  describe('take what protobuf takes', () => {
    const entry = (...fields: readonly ((writer: Writer) => Writer)[]) =>
      inMessage(13, model(...fields));
    const text = (field: number, value: string) => (w: Writer) =>
      w.uint32(key(field, 2)).string(value);
    const number = (field: number, value: number) => (w: Writer) =>
      w.uint32(key(field, 0)).uint64(value);
    const location = number(14, 1);
    const evil = entry(text(1, 'location'), text(2, '../evil.bin'));

    it.each([
      [
        'a key that comes again as a number',
        [location, entry(text(1, 'location'), number(1, 5), text(2, '../evil.bin'))],
      ],
      [
        'a path that comes again as a number',
        [location, entry(text(1, 'location'), text(2, '../evil.bin'), number(2, 5))],
      ],
      ['a data_location that comes again as text', [location, text(14, ''), evil]],
      ['a data_location that comes again as another number', [location, number(14, 7), evil]],
      ['a data_location beyond 2^53', [number(14, 2 ** 60 + 2 ** 20), evil]],
      ['a data_location that is taken back', [location, number(14, 0), evil]],
    ])('%s', async (_, fields) => {
      const tensor = model(number(2, 1), text(2, ''), ...fields);
      const { externalTensors } = await read(
        model(irVersion, opset, graphOf(model(inMessage(5, tensor)))),
      );
      expect(externalTensors).toMatchObject([{ location: '../evil.bin', dataType: 1 }]);
    });
  });

  const nested = (depth: number): TinyGraph =>
    depth === 0
      ? { ...empty, constants: [external('deep')] }
      : { ...empty, nodes: [node({ graphAttributes: { body: nested(depth - 1) } })] };

  it.each<[string, Parameters<typeof writeOnnx>[0], string[]]>([
    ['sparse initializers', { ...empty, sparseConstants: [sparse] }, ['v', 'i']],
    [
      'attributes',
      { ...empty, nodes: [node({ tensorAttributes: { value: external('t') } })] },
      ['t'],
    ],
    [
      'nameless attributes',
      { ...empty, nodes: [node({ tensorAttributes: { value: { ...external('t'), name: '' } } })] },
      ['value'],
    ],
    [
      'lists of tensors',
      { ...empty, nodes: [node({ tensorListAttributes: { l: [embedded, external('l')] } })] },
      ['l'],
    ],
    [
      'sparse attributes',
      { ...empty, nodes: [node({ sparseAttributes: { s: sparse } })] },
      ['v', 'i'],
    ],
    ['subgraphs', nested(3), ['deep']],
    [
      'lists of subgraphs',
      { ...empty, nodes: [node({ graphListAttributes: { g: [nested(0), nested(1)] } })] },
      ['deep', 'deep'],
    ],
    [
      'functions',
      {
        ...empty,
        functions: [{ name: 'f', nodes: [node({ tensorAttributes: { a: external('f') } })] }],
      },
      ['f'],
    ],
    ['training (which TensorRT does not read)', { ...empty, training: nested(0) }, []],
  ])('are found in %s', async (_, onnx, names) => {
    const { externalTensors } = await read(writeOnnx(onnx));
    expect(externalTensors.map(({ name }) => name)).toEqual(names);
  });

  it("are found as deep as protobuf's readers go, and no deeper", async () => {
    const deep = (depth: number): Uint8Array => {
      const tensor = model(
        (w) => w.uint32(key(8, 2)).string('deep'),
        (w) => w.uint32(key(14, 0)).int32(1),
      );
      let content = model(inMessage(5, tensor));
      for (let level = 0; level < depth; level += 1) {
        // A graph in an attribute of a node.
        content = model(inMessage(1, model(inMessage(5, model(inMessage(6, content))))));
      }
      return model(irVersion, opset, graphOf(content));
    };
    // The tensor is message number 2 + 3 × depth; the 101st is one too many.
    expect((await read(deep(32))).externalTensors).toHaveLength(1);
    for (const depth of [33, 3000]) {
      await expect(read(deep(depth))).rejects.toMatchObject({
        code: 'ERR_TRT_ONNX_INVALID',
        details: { reason: 'too-deep' },
      });
    }
  });

  it('come out of a graph of 10,000 nodes and weights between them', async () => {
    const constants = Array.from({ length: 500 }, (_, index) => external(`w${index}`));
    const big = Array.from({ length: 20 }, (_, index): Constant => {
      return { name: `b${index}`, type: 'uint8', dims: [100_000], data: new Uint8Array(100_000) };
    });
    const nodes = Array.from({ length: 10_000 }, (_, index) =>
      node({ name: `node number ${index}`, attributes: { axis: index } }),
    );
    const { externalTensors } = await read(
      writeOnnx({ ...empty, nodes, constants: [...constants, ...big, external('last')] }),
    );
    expect(externalTensors).toHaveLength(501);
    expect(externalTensors.at(-1)?.name).toBe('last');
  });
});

describe('a damaged graph', () => {
  const tensor = (...fields: readonly ((writer: Writer) => Writer)[]): Uint8Array =>
    model(irVersion, opset, graphOf(model(inMessage(5, model(...fields)))));
  /** Writes 2^62 as the length of a field. */
  const hugeLength = (field: number) => (w: Writer) => w.uint32(key(field, 2)).uint64(2 ** 62);

  it.each([
    ['a length of 2^62', tensor(hugeLength(9))],
    ['a name of 2^62 bytes', tensor(hugeLength(8))],
    ['dims of 2^62 bytes', tensor(hugeLength(1))],
    ['a field that ends behind its tensor', tensor((w) => w.uint32(key(9, 2)).uint32(100))],
    ['a name of a megabyte', tensor((w) => w.uint32(key(8, 2)).string('n'.repeat(2 ** 20)))],
    ['packed dims that are cut', tensor(inMessage(1, Uint8Array.of(1, 0x80)))],
    ['too many packed dims', tensor(inMessage(1, new Uint8Array(65).fill(1)))],
    [
      'too many dims',
      tensor(...Array.from({ length: 65 }, () => (w: Writer) => w.uint32(key(1, 0)).int64(1))),
    ],
    ['too long dims', tensor(inMessage(1, new Uint8Array(100_000).fill(1)))],
    [
      'a varint without end',
      tensor((w) => inMessage(8, new Uint8Array(20).fill(0xff))(w).uint32(0x80)),
    ],
    ['zeros', model(irVersion, opset, graphOf(new Uint8Array(300)))],
    ['groups', model(irVersion, opset, graphOf(Uint8Array.of(key(1, 3), key(1, 4))))],
    [
      'two tensors in an attribute, of which protobuf would make one',
      model(
        irVersion,
        opset,
        graphOf(
          model(
            inMessage(
              1,
              model(
                inMessage(5, model(inMessage(5, new Uint8Array()), inMessage(5, new Uint8Array()))),
              ),
            ),
          ),
        ),
      ),
    ],
    [
      'an input of rank 65',
      model(
        irVersion,
        opset,
        graphOf(
          model(
            inMessage(
              11,
              model(
                inMessage(
                  2,
                  model(
                    inMessage(
                      1,
                      model(
                        inMessage(
                          2,
                          new Uint8Array(130).fill(0).map((_, i) => (i % 2 ? 0 : 10)),
                        ),
                      ),
                    ),
                  ),
                ),
              ),
            ),
          ),
        ),
      ),
    ],
  ])('with %s is refused', async (_, bytes) => {
    await expect(read(bytes)).rejects.toMatchObject({
      code: 'ERR_TRT_ONNX_INVALID',
      details: { reason: 'malformed' },
    });
  });

  it('with two graphs is refused, of which protobuf would make one', async () => {
    await expect(read(model(irVersion, graph, graph, opset))).rejects.toMatchObject({
      code: 'ERR_TRT_ONNX_INVALID',
    });
  });

  it('at any byte is an error of ours or a model', async () => {
    const whole = writeOnnx({
      inputs: [{ name: 'x', type: 'float32', dims: ['n', 2] }],
      outputs: [],
      nodes: [
        {
          op: 'Constant',
          inputs: [],
          outputs: ['c'],
          tensorAttributes: {
            value: { name: 'w', type: 'float32', dims: [2], external: [['location', 'w.bin']] },
          },
        },
      ],
    });
    for (let at = 0; at < whole.length; at += 1) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = Uint8Array.from(whole, (byte, index) => (index === at ? byte ^ flip : byte));
        const outcome = await read(bytes).catch((error: unknown) => error);
        expect(outcome instanceof TrtError ? outcome.code : outcome, `byte ${at}`).toEqual(
          outcome instanceof TrtError
            ? 'ERR_TRT_ONNX_INVALID'
            : expect.objectContaining({ sizeBytes: whole.length }),
        );
      }
    }
  });
});

describe('reading', () => {
  it('ends with an abort', async () => {
    await writeFile(file, digits);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(readOnnxModel(file, { signal })).rejects.toThrow('enough');
  });

  it('names no file for a model that was given as bytes', async () => {
    await writeFile(file, 'text');
    await expect(readOnnxModel(file, { where: null })).rejects.toMatchObject({
      details: { path: null, looksLike: null },
      message: expect.not.stringContaining(file) as string,
    });
  });
});
