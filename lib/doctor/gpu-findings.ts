import type { NativeGpuState } from '../binding';
import * as clue from './clues';
import type { Evidence } from './evidence';
import type { Finding } from './finding';

function title(state: NativeGpuState): string {
  return `GPU ${state.index} (${state.name ?? 'name unknown'})`;
}

/** MIG is on and has no devices: CUDA then shows none of that GPU. null when that is not so for every GPU. */
export function migWithoutInstances(evidence: Evidence): Finding | null {
  const empty = evidence.gpuStates.filter(
    ({ mig }) => mig?.enabled === true && mig.instances === 0,
  );
  if (empty.length === 0) return null;
  return {
    id: 'mig-without-instances',
    severity: evidence.driver?.gpus.length ? 'warning' : 'problem',
    title: `MIG is enabled without instances on ${empty.map(title).join(', ')}`,
    evidence: [
      ...empty.map((state) => `${title(state)}: MIG mode enabled, 0 MIG devices visible`),
      clue.driverAnswer(evidence),
    ],
    nextStep:
      'Create instances (`sudo nvidia-smi mig -cgi 0 -C` makes one of the whole GPU), disable MIG (`sudo nvidia-smi -mig 0`), or give this container access to the instances that there are.',
  };
}

/** What the GPUs that work are set to. */
export function gpuFindings(evidence: Evidence): Finding[] {
  if (evidence.driver?.status !== 'ok') return [];
  const empty = evidence.driver.gpus.length > 0 ? migWithoutInstances(evidence) : null;
  return [
    ...(empty ? [empty] : []),
    ...evidence.gpuStates.flatMap((state) => [
      ...mig(state),
      ...computeMode(state),
      ...throttling(state),
      ...powerLimit(state),
      ...pcie(state),
      ...others(state),
    ]),
    ...launchBlocking(evidence),
  ];
}

function mig(state: NativeGpuState): Finding[] {
  if (state.mig?.enabled !== true || state.mig.instances === 0) return [];
  return [
    {
      id: 'mig',
      severity: 'note',
      title: `${title(state)} is divided by MIG`,
      evidence: [`MIG mode enabled, ${state.mig.instances} MIG devices visible`],
      nextStep:
        'A process uses one MIG device, a part of the GPU: choose it with CUDA_VISIBLE_DEVICES=MIG-… (`nvidia-smi -L`). Engines are to be built in a device of the size that runs them.',
    },
  ];
}

function computeMode(state: NativeGpuState): Finding[] {
  const evidence = [`${title(state)}: compute mode ${state.computeMode ?? 'unknown'}`];
  if (state.computeMode === 'prohibited') {
    return [
      {
        id: 'compute-mode-prohibited',
        severity: 'problem',
        title: `${title(state)} allows no compute at all`,
        evidence,
        nextStep: `Allow it again: \`sudo nvidia-smi -i ${state.index} -c DEFAULT\`.`,
      },
    ];
  }
  if (state.computeMode === null || state.computeMode === 'default') return [];
  return [
    {
      id: 'compute-mode-exclusive',
      severity: 'note',
      title: `${title(state)} runs one process at a time`,
      evidence,
      nextStep: `A second process gets an error. To share the GPU: \`sudo nvidia-smi -i ${state.index} -c DEFAULT\`.`,
    },
  ];
}

const slowdowns: Readonly<Record<string, string>> = {
  'hardware-slowdown': 'Look at cooling and power supply: this halves the clocks, or worse.',
  'hardware-thermal-slowdown': 'Look at the cooling: the GPU is too hot.',
  'hardware-power-brake-slowdown': 'Look at the power supply: it asks the GPU to use less.',
  'software-thermal-slowdown': 'Look at the cooling: the GPU is near its temperature limit.',
  'sync-boost': 'It is in a sync boost group and as slow as its slowest member.',
  'application-clocks-setting':
    'Application or locked clocks hold it down: `sudo nvidia-smi -rac` and `sudo nvidia-smi -rgc` give them back.',
};

function throttling(state: NativeGpuState): Finding[] {
  const reasons = (state.clockEventReasons ?? []).filter((reason) =>
    Object.hasOwn(slowdowns, reason),
  );
  if (reasons.length === 0) return [];
  return [
    {
      id: 'gpu-throttled',
      severity: 'warning',
      title: `${title(state)} is slowed down now: ${reasons.join(', ')}`,
      evidence: [
        `SM clock ${mhz(state.smClockMhz)} of ${mhz(state.smClockMaxMhz)}, memory ${mhz(state.memoryClockMhz)} of ${mhz(state.memoryClockMaxMhz)}`,
        `temperature ${state.temperatureCelsius ?? '?'} °C, power ${watts(state.powerDrawWatts)} of ${watts(state.powerLimitWatts)}`,
      ],
      nextStep: reasons.map((reason) => slowdowns[reason]).join(' '),
    },
  ];
}

function powerLimit(state: NativeGpuState): Finding[] {
  const { powerLimitWatts: limit, powerLimitDefaultWatts: usual } = state;
  if (limit === null || usual === null || limit >= usual * 0.99) return [];
  return [
    {
      id: 'power-limit-reduced',
      severity: 'warning',
      title: `${title(state)} may use less power than its default`,
      evidence: [`power limit ${watts(limit)}, default ${watts(usual)}`],
      nextStep: `If that is not meant: \`sudo nvidia-smi -i ${state.index} -pl ${Math.round(usual)}\`.`,
    },
  ];
}

/** The width alone: an idle GPU lowers its link's generation, and raises it again under load. */
function pcie(state: NativeGpuState): Finding[] {
  const { pcieWidth: width, pcieWidthMax: most } = state;
  if (width === null || most === null || width === 0 || width >= most) return [];
  return [
    {
      id: 'pcie-link-reduced',
      severity: 'warning',
      title: `${title(state)} is connected by x${width} of x${most} PCIe lanes`,
      evidence: [
        `PCIe generation ${state.pcieGeneration ?? '?'}, x${width}; the GPU could x${most}`,
      ],
      nextStep:
        'Inputs and outputs take longer to copy. Look at the slot, riser and BIOS; in a cloud, it may be how the machine is made.',
    },
  ];
}

function others(state: NativeGpuState): Finding[] {
  const count = state.otherProcesses ?? 0;
  if (count === 0) return [];
  return [
    {
      id: 'gpu-busy',
      severity: 'note',
      title: `${title(state)} is used by ${count} other ${count === 1 ? 'process' : 'processes'}`,
      evidence: [
        `utilization ${state.gpuUtilizationPercent ?? '?'} %, memory used ${gib(state.memoryUsedBytes)} of ${gib(state.memoryTotalBytes)}`,
      ],
      nextStep:
        'Do not build engines or measure beside them: TensorRT chooses kernels by timing them. `nvidia-smi` lists the processes.',
    },
  ];
}

function launchBlocking(evidence: Evidence): Finding[] {
  const value = evidence.env['CUDA_LAUNCH_BLOCKING'];
  if (value === undefined || value === '' || value === '0') return [];
  return [
    {
      id: 'cuda-launch-blocking',
      severity: 'warning',
      title: 'CUDA_LAUNCH_BLOCKING makes every kernel launch wait for its end',
      evidence: [clue.variable(evidence, 'CUDA_LAUNCH_BLOCKING')],
      nextStep: 'Unset it: it is for debugging, and slows inference down.',
    },
  ];
}

function mhz(value: number | null): string {
  return value === null ? '?' : `${value} MHz`;
}

function watts(value: number | null): string {
  return value === null ? '?' : `${Math.round(value)} W`;
}

function gib(bytes: number | null): string {
  return bytes === null ? '?' : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
