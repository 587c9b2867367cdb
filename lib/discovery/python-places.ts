import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { homeInEnvironment } from '../home';
import type { Machine, SearchPath } from './places';
import { compareVersions } from './versions';

/** The folders that NVIDIA's wheels keep libraries in: full TensorRT and RTX first. */
const packageFolders = [
  'tensorrt_libs',
  'tensorrt_rtx_libs',
  'tensorrt_lean_libs',
  'tensorrt_dispatch_libs',
] as const;

/** pip's packages: the active environment, the system's Python, the user's, pyenv's and NGC images' own. */
export async function pythonPackages({ env, root }: Machine): Promise<SearchPath[]> {
  const sites: SearchPath[] = [];
  for (const name of ['VIRTUAL_ENV', 'CONDA_PREFIX']) {
    const prefix = env[name];
    if (prefix) sites.push(...(await sitesOf(path.resolve(prefix), `Python packages (${name})`)));
  }
  for (const prefix of ['usr', 'usr/local', 'opt/conda', 'opt/venv']) {
    sites.push(...(await sitesOf(path.join(root, prefix), 'Python packages')));
  }
  const home = homeInEnvironment(env);
  const user = env['PYTHONUSERBASE'] ?? (home && path.join(home, '.local'));
  if (user) sites.push(...(await sitesOf(path.resolve(user), 'Python packages (user)')));
  const pyenv = env['PYENV_ROOT'] ?? (home && path.join(home, '.pyenv'));
  if (pyenv) {
    const versions = path.join(pyenv, 'versions');
    for (const name of await namesIn(versions)) {
      sites.push(...(await sitesOf(path.join(versions, name), 'Python packages (pyenv)')));
    }
  }
  return sites.flatMap(({ path: site, source }) =>
    packageFolders.map((folder) => ({ path: path.join(site, folder), source })),
  );
}

/** The site folders below an installation's prefix, newest Python first. Debian's name for them is dist-packages. */
async function sitesOf(prefix: string, source: string): Promise<SearchPath[]> {
  const lib = path.join(prefix, 'lib');
  const pythons = (await namesIn(lib)).filter((name) => /^python3(\.\d+)?$/.test(name));
  pythons.sort((a, b) => compareVersions(b.slice('python'.length), a.slice('python'.length)));
  return pythons.flatMap((python) =>
    ['site-packages', 'dist-packages'].map((site) => ({
      path: path.join(lib, python, site),
      source,
    })),
  );
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}
