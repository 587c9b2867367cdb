import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { maxRelativeDifference } from '../../bench/digits.mjs';
import type { Engine } from '../../lib/index';
import {
  GeneratedModel,
  optimizationLevel,
  type Reference,
  type ReferenceCase,
} from '../support/generated-models';
import { temporaryFolder, trtNode } from '../gpu/gpu-host';

const classes = 1000;

interface ResNetReference extends Reference {
  readonly cases: readonly ReferenceCase[];
}

const model = await GeneratedModel.open<ResNetReference>('resnet50');
const folder = await temporaryFolder();

interface Answer {
  readonly batch: number;
  readonly logits: Float32Array;
  readonly expected: Float32Array;
}

async function answer(engine: Engine, { inputs, outputs }: ReferenceCase): Promise<Answer> {
  const given = await model.tensors(inputs);
  const { logits: expected } = await model.tensors(outputs);
  const { logits } = await engine.infer(given);
  expect(logits?.dims).toEqual(expected?.dims);
  return {
    batch: logits?.dims[0] ?? 0,
    logits: logits?.data as Float32Array,
    expected: expected?.data as Float32Array,
  };
}

function largestAt(row: Float32Array): number {
  return row.indexOf(Math.max(...row));
}

function sameTopClass(answers: readonly Answer[]): { same: number; of: number } {
  let [same, of] = [0, 0];
  for (const { batch, logits, expected } of answers) {
    for (let image = 0; image < batch; ++image) {
      const [from, to] = [image * classes, (image + 1) * classes];
      of += 1;
      if (largestAt(logits.subarray(from, to)) === largestAt(expected.subarray(from, to)))
        same += 1;
    }
  }
  return { same, of };
}

// The bars: max|a−b| / max|b| over the logits, for each batch by itself.
describe.each([
  { precision: 'fp32' as const, bar: 1e-4 },
  { precision: 'fp16' as const, bar: 1e-2 },
])('ResNet-50 in $precision', ({ precision, bar }) => {
  it('agrees with PyTorch at every batch size', async () => {
    const built = await trtNode.buildEngine(model.modelPath, {
      runtime: 'tensorrt',
      precision,
      profiles: [{ batch: [1, 8, 32] }],
      output: path.join(folder, `${precision}.engine`),
      ...optimizationLevel(),
    });
    // Which kernels win is timed, but in a model of this size half precision wins somewhere, whatever else the GPU does.
    const types = built.manifest.layers?.flatMap(({ outputTypes }) => outputTypes) ?? [];
    expect(types).not.toEqual([]);
    expect(types.some((type) => /half|fp16/i.test(type))).toBe(precision === 'fp16');

    await using engine = await built.load();
    const answers: Answer[] = [];
    for (const reference of model.reference.cases) answers.push(await answer(engine, reference));
    const byBatch = answers.map(({ batch, logits, expected }) => ({
      batch,
      maxRelativeDifference: maxRelativeDifference(logits, expected),
    }));
    await model.record(precision, built, { bar, byBatch, sameTopClass: sameTopClass(answers) });

    expect(byBatch.length).toBeGreaterThan(0);
    for (const { maxRelativeDifference: difference } of byBatch) {
      expect(difference).toBeLessThan(bar);
    }
  });
});
