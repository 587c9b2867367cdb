import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { BuildOptions } from '../../lib/build-options';
import { digits, failure, requireRtx, trtNode } from '../support/native-host';

const { core } = await requireRtx();

function build(debugTensors: readonly string[]) {
  const options: BuildOptions = {
    runtime: 'tensorrt-rtx',
    library: core,
    computeCapabilities: ['8.6'],
    profiles: [{ images: { min: [1, 1, 8, 8], opt: [8, 1, 8, 8], max: [64, 1, 8, 8] } }],
    timingCache: false,
    debugTensors,
  };
  return trtNode.buildEngine(digits, options);
}

/** A value between layers of models/digits, as the file names it. */
const between = '/features/features.5/Relu_output_0';

it('a real TensorRT takes debug tensors, and its plan is another one', async () => {
  const built = await build([between, between]);
  const plain = await build([]);
  expect(built.manifest.options['debugTensors']).toEqual([between]);
  expect(plain.manifest.options).not.toHaveProperty('debugTensors');
  // Equal builds are equal, byte for byte, so that a difference means something.
  expect((await build([])).manifest.plan.sha256).toBe(plain.manifest.plan.sha256);
  expect(built.manifest.plan.sha256).not.toBe(plain.manifest.plan.sha256);
});

it('a name that a real network does not have is refused with those that are near', async () => {
  expect((await readFile(digits)).includes(between)).toBe(true);
  const error = await failure('ERR_TRT_INVALID_ARG', build([`${between}x`]));
  expect(error.details['nearest']).toContain(between);
});
