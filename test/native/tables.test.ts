import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  nativeMemoryPools,
  nativePreviewFeatures,
  nativeTacticSources,
  type NativeLoadRequest,
  type NativePlan,
} from '../../lib/binding';
import { defaultLaneRequest } from '../../lib/infer/lane-options';
import { bitsPerElement, tensorTypes } from '../../lib/data-types';
import { chunksSha256Of } from '../support/manifests';
import {
  codeWithoutGpu,
  failure,
  loadBinding,
  rejectionOf,
  requireRtx,
  root,
  temporaryFolder,
} from '../support/native-host';

const binding = loadBinding();
const library = await requireRtx();
const folder = await temporaryFolder();

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('tables that both sides have', () => {
  it('agree on memory pools', () => {
    expect([...binding.memoryPools].sort()).toEqual([...nativeMemoryPools].sort());
  });

  it('agree on the names of tactic sources and preview features', () => {
    expect(binding.tuningNames).toEqual({
      tacticSources: nativeTacticSources,
      previewFeatures: nativePreviewFeatures,
    });
  });

  it('agree on tensor types and their bits per element', () => {
    const known = Object.fromEntries(tensorTypes.map((type) => [type, bitsPerElement(type)]));
    expect(binding.tensorTypes).toEqual(known);
  });

  it('agree on error codes', async () => {
    // TrtErrorCode is a type, gone at run time: its members are read from the source.
    const source = await fs.readFile(path.join(root, 'lib', 'errors.ts'), 'utf8');
    const union = source.slice(source.indexOf('export type TrtErrorCode'), source.indexOf(';'));
    const codes = new Set(union.match(/ERR_TRT_[A-Z_]+/g));
    expect(codes.size).toBeGreaterThan(binding.errorCodes.length);
    expect(binding.errorCodes.filter((code) => !codes.has(code))).toEqual([]);
    expect(new Set(binding.errorCodes).size).toBe(binding.errorCodes.length);
  });

  it('name the ABIs that this addon was compiled for, with the headers of each', () => {
    expect(Object.keys(binding.abis).sort()).toEqual(['rtx', 'v10', 'v11']);
    expect(binding.abis.v10).toMatch(/^10\.\d+\.\d+$/);
    expect(binding.abis.v11).toMatch(/^11\.\d+\.\d+$/);
    expect(binding.abis.rtx).toMatch(/^1\.\d+\.\d+$/);
  });
});

// Around SHA-256's block of 64 bytes, where its padding needs one more (56) or not, and around the slices of 4 MiB that are read.
const mib = 2 ** 20;
const sizes = [
  ...[0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 1000],
  ...[4 * mib - 1, 4 * mib, 4 * mib + 1, 9 * mib],
];

describe('SHA-256', () => {
  it.each(sizes)("is Node's for a file of %i bytes", async (size) => {
    const content = randomBytes(size);
    const file = path.join(folder, `${size}.bin`);
    await fs.writeFile(file, content);
    const { identity, ...digest } = await binding.hashFile(file);
    expect(digest).toEqual({ sha256: sha256(content), sizeBytes: size });
    const { dev, ino, mtimeNs, ctimeNs } = await fs.stat(file, { bigint: true });
    const times = [mtimeNs, ctimeNs].map((ns) => `${ns / 1_000_000_000n}:${ns % 1_000_000_000n}`);
    expect(identity).toBe(`${dev}:${ino}:${size}:${times.join(':')}:`);

    // As it is read, and of what was read before.
    for (const hash of ['sha256', null] as const) {
      const plan = await binding.readPlan(file, hash);
      expect(plan.sizeBytes).toBe(size);
      expect(await plan.hash('sha256')).toBe(sha256(content));
      expect(Buffer.compare(plan.header, content.subarray(0, 64))).toBe(0);
      plan.release();
    }
  });

  it.each([...sizes, 8 * mib, 33 * mib + 5])(
    "of a plan's chunks is as it is documented, for %i bytes",
    async (size) => {
      const content = randomBytes(size);
      const file = path.join(folder, `${size}.plan`);
      await fs.writeFile(file, content);
      for (const hash of ['chunksSha256', null, 'sha256'] as const) {
        const plan = await binding.readPlan(file, hash);
        expect(plan.sizeBytes).toBe(size);
        expect(await plan.hash('chunksSha256')).toBe(chunksSha256Of(content));
        expect(await plan.hash('sha256')).toBe(sha256(content));
        expect(Buffer.compare(plan.header, content.subarray(0, 64))).toBe(0);
        plan.release();
      }
      await fs.rm(file);
    },
  );

  it('is the same for a plan that was written in odd slices', async () => {
    const content = randomBytes(100_003);
    const writer = binding.createPlan(content.length);
    let offset = 0;
    for (const length of [1, 63, 0, 64, 65, 4097, 33_333]) {
      writer.write(content.subarray(offset, offset + length));
      offset += length;
    }
    writer.write(content.subarray(offset));
    const plan = writer.seal();
    expect(plan.sizeBytes).toBe(content.length);
    expect(await plan.hash('sha256')).toBe(sha256(content));
    expect(await plan.hash('chunksSha256')).toBe(chunksSha256Of(content));
    expect(Buffer.compare(plan.header, content.subarray(0, 64))).toBe(0);
    plan.release();
  });

  it('of many files at once is not mixed up', async () => {
    const files = await Promise.all(
      Array.from({ length: 16 }, async (_, index) => {
        const content = randomBytes(50_000 + index);
        const file = path.join(folder, `many${index}.bin`);
        await fs.writeFile(file, content);
        return { file, expected: sha256(content) };
      }),
    );
    const hashed = await Promise.all(files.map(({ file }) => binding.hashFile(file)));
    expect(hashed.map((each) => each.sha256)).toEqual(files.map(({ expected }) => expected));
  });
});

describe('a plan in native memory', () => {
  const sealed = (bytes = 100): NativePlan => {
    const writer = binding.createPlan(bytes);
    writer.write(new Uint8Array(bytes));
    return writer.seal();
  };
  const load = (plan: unknown): Promise<unknown> | (() => unknown) => {
    const request = { library, plan, device: 0 } as NativeLoadRequest;
    return () => binding.loadEngine(request);
  };

  it('may be released twice, and cannot be loaded then', async () => {
    const plan = sealed();
    plan.release();
    plan.release();
    await failure('ERR_TRT_INVALID_ARG', load(plan));
  });

  it('is neither loaded nor hashed twice at once, and may be released while it is hashed', async () => {
    const plan = sealed(2 * mib);
    const hashing = plan.hash('sha256');
    await failure('ERR_TRT_INVALID_ARG', () => plan.hash('chunksSha256'));
    await failure('ERR_TRT_INVALID_ARG', load(plan));
    expect(await hashing).toBe(sha256(Buffer.alloc(2 * mib)));
    const again = plan.hash('chunksSha256');
    plan.release();
    expect(await again).toBe(chunksSha256Of(Buffer.alloc(2 * mib)));
    // What is known stays known.
    expect(await plan.hash('sha256')).toBe(sha256(Buffer.alloc(2 * mib)));
    await failure('ERR_TRT_INVALID_ARG', load(plan));
    const released = sealed();
    released.release();
    await failure('ERR_TRT_INVALID_ARG', () => released.hash('sha256'));
  });

  it('refuses more bytes than it was made for, and to be sealed with fewer', async () => {
    const writer = binding.createPlan(10);
    writer.write(new Uint8Array(6));
    await failure('ERR_TRT_INVALID_ARG', () => writer.write(new Uint8Array(5)));
    await failure('ERR_TRT_INVALID_ARG', () => writer.seal());
    writer.write(new Uint8Array(4));
    expect(writer.seal().sizeBytes).toBe(10);
    await failure('ERR_TRT_INVALID_ARG', () => writer.write(new Uint8Array(1)));
    await failure('ERR_TRT_INVALID_ARG', () => writer.seal());
  });

  it('takes nothing but Uint8Array', async () => {
    const writer = binding.createPlan(8);
    for (const data of ['text', 5, null, {}, new ArrayBuffer(8), new Float64Array(1)]) {
      await failure('ERR_TRT_INVALID_ARG', () => writer.write(data as Uint8Array));
    }
  });

  it.each([
    ['an object', {}],
    ['a function', () => undefined],
    ['null', null],
    ['undefined', undefined],
    ['a number', 5],
    [
      'an object that copied its properties',
      { sha256: '', sizeBytes: 1, header: new Uint8Array() },
    ],
    ['a Map', new Map()],
  ])('is not taken for a handle when it is %s', async (_name, plan) => {
    await failure('ERR_TRT_INVALID_ARG', load(plan));
  });

  it("is not taken for a handle when it is another of the addon's objects", async () => {
    await failure('ERR_TRT_INVALID_ARG', load(binding.createPlan(4)));
    await failure('ERR_TRT_INVALID_ARG', load(Object.create(sealed())));
  });

  it('has methods that work on no other object', async () => {
    const plan = sealed();
    const writer = binding.createPlan(4);
    for (const other of [{}, writer, binding, null, undefined]) {
      expect(await rejectionOf(() => plan.release.call(other))).toBeInstanceOf(Error);
    }
    for (const other of [{}, plan, binding, null, undefined]) {
      const write = (): void => writer.write.call(other, new Uint8Array(4));
      expect(await rejectionOf(write)).toBeInstanceOf(Error);
    }
  });
});

describe('what is no readable file', () => {
  const reads: Readonly<Record<string, (file: string) => Promise<unknown>>> = {
    readPlan: (file) => binding.readPlan(file),
    'readPlan with sha256': (file) => binding.readPlan(file, 'sha256'),
    'readPlan with chunksSha256': (file) => binding.readPlan(file, 'chunksSha256'),
    hashFile: (file) => binding.hashFile(file),
  };

  it.each(Object.entries(reads))('is told from one by %s', async (name, read) => {
    await failure('ERR_TRT_ENGINE_NOT_FOUND', read(path.join(folder, 'missing')));
    await failure('ERR_TRT_ENGINE_NOT_FOUND', read(folder));
    await failure('ERR_TRT_ENGINE_NOT_FOUND', read('/dev/null'));
    await failure('ERR_TRT_ENGINE_NOT_FOUND', read(path.join(folder, '0.bin', 'below')));
    // A FIFO whose writer never comes must not hold anything up.
    const fifo = path.join(folder, `${name}.fifo`);
    execFileSync('mkfifo', [fifo]);
    await failure('ERR_TRT_ENGINE_NOT_FOUND', read(fifo));
  });
});

describe('without a GPU', () => {
  it('device memory is asked in vain', async () => {
    await failure(await codeWithoutGpu(), binding.deviceMemory(0));
  });

  it('a plan is not loaded', async () => {
    const writer = binding.createPlan(64);
    writer.write(new Uint8Array(64));
    const plan = writer.seal();
    await failure(
      await codeWithoutGpu(),
      binding.loadEngine({
        library,
        plan,
        device: 0,
        plugins: [],
        standardPlugins: false,
        hostCode: false,
        weightStreamingBudget: null,
        awaitRefit: false,
        ...defaultLaneRequest,
      }),
    );
  });
});
