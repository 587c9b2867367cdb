import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { maxRelativeDifference } from '../../bench/digits.mjs';
import {
  GeneratedModel,
  optimizationLevel,
  type Reference,
  type ReferenceCase,
} from '../support/generated-models';
import { temporaryFolder, trtNode } from '../gpu/gpu-host';

interface DecoderReference extends Reference {
  readonly cases: readonly ReferenceCase[];
  readonly externalData: {
    readonly file: string;
    readonly sha256: string;
    readonly sizeBytes: number;
  };
  readonly parameters: number;
}

const model = await GeneratedModel.open<DecoderReference>('decoder');
const { externalData, parameters } = model.reference;
const folder = await temporaryFolder();

// float16 against PyTorch's float32, through 22 layers; what PyTorch's own float16 reaches stands in reference.json.
const bar = 1e-2;

it('builds and runs a decoder of more than a billion weights, over 2 GiB of them beside the model', async () => {
  expect(parameters).toBeGreaterThan(1e9);
  const { size } = await fs.stat(path.join(model.folder, externalData.file));
  expect(size).toBeGreaterThan(2 ** 31);

  const built = await trtNode.buildEngine(model.modelPath, {
    runtime: 'tensorrt',
    profiles: [{ batch: [1, 2, 4], seq: [1, 64, 256] }],
    output: path.join(folder, 'decoder.engine'),
    ...optimizationLevel(0),
  });
  expect(built.sizeBytes).toBeGreaterThan(2 ** 31);
  const { file, sha256, sizeBytes } = externalData;
  expect(built.manifest.model.externalData).toEqual({ [file]: { sha256, sizeBytes } });

  const loadStart = performance.now();
  await using engine = await built.load();
  const loadSeconds = (performance.now() - loadStart) / 1000;
  const byPrompt = [];
  for (const { inputs, outputs } of model.reference.cases) {
    const { logits: expected } = await model.tensors(outputs);
    const { logits } = await engine.infer(await model.tensors(inputs));
    expect(logits?.dims).toEqual(expected?.dims);
    byPrompt.push({
      dims: inputs['input_ids']?.dims,
      maxRelativeDifference: maxRelativeDifference(
        logits?.data as Float32Array,
        expected?.data as Float32Array,
      ),
    });
  }
  await model.record('typed', built, { bar, byPrompt, parameters, loadSeconds });

  expect(byPrompt.length).toBeGreaterThan(0);
  for (const { maxRelativeDifference: difference } of byPrompt) {
    expect(difference).toBeLessThan(bar);
  }
});
