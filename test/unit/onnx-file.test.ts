import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writer } from 'protobufjs/minimal';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkOnnxFile } from '../../lib/onnx-file';

const digits = readFileSync(path.join(__dirname, '../../models/digits/digits.onnx'));

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'onnx-file-'));
  file = path.join(folder, 'model.onnx');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function check(
  bytes: Uint8Array | string,
): Promise<Awaited<ReturnType<typeof checkOnnxFile>>> {
  await writeFile(file, bytes);
  return checkOnnxFile(file);
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
const graph = (writer: Writer): Writer => writer.uint32(key(7, 2)).bytes(new Uint8Array(300));
const opset = (writer: Writer): Writer => writer.uint32(key(8, 2)).bytes(Uint8Array.of(0x10, 17));
const metadata = (writer: Writer): Writer =>
  writer.uint32(key(14, 2)).bytes(Uint8Array.of(0x0a, 1, 65));

describe('checkOnnxFile', () => {
  it('takes a real model', async () => {
    const facts = await check(digits);
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
    expect((await check(bytes)).irVersion).toBe(8);
  });

  it('takes a model of gigabytes without reading it', async () => {
    // The graph's length says 2^31 - 1 bytes: the largest message of protobuf. The file is sparse.
    const head = model(irVersion, (w) => w.uint32(key(7, 2)).uint32(2 ** 31 - 1));
    await writeFile(file, head);
    await truncate(file, head.length + 2 ** 31 - 1);
    await expect(checkOnnxFile(file)).rejects.toMatchObject({ details: { reason: 'truncated' } });
    await writeFile(
      file,
      model(opset, irVersion, (w) => w.uint32(key(7, 2)).uint32(2 ** 31 - 1)),
    );
    await truncate(file, head.length + opset(Writer.create()).pos + 2 ** 31 - 1);
    expect((await checkOnnxFile(file)).irVersion).toBe(8);
    await rm(file);
  });

  it('finds every truncation that reaches into the graph or the opset', async () => {
    // Cuts at field boundaries after the required fields leave a valid, shorter model; there are none in this one.
    const whole = model(irVersion, producer, graph, opset);
    for (let length = 1; length < whole.length; length += 1) {
      const outcome = check(whole.subarray(0, length));
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
      await expect(check(digits.subarray(0, length)), `cut at ${length}`).rejects.toMatchObject({
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
    await expect(check(bytes)).rejects.toMatchObject({
      code: 'ERR_TRT_ONNX_INVALID',
      details: { reason: 'not-onnx', path: file },
    });
  });

  it('refuses an empty file', async () => {
    await expect(check('')).rejects.toMatchObject({
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
      await expect(checkOnnxFile(target)).rejects.toMatchObject({
        code: 'ERR_TRT_ONNX_INVALID',
        details: { reason: 'not-a-file' },
      });
    }
  });

  it('reports a missing file', async () => {
    for (const target of [path.join(folder, 'missing.onnx'), path.join('/dev/null', 'x.onnx')]) {
      await expect(checkOnnxFile(target)).rejects.toMatchObject({
        code: 'ERR_TRT_ONNX_NOT_FOUND',
      });
    }
  });
});
