import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { NativeBuildRequest } from '../../lib/binding';
import { buildInChild } from '../../lib/build-process';
import { prepareTarget } from '../../lib/build-target';
import { LentBytes } from '../../lib/lent-bytes';
import { checkedExternalData } from '../../lib/onnx/external-data';
import { stageModel } from '../../lib/staged-model';
import { fileWork } from '../support/manifests';
import { buildRequest } from '../support/build-requests';

const oneByte = new LentBytes('data', new Uint8Array(1));
const outlived = path.join(__dirname, '..', 'fixtures', 'build-children', 'outlived.cjs');

it('finds each of many files of external data at once', async () => {
  const locations = Array.from({ length: 100_000 }, (_, index) => `file ${index}`);
  const data = checkedExternalData(
    ['lost', ...locations].map((location) => ({
      name: location,
      location,
      dataType: 2,
      dims: [1],
      offset: null,
      length: null,
    })),
  );
  const externalData = new Map(locations.map((location) => [location, oneByte]));
  const staged = await stageModel({ bytes: oneByte, externalData }, null);
  onTestFinished(() => staged.remove());
  const started = performance.now();
  await expect(staged.bringData(data)).rejects.toMatchObject({ details: { reason: 'missing' } });
  // One list searched for each file of the other takes over ten times as long.
  expect(performance.now() - started).toBeLessThan(3000);
});

it('lays a model beside its data, as whoever else reads it expects', async () => {
  const locations = ['model.onnx/a', '_model.onnx', 'sub/b'];
  const externalData = new Map(locations.map((location) => [location, oneByte]));
  const staged = await stageModel({ bytes: oneByte, externalData }, null);
  onTestFinished(() => staged.remove());
  const tensor = { dataType: 2, dims: [1], offset: null, length: null };
  const tensors = locations.map((location) => ({ ...tensor, name: location, location }));
  await staged.bringData(checkedExternalData(tensors));
  expect(path.dirname(staged.path)).toBe(staged.dataFolder);
  expect(existsSync(staged.path)).toBe(true);
  for (const location of locations) {
    expect(existsSync(path.join(staged.dataFolder, location))).toBe(true);
  }
});

type Remove = (writersGone: Promise<void> | undefined) => Promise<void>;

it.each<[string, () => Promise<[string, Remove]>]>([
  [
    'a model',
    async () => {
      const staged = await stageModel({ bytes: oneByte, externalData: new Map() }, null);
      return [staged.stage, (gone) => staged.remove(gone)];
    },
  ],
  [
    'a plan in memory',
    async () => {
      const target = await prepareTarget(null, null, fileWork);
      return [path.dirname(target.tempPlan), (gone) => target.discard(gone)];
    },
  ],
])(
  '#80 the folder of %s is gone in the end, though a dying process makes it anew',
  async (_, make) => {
    const elsewhere = await mkdtemp(path.join(tmpdir(), 'staged-model-'));
    const said = path.join(elsewhere, 'said');
    const [folder, remove] = await make();
    const enough = new AbortController();
    let writer = 0;
    let gone: Promise<void> | undefined;
    onTestFinished(async () => {
      if (!existsSync(said)) process.kill(writer, 'SIGKILL');
      await gone;
      await rm(elsewhere, { recursive: true });
      await remove(undefined);
    });
    const building = buildInChild(orderFor(path.join(folder, 'plan'), said), {
      program: outlived,
      signal: enough.signal,
      onStart(ended) {
        gone = ended;
      },
      onProgress: ({ phase }) => {
        writer = Number(phase);
        enough.abort(new Error('enough'));
      },
    });
    await expect(building).rejects.toThrow('enough');
    await remove(gone);
    expect(existsSync(folder)).toBe(false);
    process.kill(writer, 'SIGTERM');
    await gone;
    expect(existsSync(said)).toBe(true);
    await vi.waitFor(() => expect(existsSync(folder)).toBe(false));
  },
);

function orderFor(planPath: string, model: string): NativeBuildRequest {
  const library = { core: '/nowhere/libnvinfer.so.10', parser: null };
  return { ...buildRequest(planPath), library, model };
}
