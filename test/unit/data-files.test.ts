import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openTensorFiles, type FileTensors } from '../../lib/data-files/tensor-files';
import type { Tensor } from '../../lib/tensor';
import { float32Npy, npyOf, storedZip } from '../support/npy-writer';

/** Written by NumPy and ml_dtypes: make.py beside them. */
const fixtures = path.join(__dirname, '..', 'fixtures', 'npy');
const fixture = (name: string): string => path.join(fixtures, name);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'data-files-'));
  return () => rm(folder, { recursive: true });
});

async function all(given: string): Promise<FileTensors[]> {
  const files: FileTensors[] = [];
  for await (const file of openTensorFiles(given)) files.push(file);
  return files;
}

async function only(given: string): Promise<Tensor> {
  const [file, ...others] = await all(given);
  expect(others).toEqual([]);
  const [tensor, ...more] = Object.values(file?.tensors ?? {});
  expect(more).toEqual([]);
  return tensor as Tensor;
}

async function written(name: string, content: Uint8Array): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, content);
  return file;
}

const refusal = (reason: string) => ({ code: 'ERR_TRT_DATA_FILE', details: { reason } });
const counting = [0, 1, 2, 3, 4, 5];

describe('a .npy file', () => {
  it.each(['float16', 'float32', 'int8', 'uint8', 'int32', 'bfloat16'])(
    'of %s is read as NumPy wrote it',
    async (type) => {
      const tensor = await only(fixture(`${type}.npy`));
      expect(tensor.type).toBe(type);
      expect(tensor.dims).toEqual([2, 3]);
      expect(Array.from(tensor.toFloat32())).toEqual(counting);
    },
  );

  it('of int64 and of bool is, too', async () => {
    const { data } = await only(fixture('int64.npy'));
    expect(data).toEqual(BigInt64Array.from(counting, BigInt));
    const flags = await only(fixture('bool.npy'));
    expect(flags.type).toBe('bool');
    expect(flags.data).toEqual(Uint8Array.of(0, 1, 0, 1, 0, 1));
  });

  it.each(['version-1', 'version-2', 'version-3'])('of format %s is known', async (name) => {
    expect(Array.from((await only(fixture(`${name}.npy`))).toFloat32())).toEqual(counting);
  });

  it('may be a scalar, empty, or of one column, where Fortran order is C order', async () => {
    const scalar = await only(fixture('scalar.npy'));
    expect([scalar.dims, Array.from(scalar.toFloat32())]).toEqual([[], [7]]);
    expect((await only(fixture('empty.npy'))).dims).toEqual([0, 3]);
    const column = await only(fixture('column.npy'));
    expect([column.dims, Array.from(column.toFloat32())]).toEqual([
      [4, 1],
      [0, 1, 2, 3],
    ]);
  });

  it('gives its array under its own name', async () => {
    const [file] = await all(fixture('scalar.npy'));
    expect(file?.name).toBe('scalar.npy');
    expect(Object.keys(file?.tensors ?? {})).toEqual(['scalar']);
  });

  it.each([
    ['float64', 'type', 'astype(numpy.float32)'],
    ['int16', 'type', 'astype'],
    ['complex', 'type', 'astype'],
    ['text', 'type', 'astype'],
    ['fields', 'type', 'fields'],
    ['objects', 'type', 'never loaded'],
    ['float8', 'type', 'ml_dtypes'],
    ['fortran', 'order', 'ascontiguousarray'],
    ['big-endian', 'order', 'newbyteorder'],
  ])('of %s is refused for its %s, and the error says what to do', async (name, reason, advice) => {
    const reading = only(fixture(`refused-${name}.npy`));
    await expect(reading).rejects.toMatchObject(refusal(reason));
    await expect(reading).rejects.toThrow(advice);
  });

  const float32 = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  const bytes = new Uint8Array(24);
  it.each([
    ['nothing', Buffer.alloc(0), 'truncated'],
    ['half of the magic', Buffer.from('\x93NU', 'latin1'), 'truncated'],
    ['text', Buffer.from('0.5 0.25 0.125\n'), 'format'],
    ['a pickle', Buffer.from('\x80\x04\x95\x0a\0\0\0\0\0\0\0', 'latin1'), 'format'],
    ['format 4.0', npyOf(float32, bytes, 4), 'format'],
    ['a header of 4 GiB', Buffer.from('\x93NUMPY\x02\0\xff\xff\xff\xff', 'latin1'), 'format'],
    ['half a header', npyOf(float32, bytes).subarray(0, 40), 'truncated'],
    ['half its elements', npyOf(float32, bytes.subarray(12)), 'truncated'],
    ['more than its elements', npyOf(float32, new Uint8Array(25)), 'damaged'],
    ['no shape', npyOf("{'descr': '<f4', 'fortran_order': False}", bytes), 'format'],
    ['code for a header', npyOf("__import__('os').abort()", bytes), 'format'],
    ['a negative dim', npyOf(float32.replace('2', '-2'), bytes), 'format'],
    ['a dim beyond 2^53', npyOf(float32.replace('2', '9'.repeat(20)), bytes), 'format'],
    [
      'dims beyond any file',
      npyOf(float32.replace('2, 3', '4294967296, 4294967296'), bytes),
      'too-large',
    ],
    ['65 dims', npyOf(float32.replace('2, 3', '1, '.repeat(65)), bytes.subarray(20)), 'format'],
    ['a type called __proto__', npyOf(float32.replace('<f4', '__proto__'), bytes), 'type'],
    ['a byte order of nobody', npyOf(float32.replace('<f4', '!f4'), bytes), 'type'],
  ])('with %s is refused', async (name, content, reason) => {
    const file = await written(`${name.replaceAll(/\W/g, '-')}.npy`, content);
    await expect(only(file)).rejects.toMatchObject(refusal(reason));
  });

  it('has a header as any Python may write it', async () => {
    const header = `{"shape": (2L, 3L), 'fortran_order':False , "descr": "=f4"}`;
    const file = await written('python-2.npy', npyOf(header, bytes));
    expect((await only(file)).dims).toEqual([2, 3]);
  });
});

describe('a .npz file', () => {
  it.each(['stored', 'deflated', 'piped'])('that is %s has all its arrays', async (name) => {
    const [file] = await all(fixture(`${name}.npz`));
    const { x, ids, ...others } = file?.tensors ?? {};
    expect(others).toEqual({});
    expect(x?.dims).toEqual([5, 2]);
    expect(Array.from(x?.toFloat32() ?? [])).toEqual(Array.from({ length: 10 }, (_, i) => i));
    expect(ids?.data).toEqual(BigInt64Array.from({ length: 15 }, (_, i) => BigInt(i)));
  });

  const array = float32Npy([2], Float32Array.of(1, 2));
  it('may be a zip64 archive', async () => {
    const zip = storedZip([{ name: 'x.npy', data: array }], { zip64: true });
    const tensor = await only(await written('zip64.npz', zip));
    expect(Array.from(tensor.toFloat32())).toEqual([1, 2]);
  });

  it('names arrays as it likes: nothing is written', async () => {
    const names = ['../../etc/x', '/x', '__proto__', 'a/b', ''];
    const zip = storedZip(
      ['note.txt', ...names.map((name) => `${name}.npy`)].map((name) => ({ name, data: array })),
    );
    // yauzl refuses names that lead out of a folder.
    const reading = all(await written('names.npz', zip));
    await expect(reading).rejects.toMatchObject({ code: 'ERR_TRT_DATA_FILE' });
    const safe = storedZip(['__proto__.npy', 'a/b.npy'].map((name) => ({ name, data: array })));
    const [found] = await all(await written('safe-names.npz', safe));
    expect(Object.keys(found?.tensors ?? {})).toEqual(['__proto__', 'a/b']);
  });

  it.each([
    ['a wrong checksum', storedZip([{ name: 'x.npy', data: array, claims: { crc32: 1 } }])],
    [
      'a size beyond its end',
      storedZip([{ name: 'x.npy', data: array, claims: { sizeBytes: 1e6 } }]),
    ],
    ['two arrays of one name', storedZip([1, 2].map(() => ({ name: 'x.npy', data: array })))],
    ['no array', storedZip([{ name: 'x.txt', data: array }])],
    ['text', Buffer.from('no zip at all, though it is long enough to be one')],
    ['nothing', Buffer.alloc(0)],
  ])('with %s is refused', async (name, content) => {
    const file = await written(`${name.replaceAll(' ', '-')}.npz`, content);
    await expect(all(file)).rejects.toMatchObject({ code: 'ERR_TRT_DATA_FILE' });
  });

  it('that was cut off is refused wherever it ends', async () => {
    const whole = await readFile(fixture('deflated.npz'));
    for (let length = 0; length < whole.length; length += 7) {
      const file = await written('cut.npz', whole.subarray(0, length));
      await expect(all(file), `${length} bytes`).rejects.toMatchObject({
        code: 'ERR_TRT_DATA_FILE',
      });
    }
  });

  it('with a flipped bit is refused, or is what it was', async () => {
    const whole = await readFile(fixture('deflated.npz'));
    const expected = await all(fixture('deflated.npz'));
    for (let at = 0; at < whole.length; at += 7) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      const file = await written('deflated.npz', changed);
      const outcome = await all(file).catch((error: unknown) => {
        expect(error, `byte ${at}`).toMatchObject({ code: 'ERR_TRT_DATA_FILE' });
        return null;
      });
      if (outcome === null) continue;
      // Of a name the archive keeps no checksum.
      const values = outcome.map(({ tensors }) => Object.values(tensors));
      const right = expected.map(({ tensors }) => Object.values(tensors));
      for (const [index, tensors] of values.entries()) {
        for (const tensor of tensors) expect(right[index], `byte ${at}`).toContainEqual(tensor);
      }
    }
  });
});

describe('a folder', () => {
  it('is read by name, and what is no array in it is passed over', async () => {
    const given = await mkdtemp(path.join(folder, 'cases-'));
    const array = (value: number) => float32Npy([1], Float32Array.of(value));
    await writeFile(path.join(given, 'b.npy'), array(2));
    await writeFile(path.join(given, 'a.npz'), storedZip([{ name: 'x.npy', data: array(1) }]));
    await writeFile(path.join(given, '.hidden.npy'), 'no array');
    await writeFile(path.join(given, 'README.md'), 'no array');
    await mkdir(path.join(given, 'folder.npy'));
    await symlink(path.join(given, 'b.npy'), path.join(given, 'c.npy'));
    const files = await all(given);
    expect(files.map(({ name }) => name)).toEqual(['a.npz', 'b.npy', 'c.npy']);
  });

  it('without any, or what is none, is refused', async () => {
    const empty = await mkdtemp(path.join(folder, 'empty-'));
    await expect(all(empty)).rejects.toMatchObject(refusal('not-found'));
    await expect(all(path.join(empty, 'nowhere'))).rejects.toMatchObject(refusal('not-found'));
    const text = await written('data.csv', Buffer.from('1,2,3'));
    await expect(all(text)).rejects.toMatchObject(refusal('format'));
    const pipe = path.join(empty, 'pipe.npy');
    execFileSync('mkfifo', [pipe]);
    await expect(all(pipe)).rejects.toMatchObject(refusal('not-found'));
    for (const name of ['link.npy', 'link.npz']) {
      const given = await mkdtemp(path.join(folder, 'linked-'));
      await symlink(pipe, path.join(given, name));
      await expect(all(given)).rejects.toMatchObject(refusal('format'));
    }
  });

  it('is read a file at a time, and closed when nobody reads on', async () => {
    const given = await mkdtemp(path.join(folder, 'broken-'));
    await writeFile(path.join(given, 'a.npy'), float32Npy([1], Float32Array.of(1)));
    await writeFile(path.join(given, 'b.npy'), 'no array');
    const files = openTensorFiles(given);
    onTestFinished(async () => void (await files.return()));
    expect((await files.next()).value).toMatchObject({ name: 'a.npy' });
    await expect(files.next()).rejects.toMatchObject(refusal('format'));
  });
});
