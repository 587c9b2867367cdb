import type { Engine } from '../engine';
import type { Manifest } from '../manifest-schema';
import type { Tensors } from '../tensor';
import { CaseJudge } from '../verify/case-judge';
import { readCases } from '../verify/case-source';
import { verifyFailed, type VerifyFailure } from '../verify/failure';
import type { CheckedVerify } from '../verify/option';
import { fromPlainTensors } from '../verify/plain-tensors';
import { findNotFinite } from '../verify/compare';
import type { RungAccuracy } from './result';

/** What an engine is judged by. */
export type JudgedEngine = Pick<Engine, 'infer' | 'inputs' | 'outputs' | 'profiles'>;

export interface Judged {
  /** Its name. */
  readonly rung: string;
  readonly engine: JudgedEngine;
  readonly manifest: Manifest;
  /** The optimization profile; null: the first that takes a case. */
  readonly profile: number | null;
}

interface ReferenceRung {
  readonly rung: string;
  /** By the place of the case. */
  readonly outputs: readonly Tensors[];
}

/**
 * Judges rungs as `verify` judges a build. Cases without outputs are compared with what the first rung gave for them whose outputs are all
 * finite; they are kept in memory until the ladder ends.
 */
export class LadderAccuracy {
  readonly #verify: CheckedVerify;
  #reference: ReferenceRung | null = null;

  constructor(verify: CheckedVerify) {
    this.#verify = verify;
  }

  /** null: this rung, of cases without outputs, is the reference and compared with nothing. */
  async judge(
    { rung, engine, manifest, profile }: Judged,
    signal: AbortSignal | null,
  ): Promise<RungAccuracy | null> {
    const reference = this.#reference;
    const options = profile === null ? {} : { profile };
    const judge = new CaseJudge(this.#verify, manifest, engine);
    const failures: VerifyFailure[] = [];
    const outputsOfAll: Tensors[] = [];
    let given = true;
    for await (const each of readCases(this.#verify, engine, signal)) {
      const outputs: Tensors = await engine.infer(fromPlainTensors(each.inputs), options);
      const first = reference?.outputs[outputsOfAll.length] ?? null;
      outputsOfAll.push(outputs);
      if (each.expected === null) given = false;
      const expected = each.expected ?? first;
      failures.push(
        ...(await judge.judge({ each, outputs, expected, baseline: first, repeated: null })),
      );
    }
    const cases = outputsOfAll.length;
    const finite = reference !== null || (await allFinite(outputsOfAll));
    if (reference === null && finite) this.#reference = { rung, outputs: outputsOfAll };
    if (reference === null && finite && !given && failures.length === 0) return null;
    failures.push(...judge.judgeMetric());
    const [worst, ...rest] = failures;
    const { outputs, metric } = judge.record();
    const failure =
      worst !== undefined
        ? summaryOf([worst, ...rest], cases)
        : given || finite
          ? null
          : 'outputs are NaN or infinite, and there is nothing to compare them with';
    return {
      holds: failure === null,
      failure,
      cases,
      reference: given ? 'given' : 'rung',
      referenceRung: this.#isCompared(given) ? (reference?.rung ?? null) : null,
      outputs,
      metric: metric === undefined ? null : { name: metric.name, value: metric.value },
    };
  }

  /** Whether another rung counts: given outputs are all that is compared, unless a metric starts from that rung. */
  #isCompared(given: boolean): boolean {
    return !given || (this.#verify.metric?.maxDrop ?? null) !== null;
  }
}

async function allFinite(outputsOfAll: readonly Tensors[]): Promise<boolean> {
  for (const tensor of outputsOfAll.flatMap((outputs) => Object.values(outputs))) {
    if ((await findNotFinite(tensor)) !== null) return false;
  }
  return true;
}

/** The sentence in the message of `ERR_TRT_VERIFY_FAILED` that says what is wrong. */
function summaryOf(failures: readonly [VerifyFailure, ...VerifyFailure[]], cases: number): string {
  const { message } = verifyFailed(failures, { cases, stoppedEarly: false });
  return message.replace(/^.*asks for: /, '').replace(/ Nothing was published\..*$/, '');
}
