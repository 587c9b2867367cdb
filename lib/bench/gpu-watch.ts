import type { GpuState } from '../gpu-state';

/** What NVML said of the GPU at one moment. */
export interface GpuMoment {
  readonly smClockMhz: number | null;
  readonly memoryClockMhz: number | null;
  readonly temperatureCelsius: number | null;
  readonly powerDrawWatts: number | null;
  readonly gpuUtilizationPercent: number | null;
  /** Processes with a context on the GPU beside this one. */
  readonly otherProcesses: number | null;
  readonly clockEventReasons: readonly string[] | null;
}

/** Behind the warm-up, between the loops, and behind the last one. null: NVML had no answer. */
export type GpuMoments = readonly (GpuMoment | null)[];

export function momentOf(state: GpuState | null): GpuMoment | null {
  if (state === null) return null;
  const { smClockMhz, memoryClockMhz, temperatureCelsius, powerDrawWatts } = state;
  const { gpuUtilizationPercent, otherProcesses, clockEventReasons } = state;
  return {
    ...{ smClockMhz, memoryClockMhz, temperatureCelsius, powerDrawWatts },
    ...{ gpuUtilizationPercent, otherProcesses, clockEventReasons },
  };
}

/** Clocks that differ by less are noise of the GPU's own control. */
const movedAbove = 0.05;

/** Idle after the loop, or set on purpose. */
const harmless = new Set(['gpu-idle', 'application-clocks-setting']);

/** What was wrong with the GPU while it was measured, in sentences; empty when nothing was. */
export function gpuWarnings(moments: GpuMoments): string[] {
  const known = moments.filter((moment) => moment !== null);
  const warnings: string[] = [];
  const clocks = known.flatMap(({ smClockMhz }) => smClockMhz ?? []);
  const [low, high] = [Math.min(...clocks), Math.max(...clocks)];
  if (clocks.length > 1 && (high - low) / high > movedAbove) {
    warnings.push(
      `the GPU's clock moved between ${low} and ${high} MHz while it was measured: warm up longer, or lock it (nvidia-smi -lgc)`,
    );
  }
  const others = Math.max(0, ...known.map(({ otherProcesses }) => otherProcesses ?? 0));
  if (others > 0) {
    const who = others === 1 ? 'another process' : `${others} other processes`;
    warnings.push(`${who} had a context on the GPU: what they ran is in the figures`);
  }
  const reasons = new Set(
    known
      .flatMap(({ clockEventReasons }) => clockEventReasons ?? [])
      .filter((each) => !harmless.has(each)),
  );
  if (reasons.size > 0) warnings.push(`the GPU held its clocks down: ${[...reasons].join(', ')}`);
  return warnings;
}
