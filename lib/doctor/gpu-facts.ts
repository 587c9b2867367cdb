import type { Fact } from './comparison';
import type { KnownGpu } from './known-environment';

/** What brings clocks down until someone changes a setting. */
const settings = new Set(['application-clocks-setting', 'sync-boost', 'display-clock-setting']);
/** What brings them down for now. An idle GPU and its power cap are how it is meant to work. */
const troubles = new Set([
  'hardware-slowdown',
  'hardware-thermal-slowdown',
  'hardware-power-brake-slowdown',
  'software-thermal-slowdown',
]);

/** Facts of one GPU. Temperature, utilization, draw and used memory are told by `doctor`, and not compared. */
export function gpuFacts(gpu: KnownGpu): Fact[] {
  const { state } = gpu;
  const fact = (
    name: string,
    label: string,
    value: Fact['value'] | undefined,
    rest: Omit<Fact, 'id' | 'label' | 'value'>,
  ): Fact => ({
    id: `gpu.${gpu.index}.${name}`,
    label: `GPU ${gpu.index}: ${label}`,
    value: value ?? null,
    ...rest,
  });
  const clock = (name: string, label: string, mhz: number | null | undefined, weight: number) =>
    fact(name, label, mhz, {
      text: `${mhz ?? '?'} MHz`,
      group: 'slows',
      weight,
      speedOf: 'network',
      meaning:
        'The network runs as fast as its clocks: SM for arithmetic, memory for large layers.',
    });
  const among = (reasons: ReadonlySet<string>): string | undefined =>
    state?.clockEventReasons?.filter((reason) => reasons.has(reason)).join(', ');
  const held = among(settings);
  const slowed = among(troubles);
  const others = state?.otherProcesses ?? null;
  const isIdle = state?.clockEventReasons?.includes('gpu-idle') !== false;

  return [
    fact('name', 'model', gpu.name, {
      group: 'slows',
      weight: 100,
      meaning: 'Another GPU: times are not comparable, whatever else differs.',
    }),
    fact('compute-capability', 'compute capability', gpu.computeCapability, {
      group: 'breaks',
      weight: 99,
      meaning:
        'A TensorRT plan runs on the compute capability that it was built on, a TensorRT-RTX plan on those that it lists.',
    }),
    fact('memory', 'memory', gpu.memoryTotalBytes, {
      text: gibibytes(gpu.memoryTotalBytes),
      group: 'breaks',
      weight: 50,
      tolerance: 0.02,
      meaning: 'What fits on the larger one may not fit on the other.',
    }),
    fact('mig', 'MIG', state?.mig?.enabled, {
      group: 'slows',
      weight: 98,
      meaning: 'A MIG device has a part of the GPU: of its SMs, its memory and its bandwidth.',
    }),
    fact('compute-mode', 'compute mode', state?.computeMode, {
      group: state?.computeMode === 'prohibited' ? 'breaks' : 'informs',
      weight: 40,
      meaning: 'Whether no, one or many processes may use it.',
    }),
    clock('sm-clock-max', 'greatest SM clock', state?.smClockMaxMhz, 90),
    clock('sm-clock-application', 'application clock of SMs', state?.smClockApplicationMhz, 91),
    clock('memory-clock-max', 'greatest memory clock', state?.memoryClockMaxMhz, 88),
    clock(
      'memory-clock-application',
      'application clock of memory',
      state?.memoryClockApplicationMhz,
      89,
    ),
    {
      ...clock('sm-clock', 'SM clock at that moment', isIdle ? null : state?.smClockMhz, 60),
      varies: true,
    },
    fact('power-limit', 'power limit', state?.powerLimitWatts, {
      text: `${Math.round(state?.powerLimitWatts ?? 0)} W`,
      group: 'slows',
      weight: 87,
      tolerance: 0.01,
      speedOf: 'network',
      meaning:
        'The clocks fall when the GPU reaches it. Speed mostly falls by less than the limit does.',
    }),
    fact('pcie', 'PCIe link', bandwidthOf(gpu), {
      text: `generation ${state?.pcieGenerationMax ?? '?'}, x${state?.pcieWidth ?? '?'}`,
      group: 'slows',
      weight: 86,
      speedOf: 'copies',
      meaning: 'Inputs and outputs are copied through it. The network itself does not use it.',
    }),
    fact('clocks-held', 'clocks held down by settings', held, {
      text: held === '' ? 'no' : held,
      group: 'slows',
      weight: 92,
      meaning: '`nvidia-smi -rac` and `nvidia-smi -rgc` give the clocks back.',
    }),
    fact('throttled', 'slowed down at that moment', slowed, {
      text: slowed === '' ? 'no' : slowed,
      group: 'slows',
      weight: 85,
      varies: true,
      meaning:
        'Heat or power supply bring the clocks down, by half or more when the hardware does it.',
    }),
    fact('ecc', 'ECC', state?.eccEnabled, {
      group: 'slows',
      weight: 35,
      meaning: 'On GPUs without HBM it takes a part of memory and of its bandwidth.',
    }),
    fact('persistence', 'persistence mode', state?.persistenceMode, {
      group: 'slows',
      weight: 20,
      meaning: 'Without it the driver unloads when nobody uses the GPU: first calls take longer.',
    }),
    fact('others', 'other processes on it', others === null ? null : others > 0, {
      text: String(others),
      group: 'slows',
      weight: 84,
      varies: true,
      meaning: 'Processes take turns on a GPU.',
    }),
  ];
}

/** In units of one lane of the first generation; each generation doubles it. An idle link's own generation is lower, so the greatest counts. */
function bandwidthOf({ state }: KnownGpu): number | null {
  const generation = state?.pcieGenerationMax;
  const width = state?.pcieWidth;
  if (typeof generation !== 'number' || typeof width !== 'number') return null;
  return width * 2 ** (generation - 1);
}

export function gibibytes(bytes: number | null): string | undefined {
  return bytes === null ? undefined : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
