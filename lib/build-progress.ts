import type { NativeProgress } from './binding';

/**
 * What `onProgress` hears while TensorRT builds. Phases nest and overlap; TensorRT names them (`IProgressMonitor`), and their
 * names and number change with its version. `step` counts from 0 to `steps`.
 */
export interface BuildProgress extends NativeProgress {
  /** Milliseconds since `buildEngine` was called. */
  readonly elapsedMs: number;
}
