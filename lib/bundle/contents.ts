import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { linkerFolders } from '../discovery/linker-places';
import type { UsableLibrary } from '../discovery';
import { invalidArgument } from '../errors';
import { manifestPathOf } from '../manifest';
import type { CheckedPlan } from './bundled-plan';
import { librariesFolder } from './bundled-libraries';
import { standardPluginsOf } from './choose-libraries';
import { gatherDependencies, type Dependencies, type RootLibrary } from './dependencies';
import { readElf } from './elf';
import { licencesOf } from './licences';
import { dependenciesOf, runtimeFilesOf } from './node-packages';
import type { BundleKind } from './record';

/** Something that a bundle will hold. `source` is an absolute path; `link` is relative to the link's folder. */
export type Content = {
  readonly path: string;
  readonly kind: BundleKind;
} & ({ readonly source: string; readonly executable?: true } | { readonly link: string });

/** trt-node as it is installed here. */
export interface InstalledTrtNode {
  readonly root: string;
  /** The `.node` file that loads here. */
  readonly addon: string;
}

export const addonPath = 'node_modules/trt-node/prebuilds/linux-x64/trt-node.glibc.node';

const commandLine = 'dist/cli/main.js';

/** trt-node itself and the packages that it needs. */
export async function programContents({ root, addon }: InstalledTrtNode): Promise<Content[]> {
  const own = ['package.json', 'LICENSE', ...(await runtimeFilesOf(root, 'dist'))];
  const contents: Content[] = own.map((file) => ({
    path: `node_modules/trt-node/${file}`,
    kind: 'trt-node',
    source: path.join(root, file),
    ...(file === commandLine && { executable: true }),
  }));
  contents.push({ path: addonPath, kind: 'addon', source: addon });
  contents.push({
    path: 'bin/trt-node',
    kind: 'trt-node',
    link: `../node_modules/trt-node/${commandLine}`,
  });
  for (const { folder, target } of await dependenciesOf(root)) {
    for (const file of await runtimeFilesOf(folder)) {
      contents.push({
        path: `${target}/${file}`,
        kind: 'dependency',
        source: path.join(folder, file),
      });
    }
  }
  return contents;
}

export function planContents(plans: readonly CheckedPlan[]): Content[] {
  return plans.flatMap(({ name, path: source, manifest }): Content[] => [
    { path: `plans/${name}`, kind: 'plan', source },
    ...(manifest === null
      ? []
      : [
          {
            path: manifestPathOf(`plans/${name}`),
            kind: 'manifest',
            source: manifestPathOf(source),
          } as const,
        ]),
  ]);
}

export interface LibraryChoice {
  readonly libraries: readonly UsableLibrary[];
  readonly plans: readonly CheckedPlan[];
  /** Plugin libraries that plans were built with; absolute. */
  readonly plugins: readonly string[];
  readonly builder: boolean;
}

export interface LibraryContents {
  readonly contents: readonly Content[];
  readonly dependencies: Dependencies;
  /** Libraries of which no licence was found beside them. */
  readonly withoutLicence: readonly string[];
}

/** Every library and what it needs, with the licences that came with them. */
export async function libraryContents(
  choice: LibraryChoice,
  env: NodeJS.ProcessEnv,
): Promise<LibraryContents> {
  const roots = (await Promise.all(choice.libraries.map((each) => rootsOf(each, choice)))).flat();
  const loaded = roots.flatMap(({ names }) => names);
  const own = choice.plugins.map((file) => ({ file, kind: 'plugin' as const, after: loaded }));
  const all: (RootLibrary & { kind: BundleKind })[] = [...roots, ...own];
  const dependencies = await gatherDependencies(all, await linkerFoldersOf(env));
  const kinds = new Map(all.map(({ file, kind }) => [path.basename(file), kind]));
  const contents: Content[] = [];
  const withoutLicence: string[] = [];
  for (const { file, name, links } of dependencies.libraries) {
    const kind = [name, ...links].map((each) => kinds.get(each)).find((each) => each) ?? 'library';
    contents.push({ path: `${librariesFolder}/${name}`, kind, source: file });
    for (const link of links) {
      contents.push({ path: `${librariesFolder}/${link}`, kind, link: name });
    }
    const licences = await licencesOf(file);
    if (licences.length === 0) withoutLicence.push(name);
    for (const licence of licences) {
      const label = labelOf(file, choice.libraries) ?? name;
      const target = `licences/${label}/${path.basename(licence)}`;
      contents.push({ path: target, kind: 'licence', source: licence });
    }
  }
  return { contents, dependencies, withoutLicence };
}

/** `tensorrt-rtx-1.7.1` for what lies in the folder of that TensorRT. */
function labelOf(file: string, libraries: readonly UsableLibrary[]): string | null {
  const from = libraries.find(({ files }) => path.dirname(files.core) === path.dirname(file));
  return from === undefined ? null : `${from.flavour}-${from.version}`;
}

interface TensorRtLibrary extends RootLibrary {
  readonly kind: BundleKind;
  readonly names: readonly string[];
}

/** What of one TensorRT is opened by name. */
async function rootsOf(library: UsableLibrary, choice: LibraryChoice): Promise<TensorRtLibrary[]> {
  const { core, parser } = library.files;
  const folder = path.dirname(core);
  const names = [path.basename(core), (await readElf(core))?.soname ?? path.basename(core)];
  // The core is open before any of these is.
  const afterCore = (file: string, kind: BundleKind): TensorRtLibrary => ({
    ...{ file, kind, names: [path.basename(file)], after: names },
  });
  const roots: TensorRtLibrary[] = [{ file: core, kind: 'library', names }];
  const beside = await readdir(folder);
  const plugins = standardPluginsOf(library);
  const ofFlavour = choice.plans.filter(({ flavour }) => flavour === library.flavour);
  const mayNeedPlugins = choice.builder || ofFlavour.some((plan) => plan.standardPlugins !== false);
  if (plugins !== null && mayNeedPlugins && beside.includes(path.basename(plugins))) {
    roots.push(afterCore(plugins, 'plugin'));
  }
  if (choice.builder) {
    if (parser !== null) roots.push(afterCore(parser, 'builder'));
    // The builder opens them by their full names: each of the three numbers is in them.
    const resource = /^libnvinfer_builder_resource.*\.so\.\d+\.\d+\.\d+$/;
    for (const name of beside.filter((each) => resource.test(each)).sort()) {
      if (name.endsWith(`.so.${library.version}`)) {
        roots.push(afterCore(path.join(folder, name), 'builder'));
      }
    }
  }
  return roots;
}

async function linkerFoldersOf(env: NodeJS.ProcessEnv): Promise<string[]> {
  const named = (env['LD_LIBRARY_PATH'] ?? '').split(':').filter((entry) => path.isAbsolute(entry));
  const configured = (await linkerFolders('/')).map((each) => each.path);
  const standard = ['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib64', '/usr/lib64'];
  return [...named, ...configured, ...standard, '/lib', '/usr/lib'];
}

/** What Node.js trt-node needs: `>=20.17`. */
export async function nodeRangeOf(root: string): Promise<string> {
  const text = await readFile(path.join(root, 'package.json'), 'utf8');
  return (JSON.parse(text) as { engines: { node: string } }).engines.node;
}

/** Each place once: two TensorRTs of one major have the same names. Throws ERR_TRT_INVALID_ARG. */
export function withoutClashes(contents: readonly Content[]): readonly Content[] {
  const byPath = new Map<string, Content>();
  for (const content of contents) {
    const before = byPath.get(content.path);
    if (before === undefined) byPath.set(content.path, content);
    else if (!isSame(before, content)) {
      const sources = [before, content].map((each) => ('source' in each ? each.source : each.link));
      throw invalidArgument(
        'plans',
        `what fits into one bundle: ${sources.join(' and ')} would both be ${content.path}; make a bundle each`,
        sources,
      );
    }
  }
  return [...byPath.values()];
}

function isSame(a: Content, b: Content): boolean {
  if ('source' in a) return 'source' in b && a.source === b.source;
  return 'link' in b && a.link === b.link;
}
