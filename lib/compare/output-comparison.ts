import type { TensorLike } from '../tensor';
import { compareTensors, isWorseDeviation, type Deviation } from '../verify/compare';
import { namedMetrics, worse, type NamedMetric } from '../verify/metric';
import type { Tolerance } from '../verify/tolerance';
import { indicesOf, isFloating, sizeOf, sliceElements, valuesAt } from '../verify/values';
import { ErrorHistogram, type ErrorBin } from './error-histogram';

/** How one output of two models differs, over all inputs that both were given. */
export interface OutputComparison {
  readonly output: string;
  readonly elements: number;
  /** The largest |a − b|. */
  readonly maxAbs: number;
  /** The mean |a − b| of finite differences. */
  readonly meanAbs: number;
  /** The largest |a − b| by the largest |b| of that tensor. */
  readonly maxRel: number;
  /** Cosine similarity of a and b as one vector; the smallest of all runs. */
  readonly cosine: number;
  /** ‖a − b‖ / ‖b‖; the largest of all runs. */
  readonly l2: number;
  /** Elements of which one is NaN or infinite and the other is not the same. */
  readonly notFinite: number;
  /** |a − b| by powers of ten. */
  readonly histogram: readonly ErrorBin[];
  /** Of the rows along the last axis, those with their largest element at the same place; null: no floats, or fewer than two columns. */
  readonly argmax: { readonly rows: number; readonly same: number } | null;
  /** Elements beyond the tolerance; null where none was given. */
  readonly mismatches: number | null;
  readonly worst: WorstElement | null;
}

export interface WorstElement {
  /** The run, from 0. */
  readonly run: number;
  readonly index: readonly number[];
  /** Values as they are; bigints, NaN and infinities as text. */
  readonly a: number | string;
  readonly b: number | string;
}

/** Sums up what several runs show of one output. */
export class OutputComparer {
  readonly #output: string;
  readonly #tolerance: Tolerance | null;
  readonly #histogram = new ErrorHistogram();
  #measures: Record<NamedMetric, number> | null = null;
  #elements = 0;
  #rows = 0;
  #sameRows = 0;
  #hasRows = false;
  #mismatches = 0;
  #runs = 0;
  #worst: (WorstElement & { readonly excess: number; readonly difference: number }) | null = null;

  constructor(output: string, tolerance: Tolerance | null) {
    this.#output = output;
    this.#tolerance = tolerance;
  }

  /** Two tensors of the same dims. The event loop turns meanwhile. */
  async add(a: TensorLike, b: TensorLike): Promise<void> {
    const found = await compareTensors(a, b, this.#tolerance ?? { atol: 0, rtol: 0 });
    const before = this.#measures;
    this.#measures = Object.fromEntries(
      namedMetrics.map((name) => [
        name,
        before === null ? found.measures[name] : worse(name, before[name], found.measures[name]),
      ]),
    ) as Record<NamedMetric, number>;
    this.#elements += found.elements;
    this.#mismatches += found.mismatches;
    if (found.worst !== null) this.#keepWorst(found.worst, a.dims);
    this.#addErrors(a, b);
    this.#addRows(a, b);
    this.#runs += 1;
  }

  result(): OutputComparison {
    const { maxAbs = 0, maxRel = 0, cosine = 1, l2 = 0 } = this.#measures ?? {};
    const worst = this.#worst;
    return {
      output: this.#output,
      elements: this.#elements,
      ...{ maxAbs, maxRel, cosine, l2 },
      meanAbs: this.#histogram.mean(),
      notFinite: this.#histogram.notFinite,
      histogram: this.#histogram.bins(),
      argmax: this.#hasRows ? { rows: this.#rows, same: this.#sameRows } : null,
      mismatches: this.#tolerance === null ? null : this.#mismatches,
      worst: worst === null ? null : { run: worst.run, index: worst.index, a: worst.a, b: worst.b },
    };
  }

  #keepWorst(found: Deviation, dims: readonly number[]): void {
    if (this.#worst !== null && !isWorseDeviation(found, this.#worst)) return;
    const { excess, difference } = found;
    const index = indicesOf(found.place, dims);
    const [a, b] = [shown(found.got), shown(found.expected)];
    this.#worst = { run: this.#runs, index, a, b, excess, difference };
  }

  #addErrors(a: TensorLike, b: TensorLike): void {
    const elements = sizeOf(a);
    for (let start = 0; start < elements; start += sliceElements) {
      const count = Math.min(sliceElements, elements - start);
      this.#histogram.add(valuesAt(a, start, count), valuesAt(b, start, count), count);
    }
  }

  #addRows(a: TensorLike, b: TensorLike): void {
    const columns = a.dims.at(-1) ?? 0;
    if (columns < 2 || !isFloating(a.type)) return;
    this.#hasRows = true;
    const elements = sizeOf(a);
    const ours = valuesAt(a, 0, elements);
    const theirs = valuesAt(b, 0, elements);
    for (let start = 0; start < elements; start += columns) {
      this.#rows += 1;
      if (largestIn(ours, start, columns) === largestIn(theirs, start, columns))
        this.#sameRows += 1;
    }
  }
}

function largestIn(values: ArrayLike<number | bigint>, start: number, count: number): number {
  let place = 0;
  for (let index = 1; index < count; ++index) {
    if ((values[start + index] ?? 0) > (values[start + place] ?? 0)) place = index;
  }
  return place;
}

function shown(value: number | bigint): number | string {
  return typeof value === 'number' && Number.isFinite(value) ? value : String(value);
}
