import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BuiltEngine } from '../../lib/built-engine';
import { readManifest } from '../../lib/manifest';
import { fileWork, manifestFixture } from '../support/manifests';
import { rtxHeader } from '../support/plan-bytes';

// Saving hashes with the addon, which unit tests do without; Node's SHA-256 stands in for it.
vi.mock('../../lib/binding', async (importActual) => ({
  ...(await importActual<object>()),
  loadBinding: () => fileWork,
}));

const manifest = manifestFixture('the plan');

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'built-engine-'));
  file = path.join(folder, 'a.engine');
  await writeFile(file, 'the plan');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const inMemory = (): BuiltEngine =>
  new BuiltEngine({ bytes: new TextEncoder().encode('the plan') }, manifest);
const inFile = (): BuiltEngine => new BuiltEngine({ path: file }, manifest);

describe('BuiltEngine', () => {
  it('has a path when it lies in a file alone', () => {
    expect(inFile().path).toBe(file);
    expect('path' in inMemory()).toBe(false);
    expect(inMemory().sizeBytes).toBe('the plan'.length);
  });

  it.each([
    ['memory', inMemory],
    ['a file', inFile],
  ])('gives the bytes of a plan in %s and saves it with its manifest', async (_, make) => {
    const engine = make();
    expect(Buffer.from(await engine.bytes()).toString()).toBe('the plan');
    const target = path.join(folder, 'b c.engine');
    await engine.save(pathToFileURL(target));
    expect(await readFile(target, 'utf8')).toBe('the plan');
    expect(await readManifest(`${target}.json`)).toEqual(manifest);
    expect((await readdir(folder)).sort()).toEqual(['a.engine', 'b c.engine', 'b c.engine.json']);
  });

  it('saves onto itself', async () => {
    const plan = rtxHeader([1, 7, 1, 116]).toString('ascii');
    await writeFile(file, plan);
    await new BuiltEngine({ path: file }, manifestFixture(plan)).save(file);
    expect(await readFile(file, 'utf8')).toBe(plan);
    expect(await readManifest(`${file}.json`)).toEqual(manifestFixture(plan));
  });

  it('#83 saves onto no file that is neither an engine nor a manifest', async () => {
    await writeFile(path.join(folder, 'package.json'), '{"name":"package"}');
    await writeFile(path.join(folder, 'notes'), 'notes');
    for (const name of ['package', 'notes']) {
      await expect(inMemory().save(path.join(folder, name))).rejects.toMatchObject({
        code: 'ERR_TRT_WRITE',
      });
    }
    expect((await readdir(folder)).sort()).toEqual(['a.engine', 'notes', 'package.json']);
    expect(await readFile(path.join(folder, 'package.json'), 'utf8')).toBe('{"name":"package"}');
  });

  it('gives and saves no plan that was changed since', async () => {
    await writeFile(file, 'the plam');
    await expect(inFile().bytes()).rejects.toMatchObject({ code: 'ERR_TRT_ENGINE_DIGEST' });
    await expect(inFile().save(path.join(folder, 'b'))).rejects.toMatchObject({
      code: 'ERR_TRT_ENGINE_DIGEST',
    });
    const changed = inMemory();
    (await changed.bytes()).fill(0);
    await expect(changed.save(path.join(folder, 'b'))).rejects.toMatchObject({
      code: 'ERR_TRT_ENGINE_DIGEST',
    });
    expect(await readdir(folder)).toEqual(['a.engine']);
  });

  it('reports a plan that is gone', async () => {
    const engine = inFile();
    await rm(file);
    await expect(engine.bytes()).rejects.toMatchObject({ code: 'ERR_TRT_ENGINE_NOT_FOUND' });
  });

  it('reports a folder that is not there, and arguments that are no path', async () => {
    const engine = inMemory();
    await expect(engine.save(path.join(folder, 'no', 'a'))).rejects.toMatchObject({
      code: 'ERR_TRT_WRITE',
    });
    await expect(engine.save(7 as unknown as string)).rejects.toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
    });
  });
});
