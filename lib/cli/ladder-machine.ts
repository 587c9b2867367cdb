import path from 'node:path';
import { buildEngine } from '../build';
import type { BuildOptions } from '../build-options';
import type { BuiltEngine } from '../built-engine';
import type { BuildProgress } from '../build-progress';
import type { Engine } from '../engine';
import { LadderAccuracy } from '../ladder/accuracy';
import type { RungAccuracy, RungPoint, RungWay } from '../ladder/result';
import type { Rung } from '../ladder/rung';
import type { LadderMachine } from '../ladder/run-ladder';
import { checkedVerify, type VerifyOption } from '../verify/option';
import type { InputFlags } from './input-flags';
import { makeInputs, type MadeInputs } from './make-inputs';

export interface BuiltRung {
  readonly built: BuiltEngine;
  readonly callSeconds: number;
}

export interface LadderJob {
  readonly model: string;
  /** Of every rung; `calibration` goes to those that have scales. */
  readonly options: BuildOptions;
  /** Engines of the rungs are kept here; null: in the cache alone. */
  readonly out: string | null;
  /** null: one case of random inputs. */
  readonly verify: VerifyOption | null;
  readonly inputs: InputFlags;
  readonly warmup: number;
  readonly iterations: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: BuildProgress) => void;
}

interface Loaded {
  readonly of: BuiltRung;
  readonly way: Pick<RungWay, 'graphs' | 'lanes'>;
  readonly engine: Engine;
}

/** Inferences after which V8 has compiled what they run through. */
const javaScriptWarmup = 1000;

/** Builds with `buildEngine` and measures with `engine.benchmark`. One engine is loaded at a time. */
export class RealLadderMachine implements LadderMachine<BuiltRung> {
  readonly #job: LadderJob;
  #accuracy: LadderAccuracy | null = null;
  #loaded: Loaded | null = null;
  #isWarm = false;

  constructor(job: LadderJob) {
    this.#job = job;
  }

  async build(rung: Rung): Promise<BuiltRung> {
    const { model, options, out, signal, onProgress } = this.#job;
    const { calibration, ...others } = options;
    const start = performance.now();
    const built = await buildEngine(model, {
      ...others,
      precision: rung.precision,
      ...(rung.usesScales ? { calibration } : {}),
      ...(out === null ? {} : { output: path.join(out, `${rung.name}.engine`) }),
      ...{ signal, onProgress },
    });
    return { built, callSeconds: (performance.now() - start) / 1000 };
  }

  describe({ built, callSeconds }: BuiltRung): ReturnType<LadderMachine<BuiltRung>['describe']> {
    const { buildSeconds, layerSummary } = built.manifest;
    return {
      ...{ buildSeconds, callSeconds, planBytes: built.sizeBytes, planPath: built.path ?? null },
      layerTypes: layerSummary?.byType ?? null,
    };
  }

  identify({ built }: BuiltRung): ReturnType<LadderMachine<BuiltRung>['identify']> {
    const { flavour, version, gpu, driver, model } = built.manifest;
    const machine = { flavour, version, gpu: gpu?.name ?? null, driver };
    return { machine, modelSha256: model.sha256 };
  }

  async judge(built: BuiltRung, { name }: Rung): Promise<RungAccuracy | null> {
    const engine = await this.#engine(built, { graphs: 'off', lanes: 1 });
    this.#accuracy ??= new LadderAccuracy(checkedVerifyOf(await this.#verify(engine)));
    const { inputs, signal } = this.#job;
    const { manifest } = built.built;
    const profile = inputs.profileIndex ?? null;
    return await this.#accuracy.judge({ rung: name, engine, manifest, profile }, signal);
  }

  async measure(rung: BuiltRung, way: RungWay): Promise<RungPoint> {
    const engine = await this.#engine(rung, way);
    const { inputs: flags, warmup, iterations, signal } = this.#job;
    const made = await makeInputs(engine, flags, way.batch ?? undefined);
    try {
      const { profile, inputs } = made;
      await this.#warmJavaScript(engine, made);
      const { replays } = engine.graphs;
      const result = await engine.benchmark({
        ...{ inputs, profile, warmup, iterations, concurrency: way.lanes, signal },
      });
      const { endToEnd, compute, throughput } = result;
      return {
        ...{ graphs: way.graphs, lanes: way.lanes, batch: way.batch, endToEnd, compute },
        inferencesPerSecond: throughput,
        samplesPerSecond: way.batch === null ? null : throughput * way.batch,
        replayed: engine.graphs.replays > replays,
      };
    } finally {
      made.close();
    }
  }

  /** Gives the GPU back. */
  async close(): Promise<void> {
    const loaded = this.#loaded;
    this.#loaded = null;
    await loaded?.engine.close();
  }

  async #engine(rung: BuiltRung, { graphs, lanes }: Loaded['way']): Promise<Engine> {
    const now = this.#loaded;
    if (now?.of === rung && now.way.graphs === graphs && now.way.lanes === lanes) return now.engine;
    await this.close();
    const { device, library, plugins, standardPlugins } = this.#job.options;
    const engine = await rung.built.load({
      device,
      library,
      plugins,
      standardPlugins,
      graphs,
      lanes,
    });
    this.#loaded = { of: rung, way: { graphs, lanes }, engine };
    return engine;
  }

  /** Else the first rung would be measured while V8 still compiles, and look slower than it is. */
  async #warmJavaScript(engine: Engine, { inputs, profile }: MadeInputs): Promise<void> {
    if (this.#isWarm) return;
    this.#isWarm = true;
    const { signal } = this.#job;
    await engine.benchmark({ inputs, profile, warmup: 0, iterations: javaScriptWarmup, signal });
  }

  async #verify(engine: Engine): Promise<VerifyOption> {
    if (this.#job.verify !== null) return this.#job.verify;
    const { inputs } = await makeInputs(engine, { ...this.#job.inputs, pageable: true });
    return { cases: [{ name: 'random inputs', inputs }] };
  }
}

function checkedVerifyOf(option: VerifyOption): NonNullable<ReturnType<typeof checkedVerify>> {
  const checked = checkedVerify(option);
  if (checked === null) throw new TypeError('expected a verify option');
  return checked;
}
