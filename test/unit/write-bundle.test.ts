import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Content } from '../../lib/bundle/contents';
import { recordSchema, type BundleRecord } from '../../lib/bundle/record';
import { checkBundleTarget, writeBundle, type RecordHead } from '../../lib/bundle/write-bundle';

let folder: string;
let out: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'trt-node-write-bundle-')));
  out = path.join(folder, 'out');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const head: RecordHead = {
  ...{ schema: recordSchema, schemaVersion: 1, version: '0.0.0', platform: 'linux-x64' },
  ...{ builder: false, libraries: [], plans: [] },
  requires: { node: '*', glibc: null, glibcxx: null, libraries: [], libraryPath: null },
};

function put(file: string, text: string): string {
  const full = path.join(folder, file);
  mkdirSync(path.dirname(full), { recursive: true });
  writeFileSync(full, text);
  return full;
}

const plan = (source: string, name = 'm.engine'): Content => ({
  ...{ path: `plans/${name}`, kind: 'plan', source },
});

async function write(
  contents: readonly Content[],
  { force = false, signal }: { force?: boolean; signal?: AbortSignal } = {},
): Promise<BundleRecord> {
  return writeBundle(await checkBundleTarget(out, force), contents, head, signal);
}

/** Every file and link below `out` with what it holds. */
function everything(): Record<string, string> {
  const entries = readdirSync(out, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .map((file) => [path.relative(out, file), readFileSync(file, 'utf8')]),
  );
}

describe('a source in the folder of the bundle', () => {
  const refused = { code: 'ERR_TRT_INVALID_ARG', details: { argument: 'options.out' } };

  it('is refused, and the bundle that stood there stays as it was', async () => {
    await write([plan(put('m.engine', 'plan'))]);
    const before = everything();
    const source = path.join(out, 'plans/m.engine');
    const error: unknown = await write([plan(source)]).catch((reason: unknown) => reason);
    expect(error).toMatchObject(refused);
    expect((error as Error).message).toContain(source);
    // Also where the bundle would not write, and one of several.
    const mine = [plan(put('n.engine', 'n'), 'n.engine'), plan(put('out/app/mine.engine', 'mine'))];
    await expect(write(mine)).rejects.toMatchObject(refused);
    expect(everything()).toEqual({ ...before, 'app/mine.engine': 'mine' });
  });

  it('is refused with force where no bundle stood', async () => {
    const source = put('out/node_modules/trt-node/package.json', '{}');
    const content: Content = {
      ...{ path: 'node_modules/trt-node/package.json', kind: 'trt-node', source },
    };
    await expect(write([content], { force: true })).rejects.toMatchObject(refused);
    expect(everything()).toEqual({ 'node_modules/trt-node/package.json': '{}' });
  });

  it('is refused when links lead to it', async () => {
    const source = put('out/plans/m.engine', 'plan');
    const link = path.join(folder, 'link.engine');
    symlinkSync(source, link);
    await expect(write([plan(link)], { force: true })).rejects.toMatchObject(refused);
    symlinkSync(out, path.join(folder, 'linked-out'));
    out = path.join(folder, 'linked-out');
    await expect(write([plan(source)], { force: true })).rejects.toMatchObject(refused);
    expect(readFileSync(source, 'utf8')).toBe('plan');
  });

  it('is refused when a link in the folder leads to where it lies', async () => {
    const source = put('elsewhere/m.engine', 'plan');
    mkdirSync(out);
    symlinkSync(path.dirname(source), path.join(out, 'plans'));
    await expect(write([plan(source)], { force: true })).rejects.toMatchObject(refused);
    expect(readFileSync(source, 'utf8')).toBe('plan');
  });

  it('is none when only its name begins with the name of the folder', async () => {
    await write([plan(put('out-of-it/m.engine', 'plan'))]);
    expect(everything()).toMatchObject({ 'plans/m.engine': 'plan' });
  });

  it('is none when a link in the folder is replaced by what it leads to', async () => {
    const source = put('elsewhere/m.engine', 'plan');
    mkdirSync(path.join(out, 'plans'), { recursive: true });
    symlinkSync(source, path.join(out, 'plans/m.engine'));
    // Two links, of which the second is replaced: the file would be copied from itself.
    const link = path.join(folder, 'link.engine');
    symlinkSync(path.join(out, 'plans/m.engine'), link);
    await write([plan(link)], { force: true });
    expect(everything()).toMatchObject({ 'plans/m.engine': 'plan' });
    expect(readFileSync(source, 'utf8')).toBe('plan');
  });
});

describe('a bundle that fails or is aborted', () => {
  it('leaves files and folders that it did not write', async () => {
    put('out/plans/b.engine', 'mine');
    put('out/mine.txt', 'mine');
    mkdirSync(path.join(out, 'licences'));
    // A folder cannot be replaced by a file: writing ends there.
    mkdirSync(path.join(out, 'plans/a.engine'));
    const source = put('source', 'source');
    const contents: Content[] = [
      { path: 'licences/x/LICENSE', kind: 'licence', source },
      { path: 'bin/trt-node', kind: 'trt-node', link: '../main.js' },
      ...['a.engine', 'b.engine'].map((name) => plan(source, name)),
    ];
    await expect(write(contents, { force: true })).rejects.toMatchObject({ code: 'ERR_TRT_WRITE' });
    expect(everything()).toEqual({ 'plans/b.engine': 'mine', 'mine.txt': 'mine' });
    expect(readdirSync(out).sort()).toEqual(['licences', 'mine.txt', 'plans']);
    expect(readdirSync(path.join(out, 'licences'))).toEqual([]);
  });

  it('leaves what has the name of a file that was not written yet', async () => {
    put('out/plans/m.engine', 'mine');
    const signal = AbortSignal.abort(new Error('enough'));
    const contents = [plan(put('source', 'source'))];
    await expect(write(contents, { force: true, signal })).rejects.toBe(signal.reason);
    expect(everything()).toEqual({ 'plans/m.engine': 'mine' });
  });

  it('leaves no folder that was not there', async () => {
    const signal = AbortSignal.abort();
    await expect(write([plan(put('source', 'source'))], { signal })).rejects.toBe(signal.reason);
    expect(existsSync(out)).toBe(false);
  });

  it('does not call the bundle complete of which it removed files', async () => {
    await write([plan(put('m.engine', 'plan'))]);
    const signal = AbortSignal.abort();
    await expect(write([plan(put('n.engine', 'n'))], { signal })).rejects.toBe(signal.reason);
    expect(everything()).toEqual({});
  });
});
