import { expect, it } from 'vitest';
import type { NativeBuildRequest, NativeTimingCache } from '../../lib/binding';
import { buildUnquantized, Writers, type BuildOrder, type BuildTask } from '../../lib/build-plan';
import { buildResult } from '../support/fake-build-machine';

/** What TensorRT is asked for, for the engine that a narrower one is compared with. */
async function unquantized(timingCache: NativeTimingCache): Promise<NativeBuildRequest> {
  const requests: NativeBuildRequest[] = [];
  const task = {
    build: (request: NativeBuildRequest) => {
      requests.push(request);
      return Promise.resolve(buildResult);
    },
    options: { signal: null, isolation: 'process' },
    staged: { folder: '/tmp/staged' },
    writers: new Writers(),
  } as unknown as BuildTask;
  const request = { typing: 'weak', precisions: ['fp16'], tf32: null, timingCache };
  const order = { request, calibration: null } as unknown as BuildOrder;
  expect(await buildUnquantized(task, order)).toBe('/tmp/staged/unquantized');
  return requests[0]!;
}

it('the build without narrower types has TensorRT time what a fixed timing cache need not have', async () => {
  const exact = { typing: 'strong', precisions: [], tf32: false };
  const shared = { path: '/timings', reproducible: false };
  expect(await unquantized(shared)).toMatchObject({ ...exact, timingCache: shared });
  const fixed = { path: '/timings', reproducible: true };
  expect(await unquantized(fixed)).toMatchObject({ ...exact, timingCache: null });
});
