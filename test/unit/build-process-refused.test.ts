import { describe, expect, it, vi } from 'vitest';
import { defaultTuning } from '../../lib/builder-tuning';
import type { NativeBuildRequest } from '../../lib/binding';
import { buildInChild } from '../../lib/build-process';

const refusal = vi.hoisted(() => ({ code: '' }));

vi.mock('node:child_process', () => ({
  fork: () => {
    throw Object.assign(new Error('refused'), { code: refusal.code });
  },
}));

const order: NativeBuildRequest = {
  library: { core: '/lib/libnvinfer.so.10', parser: null },
  model: '/models/a.onnx',
  externalData: null,
  stage: '/nowhere',
  modelSha256: '',
  planPath: '/nowhere/plan',
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
  computeCapabilities: [],
  optimizationLevel: null,
  memoryPools: {},
};

describe('buildInChild where no process can be made', () => {
  it.each([
    ['ERR_ACCESS_DENIED', 'ERR_TRT_UNSUPPORTED'],
    ['EPERM', 'ERR_TRT_UNSUPPORTED'],
    ['EMFILE', 'ERR_TRT_BUILD_FAILED'],
  ])('%s becomes %s', async (errno, code) => {
    refusal.code = errno;
    await expect(buildInChild(order)).rejects.toMatchObject({ code, details: { errno } });
  });
});
