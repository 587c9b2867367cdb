import { loadBinding, type NativeProgress } from '../binding';
import type { UsableLibrary } from '../discovery';
import { invalidArgument, TrtError } from '../errors';
import { explainExclusiveGpu } from '../exclusive-gpu';
import type { Manifest, VerificationRecord } from '../manifest-schema';
import { untilAborted } from '../until-aborted';
import { readCases, type CheckedCase } from './case-source';
import { CaseJudge, type CaseResults } from './case-judge';
import { verifyFailed, type VerifyFailure } from './failure';
import { hostInThisProcess, type PlanSetup, type VerifyEngine, type VerifyHost } from './host';
import { hostInChild } from './host-in-child';
import type { CheckedVerify } from './option';
import { chooseReference, type Reference, type ReferenceKind } from './reference';
import { repeatFirstRow } from './rows';
import { needsGpu, strippedPlan } from './precheck';
import { isQuantizedModel } from './tolerance';

/** A plan that was built and is not published yet. */
export interface VerifySubject {
  readonly planPath: string;
  readonly manifest: Manifest;
  /** For onnxruntime-node. */
  readonly modelPath: string;
  /** Rejects when another model lies there than was built. */
  readonly checkModel: () => Promise<void>;
  readonly library: Pick<UsableLibrary, 'files'>;
  /** CUDA's device index. */
  readonly device: number;
  /** Builds the same without narrower types than the model's; null: it has none, and is its own baseline. */
  readonly unquantized: (() => Promise<string>) | null;
  /** Absolute paths. */
  readonly plugins: readonly string[];
  readonly standardPlugins: boolean;
  /** Default `'process'`. */
  readonly isolation?: 'process' | 'thread';
  readonly signal: AbortSignal | null;
  /** Throwing ends the verification with what was thrown. */
  readonly onProgress: ((event: NativeProgress) => void) | null;
}

/** Cases that are computed while the next one is read. */
const inFlight = 2;

/** After so many failures, further cases tell nothing new. */
const maxFailures = 100;

export const verifyingPhase = 'Verifying';

/**
 * Runs the cases through a plan. Rejects with `ERR_TRT_VERIFY_FAILED`, `ERR_TRT_INVALID_ARG`, `ERR_TRT_INPUT_…` and
 * `ERR_TRT_DATA_FILE` of a case, `ERR_TRT_UNSUPPORTED` (no onnxruntime-node, no child processes), `ERR_TRT_BUILD_CRASHED` (the engine
 * crashed), `ERR_TRT_NO_GPU`, what loading and inference reject with, and `signal.reason`.
 */
export async function verifyPlan(
  verify: CheckedVerify,
  subject: VerifySubject,
): Promise<VerificationRecord> {
  const startHost = (): VerifyHost =>
    subject.isolation === 'thread'
      ? hostInThisProcess(loadBinding())
      : hostInChild(subject.library.files.core);
  try {
    return await verifyThrough(startHost, verify, subject);
  } catch (error) {
    if (subject.isolation === 'thread' || subject.signal?.aborted === true) throw error;
    throw await explainExclusiveGpu(error, subject.device, loadBinding);
  }
}

/** `verifyPlan` on a given host. */
export async function verifyThrough(
  startHost: () => VerifyHost,
  verify: CheckedVerify,
  subject: VerifySubject,
): Promise<VerificationRecord> {
  const { manifest, signal, onProgress } = subject;
  if (manifest.gpu === null) throw needsGpu();
  if (manifest.options['stripPlan'] === true) throw strippedPlan();
  signal?.throwIfAborted();
  const steps = knownSteps(verify.cases);
  const report = (kind: 'phase-start' | 'step' | 'phase-end', step: number): void =>
    onProgress?.({ kind, phase: verifyingPhase, parent: null, step, steps });
  const host = startHost();
  try {
    report('phase-start', 0);
    const run = new Verification(host, verify, subject);
    const record = await run.all((done) => report('step', done));
    report('phase-end', record.cases);
    return record;
  } finally {
    await host.close();
  }
}

function knownSteps(cases: CheckedVerify['cases']): number {
  if (Array.isArray(cases)) return cases.length;
  return cases instanceof Set || cases instanceof Map ? cases.size : 0;
}

/** What was chosen when the first case was seen. */
interface Arranged {
  readonly reference: Reference;
  readonly baseline: VerifyEngine | null;
  readonly judge: CaseJudge;
}

class Verification {
  readonly #host: VerifyHost;
  readonly #verify: CheckedVerify;
  readonly #subject: VerifySubject;
  #unquantized: Promise<VerifyEngine | null> | null = null;

  constructor(host: VerifyHost, verify: CheckedVerify, subject: VerifySubject) {
    this.#host = host;
    this.#verify = verify;
    this.#subject = subject;
  }

  async all(onCase: (done: number) => void): Promise<VerificationRecord> {
    const { signal } = this.#subject;
    const { planPath, manifest } = this.#subject;
    const engine = await this.#wait(this.#open(planPath, manifest.plan.sha256));
    let arranged: Arranged | null = null;
    let judged = 0;
    let stoppedEarly = false;
    const failures: VerifyFailure[] = [];
    const source = readCases(this.#verify, engine, signal);
    const running: Promise<CaseResults>[] = [];
    const judgeOldest = async (): Promise<void> => {
      const { judge } = arranged as Arranged;
      const results = await this.#wait(running.shift() as Promise<CaseResults>);
      failures.push(...(await this.#wait(judge.judge(results))));
      judged += 1;
      onCase(judged);
    };
    for await (const each of source) {
      arranged ??= await this.#wait(this.#arrange(engine, each.expected !== null));
      checkAlike(each, arranged.reference.kind);
      const results = this.#run(engine, each, arranged);
      // Awaited in its turn; an error before it would leave nobody to.
      results.catch(() => undefined);
      running.push(results);
      if (running.length === inFlight) await judgeOldest();
      if (failures.length >= maxFailures) {
        stoppedEarly = true;
        break;
      }
    }
    while (running.length > 0 && !stoppedEarly) await judgeOldest();
    if (arranged === null) {
      const expected = 'at least one case';
      throw invalidArgument('options.verify.cases', expected, this.#verify.cases);
    }
    failures.push(...arranged.judge.judgeMetric());
    const [first, ...rest] = failures;
    if (first !== undefined) {
      throw verifyFailed([first, ...rest], { cases: judged, stoppedEarly });
    }
    return { cases: judged, reference: arranged.reference.kind, ...arranged.judge.record() };
  }

  async #wait<T>(work: Promise<T>): Promise<T> {
    return await untilAborted(this.#subject.signal, work);
  }

  async #open(planPath: string, sha256: string | null): Promise<VerifyEngine> {
    const { library, device, plugins, standardPlugins, manifest } = this.#subject;
    const setup: PlanSetup = {
      library: library.files,
      device,
      plugins,
      standardPlugins,
      hostCode: manifest.options['versionCompatible'] === true,
      sha256,
    };
    return await this.#host.open(planPath, setup);
  }

  /** null: the build has nothing narrower than the model. */
  async #openUnquantized(): Promise<VerifyEngine | null> {
    const build = this.#subject.unquantized;
    this.#unquantized ??=
      build === null
        ? Promise.resolve(null)
        : build().then((planPath) => this.#open(planPath, null));
    return await this.#unquantized;
  }

  async #arrange(engine: VerifyEngine, hasOutputs: boolean): Promise<Arranged> {
    const verify = this.#verify;
    const reference = await chooseReference(verify, hasOutputs, {
      openOnnx: async () => {
        const opened = await this.#host.openReference(this.#subject.modelPath);
        await this.#subject.checkModel();
        return opened;
      },
      openUnquantized: async () => {
        const opened = await this.#openUnquantized();
        if (opened !== null) return opened;
        const expected =
          "another than 'unquantized' for a build without narrower types than the model's";
        throw invalidArgument('options.verify.reference', expected, 'unquantized');
      },
    });
    const { metric } = verify;
    const needsBaseline =
      metric !== null && metric.maxDrop !== null && ('named' in metric || !hasOutputs);
    if (needsBaseline && isQuantizedModel(this.#subject.manifest)) {
      const expected =
        'nothing for a model that is quantized itself and cases without outputs of what it was made from ' +
        '(give those as `outputs` beside a metric of your own, or bound the metric by `minimum` or `maximum`)';
      throw invalidArgument('options.verify.maxDrop', expected, metric.maxDrop);
    }
    // A build without narrower types than the model's has lost nothing to them.
    const baseline = needsBaseline ? ((await this.#openUnquantized()) ?? engine) : null;
    const judge = new CaseJudge(verify, this.#subject.manifest, engine);
    return { reference, baseline, judge };
  }

  async #run(
    engine: VerifyEngine,
    each: CheckedCase,
    { reference, baseline }: Arranged,
  ): Promise<CaseResults> {
    const { inputs } = each;
    const repeated = this.#verify.rowConsistency === 'no' ? null : repeatFirstRow(engine, inputs);
    const [outputs, expected, before, rows] = await Promise.all([
      engine.infer(inputs),
      reference.model === null ? each.expected : reference.model.infer(inputs),
      baseline === null ? null : baseline.infer(inputs),
      repeated === null ? null : engine.infer(repeated.inputs),
    ]);
    return {
      each,
      outputs,
      expected,
      baseline: before,
      repeated: repeated === null || rows === null ? null : { rows: repeated.rows, outputs: rows },
    };
  }
}

/** A mean over some cases of one kind and some of another would say nothing. */
function checkAlike({ name, expected }: CheckedCase, reference: ReferenceKind): void {
  if ((expected !== null) === (reference === 'given')) return;
  throw new TrtError(
    'ERR_TRT_INVALID_ARG',
    'expected `outputs` in every case of `options.verify.cases` or in none, but ' +
      `case ${JSON.stringify(name)} has ${expected === null ? 'none' : 'some'} and those before it are otherwise`,
    { details: { argument: 'options.verify.cases', case: name } },
  );
}
