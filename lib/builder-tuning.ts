import type { NativeTuning } from './binding';

/** TensorRT's own defaults. */
export const defaultTuning: NativeTuning = {
  maxAuxStreams: null,
  avgTimingIterations: null,
  maxNbTactics: null,
  hardwareCompatibilityLevel: null,
  refit: null,
  stripPlan: false,
  weightStreaming: false,
  versionCompatible: false,
  excludeLeanRuntime: false,
  sparseWeights: false,
  tacticSources: null,
  previewFeatures: {},
  tilingOptimizationLevel: null,
  l2LimitForTiling: null,
  dla: null,
};
