import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { TensorInputs } from '../../lib/tensor';
import { prepare, testFolder } from '../support/calibration-facts';
import type { TinyModel } from '../support/onnx-writer';
import { buildOnStub } from '../support/stub-build';

const model: TinyModel = {
  inputs: [
    { name: 'x', type: 'float32', dims: ['n', 2] },
    { name: 'ids', type: 'int32', dims: ['n', 'seq'] },
  ],
  nodes: [
    { op: 'Identity', name: 'copy x', inputs: ['x'], outputs: ['y'] },
    { op: 'Identity', name: 'copy ids', inputs: ['ids'], outputs: ['z'] },
  ],
  outputs: [
    { name: 'y', type: 'float32', dims: ['n', 2] },
    { name: 'z', type: 'int32', dims: ['n', 'seq'] },
  ],
};
const profiles = [
  {
    x: { min: [1, 2], opt: [4, 2], max: [8, 2] },
    ids: { min: [1, 1], opt: [4, 3], max: [8, 3] },
  },
];
const facts = {
  model: { identity: { name: 'm', sha256: 'a'.repeat(64), sizeBytes: 1 }, inputs: model.inputs },
  profiles,
};

/** Sample i is x = [i, -i], ids = [i, i, i]. */
function samples(first: number, count: number): TensorInputs {
  const x = Float32Array.from({ length: count * 2 }, (_, at) => {
    const value = first + Math.floor(at / 2);
    return at % 2 === 0 ? value : -value;
  });
  const ids = Int32Array.from({ length: count * 3 }, (_, at) => first + Math.floor(at / 3));
  return {
    x: { type: 'float32', data: x, dims: [count, 2] },
    ids: { type: 'int32', data: ids, dims: [count, 3] },
  };
}

const hexOf = (inputs: TensorInputs): Record<string, string> =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => {
      const { buffer } = (tensor as { data: Float32Array | Int32Array }).data;
      return [name, Buffer.from(buffer).toString('hex')];
    }),
  );

it('what the caller gives is what TensorRT sees, and its cache serves the next build', async () => {
  const cache = path.join(await testFolder(), 'model.calib');
  const data = [samples(0, 1), samples(1, 5), samples(6, 1)];
  const prepared = await prepare({ data, cache, profile: { n: 3 } }, facts);
  const request = { model, profiles, typing: 'weak', precisions: ['int8'] } as const;
  const { record } = await buildOnStub('v10', { ...request, calibration: prepared.native });
  expect(record.calibration?.dims).toEqual({ x: [3, 2], ids: [3, 3] });
  expect(record.calibration?.batches).toEqual([hexOf(samples(0, 3)), hexOf(samples(3, 3))]);
  expect(await prepared.finish()).toMatchObject({ batches: 2, droppedSamples: 1 });
  const written = await readFile(cache, 'utf8');
  expect(written).toBe(record.calibration?.cacheWritten);

  const again = await prepare({ cache, profile: { n: 3 } }, facts);
  expect(again.key).toBe(prepared.key);
  const second = await buildOnStub('v10', { ...request, calibration: again.native });
  expect(second.record.calibration?.cacheRead).toBe(written);
  expect(second.record.calibration).not.toHaveProperty('batches');
});
