import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BuildOptions, BuiltEngine, Manifest } from '../../lib/index';
import {
  codeWithoutGpu,
  digits,
  failure,
  requireRtx,
  temporaryFolder,
  trtNode,
} from '../support/native-host';
import { dynamicAdd, unknownOperator } from '../support/native-models';

const { buildEngine, loadEngine } = trtNode;
await requireRtx();
const folder = await temporaryFolder();

const profile = { images: { min: [1, 1, 8, 8], opt: [64, 1, 8, 8], max: [360, 1, 8, 8] } };
const target = { runtime: 'tensorrt-rtx', computeCapabilities: ['8.6'] } as const;
const forRtx = { ...target, profiles: [profile] } as const satisfies BuildOptions;

async function fileWith(name: string, content: string | Uint8Array): Promise<string> {
  const file = path.join(folder, name);
  await fs.writeFile(file, content);
  return file;
}

const reasonOf = ({ details }: { details: Readonly<Record<string, unknown>> }): unknown =>
  details['reason'];

describe('#16 a model that is none', () => {
  it('is reported when it is missing', async () => {
    const missing = path.join(folder, 'missing.onnx');
    const { message } = await failure('ERR_TRT_ONNX_NOT_FOUND', buildEngine(missing, forRtx));
    expect(message).toContain(missing);
  });

  it('is reported when it is a folder', async () => {
    expect(reasonOf(await failure('ERR_TRT_ONNX_INVALID', buildEngine(folder, forRtx)))).toBe(
      'not-a-file',
    );
  });

  it('is reported when it is empty', async () => {
    const empty = await fileWith('empty.onnx', '');
    expect(reasonOf(await failure('ERR_TRT_ONNX_INVALID', buildEngine(empty, forRtx)))).toBe(
      'empty',
    );
  });

  it.each([
    ['after 1 byte', 1],
    ['in the header', 7],
    ['in the graph', 4096],
    ['in the middle', 39_000],
    ['before its last byte', -1],
  ])('is reported when it was cut off %s', async (_where, end) => {
    const whole = await fs.readFile(digits);
    const cut = await fileWith(`cut${end}.onnx`, whole.subarray(0, end));
    expect(reasonOf(await failure('ERR_TRT_ONNX_INVALID', buildEngine(cut, forRtx)))).toBe(
      'truncated',
    );
  });

  it.each([
    ['text', 'This is no model, although TensorRT-RTX would take it for one.\n'],
    ['a PNG image', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
    ['zeros', Buffer.alloc(4096)],
    ['JSON', '{"ir_version": 8}'],
  ])('is reported when it is %s', async (name, content) => {
    const file = await fileWith(`${name}.onnx`, content);
    expect(reasonOf(await failure('ERR_TRT_ONNX_INVALID', buildEngine(file, forRtx)))).toBe(
      'not-onnx',
    );
  });

  it('is reported when its graph is rubbish', async () => {
    // ir_version 8, a graph of 100 bytes that are no fields, an empty opset_import.
    const rubbish = Buffer.concat([
      Buffer.from([0x08, 8, 0x3a, 100]),
      Buffer.alloc(100, 0xff),
      Buffer.from([0x42, 0]),
    ]);
    const file = await fileWith('rubbish.onnx', rubbish);
    const { message } = await failure('ERR_TRT_ONNX_INVALID', buildEngine(file, forRtx));
    expect(message).toContain(file);
  });

  it('#17 names the node and the operator that TensorRT does not know', async () => {
    const file = await fileWith('operator.onnx', unknownOperator());
    const { message, details } = await failure('ERR_TRT_ONNX_PARSE', buildEngine(file, target));
    const errors = details['errors'] as readonly string[];
    const culprit = errors.filter((line) => line.includes('the-culprit'));
    expect(culprit).not.toEqual([]);
    expect(culprit.join('\n')).toContain('Frobnicate');
    expect(message).toContain('the-culprit');
  });
});

describe('#19 profiles', () => {
  it('are missed for every dynamic input at once', async () => {
    const file = await fileWith('add.onnx', dynamicAdd());
    const { message, details } = await failure(
      'ERR_TRT_PROFILE_MISSING',
      buildEngine(file, target),
    );
    expect(details['inputs']).toEqual(['left', 'right']);
    expect(message).toContain('left');
    expect(message).toContain('right');
  });

  it('are missed for the input that the others leave out', async () => {
    const file = await fileWith('add.onnx', dynamicAdd());
    const left = { min: [1, 1], opt: [2, 2], max: [4, 4] };
    const { details } = await failure(
      'ERR_TRT_PROFILE_MISSING',
      buildEngine(file, { ...target, profiles: [{ left }] }),
    );
    expect(details['inputs']).toEqual(['right']);
  });

  it('build the model once they are there', async () => {
    const file = await fileWith('add.onnx', dynamicAdd());
    const range = { min: [1, 1], opt: [2, 2], max: [4, 4] };
    const { manifest } = await buildEngine(file, {
      ...target,
      profiles: [{ left: range, right: range }],
    });
    expect(manifest.inputs.map(({ name, dims }) => [name, dims])).toEqual([
      ['left', [-1, -1]],
      ['right', [-1, -1]],
    ]);
  });

  it.each([
    [
      'min is above opt',
      { images: { min: [65, 1, 8, 8], opt: [64, 1, 8, 8], max: [360, 1, 8, 8] } },
    ],
    ['opt is above max', { images: { min: [1, 1, 8, 8], opt: [64, 1, 8, 8], max: [32, 1, 8, 8] } }],
    ['the rank is wrong', { images: { min: [1, 64], opt: [1, 64], max: [1, 64] } }],
    [
      'a static axis differs',
      { images: { min: [1, 1, 8, 8], opt: [1, 1, 8, 9], max: [1, 1, 8, 9] } },
    ],
  ])('are refused when %s', async (_case, bad) => {
    const { details } = await failure(
      'ERR_TRT_PROFILE_INVALID',
      buildEngine(digits, { ...target, profiles: [bad] }),
    );
    expect(details['input']).toBe('images');
  });

  it('are refused for an input that the model does not have', async () => {
    const image = profile.images;
    const { message, details } = await failure(
      'ERR_TRT_PROFILE_INVALID',
      buildEngine(digits, { ...target, profiles: [{ images: image, imagse: image }] }),
    );
    expect(details).toMatchObject({ input: 'imagse', inputs: ['images'] });
    expect(message).toContain('images');
  });
});

describe('#83 an output that cannot be written', () => {
  it('is reported before anything is built', async () => {
    let events = 0;
    const options = {
      ...forRtx,
      output: path.join(folder, 'no-such-folder', 'digits.engine'),
      onProgress: () => (events += 1),
    };
    await failure('ERR_TRT_WRITE', buildEngine(digits, options));
    expect(events).toBe(0);
  });

  it('is reported when a folder stands there', async () => {
    await failure('ERR_TRT_WRITE', buildEngine(digits, { ...forRtx, output: folder }));
  });

  it('leaves nothing behind when the build fails', async () => {
    const into = await fs.mkdtemp(path.join(folder, 'failed-'));
    const options = { ...target, output: path.join(into, 'add.engine') };
    const file = await fileWith('add.onnx', dynamicAdd());
    await failure('ERR_TRT_PROFILE_MISSING', buildEngine(file, options));
    expect(await fs.readdir(into)).toEqual([]);
  });
});

describe('an error', () => {
  it("#14 #49 leads to the caller, and carries TensorRT's log", async () => {
    async function theCaller(): Promise<void> {
      await buildEngine(await fileWith('operator.onnx', unknownOperator()), target);
    }
    const { stack, log } = await failure('ERR_TRT_ONNX_PARSE', theCaller());
    expect(stack).toContain('theCaller');
    expect(log.some(({ severity }) => severity === 'error')).toBe(true);
  });
});

describe('a plan', () => {
  let built: BuiltEngine;
  let bytes: Buffer;
  let manifest: Manifest;

  beforeAll(async () => {
    built = await buildEngine(digits, { ...forRtx, output: path.join(folder, 'good.engine') });
    bytes = Buffer.from(await built.bytes());
    manifest = built.manifest;
  });

  const changed = (offset: number, value: number): Buffer => {
    const copy = Buffer.from(bytes);
    expect(copy[offset]).not.toBe(value);
    copy[offset] = value;
    return copy;
  };

  async function planFile(name: string, content: Uint8Array, described: unknown): Promise<string> {
    const file = await fileWith(name, content);
    await fs.writeFile(`${file}.json`, JSON.stringify(described));
    return file;
  }

  /** A manifest whose digest is these bytes': what an altered plan with an altered manifest would have. */
  const describing = (content: Uint8Array): Manifest => ({
    ...manifest,
    plan: {
      sha256: createHash('sha256').update(content).digest('hex'),
      sizeBytes: content.length,
    },
  });

  it('that is good lacks a driver alone, as a file, as bytes and as what was built', async () => {
    const code = await codeWithoutGpu();
    await failure(code, loadEngine(built.path!));
    await failure(code, loadEngine(bytes));
    await failure(code, loadEngine(bytes, { manifest }));
    await failure(code, loadEngine(built));
    await failure(code, built.load());
  });

  it('#12 is reported when it is missing, or a folder', async () => {
    await failure('ERR_TRT_ENGINE_NOT_FOUND', loadEngine(path.join(folder, 'missing.engine')));
    const empty = await fs.mkdtemp(path.join(folder, 'empty-'));
    await failure('ERR_TRT_ENGINE_NOT_FOUND', loadEngine(empty));
  });

  it('#1 is reported when it is empty', async () => {
    const file = await planFile('empty.engine', Buffer.alloc(0), manifest);
    expect(reasonOf(await failure('ERR_TRT_ENGINE_INVALID', loadEngine(file)))).toBe('empty');
  });

  it.each([1, 4, 27, 63])(
    '#1 is reported when %i bytes of its header are there',
    async (length) => {
      const file = await planFile(`header${length}.engine`, bytes.subarray(0, length), manifest);
      expect(reasonOf(await failure('ERR_TRT_ENGINE_INVALID', loadEngine(file)))).toBe('truncated');
    },
  );

  it.each([64, 4096, -1])('#7 is reported when it was cut off at %i', async (end) => {
    const file = await planFile(`cut${end}.engine`, bytes.subarray(0, end), manifest);
    expect(reasonOf(await failure('ERR_TRT_ENGINE_DIGEST', loadEngine(file)))).toBe('truncated');
  });

  it('#8 is reported when one byte of it was altered', async () => {
    const altered = changed(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 1);
    const file = await planFile('altered.engine', altered, manifest);
    expect(reasonOf(await failure('ERR_TRT_ENGINE_DIGEST', loadEngine(file)))).toBe('altered');
    const { details } = await failure('ERR_TRT_ENGINE_DIGEST', loadEngine(altered, { manifest }));
    expect(reasonOf({ details })).toBe('altered');
  });

  it('#4 is reported when its version byte was altered', async () => {
    const other = changed(25, 2);
    await failure('ERR_TRT_ENGINE_DIGEST', loadEngine(other, { manifest }));
    const file = await planFile('version.engine', other, describing(other));
    await failure('ERR_TRT_ENGINE_VERSION', loadEngine(file));
  });

  it("is reported when it has the other flavour's magic", async () => {
    const other = changed(0, 'f'.charCodeAt(0));
    await failure('ERR_TRT_ENGINE_DIGEST', loadEngine(other, { manifest }));
    const file = await planFile('flavour.engine', other, describing(other));
    await failure('ERR_TRT_ENGINE_FLAVOUR', loadEngine(file));
  });

  it('#2 is reported when it is an ONNX model', async () => {
    const { details, message } = await failure('ERR_TRT_ENGINE_INVALID', loadEngine(digits));
    expect(reasonOf({ details })).toBe('not-a-plan');
    expect(message).toContain('buildEngine');
  });

  it('is reported when its manifest is rubbish', async () => {
    const file = await fileWith('rubbish.engine', bytes);
    await fs.writeFile(`${file}.json`, '{"schemaVersion": 1, "plan"');
    await failure('ERR_TRT_MANIFEST_INVALID', loadEngine(file));
  });

  it('cannot be saved any more after it was altered', async () => {
    const output = path.join(folder, 'replaced.engine');
    const replaced = await buildEngine(digits, { ...forRtx, output });
    await fs.writeFile(output, changed(5000, bytes[5000]! ^ 1));
    const into = await fs.mkdtemp(path.join(folder, 'save-'));
    await failure('ERR_TRT_ENGINE_DIGEST', replaced.save(path.join(into, 'copy.engine')));
    expect(await fs.readdir(into)).toEqual([]);
  });
});
