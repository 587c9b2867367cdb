import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** The machine around the GPU, as far as speed and loading depend on it. null: not known here. */
export interface HostReport {
  /** `Debian GNU/Linux 12 (bookworm)` */
  readonly os: string | null;
  readonly kernel: string;
  /** What says that this is a container; null when nothing does. */
  readonly container: string | null;
  readonly wsl: boolean;
  readonly cpu: string | null;
  readonly cpuCount: number;
  /** cpufreq's governor of the first CPU: `performance`, `powersave`, … */
  readonly cpuGovernor: string | null;
  readonly memoryBytes: number;
}

export async function gatherHost(
  traces: { readonly container: string | null; readonly wsl: string | null },
  root = '/',
): Promise<HostReport> {
  const release = await text(path.join(root, 'etc/os-release'));
  const governor = await text(
    path.join(root, 'sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
  );
  return {
    os: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release ?? '')?.[1] ?? null,
    kernel: os.release(),
    container: traces.container,
    wsl: traces.wsl !== null,
    cpu: os.cpus()[0]?.model.trim() || null,
    cpuCount: os.availableParallelism(),
    cpuGovernor: governor?.trim() || null,
    memoryBytes: os.totalmem(),
  };
}

/** Variables that change what is found or how fast it runs; others are nobody's business. */
const recorded =
  /^(CUDA_(VISIBLE_DEVICES|DEVICE_ORDER|LAUNCH_BLOCKING|MODULE_LOADING|CACHE_[A-Z]+|DISABLE_PTX_JIT|FORCE_PTX_JIT|DEVICE_MAX_CONNECTIONS|MPS_[A-Z_]+)|NVIDIA_(VISIBLE_DEVICES|DRIVER_CAPABILITIES|REQUIRE_[A-Z]+|DISABLE_REQUIRE|TF32_OVERRIDE)|LD_LIBRARY_PATH|LD_PRELOAD|TENSORRT_ROOT|TRT_NODE_[A-Z_]+|VIRTUAL_ENV|CONDA_PREFIX|UV_THREADPOOL_SIZE|OMP_NUM_THREADS|NODE_OPTIONS)$/;

/** The variables of `env` that matter, by name. */
export function recordedVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(env).filter(
    (entry): entry is [string, string] => recorded.test(entry[0]) && entry[1] !== undefined,
  );
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function text(file: string): Promise<string | null> {
  return await readFile(file, 'utf8').catch(() => null);
}
