import type { Engine } from '../engine';
import type { TrtError } from '../errors';
import { invalidArgument } from '../errors';
import type { Manifest } from '../manifest-schema';
import type { Tensors } from '../tensor';
import { CaseJudge } from '../verify/case-judge';
import { readCases, type CheckedCase } from '../verify/case-source';
import type { VerifyFailure } from '../verify/failure';
import { namedMetrics, worse, type NamedMetric } from '../verify/metric';
import { openReference, type ReferenceModel } from '../verify/onnx-reference';
import { fromPlainTensors } from '../verify/plain-tensors';
import { checkedVerify, type CheckedVerify, type VerifyOption } from '../verify/option';
import { chooseReference, type Reference, type ReferenceKind } from '../verify/reference';
import { repeatFirstRow } from '../verify/rows';
import { arithmeticOf, type Arithmetic } from '../verify/tolerance';

/** The worst of a measure over all cases, and the case that it is of. */
export interface WorstMeasure {
  readonly value: number;
  readonly case: string;
}

export interface VerifyOutcome {
  readonly passed: boolean;
  readonly cases: number;
  readonly reference: ReferenceKind;
  /** What the tolerance was chosen for; null: the plan has no manifest that says it, and numbers were given. */
  readonly arithmetic: Arithmetic | null;
  readonly outputs: Readonly<Record<string, Readonly<Partial<Record<NamedMetric, WorstMeasure>>>>>;
  readonly metric: { readonly name: string; readonly value: number } | null;
  /** The first hundred, in the order of the cases. */
  readonly failures: readonly VerifyFailure[];
  readonly failedCases: number;
}

export interface VerifyRun {
  readonly engine: Pick<Engine, 'inputs' | 'outputs' | 'profiles' | 'infer' | 'manifest'>;
  readonly option: VerifyOption;
  /** For onnxruntime-node; null: none was given. */
  readonly model: string | null;
  readonly signal: AbortSignal;
  readonly onCase: (done: number) => void;
}

const mostFailures = 100;

/**
 * The judgement of `buildEngine`'s option `verify` on a plan that is there already. Unlike a build it goes on after a failure, so that the
 * worst of all cases is told.
 *
 * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`, `ERR_TRT_DATA_FILE`, `ERR_TRT_INPUT_…`, `ERR_TRT_UNSUPPORTED`, the codes of `infer`
 */
export async function runVerify(run: VerifyRun): Promise<VerifyOutcome> {
  const { engine, signal, onCase } = run;
  const verify = checkedVerify(run.option) as CheckedVerify;
  const arithmetic = engine.manifest === null ? null : arithmeticOf(engine.manifest);
  if (arithmetic === null) checkTolerances(verify);
  // Numbers hold for every arithmetic, so that any manifest serves where there is none.
  const judge = new CaseJudge(verify, engine.manifest ?? emptyBuild, engine);
  const worst = new WorstOf(judge);
  const failures: VerifyFailure[] = [];
  let reference: Reference | null = null;
  let opened: ReferenceModel | null = null;
  let cases = 0;
  try {
    for await (const each of readCases(verify, engine, signal)) {
      reference ??= await chooseReference(verify, each.expected !== null, {
        openOnnx: async () => (opened = await openModel(run.model)),
        openUnquantized: () => Promise.reject(noUnquantized()),
      });
      checkAlike(each, reference.kind);
      failures.push(...(await judge.judge(await resultsOf(run, verify, each, reference))));
      worst.look(each.name);
      signal.throwIfAborted();
      cases += 1;
      onCase(cases);
    }
  } finally {
    await (opened as ReferenceModel | null)?.close();
  }
  if (reference === null) throw invalidArgument('--cases', 'at least one case', verify.cases);
  failures.push(...judge.judgeMetric());
  const { metric } = judge.record();
  return {
    passed: failures.length === 0,
    cases,
    reference: reference.kind,
    arithmetic,
    outputs: worst.outputs(),
    metric: metric === undefined ? null : { name: metric.name, value: metric.value },
    failures: failures.slice(0, mostFailures),
    failedCases: new Set(failures.filter(({ reason }) => reason !== 'metric').map((f) => f.case))
      .size,
  };
}

type Results = Parameters<CaseJudge['judge']>[0];

async function resultsOf(
  { engine }: VerifyRun,
  verify: CheckedVerify,
  each: CheckedCase,
  reference: Reference,
): Promise<Results> {
  const { inputs } = each;
  const infer = async (given: CheckedCase['inputs']): Promise<Tensors> =>
    await engine.infer(fromPlainTensors(given));
  const repeated = verify.rowConsistency === 'no' ? null : repeatFirstRow(engine, inputs);
  const [outputs, expected, rows] = await Promise.all([
    infer(inputs),
    reference.model === null ? each.expected : reference.model.infer(inputs),
    repeated === null ? null : infer(repeated.inputs),
  ]);
  return {
    each,
    outputs,
    expected,
    baseline: null,
    repeated: repeated === null || rows === null ? null : { rows: repeated.rows, outputs: rows },
  };
}

/** The judge keeps the worst of each measure; here also the case that it is of. */
class WorstOf {
  readonly #judge: CaseJudge;
  readonly #found = new Map<string, Partial<Record<NamedMetric, WorstMeasure>>>();

  constructor(judge: CaseJudge) {
    this.#judge = judge;
  }

  look(name: string): void {
    for (const [output, measures] of Object.entries(this.#judge.record().outputs)) {
      const before = this.#found.get(output) ?? {};
      const after = { ...before };
      for (const metric of namedMetrics) {
        const value = measures[metric];
        if (value === undefined) continue;
        const old = before[metric]?.value;
        if (old === undefined || (value !== old && worse(metric, value, old) === value)) {
          after[metric] = { value, case: name };
        }
      }
      this.#found.set(output, after);
    }
  }

  outputs(): VerifyOutcome['outputs'] {
    return Object.fromEntries(this.#found);
  }
}

const emptyBuild = {
  options: {},
  network: { layers: [] },
  outputs: [],
} as unknown as Manifest;

/** Which tolerance is fair depends on the arithmetic, and that stands in the manifest. */
function checkTolerances({ elementwise, tolerance: { atol, rtol } }: CheckedVerify): void {
  const isNumber = (value: unknown): boolean => typeof value === 'number';
  if (!elementwise) return;
  const atolIsSafe = atol === null || isNumber(atol);
  if (isNumber(rtol) && atolIsSafe) return;
  const expected =
    'a number for a plan without a manifest, as only that says in which precision it was built (or --metric with its limit),';
  if (!atolIsSafe) throw invalidArgument('--atol', expected, atol);
  throw invalidArgument('--rtol', expected, rtol ?? undefined);
}

async function openModel(model: string | null): Promise<ReferenceModel> {
  if (model !== null) return await openReference(model);
  throw invalidArgument(
    '--model',
    'the ONNX model, which onnxruntime-node computes the expected outputs with, as the cases have none (or --reference none),',
    undefined,
  );
}

function noUnquantized(): TrtError {
  const expected =
    "onnxruntime or none, as 'unquantized' is a build (trt-node build --verify has it),";
  return invalidArgument('--reference', expected, 'unquantized');
}

function checkAlike({ name, expected }: CheckedCase, reference: ReferenceKind): void {
  if ((expected !== null) === (reference === 'given')) return;
  const found = expected === null ? 'none' : 'some';
  throw invalidArgument(
    '--cases',
    `outputs in every case or in none (case ${JSON.stringify(name)} has ${found}, those before it are otherwise),`,
    name,
  );
}
