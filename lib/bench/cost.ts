/** What it takes to serve a rate, at the highest rate that one GPU holds. */
export interface ServingCost {
  /** Requests a second that are to be served; null: none was named. */
  readonly targetRate: number | null;
  /** For the target; null without one. */
  readonly gpus: number | null;
  /** Of one GPU, in whatever currency it was given; null: none was given. */
  readonly costPerGpuHour: number | null;
  /** Of all of them. */
  readonly costPerHour: number | null;
  /** Of a million inferences: at the target, or else with one GPU fully used. */
  readonly costPerMillion: number | null;
}

export function servingCost(
  rate: number,
  targetRate: number | null,
  costPerGpuHour: number | null,
): ServingCost {
  const gpus = targetRate === null ? null : Math.ceil(targetRate / rate);
  const costPerHour = costPerGpuHour === null || gpus === null ? null : gpus * costPerGpuHour;
  const served = targetRate ?? rate;
  const hourly = costPerHour ?? costPerGpuHour;
  return {
    targetRate,
    gpus,
    costPerGpuHour,
    costPerHour,
    costPerMillion: hourly === null ? null : (hourly / (served * 3600)) * 1e6,
  };
}
