import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { NativeProgress } from '../../lib/binding';
import type { TrtError } from '../../lib/errors';
import { Tensor, type Tensors } from '../../lib/tensor';
import type { VerifyCase, VerifyOption } from '../../lib/verify/option';
import { precheckVerify } from '../../lib/verify/precheck';
import { checkedVerify } from '../../lib/verify/option';
import { tensorInfo } from '../support/fake-native-engine';
import { manifestFixture } from '../support/manifests';
import {
  doubling,
  nothingSeen,
  rowsCase,
  verifyOn,
  type Compute,
} from '../support/fake-verify-host';

async function errorOf(promise: Promise<unknown>): Promise<TrtError> {
  return promise.then(
    () => expect.unreachable('the verification should have failed'),
    (error: unknown) => error as TrtError,
  );
}

const good = [rowsCase([1, 2], [2, 4]), rowsCase([3, 4], [6, 8])];
const scaled =
  (factor: number): Compute =>
  async (inputs) => {
    const { y } = await doubling(inputs);
    return {
      y: new Tensor(
        'float32',
        (y!.data as Float32Array).map((v) => v * factor),
        y!.dims,
      ),
    };
  };

describe('a plan that is what its cases ask for', () => {
  it('passes, and what was measured is told', async () => {
    const seen = nothingSeen();
    const record = await verifyOn({ cases: good }, { seen });
    expect(record).toEqual({
      cases: 2,
      reference: 'given',
      outputs: { y: { maxAbs: 0, maxRel: 0, cosine: expect.closeTo(1, 12), l2: 0 } },
    });
    expect(seen).toMatchObject({ opened: ['plan'], closed: 1, running: 0 });
    expect(seen.digests).toEqual([manifestFixture('the plan').plan.sha256]);
  });

  it('is run from synchronous and asynchronous iterables, and from arrays without dims', async () => {
    async function* asynchronous(): AsyncGenerator<VerifyCase> {
      yield* good;
    }
    function* synchronous(): Generator<VerifyCase> {
      for (const each of good) yield { ...each, outputs: { y: each.outputs!['y']!.data } };
    }
    for (const cases of [asynchronous(), synchronous(), new Set(good)]) {
      expect(await verifyOn({ cases })).toMatchObject({ cases: 2 });
    }
  });

  it('tells the failure, whatever the iterable says when it is ended', async () => {
    function* stubborn(): Generator<VerifyCase> {
      try {
        for (;;) yield rowsCase([1, 2], [3, 3]);
      } finally {
        expect.unreachable('this is not what ended the verification');
      }
    }
    const error = await errorOf(verifyOn({ cases: stubborn() }));
    expect(error.details).toMatchObject({ reason: 'tolerance' });
  });

  it('has at most two cases under way, and reads no further ahead', async () => {
    const seen = nothingSeen();
    let read = 0;
    let done = 0;
    let furthest = 0;
    function* many(): Generator<VerifyCase> {
      for (; read < 20; read += 1) {
        furthest = Math.max(furthest, read - done);
        yield good[0]!;
      }
    }
    const onProgress = ({ kind, step }: NativeProgress): void => {
      if (kind === 'step') done = step;
    };
    await verifyOn({ cases: many() }, { seen, subject: { onProgress } });
    expect(seen.mostRunning).toBe(2);
    expect(furthest).toBeLessThanOrEqual(2);
  });

  it('reports one step per case of a phase of its own', async () => {
    const onProgress = vi.fn<(event: NativeProgress) => void>();
    await verifyOn({ cases: good }, { subject: { onProgress } });
    expect(onProgress.mock.calls.map(([{ kind, step, steps }]) => [kind, step, steps])).toEqual([
      ['phase-start', 0, 2],
      ['step', 1, 2],
      ['step', 2, 2],
      ['phase-end', 2, 2],
    ]);
  });
});

describe('a plan that is not', () => {
  it('is refused, naming case, output and worst element', async () => {
    const cases = [
      ...good,
      { ...rowsCase([1, 2, 3, 4], [2, 4.5, 6, 9]), name: 'the third' },
      rowsCase([5, 6], [10, 12.5]),
    ];
    const error = await errorOf(verifyOn({ cases, atol: 0.25, rtol: 0 }));
    expect(error.code).toBe('ERR_TRT_VERIFY_FAILED');
    expect(error.details).toMatchObject({
      reason: 'tolerance',
      case: 'the third',
      output: 'y',
      index: [1, 1],
      got: 8,
      expected: 9,
      tolerance: 0.25,
      mismatches: 2,
      elements: 4,
      cases: 4,
      failedCases: 2,
    });
    expect(error.details['failures']).toMatchObject([{ case: 'the third' }, { case: '3' }]);
    for (const fact of ['"the third"', '"y"', '[1, 1]', '2 of 4']) {
      expect(error.message).toContain(fact);
    }
  });

  it('is held to a tolerance by the arithmetic of the build', async () => {
    const off = { machine: { engines: { plan: scaled(1.005) } } };
    const precise = { options: { precision: ['fp32'] } };
    const half = { options: { precision: ['fp16'] } };
    const option: VerifyOption = { cases: good };
    expect((await errorOf(verifyOn(option, { ...off, manifest: precise }))).code).toBe(
      'ERR_TRT_VERIFY_FAILED',
    );
    await expect(verifyOn(option, { ...off, manifest: half })).resolves.toMatchObject({ cases: 2 });
    const strict = { cases: good, atol: { float16: 0 }, rtol: { float16: 0.001 } };
    expect((await errorOf(verifyOn(strict, { ...off, manifest: half }))).code).toBe(
      'ERR_TRT_VERIFY_FAILED',
    );
  });

  it('fails by its dims', async () => {
    const cases = [{ ...rowsCase([1, 2]), outputs: rowsCase([2, 4, 6, 8]).inputs }].map(
      ({ inputs, outputs }) => ({ inputs, outputs: { y: outputs['x']! } }),
    );
    const error = await errorOf(verifyOn({ cases }));
    expect(error.details).toMatchObject({ reason: 'dims', got: [1, 2], expected: [2, 2] });
  });

  it.each([NaN, Infinity, -Infinity])('fails by %s, wherever it comes', async (value) => {
    const plan: Compute = () => ({ y: new Tensor('float32', Float32Array.of(1, value), [1, 2]) });
    const option: VerifyOption = { cases: [rowsCase([1, 2])], reference: 'none' };
    const machine = { engines: { plan } };
    const error = await errorOf(verifyOn(option, { machine }));
    expect(error.details).toMatchObject({ reason: 'not-finite', index: [0, 1], got: value });
    await expect(
      verifyOn(
        { ...option, finite: false, rowConsistency: 'tolerance' },
        {
          machine: {
            engines: {
              plan: ({ x }) => ({
                y: new Tensor(
                  'float32',
                  Float32Array.from(x!.data as Float32Array, () => value),
                  x!.dims,
                ),
              }),
            },
          },
        },
      ),
    ).resolves.toMatchObject({ reference: 'none' });
  });

  it('finds float16’s infinities', async () => {
    const plan: Compute = () => ({
      y: new Tensor('float16', Uint16Array.of(0x3c00, 0x7c00), [1, 2]),
    });
    const option: VerifyOption = { cases: [rowsCase([1, 2])], reference: 'none' };
    const error = await errorOf(verifyOn(option, { machine: { engines: { plan } } }));
    expect(error.details).toMatchObject({ reason: 'not-finite', got: Infinity, mismatches: 1 });
  });

  it('stops after a hundred failures', async () => {
    let read = 0;
    function* endless(): Generator<VerifyCase> {
      for (;;) {
        read += 1;
        yield rowsCase([1, 2], [1, 2]);
      }
    }
    const error = await errorOf(verifyOn({ cases: endless() }));
    expect(error.details).toMatchObject({ reason: 'tolerance', failedCases: 100 });
    expect(read).toBeLessThan(110);
  });
});

describe('integers', () => {
  const machine = (plan: Compute) => ({
    inputs: [tensorInfo('x', 'float32', [-1, 2])],
    outputs: [tensorInfo('y', 'int64', [-1, 2])],
    engines: { plan },
  });
  const plan: Compute = () => ({ y: new Tensor('int64', BigInt64Array.of(2n ** 60n, 5n), [1, 2]) });
  const expecting = (y: Tensor) => ({
    cases: [{ inputs: rowsCase([1, 2]).inputs, outputs: { y } }],
    atol: 10,
  });

  it('must agree exactly, beyond 2^53 too', async () => {
    const near = new Tensor('int64', BigInt64Array.of(2n ** 60n + 1n, 5n), [1, 2]);
    const error = await errorOf(verifyOn(expecting(near), { machine: machine(plan) }));
    expect(error.details).toMatchObject({
      got: 2n ** 60n,
      expected: 2n ** 60n + 1n,
      mismatches: 1,
    });
  });

  it('may be of another type', async () => {
    const small: Compute = () => ({ y: new Tensor('int64', BigInt64Array.of(4n, 5n), [1, 2]) });
    const same = new Tensor('int32', Int32Array.of(4, 5), [1, 2]);
    await expect(verifyOn(expecting(same), { machine: machine(small) })).resolves.toMatchObject({
      cases: 1,
    });
  });
});

describe('a reference', () => {
  const inputsAlone = [rowsCase([1, 2]), rowsCase([3, 4])];

  it('is the ONNX model where cases have no outputs', async () => {
    const seen = nothingSeen();
    const machine = { reference: doubling };
    await expect(verifyOn({ cases: inputsAlone }, { machine, seen })).resolves.toMatchObject({
      reference: 'onnxruntime',
    });
    expect(seen.opened).toEqual(['plan', 'model.onnx']);
    const wrong = { reference: scaled(1.1) };
    const error = await errorOf(verifyOn({ cases: inputsAlone }, { machine: wrong }));
    expect(error.details).toMatchObject({ reason: 'tolerance', failedCases: 2 });
  });

  it('is refused where another model lies there than was built', async () => {
    const changed = new Error('changed');
    const run = {
      machine: { reference: doubling },
      subject: { checkModel: () => Promise.reject(changed) },
    };
    await expect(verifyOn({ cases: [rowsCase([1, 2])] }, run)).rejects.toBe(changed);
  });

  it('is the unquantized engine where that is asked for', async () => {
    const seen = nothingSeen();
    const option: VerifyOption = { cases: inputsAlone, reference: 'unquantized' };
    const machine = { engines: { wide: scaled(1.5) } };
    const subject = { unquantized: () => Promise.resolve('wide') };
    const error = await errorOf(verifyOn(option, { machine, subject, seen }));
    expect(error.details).toMatchObject({ reason: 'tolerance', got: 4, expected: 6 });
    expect(seen.opened).toEqual(['plan', 'wide']);
    expect((await errorOf(verifyOn(option))).code).toBe('ERR_TRT_INVALID_ARG');
  });

  it('is not mixed with given outputs', async () => {
    const cases = [good[0]!, inputsAlone[0]!];
    expect((await errorOf(verifyOn({ cases }))).code).toBe('ERR_TRT_INVALID_ARG');
  });

  it.each<VerifyOption>([
    { cases: inputsAlone, reference: 'none', atol: 1 },
    { cases: inputsAlone, reference: 'none', metric: 'cosine', minimum: 0.9 },
    { cases: inputsAlone, reference: 'none', finite: false },
    { cases: [] },
  ])('is missing: $reference', async (option) => {
    expect((await errorOf(verifyOn(option))).code).toBe('ERR_TRT_INVALID_ARG');
  });
});

describe('a metric by name', () => {
  const off = { machine: { engines: { plan: scaled(1.25) } } };

  it.each([
    // 1.25 times [6, 8] is off by [1.5, 2]; of [2, 4] by [0.5, 1]: means over the two cases.
    { metric: 'maxAbs', value: 1.5 },
    { metric: 'maxRel', value: 0.25 },
    { metric: 'l2', value: 0.25 },
  ] as const)(
    '$metric is held to its maximum, instead of the tolerance',
    async ({ metric, value }) => {
      const record = await verifyOn({ cases: good, metric, maximum: value + 1e-9 }, off);
      expect(record.metric).toEqual({ name: metric, value: expect.closeTo(value, 9) });
      const error = await errorOf(verifyOn({ cases: good, metric, maximum: value - 1e-9 }, off));
      expect(error.details).toMatchObject({ reason: 'metric', metric, bound: 'maximum' });
    },
  );

  it('cosine is held to its minimum', async () => {
    const plan: Compute = () => ({ y: new Tensor('float32', Float32Array.of(1, 0), [1, 2]) });
    const cases = [rowsCase([1, 1], [1, 1])]; // 45 degrees
    const machine = { engines: { plan } };
    const value = Math.SQRT1_2;
    await verifyOn({ cases, metric: 'cosine', minimum: value - 1e-9 }, { machine });
    const error = await errorOf(
      verifyOn({ cases, metric: 'cosine', minimum: value + 1e-9 }, { machine }),
    );
    expect(error.details).toMatchObject({ reason: 'metric', bound: 'minimum', case: '0' });
  });

  it('holds beside a tolerance that is given', async () => {
    const option: VerifyOption = { cases: good, metric: 'l2', maximum: 1, rtol: 0.1 };
    expect((await errorOf(verifyOn(option, off))).details['reason']).toBe('tolerance');
  });

  it('may be worse than the unquantized engine’s by maxDrop', async () => {
    const machine = { engines: { plan: scaled(1.25), wide: scaled(1.125) } };
    const run = { machine, subject: { unquantized: () => Promise.resolve('wide') } };
    const option: VerifyOption = { cases: good, metric: 'l2', maxDrop: 0.126 };
    const record = await verifyOn(option, run);
    expect(record.metric).toEqual({
      name: 'l2',
      value: expect.closeTo(0.25, 6),
      baseline: expect.closeTo(0.125, 6),
    });
    const error = await errorOf(verifyOn({ ...option, maxDrop: 0.124 }, run));
    expect(error.details).toMatchObject({ bound: 'maxDrop', limit: 0.124 });
  });

  it('keeps no maxDrop against an engine whose outputs have other dims', async () => {
    const other: Compute = () =>
      Promise.resolve({ y: new Tensor('float32', Float32Array.of(1), [1]) });
    const machine = { engines: { wide: other } };
    const run = { machine, subject: { unquantized: () => Promise.resolve('wide') } };
    const error = await errorOf(verifyOn({ cases: good, metric: 'l2', maxDrop: 1 }, run));
    expect(error.code).toBe('ERR_TRT_VERIFY_FAILED');
    expect(error.details).toMatchObject({ bound: 'maxDrop', value: 0 });
  });
});

describe('a metric of the caller’s', () => {
  /** Rows whose largest value stands where the label says. */
  const accuracy = ({ y }: Tensors, { label }: VerifyCase): number => {
    const [a, b] = y!.data as Float32Array;
    return (a! > b! ? 0 : 1) === label ? 1 : 0;
  };
  const labelled = [
    { ...rowsCase([1, 2]), label: 1 },
    { ...rowsCase([2, 1]), label: 0 },
    { ...rowsCase([3, 1]), label: 0 },
    { ...rowsCase([1, 3]), label: 1 },
  ];
  /** Wrong of the first case. */
  const worse: Compute = async (inputs) => {
    const { y } = await doubling(inputs);
    const [a, b] = y!.data as Float32Array;
    return {
      y: new Tensor(
        'float32',
        a === 2 && b === 4 ? Float32Array.of(9, 1) : (y!.data as Float32Array),
        [1, 2],
      ),
    };
  };

  it('is measured for each case, in order, and its mean is bounded', async () => {
    const seen: unknown[] = [];
    const metric = async (outputs: Tensors, each: VerifyCase): Promise<number> => {
      seen.push(each.label);
      return accuracy(outputs, each);
    };
    const run = { machine: { engines: { plan: worse } } };
    const record = await verifyOn({ cases: labelled, metric, minimum: 0.75 }, run);
    expect(record).toEqual({
      cases: 4,
      reference: 'none',
      outputs: {},
      metric: { name: 'metric', value: 0.75 },
    });
    expect(seen).toEqual([1, 0, 0, 1]);
    const error = await errorOf(
      verifyOn({ cases: labelled, metric: accuracy, minimum: 0.76 }, run),
    );
    expect(error.details).toMatchObject({ metric: 'accuracy', value: 0.75, case: '0' });
  });

  it('loses no more than maxDrop against the unquantized engine', async () => {
    const run = {
      machine: { engines: { plan: worse, wide: doubling } },
      subject: { unquantized: () => Promise.resolve('wide') },
    };
    const option: VerifyOption = { cases: labelled, metric: accuracy, maxDrop: 0.25 };
    const record = await verifyOn(option, run);
    expect(record.metric).toEqual({ name: 'accuracy', value: 0.75, baseline: 1 });
    const error = await errorOf(verifyOn({ ...option, maxDrop: 0.2 }, run));
    expect(error.details).toMatchObject({ bound: 'maxDrop', value: 0.75, baseline: 1, case: '0' });
  });

  it('takes given outputs for the baseline, and builds nothing then', async () => {
    const cases = labelled.map((each) => ({ ...each, outputs: { y: each.inputs['x']! } }));
    const unquantized = vi.fn(() => Promise.resolve('wide'));
    const run = { machine: { engines: { plan: worse } }, subject: { unquantized } };
    const option: VerifyOption = { cases, metric: accuracy, maxDrop: 0.2 };
    const error = await errorOf(verifyOn(option, run));
    expect(error.details).toMatchObject({ bound: 'maxDrop', baseline: 1 });
    expect(unquantized).not.toHaveBeenCalled();
  });

  it('is its own baseline where nothing narrower was built', async () => {
    const option: VerifyOption = { cases: labelled, metric: accuracy, maxDrop: 0 };
    await expect(verifyOn(option)).resolves.toMatchObject({ metric: { value: 1, baseline: 1 } });
  });

  it('has no baseline where the model itself is quantized', async () => {
    const layer = { name: 'q', type: 'Quantize', outputTypes: ['int8'] };
    const manifest = { network: { layers: [layer] } };
    const option: VerifyOption = { cases: labelled, metric: accuracy, maxDrop: 0 };
    expect((await errorOf(verifyOn(option, { manifest }))).code).toBe('ERR_TRT_INVALID_ARG');
    const cases = labelled.map((each) => ({ ...each, outputs: { y: each.inputs['x']! } }));
    await expect(verifyOn({ ...option, cases }, { manifest })).resolves.toMatchObject({ cases: 4 });
  });

  it('that throws is the cause of the error', async () => {
    const cause = new Error('no such label');
    const metric = (): number => {
      throw cause;
    };
    const seen = nothingSeen();
    const error = await errorOf(verifyOn({ cases: labelled, metric, minimum: 0 }, { seen }));
    expect(error).toMatchObject({ code: 'ERR_TRT_VERIFY_FAILED', cause });
    expect(error.details).toMatchObject({ reason: 'metric-threw', case: '0' });
    expect(seen.closed).toBe(1);
  });

  it('may have outputs of other dims than the engine’s', async () => {
    const outputs = { y: new Tensor('float32', Float32Array.of(1, 2, 3), [3]) };
    const cases = [{ ...labelled[0]!, outputs }];
    const metric = (_: Tensors, each: VerifyCase): number => (each.outputs === outputs ? 1 : 0);
    await expect(verifyOn({ cases, metric, minimum: 1 })).resolves.toMatchObject({ cases: 1 });
  });

  it('must give a number', async () => {
    const metric = (() => 'good') as never;
    const error = await errorOf(verifyOn({ cases: labelled, metric, minimum: 0 }));
    expect(error.code).toBe('ERR_TRT_INVALID_ARG');
  });
});

describe('rows of a batch', () => {
  const cases = [rowsCase([1, 2, 3, 4])];
  const option: VerifyOption = { cases, reference: 'none', rowConsistency: true };

  it('that are equal give equal results', async () => {
    const batches: number[] = [];
    const plan: Compute = (inputs) => {
      batches.push(inputs['x']!.dims[0]!);
      return doubling(inputs);
    };
    await verifyOn(option, { machine: { engines: { plan } } });
    // The case itself, and the profile's largest batch.
    expect(batches.sort()).toEqual([2, 4]);
  });

  it('that are not fail, naming row and element', async () => {
    const plan: Compute = async (inputs) => {
      const { y } = await doubling(inputs);
      const data = (y!.data as Float32Array).map((value, index) => value + (index === 5 ? 0.5 : 0));
      return { y: new Tensor('float32', data, y!.dims) };
    };
    const machine = { engines: { plan } };
    const error = await errorOf(verifyOn(option, { machine }));
    expect(error.details).toMatchObject({
      reason: 'rows',
      output: 'y',
      index: [2, 1],
      got: 4.5,
      expected: 4,
      mismatches: 1,
      elements: 8,
    });
    const tolerant: VerifyOption = { ...option, rowConsistency: 'tolerance', rtol: 0.2 };
    const outputs = { y: rowsCase([2, 4, 6, 8]).inputs['x']! };
    await verifyOn({ ...tolerant, cases: [{ ...cases[0]!, outputs }] }, { machine });
  });

  it('need a batch', async () => {
    const machine = { profiles: [{ x: { min: [1, 2], opt: [1, 2], max: [1, 2] } }] };
    const one = { ...option, cases: [rowsCase([1, 2])] };
    expect((await errorOf(verifyOn(one, { machine }))).code).toBe('ERR_TRT_INVALID_ARG');
  });

  it('are those of a fixed batch too', async () => {
    const machine = {
      inputs: [tensorInfo('x', 'float32', [2, 2])],
      outputs: [tensorInfo('y', 'float32', [2, 2])],
      profiles: [],
      engines: {
        plan: ({ x }: Tensors) => ({
          y: new Tensor(
            'float32',
            (x!.data as Float32Array).map((v, i) => v + i),
            [2, 2],
          ),
        }),
      },
    };
    const error = await errorOf(verifyOn(option, { machine }));
    expect(error.details).toMatchObject({ reason: 'rows', index: [1, 0], got: 3, expected: 1 });
  });
});

describe('cases', () => {
  it('that throw are the cause of the error', async () => {
    const cause = new Error('the disk is gone');
    async function* broken(): AsyncGenerator<VerifyCase> {
      yield good[0]!;
      throw cause;
    }
    const error = await errorOf(verifyOn({ cases: broken() }));
    expect(error).toMatchObject({ code: 'ERR_TRT_VERIFY_FAILED', cause });
  });

  it('may be promises, and what those are rejected with is the cause', async () => {
    const cause = new Error('not found');
    const cases = [Promise.resolve(good[0]!), Promise.reject(cause)] as unknown as VerifyCase[];
    const error = await errorOf(verifyOn({ cases }));
    expect(error).toMatchObject({ code: 'ERR_TRT_VERIFY_FAILED', cause });
  });

  it('are let go of when the verification fails', async () => {
    let released = false;
    function* watched(): Generator<VerifyCase> {
      try {
        for (;;) yield { inputs: { z: Float32Array.of(1) } };
      } finally {
        released = true;
      }
    }
    expect((await errorOf(verifyOn({ cases: watched() }))).code).toBe('ERR_TRT_INPUT_UNKNOWN');
    expect(released).toBe(true);
  });

  it.each<[unknown, string]>([
    [null, 'ERR_TRT_INVALID_ARG'],
    [{ inputs: { x: new Float32Array(2) }, output: {} }, 'ERR_TRT_INVALID_ARG'],
    [{ outputs: {} }, 'ERR_TRT_INVALID_ARG'],
    [{ ...rowsCase([1, 2]), outputs: { z: new Float32Array(2) } }, 'ERR_TRT_INVALID_ARG'],
    [{ ...rowsCase([1, 2]), outputs: { y: 3 } }, 'ERR_TRT_INVALID_ARG'],
    [{ ...rowsCase([1, 2]), outputs: {} }, 'ERR_TRT_INVALID_ARG'],
    [{ ...rowsCase([1, 2]), name: 3 }, 'ERR_TRT_INVALID_ARG'],
    [{ inputs: {} }, 'ERR_TRT_INPUT_MISSING'],
    [{ inputs: rowsCase([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).inputs }, 'ERR_TRT_INPUT_DIMS'],
  ])('that are none: %o', async (each, code) => {
    const option: VerifyOption = { cases: [each as VerifyCase], reference: 'none' };
    expect((await errorOf(verifyOn(option))).code).toBe(code);
  });
});

describe('an abort', () => {
  it('ends it between cases, with the signal’s reason', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const seen = nothingSeen();
    const onProgress = ({ kind }: NativeProgress): void => {
      if (kind === 'step') controller.abort(reason);
    };
    const subject = { signal: controller.signal, onProgress };
    expect(await errorOf(verifyOn({ cases: good }, { subject, seen }))).toBe(reason);
    expect(seen.closed).toBe(1);
  });

  it('ends it while it waits for a case or an inference', async () => {
    const reason = new Error('enough');
    const never = new Promise<never>(() => undefined);
    const stuckCases: AsyncIterable<VerifyCase> = {
      [Symbol.asyncIterator]: () => ({ next: () => never }),
    };
    const runs = [
      { cases: stuckCases, machine: {} },
      { cases: good, machine: { engines: { plan: () => never } } },
    ];
    for (const { cases, machine } of runs) {
      const controller = new AbortController();
      const run = verifyOn({ cases }, { machine, subject: { signal: controller.signal } });
      setImmediate(() => controller.abort(reason));
      expect(await errorOf(run)).toBe(reason);
    }
  });
});

describe('what cannot be verified', () => {
  it('is a plan for GPUs that are not here', async () => {
    const error = await errorOf(verifyOn({ cases: good }, { manifest: { gpu: null } }));
    expect(error.code).toBe('ERR_TRT_NO_GPU');
  });

  it('is a plan without its weights', async () => {
    const manifest = { options: { stripPlan: true } };
    const error = await errorOf(verifyOn({ cases: good }, { manifest }));
    expect(error.code).toBe('ERR_TRT_UNSUPPORTED');
    const facts = { hasGpu: true, outputs: ['y'], stripped: true };
    const early = await errorOf(precheckVerify(checkedVerify({ cases: good })!, facts));
    expect(early.code).toBe('ERR_TRT_UNSUPPORTED');
  });

  it('is refused before the build', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'verify-'));
    const check = (verify: VerifyOption, hasGpu = true): Promise<void> =>
      precheckVerify(checkedVerify(verify)!, { hasGpu, outputs: ['y'] });
    try {
      await check({ cases: good });
      expect((await errorOf(check({ cases: good }, false))).code).toBe('ERR_TRT_NO_GPU');
      const missing = path.join(folder, 'none.npz');
      expect((await errorOf(check({ cases: missing }))).code).toBe('ERR_TRT_DATA_FILE');
      expect((await errorOf(check({ cases: folder }))).code).toBe('ERR_TRT_DATA_FILE');
      // onnxruntime-node is no dependency of this package.
      const alone = [rowsCase([1, 2])];
      const error = await errorOf(check({ cases: alone }));
      expect(error.code).toBe('ERR_TRT_UNSUPPORTED');
      expect(error.message).toContain('npm install onnxruntime-node');
      await check({ cases: alone, reference: 'none' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
