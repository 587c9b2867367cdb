import { describe, expect, it } from 'vitest';
import { renderVerify, verifyReport, verifyResult } from '../../lib/cli/verify-result';
import { runVerify, type VerifyOutcome, type VerifyRun } from '../../lib/cli/verify-run';
import type { Engine } from '../../lib/engine';
import { Tensor } from '../../lib/tensor';
import type { VerifyOption } from '../../lib/verify/option';

const tensor = (...values: number[]): Tensor =>
  new Tensor('float32', Float32Array.from(values), [values.length]);

/** A plan without a manifest, whose engine gives what it is given. */
function identity(option: Partial<VerifyOption>): VerifyRun {
  const info = (name: string) => ({
    ...{ name, type: 'float32' as const, dims: [2], isShapeTensor: false },
  });
  const infer = (inputs: Readonly<Record<string, unknown>>): Promise<unknown> =>
    Promise.resolve({ y: inputs['x'] });
  return {
    engine: {
      ...{ inputs: [info('x')], outputs: [info('y')], profiles: [], manifest: null },
      infer: infer as unknown as Engine['infer'],
    },
    option: {
      cases: [{ inputs: { x: tensor(1, 0) }, outputs: { y: tensor(1, 0.25) } }],
      ...option,
    },
    model: null,
    signal: new AbortController().signal,
    onCase: () => undefined,
  };
}

describe('verify of a plan without a manifest', () => {
  it('takes numbers', async () => {
    const outcome = await runVerify(identity({ atol: 0.5, rtol: 0 }));
    expect(outcome).toMatchObject({ passed: true, arithmetic: null });
    expect(await runVerify(identity({ rtol: 0.5 }))).toMatchObject({ passed: true });
    expect(await runVerify(identity({ atol: 0.125, rtol: 0 }))).toMatchObject({ passed: false });
  });

  it.each<[string, Partial<VerifyOption>]>([
    ['--atol', { atol: { float16: 0.5 }, rtol: 0 }],
    ['--rtol', { atol: 0.5, rtol: { float16: 0.5 } }],
    ['--rtol', { atol: 0.5 }],
    ['--rtol', {}],
  ])('refuses %s where it depends on an arithmetic that nothing tells', async (flag, option) => {
    await expect(runVerify(identity(option))).rejects.toMatchObject({
      ...{ code: 'ERR_TRT_INVALID_ARG', details: { argument: flag } },
    });
  });
});

describe('what is shown of a verification', () => {
  const about: Pick<Engine, 'flavour' | 'version' | 'device'> = {
    ...{ flavour: 'tensorrt', version: '10.6.0' },
    device: { name: 'a GPU', computeCapability: '9.0' } as Engine['device'],
  };
  const resultOf = (outcome: VerifyOutcome) => verifyResult('m.engine', null, about, outcome);
  const firstLine = (outcome: VerifyOutcome): string =>
    renderVerify(resultOf(outcome), { color: false }).split('\n')[0] ?? '';

  it('says that the metric failed where no case did', async () => {
    const outcome = await runVerify(identity({ metric: 'maxAbs', maximum: 0.125 }));
    expect(outcome).toMatchObject({ passed: false, failedCases: 0 });
    expect(firstLine(outcome)).toMatch(/maxAbs failed$/);
    expect(verifyReport(resultOf(outcome)).highlights?.[0]).toMatchObject({ value: 'failed' });
  });

  it('says how many cases failed, and what else', async () => {
    const both = { atol: 0, rtol: 0, metric: 'maxAbs', maximum: 0.125 } as const;
    expect(firstLine(await runVerify(identity(both)))).toMatch(/1 failed, the mean maxAbs failed$/);
    expect(firstLine(await runVerify(identity({ atol: 0, rtol: 0 })))).toMatch(/, 1 failed$/);
    expect(firstLine(await runVerify(identity({ rtol: 1 })))).not.toMatch(/failed/);
  });
});
