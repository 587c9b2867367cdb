import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { bundledLibraries } from '../bundle/bundled-libraries';
import { runtimesFolder } from '../home';
import { linkerFolders } from './linker-places';
import { pythonPackages } from './python-places';
import { compareVersions } from './versions';

export interface SearchPath {
  readonly path: string;
  /** For people: which variable, tool or convention names it. */
  readonly source: string;
}

export interface Machine {
  readonly env: NodeJS.ProcessEnv;
  readonly arch: string;
  /** What stands before absolute system paths: '/' outside tests. */
  readonly root: string;
}

/** Every folder or file to look at, best first. The order ranks equals only. */
export async function searchPaths(machine: Machine): Promise<SearchPath[]> {
  const { env } = machine;
  return [
    ...variable(env, 'TRT_NODE_LIBRARY_PATH'),
    ...bundle(),
    ...tensorrtRoot(machine),
    ...(await fetchedRuntimes(env)),
    ...(await pythonPackages(machine)),
    ...variable(env, 'LD_LIBRARY_PATH'),
    ...(await linkerFolders(machine.root)),
    ...(await systemFolders(machine)),
  ];
}

/** The folders in which an unpacked TensorRT, whose top folder is `root`, keeps its libraries. */
export function libraryFoldersOf(root: string, arch: string): string[] {
  return ['lib', 'lib64', `targets/${triple(arch)}/lib`].map((folder) => path.join(root, folder));
}

function triple(arch: string): string {
  return arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
}

function variable(env: NodeJS.ProcessEnv, name: string): SearchPath[] {
  // An empty entry means the working folder to ld.so; libraries are executable code, so it is not looked at.
  return (env[name] ?? '')
    .split(':')
    .filter((entry) => entry !== '')
    .map((entry) => ({ path: path.resolve(entry), source: name }));
}

/** Before anything of the machine: a bundle's plans were built with it. */
function bundle(): SearchPath[] {
  const folder = bundledLibraries();
  return folder === null ? [] : [{ path: folder, source: 'trt-node bundle' }];
}

function tensorrtRoot({ env, arch }: Machine): SearchPath[] {
  const root = env['TENSORRT_ROOT'];
  if (!root) return [];
  return libraryFoldersOf(path.resolve(root), arch).map((folder) => ({
    path: folder,
    source: 'TENSORRT_ROOT',
  }));
}

/** A runtime counts once its runtime.json is there: `trt-node setup` writes that last. */
async function fetchedRuntimes(env: NodeJS.ProcessEnv): Promise<SearchPath[]> {
  const home = runtimesFolder(env);
  if (home === null) return [];
  const complete: string[] = [];
  for (const name of await namesIn(home)) {
    const folder = path.join(home, name);
    if ((await namesIn(folder)).includes('runtime.json')) complete.push(name);
  }
  // `tensorrt-rtx-1.7.1.116-cu13`: the newest version first, and of one version the one for the older CUDA, which every
  // driver that runs the newer one runs too.
  complete.sort(
    (a, b) =>
      compareVersions(releaseInName(b), releaseInName(a)) ||
      compareVersions(cudaInName(a), cudaInName(b)),
  );
  const found = complete.map((name) => ({ path: path.join(home, name), source: 'trt-node setup' }));
  return found.length > 0 ? found : [{ path: home, source: 'trt-node setup' }];
}

function releaseInName(name: string): string {
  return /-(\d+(?:\.\d+)*)/.exec(name)?.[1] ?? '0';
}

function cudaInName(name: string): string {
  return /-cu(\d+)$/.exec(name)?.[1] ?? '0';
}

async function systemFolders(machine: Machine): Promise<SearchPath[]> {
  const { root, arch } = machine;
  const folders = [
    `usr/lib/${triple(arch)}`,
    'usr/lib64',
    'usr/local/lib',
    'usr/local/cuda/lib64',
    // Where NGC's images and hand-made ones unpack or link a TensorRT.
    ...['usr/local/tensorrt', 'opt/tensorrt', 'workspace/tensorrt'].flatMap((top) =>
      libraryFoldersOf(top, arch),
    ),
    'usr/lib',
    'lib64',
  ].map((folder) => ({ path: path.join(root, folder), source: 'system folder' }));
  // NVIDIA's archives unpack into TensorRT-<version> and TensorRT-RTX-<version>.
  for (const parent of ['opt', 'usr/local']) {
    for (const name of await namesIn(path.join(root, parent))) {
      if (!/^TensorRT-/i.test(name)) continue;
      for (const folder of libraryFoldersOf(path.join(root, parent, name), arch)) {
        folders.push({ path: folder, source: 'unpacked archive' });
      }
    }
  }
  return folders;
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}
