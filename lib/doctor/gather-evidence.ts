import { constants } from 'node:fs';
import { access, readdir, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { LibraryReport } from '../runtime-report';
import type { DeviceNode, DriverLibrary, Evidence } from './evidence';

/** What the file system tells; the rest comes from the driver probe and from discovery. */
export type MachineTraces = Omit<Evidence, 'driver' | 'gpuStates' | 'libraries' | 'libraryCuda'>;

/** Reads what a diagnosis is made from. `root` stands before absolute paths: '/' outside tests. Never rejects. */
export async function gatherTraces(
  env: NodeJS.ProcessEnv,
  { root = '/', platform = process.platform }: { root?: string; platform?: string } = {},
): Promise<MachineTraces> {
  const [kernelModule, deviceNodes, pciGpus, container, wsl, driverLibraries] = await Promise.all([
    text(path.join(root, 'proc/driver/nvidia/version')),
    deviceNodesIn(root),
    pciGpusOf(root),
    containerSign(env, root),
    wslSign(env, root),
    driverLibrariesOf(env, root),
  ]);
  return {
    platform,
    env,
    kernelModule: kernelModule?.split('\n')[0]?.replace(/\s+/g, ' ').trim() ?? null,
    deviceNodes,
    pciGpus,
    container,
    wsl,
    driverLibraries,
  };
}

async function deviceNodesIn(root: string): Promise<DeviceNode[]> {
  const folder = path.join(root, 'dev');
  const names = (await namesIn(folder)) ?? [];
  const nodes = names.filter((name) => /^(nvidia(\d+|ctl|-uvm|-modeset)|dxg)$/.test(name)).sort();
  return await Promise.all(
    nodes.map(async (name) => {
      const file = path.join(folder, name);
      const accessible = await access(file, constants.R_OK | constants.W_OK).then(
        () => true,
        () => false,
      );
      return { path: `/dev/${name}`, accessible };
    }),
  );
}

/** Display controllers (class 03) of NVIDIA (vendor 10de), by address. */
async function pciGpusOf(root: string): Promise<string[] | null> {
  const folder = path.join(root, 'sys/bus/pci/devices');
  const addresses = await namesIn(folder);
  if (addresses === null) return null;
  const gpus: string[] = [];
  for (const address of addresses.sort()) {
    const vendor = await text(path.join(folder, address, 'vendor'));
    if (vendor?.trim() !== '0x10de') continue;
    const kind = await text(path.join(folder, address, 'class'));
    if (kind?.startsWith('0x03') === true) gpus.push(address);
  }
  return gpus;
}

/** Each engine leaves something; none of it is certain, so the sign is shown. */
async function containerSign(env: NodeJS.ProcessEnv, root: string): Promise<string | null> {
  if (await exists(path.join(root, '.dockerenv'))) return '/.dockerenv exists';
  if (await exists(path.join(root, 'run/.containerenv'))) return '/run/.containerenv exists';
  if (env['KUBERNETES_SERVICE_HOST'] !== undefined) return 'KUBERNETES_SERVICE_HOST is set';
  // systemd sets it to the manager's name in containers.
  if (env['container']) return `container=${env['container']}`;
  const cgroup = await text(path.join(root, 'proc/1/cgroup'));
  const engine = /(docker|kubepods|containerd|libpod|lxc|crio)/.exec(cgroup ?? '')?.[1];
  if (engine !== undefined) return `/proc/1/cgroup names ${engine}`;
  const mounts = await text(path.join(root, 'proc/self/mountinfo'));
  const overlay = (mounts ?? '').split('\n').some((line) => / \/ \/ .* - overlay /.test(line));
  return overlay ? 'the root file system is an overlay' : null;
}

async function wslSign(env: NodeJS.ProcessEnv, root: string): Promise<string | null> {
  const release = (await text(path.join(root, 'proc/sys/kernel/osrelease')))?.trim() ?? '';
  if (/microsoft/i.test(release)) return `kernel ${release}`;
  return env['WSL_DISTRO_NAME'] === undefined ? null : 'WSL_DISTRO_NAME is set';
}

async function driverLibrariesOf(env: NodeJS.ProcessEnv, root: string): Promise<DriverLibrary[]> {
  const system = [
    'usr/lib/x86_64-linux-gnu',
    'usr/lib/aarch64-linux-gnu',
    'usr/lib64',
    'usr/lib',
    'usr/lib/wsl/lib',
    'usr/local/nvidia/lib64',
    'usr/local/cuda/compat',
  ].map((folder) => path.join(root, folder));
  const own = (env['LD_LIBRARY_PATH'] ?? '').split(':').filter((entry) => path.isAbsolute(entry));
  const found: DriverLibrary[] = [];
  for (const folder of new Set([...own, ...system])) {
    const names = (await namesIn(folder)) ?? [];
    for (const name of names.filter((each) => /^lib(cuda|nvidia-ml)\.so(\.1)?$/.test(each))) {
      const library = path.join(folder, name);
      found.push({ path: library, file: await realpath(library).catch(() => library) });
    }
  }
  return found;
}

/**
 * CUDA's major version by library path: `setup` puts it into the folder's name, pip into the names of the packages beside
 * (`tensorrt_cu13_libs-10.16.0.dist-info`).
 */
export async function cudaOfLibraries(
  libraries: readonly LibraryReport[],
): Promise<Record<string, number>> {
  const majors: Record<string, number> = {};
  for (const { path: file } of libraries) {
    const folder = path.dirname(file);
    const fetched = /-cu(\d+)$/.exec(path.basename(folder))?.[1];
    const stem = /^(tensorrt(?:_\w+)?)_libs$/.exec(path.basename(folder))?.[1];
    const siblings = stem === undefined ? [] : ((await namesIn(path.dirname(folder))) ?? []);
    const packages = siblings.flatMap((name) => {
      const match = /^(tensorrt\w*?)_cu(\d+)(_libs)?-.*\.dist-info$/.exec(name);
      return match?.[1] === stem && match?.[2] !== undefined ? [match[2]] : [];
    });
    const major = fetched ?? (new Set(packages).size === 1 ? packages[0] : undefined);
    if (major !== undefined) majors[file] = Number(major);
  }
  return majors;
}

async function text(file: string): Promise<string | null> {
  return await readFile(file, 'utf8').catch(() => null);
}

async function exists(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    () => false,
  );
}

async function namesIn(folder: string): Promise<string[] | null> {
  return await readdir(folder).catch(() => null);
}
