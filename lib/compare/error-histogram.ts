/** Elements whose |a − b| is above `above` and at most `atMost`; both 0: those that are equal. */
export interface ErrorBin {
  readonly above: number;
  readonly atMost: number;
  readonly elements: number;
}

/** Differences below the first are one bin, and those above the last; float32 tells no more apart than these. */
const smallest = -9;
const largest = 3;

/** Counts differences by powers of ten. */
export class ErrorHistogram {
  readonly #counts = new Array<number>(largest - smallest + 2).fill(0);
  #equal = 0;
  #sum = 0;
  #finite = 0;
  #notFinite = 0;

  /** Elements that are not finite in one of the two, and not the same in both. */
  get notFinite(): number {
    return this.#notFinite;
  }

  add(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>, count: number): void {
    for (let index = 0; index < count; ++index) this.#addPair(a[index] ?? 0, b[index] ?? 0);
  }

  /** Of the finite differences. */
  mean(): number {
    return this.#finite === 0 ? 0 : this.#sum / this.#finite;
  }

  /** From the smallest on; bins at both ends that hold nothing are left out. */
  bins(): readonly ErrorBin[] {
    const bins = this.#counts.map((elements, index) => ({
      above: index === 0 ? 0 : 10 ** (smallest + index - 1),
      atMost: index === this.#counts.length - 1 ? Number.MAX_VALUE : 10 ** (smallest + index),
      elements,
    }));
    const first = bins.findIndex(({ elements }) => elements > 0);
    const last = bins.findLastIndex(({ elements }) => elements > 0);
    const used = first === -1 ? [] : bins.slice(first, last + 1);
    return [{ above: 0, atMost: 0, elements: this.#equal }, ...used];
  }

  #addPair(a: number | bigint, b: number | bigint): void {
    const difference =
      typeof a === 'bigint' && typeof b === 'bigint' ? Number(a - b) : Number(a) - Number(b);
    if (a === b || difference === 0 || (Number.isNaN(Number(a)) && Number.isNaN(Number(b)))) {
      this.#equal += 1;
      this.#finite += 1;
      return;
    }
    if (!Number.isFinite(difference)) {
      this.#notFinite += 1;
      return;
    }
    const magnitude = Math.abs(difference);
    this.#finite += 1;
    this.#sum += magnitude;
    const bin = Math.ceil(Math.log10(magnitude)) - smallest;
    const index = Math.min(Math.max(bin, 0), this.#counts.length - 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }
}
