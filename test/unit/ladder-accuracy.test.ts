import { describe, expect, it } from 'vitest';
import type { Engine } from '../../lib/engine';
import { LadderAccuracy, type Judged, type JudgedEngine } from '../../lib/ladder/accuracy';
import { Tensor } from '../../lib/tensor';
import { checkedVerify, type CheckedVerify, type VerifyOption } from '../../lib/verify/option';
import { manifestFixture } from '../support/manifests';

const tensor = (value: number): Tensor => new Tensor('float32', Float32Array.of(value), [1]);
const cases = [{ inputs: { x: tensor(1) } }];

function accuracyOf(option: Partial<VerifyOption> = {}): LadderAccuracy {
  return new LadderAccuracy(
    checkedVerify({ cases, atol: 0.5, rtol: 0, ...option }) as CheckedVerify,
  );
}

/** A rung whose engine gives `y`. */
function judged(rung: string, y: number, options: unknown[] = []): Judged {
  const infer = (_inputs: unknown, given: unknown): Promise<unknown> => {
    options.push(given);
    return Promise.resolve({ y: tensor(y) });
  };
  const engine: JudgedEngine = {
    infer: infer as Engine['infer'],
    inputs: [{ name: 'x', type: 'float32', dims: [1], isShapeTensor: false }],
    outputs: [{ name: 'y', type: 'float32', dims: [1], isShapeTensor: false }],
    profiles: [],
  };
  return { rung, engine, manifest: manifestFixture('plan'), profile: null };
}

describe('the accuracy of rungs', () => {
  it('is of the first one, whose name it tells', async () => {
    const accuracy = accuracyOf();
    expect(await accuracy.judge(judged('fp32', 2), null)).toBeNull();
    expect(await accuracy.judge(judged('tf32', 2.25), null)).toMatchObject({
      ...{ holds: true, reference: 'rung', referenceRung: 'fp32' },
    });
    expect(await accuracy.judge(judged('fp16', 3), null)).toMatchObject({ holds: false });
  });

  it.each([
    ['NaN', NaN, true],
    ['infinity', Infinity, true],
    ['NaN that cases may give', NaN, false],
  ])('is never of one that gives %s', async (_what, value, finite) => {
    const accuracy = accuracyOf({ finite });
    const first = await accuracy.judge(judged('fp32', value), null);
    expect(first).toMatchObject({ holds: false, referenceRung: null });
    expect(await accuracy.judge(judged('tf32', 2), null)).toBeNull();
    expect(await accuracy.judge(judged('fp16', 2), null)).toMatchObject({
      ...{ holds: true, referenceRung: 'tf32' },
    });
  });

  it('is of given outputs where there are some, and names no rung', async () => {
    const accuracy = accuracyOf({ cases: [{ ...cases[0]!, outputs: { y: tensor(2) } }] });
    for (const rung of ['fp32', 'tf32']) {
      expect(await accuracy.judge(judged(rung, 2), null)).toMatchObject({
        ...{ holds: true, reference: 'given', referenceRung: null },
      });
    }
  });

  it('is judged in the profile that is measured', async () => {
    const options: unknown[] = [];
    await accuracyOf().judge({ ...judged('fp32', 2, options), profile: 1 }, null);
    await accuracyOf().judge(judged('fp32', 2, options), null);
    expect(options).toEqual([{ profile: 1 }, {}]);
  });
});
