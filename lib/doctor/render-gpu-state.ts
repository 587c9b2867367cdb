import type { NativeGpuState } from '../binding';

/** What a GPU is set to and does, in one line; without what is not known. */
export function gpuStateLine(state: NativeGpuState): string {
  const { mig, pcieGeneration, pcieWidth, powerDrawWatts, powerLimitWatts } = state;
  const parts = [
    ratio('SM', state.smClockMhz, state.smClockMaxMhz, 'MHz'),
    ratio('memory', state.memoryClockMhz, state.memoryClockMaxMhz, 'MHz'),
    ratio('', round(powerDrawWatts), round(powerLimitWatts), 'W'),
    state.temperatureCelsius === null ? null : `${state.temperatureCelsius} °C`,
    pcieGeneration === null || pcieWidth === null ? null : `PCIe ${pcieGeneration} x${pcieWidth}`,
    onOff('ECC', state.eccEnabled),
    onOff('persistence', state.persistenceMode),
    mig?.enabled === true ? `MIG with ${mig.instances} devices` : null,
    state.computeMode === null || state.computeMode === 'default' ? null : state.computeMode,
  ];
  return parts.filter((part) => part !== null).join(', ');
}

function ratio(name: string, now: number | null, most: number | null, unit: string): string | null {
  if (now === null) return null;
  const value = most === null ? `${now} ${unit}` : `${now} of ${most} ${unit}`;
  return name === '' ? value : `${name} ${value}`;
}

function onOff(name: string, on: boolean | null): string | null {
  return on === null ? null : `${name} ${on ? 'on' : 'off'}`;
}

function round(value: number | null): number | null {
  return value === null ? null : Math.round(value);
}
