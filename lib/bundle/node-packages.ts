import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { TrtError } from '../errors';

/** An npm package that trt-node needs at run time. */
export interface NeededPackage {
  readonly name: string;
  readonly version: string;
  /** With links resolved (pnpm's are links). */
  readonly folder: string;
  /** Its place in a bundle: `node_modules/commander`. */
  readonly target: string;
}

interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/**
 * What the package in `root` depends on, and what that does, each where Node.js will find it: at the top, or, where the top has
 * another version of that name, below the one that needs it.
 *
 * @throws TrtError (as a rejection) `ERR_TRT_ADDON_LOAD`: one is not installed
 */
export async function dependenciesOf(root: string): Promise<readonly NeededPackage[]> {
  const placed = new Map<string, NeededPackage>();
  const visit = async (folder: string, target: string): Promise<void> => {
    const { name, dependencies = {} } = await packageJson(folder);
    for (const each of Object.keys(dependencies).sort()) {
      const found = await findPackage(each, folder);
      if (found === null) throw notInstalled(each, name, folder);
      const top = `node_modules/${each}`;
      const there = placed.get(top);
      if (there?.folder === found) continue;
      const place = there === undefined ? top : `${target}/node_modules/${each}`;
      if (placed.get(place)?.folder === found) continue;
      const { version } = await packageJson(found);
      placed.set(place, { name: each, version, folder: found, target: place });
      await visit(found, place);
    }
  };
  await visit(await realpath(root), 'node_modules/trt-node');
  return [...placed.values()].sort((a, b) => (a.target < b.target ? -1 : 1));
}

/** As Node.js looks: in node_modules of the package's folder and of each above. */
async function findPackage(name: string, from: string): Promise<string | null> {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, 'node_modules', name);
    const isThere = await stat(path.join(candidate, 'package.json')).then(
      (facts) => facts.isFile(),
      () => false,
    );
    if (isThere) return await realpath(candidate);
    if (path.dirname(folder) === folder) return null;
  }
}

async function packageJson(folder: string): Promise<PackageJson> {
  return JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8')) as PackageJson;
}

/** For people who read or compile, not for Node.js. Licences stay. */
const notNeeded = /(\.map|\.d\.[cm]?ts|\.flow)$|(^|\/)(readme|changelog|changes|history)\b[^/]*$/i;

/** The files of a package that running it needs, relative to its folder; packages within it are not its own. */
export async function runtimeFilesOf(folder: string, below = ''): Promise<readonly string[]> {
  const files: string[] = [];
  const entries = await readdir(path.join(folder, below), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = path.posix.join(below, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules') files.push(...(await runtimeFilesOf(folder, file)));
    } else if (!notNeeded.test(file)) {
      files.push(file);
    }
  }
  return files;
}

function notInstalled(name: string, by: string, folder: string): TrtError {
  return new TrtError(
    'ERR_TRT_ADDON_LOAD',
    `expected the package ${name}, which ${by} needs, in a node_modules at or above ${folder}, but it is not there. ` +
      'Install trt-node with npm, pnpm or yarn (with node_modules: Plug’n’Play keeps packages in archives).',
    { details: { package: name, neededBy: by } },
  );
}
