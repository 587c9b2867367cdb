import type { NativeProgress } from './binding';

/**
 * What `onProgress` hears while an engine is built. Phases nest and overlap. Those of TensorRT are its own (`IProgressMonitor`),
 * and their names and number change with its version; around them are `Examining the model`, calibration, verification and
 * publication, each where it happens. `step` counts from 0 to `steps`.
 */
export interface BuildProgress extends NativeProgress {
  /** Milliseconds since `buildEngine` was called. */
  readonly elapsedMs: number;
  /**
   * How much of the outermost phase that is under way is done, from 0 to 1; it never falls while that phase goes on. null
   * outside of any phase, and where the phase has no steps. Steps take unequal time, so that it is no measure of time.
   */
  readonly fraction: number | null;
  /**
   * An estimate of the milliseconds until the outermost phase that is under way ends; null while there is nothing to base it on
   * (the first second, and until the first step is done). It extrapolates the measured rate of the innermost running phases, adds
   * the median time of the enclosing phases' steps for those that are still to come, and is smoothed over some seconds. Never
   * negative. What comes after that phase is not in it.
   */
  readonly remainingMs: number | null;
}
