import { describe, expect, it } from 'vitest';
import { compareEnvironments } from '../../lib/doctor/compare-environments';
import type { Difference } from '../../lib/doctor/comparison';
import type { EnvironmentSnapshot } from '../../lib/doctor/environment-snapshot';
import { renderComparison } from '../../lib/doctor/render-comparison';
import { h100, snapshot, withState } from './fake-snapshot';

function differences(there: EnvironmentSnapshot): readonly Difference[] {
  return compareEnvironments(snapshot, there).differences;
}

function only(there: EnvironmentSnapshot): Difference {
  const found = differences(there);
  expect(found).toHaveLength(1);
  return found[0]!;
}

const [library] = snapshot.libraries;
const withLibrary = (changes: Partial<NonNullable<typeof library>>): EnvironmentSnapshot => ({
  ...snapshot,
  libraries: [{ ...library!, ...changes }],
});
const withGpu = (changes: Partial<typeof h100>): EnvironmentSnapshot => ({
  ...snapshot,
  gpus: [{ ...h100, ...changes }],
});

describe('compareEnvironments', () => {
  it('finds an environment the same as itself', () => {
    const comparison = compareEnvironments(snapshot, structuredClone(snapshot));
    expect(comparison).toMatchObject({ same: true, differences: [], notCompared: [] });
    expect(comparison.compared).toBeGreaterThan(0);
  });

  it.each<[string, Difference['group'], string, EnvironmentSnapshot]>([
    ['another TensorRT', 'breaks', 'tensorrt.version', withLibrary({ version: '10.8.0' })],
    [
      'another compute capability',
      'breaks',
      'gpu.0.compute-capability',
      withGpu({ computeCapability: '8.9' }),
    ],
    ['less memory', 'breaks', 'gpu.0.memory', withGpu({ memoryTotalBytes: 10 * 2 ** 30 })],
    ['another GPU', 'slows', 'gpu.0.name', withGpu({ name: 'NVIDIA H200' })],
    ['another file', 'slows', 'tensorrt.sha256', withLibrary({ sha256: 'c'.repeat(64) })],
    [
      'CUDA_LAUNCH_BLOCKING',
      'slows',
      'env.CUDA_LAUNCH_BLOCKING',
      { ...snapshot, variables: { CUDA_LAUNCH_BLOCKING: '1' } },
    ],
    [
      'a variable that no rule knows',
      'informs',
      'env.NVIDIA_REQUIRE_CUDA',
      { ...snapshot, variables: { NVIDIA_REQUIRE_CUDA: 'cuda>=12' } },
    ],
    [
      'a governor',
      'slows',
      'cpu.governor',
      { ...snapshot, host: { ...snapshot.host, cpuGovernor: 'powersave' } },
    ],
    [
      'MIG',
      'slows',
      'gpu.0.mig',
      withState({ mig: { enabled: true, pending: true, instances: 1 } }),
    ],
    [
      'locked clocks',
      'slows',
      'gpu.0.clocks-held',
      withState({ clockEventReasons: ['gpu-idle', 'application-clocks-setting'] }),
    ],
    [
      'compute prohibited',
      'breaks',
      'gpu.0.compute-mode',
      withState({ computeMode: 'prohibited' }),
    ],
    ['no ECC', 'slows', 'gpu.0.ecc', withState({ eccEnabled: false })],
    ['Node.js', 'informs', 'node', { ...snapshot, node: 'v22.1.0' }],
    ['a path', 'informs', 'tensorrt.path', withLibrary({ path: '/elsewhere' })],
    [
      'a driver',
      'informs',
      'driver.version',
      { ...snapshot, driver: { ...snapshot.driver!, driverVersion: '575.1' } },
    ],
  ])('%s: %s', (_name, group, id, there) => {
    expect(only(there)).toMatchObject({ group, id, varies: false });
    expect(compareEnvironments(snapshot, there).same).toBe(false);
    // Whoever stands first, the difference is the same one.
    const reversed = compareEnvironments(there, snapshot).differences;
    expect(reversed.map(({ id: each, group: other }) => [each, other])).toEqual([[id, group]]);
  });

  it.each<[string, string, EnvironmentSnapshot, number, 'network' | 'copies']>([
    // 1980 / 660, 700 / 350, (16 · 2⁴) / (1 · 2⁰)
    [
      'clocks',
      'gpu.0.sm-clock-application',
      withState({ smClockApplicationMhz: 660 }),
      3,
      'network',
    ],
    ['power', 'gpu.0.power-limit', withState({ powerLimitWatts: 350 }), 2, 'network'],
    ['PCIe', 'gpu.0.pcie', withState({ pcieGenerationMax: 1, pcieWidth: 1 }), 256, 'copies'],
  ])('says how many times slower %s can make it, and where', (_name, id, there, upTo, part) => {
    expect(only(there)).toMatchObject({ id, slower: { side: 'b', part, upTo } });
    expect(compareEnvironments(there, snapshot).differences[0]).toMatchObject({
      slower: { side: 'a', upTo },
    });
  });

  it('ranks what breaks before what slows, and that by how much', () => {
    const there: EnvironmentSnapshot = {
      ...withState({
        smClockApplicationMhz: 660,
        powerLimitWatts: 350,
        pcieWidth: 1,
        persistenceMode: false,
      }),
      node: 'v22.1.0',
      libraries: [],
    };
    expect(differences(there).map(({ id }) => id)).toEqual([
      'tensorrt.version',
      'gpu.0.pcie',
      'gpu.0.sm-clock-application',
      'gpu.0.power-limit',
      'gpu.0.persistence',
      'node',
    ]);
  });

  it('does not compare what varies by nature', () => {
    const there = withState({
      temperatureCelsius: 80,
      powerDrawWatts: 500,
      smClockMhz: 1200,
      memoryClockMhz: 100,
      pcieGeneration: 1,
      gpuUtilizationPercent: 99,
      memoryUsedBytes: 1e9,
      uuid: 'GPU-9',
      pciBusId: 'x',
    });
    expect(compareEnvironments(snapshot, there)).toMatchObject({ same: true, differences: [] });
  });

  it('tells what holds for the moment, and lets it pass a check', () => {
    const hot = withState({
      clockEventReasons: ['hardware-thermal-slowdown'],
      smClockMhz: 900,
      otherProcesses: 3,
    });
    const cold = withState({ clockEventReasons: [], smClockMhz: 1800 });
    const comparison = compareEnvironments(cold, hot);
    expect(comparison.same).toBe(true);
    expect(comparison.differences.map(({ id, varies }) => [id, varies])).toEqual([
      ['gpu.0.sm-clock', true],
      ['gpu.0.throttled', true],
      ['gpu.0.others', true],
    ]);
  });

  it('names what one side does not know instead of guessing', () => {
    const there = withLibrary({ sha256: null });
    const comparison = compareEnvironments(snapshot, there);
    expect(comparison).toMatchObject({ same: true, differences: [] });
    expect(comparison.notCompared).toHaveLength(1);
    expect(comparison.notCompared[0]).toContain('SHA-256');
  });

  it('does not guess at a reading that NVML did not give', () => {
    const comparison = compareEnvironments(
      withState({ otherProcesses: 2 }),
      withState({ otherProcesses: null }),
    );
    expect(comparison.differences).toEqual([]);
  });

  it('names how each driver does not work', () => {
    const withDriver = (status: string): EnvironmentSnapshot => ({
      ...snapshot,
      driver: { ...snapshot.driver!, status },
    });
    const [found] = compareEnvironments(
      withDriver('not-found'),
      withDriver('init-failed'),
    ).differences;
    expect(found).toMatchObject({ id: 'driver.status', group: 'breaks' });
    expect(found?.a).toContain('not-found');
    expect(found?.b).toContain('init-failed');
  });

  it.each(['constructor', 'toString', '__proto__'])('gives a variable %s a group', (name) => {
    const there = { ...snapshot, variables: Object.fromEntries([[name, '1']]) };
    expect(only(there)).toMatchObject({ id: `env.${name}`, group: 'informs', a: 'not set' });
    expect(compareEnvironments(there, snapshot).differences).toMatchObject([
      { id: `env.${name}`, group: 'informs', b: 'not set' },
    ]);
  });

  it('compares a machine without driver, GPU and TensorRT', () => {
    const there: EnvironmentSnapshot = { ...snapshot, driver: null, gpus: [], libraries: [] };
    const breaking = differences(there).filter(({ group }) => group === 'breaks');
    expect(breaking.map(({ id }) => id)).toEqual(['driver.status', 'tensorrt.version', 'gpus']);
  });
});

describe('renderComparison', () => {
  const names = { a: 'here.lock', b: 'there.lock' };
  const render = (there: EnvironmentSnapshot): string =>
    renderComparison(compareEnvironments(snapshot, there), names, { color: false });

  it('shows both values, the slower machine and the factor', () => {
    const text = render(withState({ smClockApplicationMhz: 660 }));
    expect(text).toMatch(/1980 MHz → 660 MHz\s+the network up to 3\.0× slower on there\.lock/);
  });

  it('says so when there is nothing to say', () => {
    expect(render(snapshot)).toContain('✓ no difference');
    expect(render(withLibrary({ version: '10.8.0' }))).not.toContain('✓');
  });

  it('does not call two machines the same where it could not compare', () => {
    const there = withLibrary({ sha256: null, parserSha256: null });
    const { compared } = compareEnvironments(snapshot, there);
    const last = render(there).split('\n').at(-1);
    expect(last).not.toMatch(/no difference$/);
    expect(last).toContain(`${compared} values could, 2 could not`);
  });
});
