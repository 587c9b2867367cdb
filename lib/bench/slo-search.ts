/** A step of the search: what one rate came to. */
export interface SloStep {
  readonly rate: number;
  readonly holds: boolean;
}

export interface SloSearch<Step extends SloStep> {
  /** In the order they were measured. */
  readonly steps: readonly Step[];
  /** The highest rate that held; null: none did. */
  readonly best: Step | null;
  /** The lowest rate above it that did not hold; null: none was found up to `mostRate`. */
  readonly failed: Step | null;
}

export interface SloSearchOptions {
  /** Requests a second to begin with. */
  readonly startRate: number;
  /** The search ends when the lowest rate that fails is at most this much above the highest that holds. 0.05 */
  readonly precision: number;
  /** No rate below or above these is tried. */
  readonly leastRate: number;
  readonly mostRate: number;
}

/**
 * The highest rate that holds: doubling until one does not (or halving until one does), then bisecting between the two. Rates are
 * compared by their ratio, so the middle is the geometric one.
 */
export async function searchRate<Step extends SloStep>(
  measure: (rate: number) => Promise<Step>,
  { startRate, precision, leastRate, mostRate }: SloSearchOptions,
): Promise<SloSearch<Step>> {
  const steps: Step[] = [];
  const at = async (rate: number): Promise<Step> => {
    const step = await measure(rate);
    steps.push(step);
    return step;
  };
  let best: Step | null = null;
  let failed: Step | null = null;
  let rate = Math.min(Math.max(startRate, leastRate), mostRate);
  for (;;) {
    const step = await at(rate);
    if (step.holds) {
      best = step;
      if (failed !== null || rate >= mostRate) break;
      rate = Math.min(rate * 2, mostRate);
    } else {
      failed = step;
      if (best !== null || rate <= leastRate) break;
      rate = Math.max(rate / 2, leastRate);
    }
  }
  while (best !== null && failed !== null && failed.rate / best.rate > 1 + precision) {
    const step = await at(Math.sqrt(best.rate * failed.rate));
    if (step.holds) best = step;
    else failed = step;
  }
  return { steps, best, failed };
}
