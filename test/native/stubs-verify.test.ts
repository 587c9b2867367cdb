import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../../lib/manifest-schema';
import type { VerifyOption } from '../../lib/verify/option';
import type { VerifySubject } from '../../lib/verify/verify';
import { digestOf, manifestFixture } from '../support/manifests';
import { failure, root, temporaryFolder, trtNode } from '../support/native-host';
import { buildChildrenOf } from '../support/process-table';
import { held, nothingHeld, stubLibraries } from '../support/stub-host';
import { stubAbis, stubPlan, type StubAbi } from '../support/stub-plans';

const compiled = (file: string): string => path.join(root, 'dist', 'verify', file);
const { verifyPlan } = (await import(
  compiled('verify.js')
)) as typeof import('../../lib/verify/verify');
const { checkedVerify } = (await import(
  compiled('option.js')
)) as typeof import('../../lib/verify/option');

const folder = await temporaryFolder();
const { Tensor } = trtNode;
const float32 = (...data: number[]) =>
  new Tensor('float32', Float32Array.from(data), [data.length / 3, 3]);

/** An engine that gives its input back, whatever the batch. */
async function subjectOf(
  abi: StubAbi,
  changes: Partial<VerifySubject> = {},
): Promise<VerifySubject> {
  const planPath = path.join(folder, `${abi}.engine`);
  const plan = stubPlan(abi, {
    inputs: [{ name: 'x', dims: [-1, 3] }],
    outputs: [{ name: 'y' }],
    profiles: [{ x: { min: [1, 3], opt: [4, 3], max: [8, 3] } }],
  });
  await fs.writeFile(planPath, plan);
  const options = { precision: ['fp32'] };
  const manifest: Manifest = manifestFixture('', { options, plan: digestOf(plan) });
  return {
    planPath,
    manifest,
    modelPath: path.join(folder, 'none.onnx'),
    checkModel: () => Promise.resolve(),
    library: { files: { core: stubLibraries[abi], parser: null } },
    device: 0,
    unquantized: null,
    plugins: [],
    standardPlugins: false,
    signal: null,
    onProgress: null,
    ...changes,
  };
}

const checked = (option: VerifyOption) => checkedVerify(option)!;
const x = float32(1, 2, 3, 4, 5, 6);

describe.each(stubAbis)('a plan of %s', (abi) => {
  it.each(['process', 'thread'] as const)('is verified in a %s', async (isolation) => {
    const subject = await subjectOf(abi, { isolation });
    const good: VerifyOption = {
      cases: [{ inputs: { x }, outputs: { y: x } }],
      rowConsistency: true,
    };
    const record = await verifyPlan(checked(good), subject);
    expect(record).toMatchObject({ cases: 1, reference: 'given', outputs: { y: { maxAbs: 0 } } });
    const wrong = { cases: [{ inputs: { x }, outputs: { y: float32(1, 2, 3, 4, 5, 7) } }] };
    const error = await failure('ERR_TRT_VERIFY_FAILED', verifyPlan(checked(wrong), subject));
    expect(error.details).toMatchObject({ case: '0', output: 'y', index: [1, 2], expected: 7 });
    expect(held()).toEqual(nothingHeld);
  });
});

describe('a verification in a child process', () => {
  it('fails where infinities come out, with no reference', async () => {
    const cases = [{ inputs: { x: float32(1, Infinity, 3) } }];
    const subject = await subjectOf('v10');
    const verify = checked({ cases, reference: 'none' });
    const error = await failure('ERR_TRT_VERIFY_FAILED', verifyPlan(verify, subject));
    expect(error.details).toMatchObject({ reason: 'not-finite', index: [0, 1], got: Infinity });
  });

  it('names onnxruntime-node where a case has no outputs', async () => {
    const verify = checked({ cases: [{ inputs: { x } }] });
    const subject = await subjectOf('v10');
    const error = await failure('ERR_TRT_UNSUPPORTED', verifyPlan(verify, subject));
    expect(error.message).toContain('npm install onnxruntime-node');
  });

  it('hands on what loading fails with', async () => {
    const subject = await subjectOf('v10');
    await fs.writeFile(subject.planPath, 'no plan');
    const cases = [{ inputs: { x }, outputs: { y: x } }];
    const manifest = { ...subject.manifest, plan: digestOf('no plan') };
    const made = { ...subject, manifest };
    await failure('ERR_TRT_ENGINE_DESERIALIZE', verifyPlan(checked({ cases }), made));
    // Another plan than was built.
    await failure('ERR_TRT_ENGINE_DIGEST', verifyPlan(checked({ cases }), subject));
  });

  it('leaves no child when it is aborted', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const subject = await subjectOf('v10', {
      signal: controller.signal,
      onProgress: ({ kind }) => {
        if (kind === 'step') controller.abort(reason);
      },
    });
    const cases = Array.from({ length: 3 }, () => ({ inputs: { x }, outputs: { y: x } }));
    const outcome = await verifyPlan(checked({ cases }), subject).catch((error: unknown) => error);
    expect(outcome).toBe(reason);
    expect(buildChildrenOf(process.pid, 'verify-child')).toEqual([]);
  });
});
