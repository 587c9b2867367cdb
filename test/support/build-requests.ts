import type { NativeBuildRequest } from '../../lib/binding';
import { defaultTuning } from '../../lib/builder-tuning';

/** A request that no TensorRT sees. */
export function buildRequest(planPath: string): NativeBuildRequest {
  return {
    library: { core: '/opt/a tensorrt/lib/libnvinfer.so.10', parser: null },
    model: '/models/a.onnx',
    externalData: null,
    stage: '/nowhere',
    modelSha256: '',
    planPath,
    device: null,
    tf32: null,
    typing: 'strong',
    precisions: [],
    calibration: null,
    timingCache: null,
    plugins: [],
    standardPlugins: true,
    tuning: defaultTuning,
    profiles: [],
    computeCapabilities: ['8.6'],
    optimizationLevel: null,
    memoryPools: { workspace: 2 ** 33 },
  };
}
