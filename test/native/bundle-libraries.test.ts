import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { gatherDependencies } from '../../lib/bundle/dependencies';
import { readElf } from '../../lib/bundle/elf';
import { failure, requireRtx, temporaryFolder } from '../support/native-host';

const rtx = await requireRtx();
const folder = await temporaryFolder();

interface Compiled {
  readonly at: string;
  readonly soname?: string;
  readonly needs?: readonly string[];
  readonly runpath?: string;
}

/** A library of no function, which links to others. */
async function compile({ at, soname, needs = [], runpath }: Compiled): Promise<string> {
  const file = path.join(folder, at);
  await fs.mkdir(path.dirname(file), { recursive: true });
  const source = path.join(folder, 'empty.c');
  await fs.writeFile(source, 'int nothing(void) { return 0; }');
  execFileSync(process.env['CC'] ?? 'cc', [
    ...['-shared', '-fPIC', '-o', file, source, '-Wl,--no-as-needed'],
    ...(soname === undefined ? [] : [`-Wl,-soname,${soname}`]),
    ...needs,
    ...(runpath === undefined ? [] : [`-Wl,-rpath,${runpath}`]),
  ]);
  return file;
}

describe('readElf', () => {
  it.each([
    ['TensorRT-RTX', rtx.core],
    ['its parser', rtx.parser!],
    ['Node.js', process.execPath],
  ])('says what readelf says: %s', async (_name, file) => {
    const facts = await readElf(file);
    const readelf = (flag: string): string =>
      execFileSync('readelf', ['-W', flag, file], { encoding: 'utf8', maxBuffer: 1 << 28 });
    const dynamic = readelf('-d');
    const all = (pattern: RegExp): string[] =>
      [...dynamic.matchAll(pattern)].map(([, value]) => value ?? '');
    expect(facts?.needed).toEqual(all(/\(NEEDED\).*\[(.*)\]/g));
    expect(facts?.soname ?? undefined).toBe(all(/\(SONAME\).*\[(.*)\]/g)[0]);
    expect(facts?.searchPath).toEqual(all(/\((?:RPATH|RUNPATH)\).*\[(.*)\]/g));
    const versions = [...readelf('-V').matchAll(/Name: (\S+)\s+Flags:/g)].map(([, name]) => name);
    expect([...(facts?.versions ?? [])].sort()).toEqual(versions.sort());
    expect(versions.length).toBeGreaterThan(3);
  });

  it('is null for what is none, and for one that ends too soon', async () => {
    const text = path.join(folder, 'text.so');
    await fs.writeFile(text, 'INPUT(libc.so.6)\n'.repeat(20));
    expect(await readElf(text)).toBeNull();
    const bytes = await fs.readFile(rtx.parser!);
    for (const length of [0, 10, 64, 1000]) {
      const cut = path.join(folder, 'cut.so');
      await fs.writeFile(cut, bytes.subarray(0, length));
      expect(await readElf(cut), `${length} bytes`).toBeNull();
    }
  });
});

describe('gatherDependencies', () => {
  it('takes what is needed, and what that needs, by its soname and its file name', async () => {
    const deep = await compile({ at: 'a/libdeep.so.2.3.4', soname: 'libdeep.so.2' });
    await fs.symlink('libdeep.so.2.3.4', path.join(folder, 'a/libdeep.so.2'));
    const middle = await compile({
      at: 'a/libmiddle.so.1',
      soname: 'libmiddle.so.1',
      needs: [deep],
    });
    const top = await compile({ at: 'a/libtop.so', needs: [middle] });
    const { libraries, expected, unfound } = await gatherDependencies([{ file: top }], []);
    expect(libraries.map(({ name, links }) => [name, links])).toEqual([
      ['libtop.so', []],
      ['libmiddle.so.1', []],
      ['libdeep.so.2.3.4', ['libdeep.so.2']],
    ]);
    expect(expected.glibc).toContain('libc.so.6');
    // Neither says where the other lies.
    expect(unfound).toEqual([
      { library: 'libtop.so', needs: 'libmiddle.so.1' },
      { library: 'libmiddle.so.1', needs: 'libdeep.so.2' },
    ]);
  });

  it('needs no variable where libraries look beside themselves, or are opened in order', async () => {
    const leaf = await compile({ at: 'b/libleaf.so.1', soname: 'libleaf.so.1' });
    const beside = await compile({ at: 'b/libbeside.so', needs: [leaf], runpath: '$ORIGIN' });
    const later = await compile({ at: 'b/liblater.so', needs: [leaf] });
    const roots = [{ file: beside }, { file: later, after: ['libleaf.so.1'] }];
    expect((await gatherDependencies(roots, [])).unfound).toEqual([]);
  });

  it('makes no link of a soname that is no file name, as that of the builder resource', async () => {
    const file = await compile({ at: 'e/libresource.so.10.6.0', soname: 'do_not_link_against_it' });
    const { libraries } = await gatherDependencies([{ file }], []);
    expect(libraries).toEqual([{ file, name: 'libresource.so.10.6.0', links: [] }]);
  });

  it('never takes the driver, glibc or what Node.js brings', async () => {
    const cuda = await compile({ at: 'c/libcuda.so.1', soname: 'libcuda.so.1' });
    const ml = await compile({ at: 'c/libnvidia-ml.so.1', soname: 'libnvidia-ml.so.1' });
    const stdcxx = ['-lstdc++', '-lgcc_s', '-lm'];
    const file = await compile({ at: 'c/libplugin.so', needs: [cuda, ml, ...stdcxx] });
    const { libraries, expected } = await gatherDependencies([{ file }], []);
    expect(libraries.map(({ name }) => name)).toEqual(['libplugin.so']);
    expect(expected).toEqual({
      glibc: ['libc.so.6', 'libm.so.6'],
      node: ['libgcc_s.so.1', 'libstdc++.so.6'],
      driver: ['libcuda.so.1', 'libnvidia-ml.so.1'],
    });
  });

  it('looks in the folders of the linker, and names them when it is nowhere', async () => {
    const far = await compile({ at: 'far/libfar.so.1', soname: 'libfar.so.1' });
    const file = await compile({ at: 'd/libnear.so', needs: [far] });
    const { libraries } = await gatherDependencies([{ file }], [path.dirname(far)]);
    expect(libraries.map((library) => library.file)).toContain(far);
    const error = await failure(
      'ERR_TRT_LIBRARY_LOAD',
      gatherDependencies([{ file }], ['/nowhere']),
    );
    expect(error.details).toMatchObject({ needed: 'libfar.so.1' });
  });
});
