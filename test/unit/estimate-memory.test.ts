import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { estimateMemory, type EstimateOptions } from '../../lib/estimate-memory';
import { manifestPathOf, manifestText } from '../../lib/manifest';
import type { Manifest } from '../../lib/manifest-schema';
import { manifestFixture } from '../support/manifests';

const content = 'the plan';
const MiB = 2 ** 20;
const memory: NonNullable<Manifest['memory']> = {
  weights: 1000,
  context: 300,
  profiles: [
    { context: 100, inputs: 10, outputs: 20 },
    { context: 250, inputs: 3 * MiB - 1, outputs: MiB },
  ],
};

let folder: string;
let plan: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'trt-node-test-'));
  plan = path.join(folder, 'model.engine');
  await writeFile(plan, content);
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const write = (manifest: Manifest): Promise<void> =>
  writeFile(manifestPathOf(plan), manifestText(manifest));
const built = (changes: Partial<Manifest> = {}): Manifest =>
  manifestFixture(content, { memory, ...changes });

async function estimate(options?: EstimateOptions, manifest: Manifest = built()) {
  await write(manifest);
  return await estimateMemory(plan, options);
}

describe('estimateMemory', () => {
  it('adds up what was measured, for two lanes and the largest profile when nothing is said', async () => {
    const { excluded, ...bytes } = await estimate();
    const bindings = 2 * (4 * MiB - 1);
    expect(bytes).toEqual({
      lanes: 2,
      weights: 1000,
      contexts: 600,
      bindings,
      graphs: null,
      staging: 8 * MiB, // inputs in whole MiB
      deviceBytes: 1600 + bindings,
    });
    expect(excluded).toHaveLength(2);
  });

  it('takes the profile that is named: its tensors are smaller, a context is not', async () => {
    const names = { profileNames: ['few', 'many'], profiles: [{}, {}] };
    for (const profile of [0, 'few']) {
      const bytes = await estimate({ lanes: 4, profile }, built(names));
      // Blocks of pinned memory have a page at least.
      expect(bytes).toMatchObject({ contexts: 1200, bindings: 120, staging: 4 * 2 * 4096 });
    }
  });

  it('counts a block that contexts share once', async () => {
    const shared = await estimate({ lanes: 8, contextMemory: 'shared' });
    expect(shared.contexts).toBe(250);
  });

  it('says that outputs which depend on the data are left out', async () => {
    const profiles = [{ context: 1, inputs: 10, outputs: null }];
    const bytes = await estimate({ lanes: 1 }, built({ memory: { ...memory, profiles } }));
    expect(bytes.bindings).toBe(10);
    expect(bytes.excluded).toHaveLength(3);
  });

  it.each<EstimateOptions>([
    { lanes: 0 },
    { lanes: 1.5 },
    { profile: 2 },
    { profile: 'x' },
    { contextMemory: 'none' as 'shared' },
    { lane: 1 } as EstimateOptions,
  ])('refuses %j', async (options) => {
    await expect(estimate(options)).rejects.toMatchObject({ code: 'ERR_TRT_INVALID_ARG' });
  });

  it('needs a path or what a build made', async () => {
    for (const given of [new Uint8Array(8), 7, null]) {
      await expect(estimateMemory(given as never)).rejects.toMatchObject({
        code: 'ERR_TRT_INVALID_ARG',
      });
    }
  });

  it('guesses nothing where nothing was measured', async () => {
    const unsupported = { code: 'ERR_TRT_UNSUPPORTED' };
    await expect(estimateMemory(plan)).rejects.toMatchObject(unsupported);
    await expect(estimate({}, manifestFixture(content))).rejects.toMatchObject(unsupported);
    await expect(estimate({}, manifestFixture(content, { gpu: null }))).rejects.toMatchObject(
      unsupported,
    );
  });

  it('rejects where there is no plan', async () => {
    await expect(estimateMemory(path.join(folder, 'none'))).rejects.toMatchObject({
      code: 'ERR_TRT_ENGINE_NOT_FOUND',
    });
  });

  it('takes the manifest that is the plan’s, also while another one is being published', async () => {
    const other = manifestFixture('another plan, which is longer', {
      memory: { ...memory, weights: 7 },
    });
    await expect(estimate({}, other)).rejects.toMatchObject({ code: 'ERR_TRT_ENGINE_DIGEST' });
    expect((await estimate({}, { ...other, previous: built() })).weights).toBe(1000);
  });

  it('reads back what a manifest says, and refuses what is no number of bytes', async () => {
    const broken = { ...memory, weights: -1 };
    await expect(estimate({}, built({ memory: broken }))).rejects.toMatchObject({
      code: 'ERR_TRT_MANIFEST_INVALID',
    });
  });
});
