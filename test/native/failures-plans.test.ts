// What an engine file can be that is none: told before TensorRT is opened, with nothing left in memory.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BuildOptions, Manifest, TrtErrorCode } from '../../lib/index';
import {
  codeWithoutGpu,
  digits,
  failure,
  requireRtx,
  root,
  temporaryFolder,
  trtNode,
} from '../support/native-host';
import { runNode } from '../support/native-processes';

const { buildEngine, loadEngine } = trtNode;
await requireRtx();
const folder = await temporaryFolder();
await fs.mkdir(path.join(folder, 'empty'));
const good = path.join(folder, 'good.engine');
const target = {
  runtime: 'tensorrt-rtx',
  computeCapabilities: ['8.6'],
} as const satisfies BuildOptions;
const images = { min: [1, 1, 8, 8], opt: [8, 1, 8, 8], max: [8, 1, 8, 8] };

let bytes: Buffer;
let manifest: Manifest;
beforeAll(async () => {
  ({ manifest } = await buildEngine(digits, { ...target, profiles: [{ images }], output: good }));
  bytes = await fs.readFile(good);
});

async function planFile(name: string, content: Uint8Array, withManifest = true): Promise<string> {
  const file = path.join(folder, name);
  await fs.writeFile(file, content);
  if (withManifest) await fs.writeFile(`${file}.json`, JSON.stringify(manifest));
  return file;
}

/** A file of that size that takes no room on the disk, beginning with these bytes. */
async function sparseFile(name: string, begin: Uint8Array, sizeBytes: number): Promise<string> {
  const file = path.join(folder, name);
  await fs.writeFile(file, begin);
  await fs.truncate(file, sizeBytes);
  return file;
}

/** Which TensorRT this process has open: a plan that is refused early opens none. */
const openTensorRt = (): string[] =>
  readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => /nvinfer|tensorrt_rtx|nvonnxparser|onnxparser_rtx/.test(line));

const openFiles = (): number => readdirSync('/proc/self/fd').length;

describe('bytes that are no plan', () => {
  it.each([0, 1, 4, 27, 28, 63])('#1 %i bytes of a header', async (length) => {
    const code = 'ERR_TRT_ENGINE_INVALID';
    const reason = length === 0 ? 'empty' : 'truncated';
    const begin = bytes.subarray(0, length);
    for (const plan of [await planFile(`header${length}`, begin), Uint8Array.from(begin)]) {
      expect((await failure(code, loadEngine(plan))).details['reason']).toBe(reason);
    }
  });

  it.each([
    ['an ONNX model', () => fs.readFile(digits), /buildEngine/],
    ['zeros', () => Promise.resolve(Buffer.alloc(4096)), /zeros/],
    [
      'a PNG image',
      () => Promise.resolve(Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')),
      /PNG/,
    ],
  ])('#2 %s', async (name, content, clue) => {
    const file = await planFile(name, await content());
    const { message, details } = await failure('ERR_TRT_ENGINE_INVALID', loadEngine(file));
    expect(details['reason']).toBe('not-a-plan');
    expect(message).toMatch(clue);
  });

  it('#3 another serialization version', async () => {
    const other = Buffer.from(bytes);
    other.writeUInt32LE(1, 4);
    const { details } = await failure('ERR_TRT_ENGINE_INVALID', loadEngine(other));
    expect(details).toMatchObject({ reason: 'serialization-version', serializationVersion: 1 });
  });
});

describe('a plan that is not as it was built', () => {
  it.each([0.1, 0.5, 0.9, 0.999])('#7 cut to %f of its length', async (part) => {
    const cut = bytes.subarray(0, Math.floor(bytes.length * part));
    const file = await planFile('cut', cut);
    const { details } = await failure('ERR_TRT_ENGINE_DIGEST', loadEngine(file));
    expect(details['reason']).toBe('truncated');
  });

  it('#8 one bit flipped, at a thousand places', async () => {
    const code = await codeWithoutGpu();
    const altered = Buffer.from(bytes);
    for (let i = 0; i < 1000; i += 1) {
      // Past the header, whose damage has errors of its own.
      const at = 64 + Math.floor(((bytes.length - 65) * i) / 999);
      altered.writeUInt8(bytes.readUInt8(at) ^ (1 << (i % 8)), at);
      const { details } = await failure('ERR_TRT_ENGINE_DIGEST', loadEngine(altered, { manifest }));
      expect(details['reason'], `byte ${at}`).toBe('altered');
      altered.writeUInt8(bytes.readUInt8(at), at);
    }
    // Whole again, only the GPU is missing.
    await failure(code, loadEngine(altered, { manifest }));
  });

  it.each([1, 4096])('#10 %i bytes after its end', async (count) => {
    const longer = Buffer.concat([bytes, Buffer.alloc(count)]);
    const file = await planFile('longer', longer);
    for (const load of [() => loadEngine(file), () => loadEngine(longer, { manifest })]) {
      const { details } = await failure('ERR_TRT_ENGINE_DIGEST', load);
      expect(details).toMatchObject({
        reason: 'longer',
        got: { sizeBytes: bytes.length + count },
      });
    }
  });

  it.each([-1, 1])('#10 a manifest with a length that is off by %i', async (by) => {
    const { plan } = manifest;
    // The digest decides; the length only tells how they differ.
    const other = { ...manifest, plan: { ...plan, sizeBytes: plan.sizeBytes + by } };
    const code = await codeWithoutGpu();
    await failure(code, loadEngine(bytes, { manifest: other }));
    const { sizeBytes } = other.plan;
    for (const digest of [
      { chunksSha256: '0'.repeat(64) },
      { chunksSha256: undefined, sha256: '0'.repeat(64) },
    ]) {
      const changed = JSON.parse(
        JSON.stringify({ ...manifest, plan: { ...plan, sizeBytes, ...digest } }),
      ) as Manifest;
      const { details } = await failure(
        'ERR_TRT_ENGINE_DIGEST',
        loadEngine(bytes, { manifest: changed }),
      );
      expect(details['reason']).toBe(by < 0 ? 'longer' : 'truncated');
    }
  });
});

describe('#11 a plan that is too large', () => {
  // Beyond the memory of any machine that the suite runs on.
  const sizeBytes = Math.max(2 ** 40, 2 * os.totalmem());

  it('is refused by its size, without memory for it', async () => {
    const file = await sparseFile('huge.engine', bytes, sizeBytes);
    const before = process.memoryUsage.rss();
    const { details, message } = await failure('ERR_TRT_ENGINE_INVALID', loadEngine(file));
    expect(details).toMatchObject({ reason: 'too-large', path: file, sizeBytes });
    expect(details['memoryBytes']).toBeLessThanOrEqual(os.totalmem());
    expect(message).toContain(String(sizeBytes));
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 2 ** 20);
    await failure('ERR_TRT_ENGINE_INVALID', loadEngine(file, { integrity: 'off' }));
    await failure('ERR_TRT_ENGINE_INVALID', loadEngine(file, { manifest }));
  });

  it('is not read to its end to find out that it is no plan', async () => {
    const file = await sparseFile('zeros.engine', Buffer.alloc(1), sizeBytes);
    const { details } = await failure('ERR_TRT_ENGINE_INVALID', loadEngine(file));
    expect(details['reason']).toBe('not-a-plan');
  });

  it('is a model of the same size too', async () => {
    const file = await sparseFile('huge.onnx', await fs.readFile(digits), sizeBytes);
    const { details } = await failure('ERR_TRT_ONNX_INVALID', buildEngine(file, target));
    expect(details['reason']).toBe('too-large');
  });

  it('has a manifest of that size', async () => {
    const file = await planFile('plain.engine', bytes, false);
    await sparseFile('plain.engine.json', Buffer.from('{'), sizeBytes);
    await failure('ERR_TRT_MANIFEST_INVALID', loadEngine(file));
  });
});

describe('#12 a path that leads to no file of bytes', () => {
  const inFolder = (name: string): string => path.join(folder, name);
  beforeAll(async () => {
    execFileSync('mkfifo', [inFolder('fifo')]);
    await fs.symlink(inFolder('nowhere'), inFolder('dangling'));
    await fs.symlink(inFolder('loop'), inFolder('loop'));
    await fs.writeFile(
      Buffer.concat([Buffer.from(inFolder('')), Buffer.from([0x2f, 0xff])]),
      bytes,
    );
  });

  const notThere = { plan: 'ERR_TRT_ENGINE_NOT_FOUND', model: 'ERR_TRT_ONNX_NOT_FOUND' } as const;
  const noFile = { plan: 'ERR_TRT_ENGINE_NOT_FOUND', model: 'ERR_TRT_ONNX_INVALID' } as const;
  const noPath = { plan: 'ERR_TRT_INVALID_ARG', model: 'ERR_TRT_INVALID_ARG' } as const;
  it.each<[string, () => string | URL, { plan: TrtErrorCode; model: TrtErrorCode }]>([
    ['a folder without plans', () => inFolder('empty'), noFile],
    ['a FIFO', () => inFolder('fifo'), noFile],
    ['/dev/zero', () => '/dev/zero', noFile],
    ['a link to nothing', () => inFolder('dangling'), notThere],
    ['a link to itself', () => inFolder('loop'), notThere],
    ['a file in the place of a folder', () => path.join(good, 'plan'), notThere],
    // A string cannot name the file \xff that lies there: its characters are not bytes.
    ['characters that are not UTF-8', () => inFolder('\ud800'), notThere],
    ['a URL that is not UTF-8', () => new URL(`${pathToFileURL(folder).href}/%FF`), noPath],
    ['a NUL character', () => inFolder('a\0b'), noPath],
    ['a NUL character in a URL', () => new URL(`${pathToFileURL(folder).href}/a%00b`), noPath],
    ['more than 4096 bytes', () => inFolder('/a'.repeat(3000)), notThere],
    ['a name of more than 255 bytes', () => inFolder('a'.repeat(300)), notThere],
  ])('%s', async (_name, where, codes) => {
    await failure(codes.plan, loadEngine(where()));
    await failure(codes.model, buildEngine(where(), target));
  });

  it('that the user may not read, or #83 not write to', async () => {
    const place = await fs.mkdtemp(path.join(os.tmpdir(), 'trt-node-closed-'));
    try {
      await fs.chmod(place, 0o755);
      await fs.copyFile(good, path.join(place, 'good.engine'));
      await fs.copyFile(`${good}.json`, path.join(place, 'good.engine.json'));
      await fs.copyFile(good, path.join(place, 'secret.engine'));
      await fs.writeFile(path.join(place, 'secret.engine.json'), '{}', { mode: 0 });
      await fs.writeFile(path.join(place, 'unreadable'), bytes, { mode: 0 });
      await fs.mkdir(path.join(place, 'closed'), { mode: 0o555 });
      const exit = await runNode('as-nobody.cjs', [place, digits]);
      expect(exit).toMatchObject({ code: 0, signal: null, stderr: '' });
      expect(JSON.parse(exit.stdout)).toEqual({
        'an unreadable plan': 'ERR_TRT_ENGINE_NOT_FOUND EACCES',
        'an unreadable manifest': 'ERR_TRT_MANIFEST_INVALID',
        'an unreadable model': 'ERR_TRT_ONNX_NOT_FOUND EACCES',
        'a build into a folder that is not writable': 'ERR_TRT_WRITE EACCES',
        'a save into a folder that is not writable': 'ERR_TRT_WRITE EACCES',
        'a folder for temporary files that is not writable': 'ERR_TRT_WRITE EACCES',
      });
      expect(await fs.readdir(path.join(place, 'closed'))).toEqual([]);
    } finally {
      await fs.rm(place, { recursive: true, force: true });
    }
  });
});

describe('what refused plans leave', () => {
  it('#1 to #12: no open file, no memory, and no TensorRT', async () => {
    const large = Buffer.concat([bytes, Buffer.alloc(32 * 2 ** 20)]);
    const file = await planFile('large', large);
    const refuse = async (): Promise<void> => {
      await failure('ERR_TRT_ENGINE_DIGEST', loadEngine(file));
      await failure('ERR_TRT_ENGINE_DIGEST', loadEngine(large, { manifest }));
      await failure('ERR_TRT_ENGINE_NOT_FOUND', loadEngine(path.join(folder, 'empty')));
      await failure('ERR_TRT_ENGINE_INVALID', loadEngine(digits));
      await failure('ERR_TRT_ONNX_INVALID', buildEngine(folder, target));
    };
    await refuse();
    const [filesBefore, memoryBefore] = [openFiles(), process.memoryUsage.rss()];
    for (let i = 0; i < 10; i += 1) await refuse();
    // The pipes of a probing child close a moment after its answer.
    await expect.poll(openFiles, { timeout: 10_000 }).toBeLessThanOrEqual(filesBefore);
    // Twenty plans of 32 MiB were refused: one that stayed in ten would show.
    expect(process.memoryUsage.rss() - memoryBefore).toBeLessThan(64 * 2 ** 20);
    expect(openTensorRt()).toEqual([]);
    // Without this, the empty list would prove nothing.
    expect(readFileSync('/proc/self/maps', 'utf8')).toContain(path.join(root, ''));
  });
});
