import type { Engine } from '../engine';
import type { Manifest } from '../manifest-schema';
import type { Tensors } from '../tensor';
import { CaseJudge } from '../verify/case-judge';
import { readCases } from '../verify/case-source';
import { verifyFailed, type VerifyFailure } from '../verify/failure';
import type { CheckedVerify } from '../verify/option';
import { fromPlainTensors } from '../verify/plain-tensors';
import type { RungAccuracy } from './result';

/** What an engine is judged by. */
export type JudgedEngine = Pick<Engine, 'infer' | 'inputs' | 'outputs' | 'profiles'>;

/**
 * Judges rungs as `verify` judges a build. Cases without outputs are compared with what the first rung gave for them, which is kept in
 * memory until the ladder ends.
 */
export class LadderAccuracy {
  readonly #verify: CheckedVerify;
  /** By the place of the case. */
  #first: readonly Tensors[] | null = null;

  constructor(verify: CheckedVerify) {
    this.#verify = verify;
  }

  /** null: the first rung, of cases without outputs, is the reference and compared with nothing. */
  async judge(
    engine: JudgedEngine,
    manifest: Manifest,
    signal: AbortSignal | null,
  ): Promise<RungAccuracy | null> {
    const judge = new CaseJudge(this.#verify, manifest, engine);
    const failures: VerifyFailure[] = [];
    const outputsOfAll: Tensors[] = [];
    let given = true;
    for await (const each of readCases(this.#verify, engine, signal)) {
      const outputs: Tensors = await engine.infer(fromPlainTensors(each.inputs));
      const first = this.#first?.[outputsOfAll.length] ?? null;
      outputsOfAll.push(outputs);
      if (each.expected === null) given = false;
      const expected = each.expected ?? first;
      failures.push(
        ...(await judge.judge({ each, outputs, expected, baseline: first, repeated: null })),
      );
    }
    const cases = outputsOfAll.length;
    const isFirst = this.#first === null;
    this.#first ??= outputsOfAll;
    if (isFirst && !given && failures.length === 0) return null;
    failures.push(...judge.judgeMetric());
    const [worst, ...rest] = failures;
    const { outputs, metric } = judge.record();
    return {
      holds: worst === undefined,
      failure: worst === undefined ? null : summaryOf([worst, ...rest], cases),
      cases,
      reference: given ? 'given' : 'rung',
      outputs,
      metric: metric === undefined ? null : { name: metric.name, value: metric.value },
    };
  }
}

/** The sentence in the message of `ERR_TRT_VERIFY_FAILED` that says what is wrong. */
function summaryOf(failures: readonly [VerifyFailure, ...VerifyFailure[]], cases: number): string {
  const { message } = verifyFailed(failures, { cases, stoppedEarly: false });
  return message.replace(/^.*asks for: /, '').replace(/ Nothing was published\..*$/, '');
}
