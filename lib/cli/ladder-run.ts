import { mkdir } from 'node:fs/promises';
import pc from 'picocolors';
import { loadBinding } from '../binding';
import { invalidArgument } from '../errors';
import { describeShiftedReference } from '../ladder/describe';
import { describeWay } from '../ladder/recommend';
import type { LadderResult, LadderSettings } from '../ladder/result';
import { rungs } from '../ladder/rung';
import { runLadder, type LadderEvent } from '../ladder/run-ladder';
import { requireGpu } from '../load-device';
import { checkReportPath, writeReport } from '../report/write-report';
import type { VerifyOption } from '../verify/option';
import { withAbortOnSignals } from './abort-on-signals';
import { flagOptionsOf } from './build-options-of';
import { exitCodes } from './exit-codes';
import type { LadderFlags } from './ladder-flags';
import { RealLadderMachine } from './ladder-machine';
import { ladderReport } from './ladder-report';
import { renderLadder } from './ladder-table';
import { createProgressView, type ProgressView } from './progress-view';

/** `trt-node ladder` */
export async function runLadderCommand(
  argument: string | undefined,
  flags: LadderFlags,
): Promise<void> {
  const model = modelOf(argument, flags);
  if (flags.report !== undefined) await checkReportPath(flags.report);
  const { verify = null, ...options } = optionsOf(flags);
  // A ladder that cannot measure would build for nothing.
  requireGpu(await loadBinding().probeDriver(), flags.device ?? 0, {
    ...{ asker: 'the ladder', argument: '--device' },
  });
  const out = flags.out ?? null;
  if (out !== null) await mkdir(out, { recursive: true });
  const settings = settingsOf(flags, verify);
  const progress = new LadderProgress(flags);
  const result = await withAbortOnSignals(async (signal) => {
    const machine = new RealLadderMachine({
      ...{ model, options, out, verify, inputs: flags, signal },
      ...{ warmup: flags.warmup, iterations: flags.iterations },
      onProgress: (event) => progress.building(event),
    });
    try {
      return await runLadder(machine, {
        ...{ model, settings, signal },
        rungs: rungs.filter(({ name }) => flags.rungs?.includes(name) !== false),
        onEvent: (event) => progress.tell(event),
      });
    } finally {
      progress.end();
      await machine.close();
    }
  });
  if (flags.report !== undefined)
    await writeReport(flags.report, ladderReport(result, process.argv));
  print(result, flags);
  process.exitCode = exitCodeOfLadder(result);
}

function modelOf(argument: string | undefined, { onnx }: LadderFlags): string {
  const model = argument ?? onnx;
  if (model === undefined) throw invalidArgument('model', 'an ONNX file', model);
  if (argument !== undefined && onnx !== undefined) {
    throw invalidArgument('--onnx', 'nothing beside the model as the argument', onnx);
  }
  return model;
}

function optionsOf({ cache, ...flags }: LadderFlags): ReturnType<typeof flagOptionsOf> {
  return { ...flagOptionsOf(flags), cache: cache ?? true };
}

function settingsOf(flags: LadderFlags, verify: VerifyOption | null): LadderSettings {
  const { graphs, lanes = [1], batch = [null], warmup, iterations, goal } = flags;
  return {
    graphs: graphs === 'both' ? ['off', 'on'] : [graphs],
    ...{ lanes, batches: batch, warmup, iterations, goal },
    cases: verify === null ? 'random' : 'files',
  };
}

function print(result: LadderResult, flags: LadderFlags): void {
  if (flags.json) {
    const shifted = flags.quiet ? null : describeShiftedReference(result);
    if (shifted !== null) process.stderr.write(`${pc.yellow('warning')}: ${shifted}\n`);
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  } else if (!flags.quiet) {
    process.stdout.write(`${renderLadder(result, { color: pc.isColorSupported })}\n`);
  }
}

function exitCodeOfLadder({ rungs: results, recommendation, machine }: LadderResult): number {
  if (recommendation !== null) return exitCodes.ok;
  const measured = results.some(({ status }) => status === 'measured');
  if (measured) return exitCodes.verifyFailed;
  return machine === null ? exitCodes.buildFailed : exitCodes.failed;
}

/** A line when a rung is done, and the bar of a build that is under way. */
class LadderProgress {
  readonly #quiet: boolean;
  #view: ProgressView | null = null;

  constructor({ quiet }: LadderFlags) {
    this.#quiet = quiet === true;
  }

  building(event: Parameters<ProgressView['update']>[0]): void {
    this.#view?.update(event);
  }

  tell(event: LadderEvent): void {
    this.end();
    if (this.#quiet) return;
    switch (event.kind) {
      case 'building':
        this.#say(`${pc.bold(event.rung)}: building`);
        this.#view = createProgressView(process.stderr.isTTY ? 'bar' : 'lines', process.stderr);
        return;
      case 'measuring':
        this.#say(`${pc.bold(event.rung)}: measuring, ${describeWay(event)}`);
        return;
      case 'done':
        if (event.result.status === 'measured') return;
        // Why stands below the table.
        this.#say(`${pc.bold(event.result.rung)}: ${event.result.status}`);
    }
  }

  end(): void {
    this.#view?.end();
    this.#view = null;
  }

  #say(line: string): void {
    process.stderr.write(`${line}\n`);
  }
}
