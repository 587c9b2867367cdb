#!/usr/bin/env node
/**
 * Puts the headers that the addon is compiled from under `.cache/headers`; none of them is in this repository.
 *
 *   .cache/headers/{v10,v11,rtx}   TensorRT, from an installed one (TENSORRT_ROOT, the system's include folders) or else
 *                                  from the crate trtx-sys, which carries NVIDIA's Apache-2.0 headers
 *   .cache/headers/cuda/cuda.h     the driver API, from an installed CUDA toolkit or else from PyPI
 *
 * `source.txt` beside each TensorRT header set says where it is from: when that changes, it is fetched again. A set that
 * cannot be had leaves its backend out of the addon, and this script says so.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const cache = path.join(root, '.cache');
const target = path.join(cache, 'headers');

/** Where each ABI's headers come from; `oldest` is the oldest minor whose headers declare all that the backend calls. */
const abis = [
  {
    abi: 'v10',
    edition: 'ENTERPRISE',
    major: 10,
    oldest: 1, // ICudaEngine's getDeviceMemorySizeV2
    crate: '0.5.0',
    folder: 'TRT-Enterprise-10.16',
  },
  {
    abi: 'v11',
    edition: 'ENTERPRISE',
    major: 11,
    oldest: 0,
    crate: '0.9.1',
    folder: 'TRT-Enterprise-11.4',
  },
  { abi: 'rtx', edition: 'RTX', major: 1, oldest: 5, crate: '0.9.1', folder: 'TRT-RTX-1.7' },
];
const cudaPackage = 'nvidia-cuda-runtime-cu12==12.9.79';

function copyHeaders(from, to, source) {
  const staging = `${to}.${process.pid}.tmp`;
  fs.rmSync(staging, { recursive: true, force: true });
  fs.mkdirSync(staging, { recursive: true });
  for (const entry of fs.readdirSync(from)) {
    if (/^Nv.*\.h$/.test(entry)) fs.copyFileSync(path.join(from, entry), path.join(staging, entry));
  }
  fs.writeFileSync(path.join(staging, 'source.txt'), `${source}\n`);
  fs.rmSync(to, { recursive: true, force: true });
  fs.renameSync(staging, to);
}

/** The version that a folder's NvInferVersion.h declares, `10.16` say, where the backend can be compiled with it; or null. */
function usableVersion(folder, { edition, major, oldest }) {
  const file = path.join(folder, 'NvInferVersion.h');
  if (!fs.existsSync(file)) return null;
  const text = fs.readFileSync(file, 'utf8');
  const [actual, minor] = ['MAJOR', 'MINOR'].map((part) => {
    // Before 10.8 the version stood in NV_TENSORRT_MAJOR and _MINOR themselves.
    const name = `(?:TRT_${part}_${edition}|NV_TENSORRT_${part})`;
    return Number(new RegExp(`^#define\\s+${name}\\s+(\\d+)`, 'm').exec(text)?.[1]);
  });
  return actual === major && minor >= oldest ? `${actual}.${minor}` : null;
}

/** An installed header set that will do: its folder and what to call it. */
function fromInstallation(entry) {
  const rootFolder = process.env.TENSORRT_ROOT;
  const folders = [
    ...(rootFolder ? [path.join(rootFolder, 'include')] : []),
    '/usr/include/x86_64-linux-gnu',
    '/usr/include',
    '/usr/local/tensorrt/include',
  ];
  for (const folder of folders) {
    const version = usableVersion(folder, entry);
    if (version !== null && fs.existsSync(path.join(folder, 'NvOnnxParser.h'))) {
      return { folder, source: `${folder} ${version}` };
    }
  }
  return null;
}

/** The unpacked sources of a crate: cargo verifies and unpacks it, nothing of it is compiled. */
function fromCrate(version) {
  const project = path.join(cache, 'crates', version);
  fs.mkdirSync(path.join(project, 'src'), { recursive: true });
  fs.writeFileSync(path.join(project, 'src', 'lib.rs'), '');
  fs.writeFileSync(
    path.join(project, 'Cargo.toml'),
    `[package]\nname = "headers"\nversion = "0.0.0"\nedition = "2021"\n\n` +
      `[dependencies]\ntrtx-sys = "=${version}"\n\n[workspace]\n`,
  );
  const options = {
    cwd: project,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  };
  execFileSync('cargo', ['fetch', '--quiet'], options);
  const metadata = JSON.parse(
    execFileSync('cargo', ['metadata', '--format-version', '1'], options),
  );
  const crate = metadata.packages.find((candidate) => candidate.name === 'trtx-sys');
  return path.join(path.dirname(crate.manifest_path), 'TensorRT-Headers');
}

function fetchTensorRt(entry) {
  const to = path.join(target, entry.abi);
  const installed = fromInstallation(entry);
  const source = installed?.source ?? `crate trtx-sys ${entry.crate} ${entry.folder}`;
  const present = usableVersion(to, entry) === null ? null : sourceOf(to);
  if (present === source) return;
  try {
    const from = installed?.folder ?? path.join(fromCrate(entry.crate), entry.folder);
    copyHeaders(from, to, source);
    console.log(`headers ${entry.abi}: from ${source}`);
  } catch (error) {
    const words = String(error.stderr ?? error.message).trim();
    // CMake takes whatever lies there.
    if (present === null) fs.rmSync(to, { recursive: true, force: true });
    const consequence =
      present === null ? 'this backend is left out of the addon' : `${present} stays`;
    console.warn(
      `headers ${entry.abi}: ${source} is not to be had, so ${consequence}.\n` +
        `  Point TENSORRT_ROOT at an installed TensorRT (${entry.major}.${entry.oldest} or newer), or install cargo. ` +
        `What went wrong: ${words}`,
    );
  }
}

/** What `copyHeaders` wrote down; a set from before it did counts as another one. */
function sourceOf(folder) {
  const file = path.join(folder, 'source.txt');
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : 'what was there';
}

function fetchCuda() {
  const to = path.join(target, 'cuda', 'cuda.h');
  if (fs.existsSync(to)) return;
  fs.mkdirSync(path.dirname(to), { recursive: true });
  const toolkits = [process.env.CUDA_HOME, process.env.CUDA_PATH, '/usr/local/cuda'].filter(
    Boolean,
  );
  const installed = toolkits
    .map((folder) => path.join(folder, 'include', 'cuda.h'))
    .find((file) => fs.existsSync(file));
  if (installed) {
    fs.copyFileSync(installed, to);
    console.log(`headers cuda: from ${installed}`);
    return;
  }
  const staging = path.join(cache, `cuda-runtime.${process.pid}.tmp`);
  try {
    execFileSync(
      'python3',
      [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--no-deps',
        '--no-compile',
        '--target',
        staging,
        cudaPackage,
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    fs.copyFileSync(path.join(staging, 'nvidia', 'cuda_runtime', 'include', 'cuda.h'), to);
  } finally {
    fs.rmSync(staging, { recursive: true, force: true });
  }
  console.log(`headers cuda: from ${cudaPackage}`);
}

fs.mkdirSync(target, { recursive: true });
fetchCuda();
for (const entry of abis) fetchTensorRt(entry);
if (!abis.some(({ abi }) => fs.existsSync(path.join(target, abi, 'NvInfer.h')))) {
  console.error('No TensorRT headers at all: an addon without a backend is of no use.');
  process.exit(1);
}
