import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RuntimeReport } from '../../lib/index';
import { loadBinding, root, temporaryFolder } from './gpu-host';

const folder = await temporaryFolder();

function doctor(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const cli = path.join(root, 'dist', 'cli', 'main.js');
  return spawnSync(process.execPath, [cli, 'doctor', ...args], { encoding: 'utf8' });
}

describe('gpuStates on a GPU', () => {
  it('names the GPUs that CUDA shows, by UUID', async () => {
    const binding = loadBinding();
    const { gpus } = await binding.probeDriver();
    const states = await binding.gpuStates();
    for (const gpu of gpus) {
      const state = states.find(({ uuid }) => uuid === gpu.uuid);
      expect(state).toMatchObject({ name: gpu.name, computeCapability: gpu.computeCapability });
    }
  });

  it('tells clocks, power and memory in the units of their names', async () => {
    const [state] = await loadBinding().gpuStates();
    const between = (value: number | null | undefined, low: number, high: number): void => {
      expect(value).toBeGreaterThanOrEqual(low);
      expect(value).toBeLessThanOrEqual(high);
    };
    // Bounds that any GPU of today keeps, and that a wrong unit or a wrong argument breaks.
    between(state?.smClockMaxMhz, 500, 5000);
    between(state?.smClockMhz, 50, state?.smClockMaxMhz ?? 0);
    between(state?.memoryClockMaxMhz, 500, 20_000);
    between(state?.powerDrawWatts, 1, 2000);
    between(state?.powerLimitWatts, 20, 2000);
    between(state?.temperatureCelsius, 5, 110);
    between(state?.memoryTotalBytes, 2 ** 32, 2 ** 40);
    between(state?.memoryUsedBytes, 0, state?.memoryTotalBytes ?? 0);
    expect(Array.isArray(state?.clockEventReasons)).toBe(true);
  });
});

describe('doctor on a GPU', () => {
  it('sees no problem', () => {
    const { stdout } = doctor('--json');
    const { findings, gpuStates } = JSON.parse(stdout) as RuntimeReport;
    expect(findings.filter(({ severity }) => severity === 'problem')).toEqual([]);
    expect(gpuStates.length).toBeGreaterThan(0);
  });

  it('finds this machine as it locked it', () => {
    const lock = path.join(folder, 'env.lock');
    expect(doctor('--lock', lock)).toMatchObject({ status: 0, stderr: '' });
    const { status, stdout } = doctor('--check', lock);
    expect(status, stdout).toBe(0);
  });

  it('#77 says that CUDA_VISIBLE_DEVICES hides the GPUs, or names one too many', () => {
    const cli = path.join(root, 'dist', 'cli', 'main.js');
    const findings = (value: string): RuntimeReport['findings'] => {
      const env = { ...process.env, CUDA_VISIBLE_DEVICES: value };
      const { stdout } = spawnSync(process.execPath, [cli, 'doctor', '--json'], {
        env,
        encoding: 'utf8',
      });
      return (JSON.parse(stdout) as RuntimeReport).findings;
    };
    for (const [value, id] of [
      ['', 'cuda-visible-devices-empty'],
      ['-1', 'cuda-visible-devices-empty'],
      ['99', 'cuda-visible-devices-invalid'],
      ['GPU-00000000-0000-0000-0000-000000000000', 'cuda-visible-devices-invalid'],
    ] as const) {
      expect(findings(value), value).toContainEqual(
        expect.objectContaining({ id, severity: 'problem' }),
      );
    }
    expect(findings('0,99')).toContainEqual(
      expect.objectContaining({ id: 'cuda-visible-devices-invalid', severity: 'warning' }),
    );
  });
});
