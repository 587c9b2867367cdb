import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { runtimesFolder } from '../home';
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
    ...tensorrtRoot(machine),
    ...(await fetchedRuntimes(env)),
    ...(await pythonPackages(machine)),
    ...variable(env, 'LD_LIBRARY_PATH'),
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

async function pythonPackages({ env, root }: Machine): Promise<SearchPath[]> {
  const home = env['HOME'];
  const sites: SearchPath[] = [];
  const add = async (lib: string, source: string): Promise<void> => {
    const pythons = (await namesIn(lib)).filter((name) => /^python3(\.\d+)?$/.test(name));
    pythons.sort((a, b) => compareVersions(b.slice('python'.length), a.slice('python'.length)));
    for (const python of pythons) {
      for (const site of ['site-packages', 'dist-packages']) {
        sites.push({ path: path.join(lib, python, site), source });
      }
    }
  };
  for (const name of ['VIRTUAL_ENV', 'CONDA_PREFIX']) {
    const prefix = env[name];
    if (prefix) await add(path.join(path.resolve(prefix), 'lib'), `Python packages (${name})`);
  }
  await add(path.join(root, 'usr/lib'), 'Python packages');
  await add(path.join(root, 'usr/local/lib'), 'Python packages');
  if (home) await add(path.join(home, '.local/lib'), 'Python packages (user)');
  const pyenv = env['PYENV_ROOT'] ?? (home && path.join(home, '.pyenv'));
  if (pyenv) {
    const versions = path.join(pyenv, 'versions');
    for (const name of await namesIn(versions)) {
      await add(path.join(versions, name, 'lib'), 'Python packages (pyenv)');
    }
  }
  return sites.flatMap(({ path: site, source }) =>
    ['tensorrt_libs', 'tensorrt_rtx_libs'].map((folder) => ({
      path: path.join(site, folder),
      source,
    })),
  );
}

async function systemFolders(machine: Machine): Promise<SearchPath[]> {
  const { root, arch } = machine;
  const folders = [
    `usr/lib/${triple(arch)}`,
    'usr/lib64',
    'usr/local/lib',
    'usr/local/cuda/lib64',
    'usr/local/tensorrt/lib',
    'opt/tensorrt/lib',
    'usr/lib',
  ].map((folder) => ({ path: path.join(root, folder), source: 'system folder' }));
  // NVIDIA's archives unpack into TensorRT-<version> and TensorRT-RTX-<version>.
  for (const parent of ['opt', 'usr/local']) {
    for (const name of await namesIn(path.join(root, parent))) {
      if (!/^TensorRT-/i.test(name)) continue;
      const lib = path.join(root, parent, name, 'lib');
      folders.push({ path: lib, source: 'unpacked archive' });
    }
  }
  return [...folders, ...(await loaderConfiguration(root))];
}

/** Folders that an administrator gave to ldconfig. */
async function loaderConfiguration(root: string): Promise<SearchPath[]> {
  const folder = path.join(root, 'etc/ld.so.conf.d');
  const configured: SearchPath[] = [];
  for (const name of (await namesIn(folder)).filter((each) => each.endsWith('.conf'))) {
    const text = await readFile(path.join(folder, name), 'utf8').catch(() => '');
    for (const line of text.split('\n').map((each) => each.replace(/#.*/, '').trim())) {
      if (path.isAbsolute(line))
        configured.push({ path: path.join(root, line), source: 'ldconfig' });
    }
  }
  return configured;
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}
