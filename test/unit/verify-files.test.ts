import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TrtError } from '../../lib/errors';
import { Tensor, type Tensors } from '../../lib/tensor';
import type { VerifyCase } from '../../lib/verify/option';
import { precheckVerify } from '../../lib/verify/precheck';
import { checkedVerify } from '../../lib/verify/option';
import { tensorInfo } from '../support/fake-native-engine';
import { verifyOn, type Compute } from '../support/fake-verify-host';
import { float32Npy, storedZip } from '../support/npy-writer';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'verify-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function npz(
  name: string,
  arrays: Readonly<Record<string, readonly number[]>>,
): Promise<string> {
  const file = path.join(folder, name);
  const entries = Object.entries(arrays).map(([array, values]) => ({
    name: `${array}.npy`,
    data: float32Npy([values.length / 2, 2], Float32Array.from(values)),
  }));
  await writeFile(file, storedZip(entries));
  return file;
}

async function errorOf(promise: Promise<unknown>): Promise<TrtError> {
  return promise.then(
    () => expect.unreachable('it should have failed'),
    (error: unknown) => error as TrtError,
  );
}

describe('cases in files', () => {
  it('are one of each .npz file of a folder, called by the file’s name', async () => {
    await npz('b.npz', { x: [3, 4], y: [6, 9] });
    await npz('a.npz', { x: [1, 2], y: [2, 4] });
    const error = await errorOf(verifyOn({ cases: folder }));
    expect(error.details).toMatchObject({ case: 'b.npz', cases: 2, failedCases: 1, index: [0, 1] });
  });

  it('tell inputs from outputs by prefixes where names do not', async () => {
    const both = [tensorInfo('x', 'float32', [-1, 2])];
    const machine = {
      inputs: both,
      outputs: both,
      engines: { plan: ({ x }: Tensors) => ({ x: x! }) },
    };
    const good = await npz('good.npz', { x: [1, 2], 'output:x': [1, 2] });
    const prefixed = await npz('prefixed.npz', { 'input:x': [1, 2], 'output:x': [1, 3] });
    await expect(verifyOn({ cases: good }, { machine })).resolves.toMatchObject({
      reference: 'given',
    });
    expect((await errorOf(verifyOn({ cases: prefixed }, { machine }))).code).toBe(
      'ERR_TRT_VERIFY_FAILED',
    );
  });

  it('are converted to the input’s float type', async () => {
    const types: string[] = [];
    const plan: Compute = ({ x }) => {
      types.push(x!.type);
      return {
        y: Tensor.from(
          x!.toFloat32().map((value) => 2 * value),
          'float32',
          x!.dims,
        ),
      };
    };
    const machine = { inputs: [tensorInfo('x', 'bfloat16', [-1, 2])], engines: { plan } };
    await verifyOn({ cases: await npz('a.npz', { x: [1, 2], y: [2, 4] }) }, { machine });
    expect(types).toEqual(['bfloat16']);
  });

  it('bring a label for a metric', async () => {
    const cases = await npz('a.npz', { x: [1, 2], label: [7, 8] });
    const metric = (_: Tensors, { label, name }: VerifyCase): number => {
      expect(name).toBe('a.npz');
      return ((label as Tensor).data as Float32Array)[0]!;
    };
    const record = await verifyOn({ cases, metric, minimum: 7 });
    expect(record.metric?.value).toBe(7);
  });

  it('have no other arrays', async () => {
    const error = await errorOf(verifyOn({ cases: await npz('a.npz', { x: [1, 2], z: [1, 2] }) }));
    expect(error.code).toBe('ERR_TRT_DATA_FILE');
    expect(error.details).toMatchObject({ array: 'z' });
  });

  it('are looked at before the build, by the names of their arrays', async () => {
    const check = async (file: string): Promise<void> =>
      precheckVerify(checkedVerify({ cases: file })!, { hasGpu: true, outputs: ['y'] });
    await check(await npz('a.npz', { x: [1, 2], y: [1, 2] }));
    await check(await npz('b.npz', { x: [1, 2], 'output:y': [1, 2] }));
    const alone = await npz('c.npz', { x: [1, 2] });
    expect((await errorOf(check(alone))).code).toBe('ERR_TRT_UNSUPPORTED');
  });
});
