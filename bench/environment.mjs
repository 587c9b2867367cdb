/** What a measurement was taken on: without it a figure says nothing. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);

const gpuFields = {
  name: 'name',
  driver: 'driver_version',
  smClockMHz: 'clocks.sm',
  smClockMaxMHz: 'clocks.max.sm',
  memoryClockMHz: 'clocks.mem',
  temperatureC: 'temperature.gpu',
  powerW: 'power.draw',
  persistence: 'persistence_mode',
};

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
 * The GPU's name, driver and present clocks by nvidia-smi; null where there is none.
 * @param {number} device CUDA's index, which is nvidia-smi's as long as CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER do not differ
 */
export async function gpuState(device) {
  try {
    const query = Object.values(gpuFields).join(',');
    const { stdout } = await run('nvidia-smi', [
      `--id=${device}`,
      `--query-gpu=${query}`,
      '--format=csv,noheader,nounits',
    ]);
    const values = stdout.trim().split(', ');
    return Object.fromEntries(
      Object.keys(gpuFields).map((name, i) => {
        const value = values[i] ?? '';
        return [name, value !== '' && Number.isFinite(Number(value)) ? Number(value) : value];
      }),
    );
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
