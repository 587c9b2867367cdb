/** What a measurement was taken on: without it a figure says nothing. */
import { readFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';

export function hostEnvironment() {
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cpu: `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown'}`,
    loadAverage: loadavg()[0],
  };
}

/**
 * The driver's version, and what `gpuState` of the package says of the GPU: clocks, power, temperature and the like; null where there is
 * no GPU or no NVML.
 * @param {number} device CUDA's index
 */
export async function gpuState(device) {
  const { gpuState: ask } = await import('../dist/index.js');
  const { loadBinding } = await import('../dist/binding.js');
  try {
    const state = await ask(device);
    if (state === null) return null;
    const { driverVersion } = await loadBinding().probeDriver();
    return { driver: driverVersion, ...state };
  } catch {
    return null;
  }
}

/** The libnvinfer and libcuda that this process has mapped: that both peers use the same ones is part of the result. */
export async function mappedLibraries() {
  const maps = await readFile('/proc/self/maps', 'utf8');
  const paths = maps.split('\n').map((line) => line.split(/\s+/).slice(5).join(' '));
  return [...new Set(paths.filter((p) => /\/(libnvinfer|libcuda)\.so[^/]*$/.test(p)))].sort();
}
