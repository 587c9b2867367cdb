import type { NativeInferResult } from '../binding';
import type { CheckedInferOptions } from '../infer-options';
import type { Prepared } from './request';

/**
 * What `runSync` ran last, where the native side can run it again: the same tensors on pinned memory, as whoever measures or serves from
 * fixed buffers passes them each time. Handing them over anew takes longer than all else that JavaScript does for an inference.
 */
export class Repeat {
  #last: (Pick<Prepared, 'call' | 'sources'> & Pick<CheckedInferOptions, 'memory'>) | null = null;

  /** Whether `runAgain` does what is asked for now. */
  fits({ call, sources, options: { memory } }: Prepared, timed: boolean): boolean {
    const last = this.#last;
    if (last === null || timed || last.call !== call) return false;
    for (let i = 0; i < sources.length; i += 1) if (sources[i] !== last.sources[i]) return false;
    const before = last.memory;
    if (memory === null || before === null) return memory === before;
    for (let i = 0; i < memory.length; i += 1) {
      const array = memory[i];
      if (array !== before[i]) return false;
      // Its buffer may have been taken away since.
      if (ArrayBuffer.isView(array) && array.byteLength === 0) return false;
    }
    return true;
  }

  /** After `runSync`. */
  keep(prepared: Prepared, { again }: NativeInferResult): void {
    const { call, sources, options } = prepared;
    this.#last = again === true ? { call, sources, memory: options.memory } : null;
  }

  /** The native side has nothing to run again. */
  forget(): void {
    this.#last = null;
  }
}
