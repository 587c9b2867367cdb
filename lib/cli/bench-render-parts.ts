import type pc from 'picocolors';
import type { BenchRun } from '../bench/record';

export type Colors = Pick<typeof pc, 'bold' | 'dim' | 'green' | 'red' | 'yellow'>;

export function cpuText({
  cpuPerInference: { totalMs, userMs, systemMs },
}: Pick<BenchRun, 'cpuPerInference'>): string {
  return `CPU: ${totalMs.toFixed(4)} ms an inference (user ${userMs.toFixed(4)}, system ${systemMs.toFixed(4)})`;
}

/** Values of the moments that the GPU was looked at, without repetition. */
export function momentsText(moments: BenchRun['gpu']): string {
  const known = moments.filter((moment) => moment !== null);
  if (known.length === 0) return 'clocks unknown (no NVML)';
  const over = (
    value: (moment: (typeof known)[number]) => number | null,
    unit: string,
  ): string[] => {
    const values = known.flatMap((moment) => value(moment) ?? []);
    return values.length === 0 ? [] : [`${[...new Set(values)].join(' → ')} ${unit}`];
  };
  return [
    ...over(({ smClockMhz }) => smClockMhz, 'MHz'),
    ...over(({ temperatureCelsius }) => temperatureCelsius, '°C'),
    ...over(
      ({ powerDrawWatts }) => (powerDrawWatts === null ? null : Math.round(powerDrawWatts)),
      'W',
    ),
    ...over(({ gpuUtilizationPercent }) => gpuUtilizationPercent, '% utilization'),
  ].join(', ');
}

export function ms(value: number): string {
  return value.toFixed(4).padStart(10);
}

/** The first column to the left, numbers to the right. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
