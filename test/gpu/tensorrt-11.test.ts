/**
 * What TensorRT 11 does on this machine's GPU. Name the folder with its libnvinfer.so.11 in TRT_NODE_TEST_TENSORRT_11; the
 * suite's own TensorRT is another one, and not every machine has both.
 */
import fs from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { modelPath, profiles } from '../../bench/digits.mjs';
import type { TrtError } from '../../lib/errors';
import { temporaryFolder, trtNode } from './gpu-host';

const folder = await temporaryFolder();
const library = process.env['TRT_NODE_TEST_TENSORRT_11'];
if (library === undefined) {
  process.stderr.write(
    'TensorRT 11 is not tested: name the folder with libnvinfer.so.11 in TRT_NODE_TEST_TENSORRT_11\n',
  );
}

describe.skipIf(library === undefined)('TensorRT 11 beside TensorRT 10', () => {
  const plan = path.join(folder, 'digits.engine');
  beforeAll(async () => {
    await trtNode.buildEngine(modelPath, {
      runtime: 'tensorrt',
      profiles,
      output: plan,
      optimizationLevel: 0,
    });
  });

  async function failure(file: string): Promise<TrtError> {
    const outcome = await trtNode.loadEngine(file, { library }).then(
      () => new Error('it loaded'),
      (error: unknown) => error,
    );
    return outcome as TrtError;
  }

  it('is found and probed', async () => {
    const { libraries } = await trtNode.probeRuntimes({ library });
    expect(libraries).toHaveLength(1);
    expect(libraries[0]).toMatchObject({ flavour: 'tensorrt', problem: null, canLoad: true });
    expect(libraries[0]?.version).toMatch(/^11\./);
  });

  it("#4 refuses another version's plan with both versions, before TensorRT sees it", async () => {
    const error = await failure(plan);
    expect(error.code).toBe('ERR_TRT_ENGINE_VERSION');
    expect(error.message).toMatch(
      /10\.\d+\.\d+[\s\S]*11\.\d+\.\d+|11\.\d+\.\d+[\s\S]*10\.\d+\.\d+/,
    );
    expect(error.log).toEqual([]);
  });

  it('#14 makes its runtime on the GPU and refuses the plan itself, with its own words in the log', async () => {
    // The header says 11 now, so that it is TensorRT's turn; the rest is still 10's.
    const { libraries } = await trtNode.probeRuntimes({ library });
    const version = (libraries[0]?.version ?? '').split('.').map(Number);
    const bytes = await fs.readFile(plan);
    version.forEach((number, index) => bytes.writeUInt8(number, 24 + index));
    const forged = path.join(folder, 'forged.engine');
    await fs.writeFile(forged, bytes);
    const error = await failure(forged);
    expect(error.code).toBe('ERR_TRT_ENGINE_DESERIALIZE');
    expect(error.log.some(({ severity }) => severity.endsWith('error'))).toBe(true);
  });

  it('leaves TensorRT 10 working in the same process', async () => {
    await using engine = await trtNode.loadEngine(plan);
    const images = { type: 'float32', data: new Float32Array(64), dims: [1, 1, 8, 8] } as const;
    const { logits } = await engine.infer({ images });
    expect(logits?.dims).toEqual([1, 10]);
  });
});
