import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { compareVersions } from '../discovery/versions';
import { TrtError } from '../errors';
import { readElf, type ElfFacts } from './elf';
import { providerOf } from './library-kinds';

/** One library file of a bundle. */
export interface GatheredLibrary {
  /** With links resolved. */
  readonly file: string;
  /** The file's own name: `libnvinfer.so.10.6.0`. */
  readonly name: string;
  /** Other names that it is asked for by, its soname first: `libnvinfer.so.10`. */
  readonly links: readonly string[];
}

/** A library that the linker finds in the bundle only when LD_LIBRARY_PATH names its folder. */
export interface UnfoundByItself {
  readonly library: string;
  readonly needs: string;
}

export interface Dependencies {
  readonly libraries: readonly GatheredLibrary[];
  /** What the machine must bring, by name. */
  readonly expected: {
    readonly glibc: string[];
    readonly node: string[];
    readonly driver: string[];
  };
  /** The newest version of each that is asked for; null where none is. */
  readonly versions: { readonly glibc: string | null; readonly glibcxx: string | null };
  readonly unfound: readonly UnfoundByItself[];
}

/** A library that something opens by name; what it needs is gathered with it. */
export interface RootLibrary {
  /** As it was found: the name in here is the one that it is opened by. */
  readonly file: string;
  /** Sonames that are loaded before it is, and so need not be found. */
  readonly after?: readonly string[];
}

interface Visited {
  readonly facts: ElfFacts;
  readonly file: string;
  readonly names: Set<string>;
  readonly after: Set<string>;
}

/**
 * The roots and everything that they need, except what glibc, Node.js and the driver bring. All of it will lie in one folder.
 *
 * @param folders where the linker looks beyond what a library itself names, best first
 * @throws TrtError (as a rejection) `ERR_TRT_LIBRARY_LOAD`: a library that is needed is nowhere
 */
export async function gatherDependencies(
  roots: readonly RootLibrary[],
  folders: readonly string[],
): Promise<Dependencies> {
  const visited = new Map<string, Visited>();
  const expected = { glibc: new Set<string>(), node: new Set<string>(), driver: new Set<string>() };
  const queue = roots.map(({ file, after = [] }) => ({ file, after }));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const file = await realpath(next.file);
    const name = path.basename(next.file);
    const before = visited.get(file);
    if (before !== undefined) {
      before.names.add(name);
      continue;
    }
    const facts = await readElf(file);
    if (facts === null) throw notALibrary(next.file);
    const names = new Set([...(isFileName(facts.soname) ? [facts.soname] : []), name]);
    visited.set(file, { facts, file, names, after: new Set(next.after) });
    for (const needed of facts.needed) {
      const provider = providerOf(needed);
      if (provider !== 'bundle') {
        expected[provider].add(needed);
        continue;
      }
      const found = await findNeeded(needed, next.file, facts, folders);
      queue.push({ file: found, after: [] });
    }
  }
  const all = [...visited.values()];
  return {
    libraries: all.map(gathered),
    expected: {
      glibc: [...expected.glibc].sort(),
      node: [...expected.node].sort(),
      driver: [...expected.driver].sort(),
    },
    versions: newestVersions(all.flatMap(({ facts }) => facts.versions)),
    unfound: all.flatMap(unfoundOf),
  };
}

/** TensorRT's builder resource calls itself `do_not_link_against_nvinfer_builder_resource`: nothing is asked for by that name. */
function isFileName(soname: string | null): soname is string {
  return soname !== null && /\.so(\.|$)/.test(soname);
}

function gathered({ file, names }: Visited): GatheredLibrary {
  const name = path.basename(file);
  return { file, name, links: [...names].filter((each) => each !== name) };
}

async function findNeeded(
  needed: string,
  by: string,
  facts: ElfFacts,
  folders: readonly string[],
): Promise<string> {
  const own = facts.searchPath.map((each) => fromOrigin(each, path.dirname(by)));
  const candidates = [...own, path.dirname(by), path.dirname(await realpath(by)), ...folders];
  for (const folder of new Set(candidates)) {
    const file = path.join(folder, needed);
    const there = await realpath(file).catch(() => null);
    if (there !== null) return file;
  }
  throw new TrtError(
    'ERR_TRT_LIBRARY_LOAD',
    `${by} needs ${needed}, and it is in none of ${[...new Set(candidates)].join(', ')}. ` +
      'Install it, or name its folder in LD_LIBRARY_PATH.',
    { details: { path: by, needed } },
  );
}

function fromOrigin(entry: string, folder: string): string {
  return path.resolve(entry.replace(/\$ORIGIN|\$\{ORIGIN\}/g, folder));
}

/** In the bundle they lie side by side: an own search path helps where it names its own folder. */
function unfoundOf({ facts, file, after }: Visited): UnfoundByItself[] {
  const looksBeside = facts.searchPath.some((entry) => fromOrigin(entry, '/bundle') === '/bundle');
  if (looksBeside) return [];
  return facts.needed
    .filter((needed) => providerOf(needed) === 'bundle' && !after.has(needed))
    .map((needs) => ({ library: facts.soname ?? path.basename(file), needs }));
}

/** `['GLIBC_2.27', 'GLIBC_2.2.5', 'GLIBCXX_3.4.22']` → the newest of each family. */
export function newestVersions(asked: readonly string[]): Dependencies['versions'] {
  const newest = (family: string): string | null =>
    asked
      .flatMap((each) => new RegExp(`^${family}_(\\d[\\d.]*)$`).exec(each)?.[1] ?? [])
      .sort(compareVersions)
      .at(-1) ?? null;
  return { glibc: newest('GLIBC'), glibcxx: newest('GLIBCXX') };
}

function notALibrary(file: string): TrtError {
  return new TrtError(
    'ERR_TRT_LIBRARY_LOAD',
    `expected a 64-bit shared library at ${file} but it is none. Install it again.`,
    { details: { path: file } },
  );
}
