import { Command } from 'commander';
import pc from 'picocolors';
import { benchEnvironment } from '../bench/environment';
import { coldStartReport, reportOfBench } from '../bench/report-of-bench';
import type { ColdStartRecord } from '../bench/cold-start-record';
import { metricsOfColdStart } from '../bench/cold-start-metrics';
import { checkLimit, measuredText } from '../bench/limits';
import { writeJson } from '../bench/record-file';
import type { BenchRecord } from '../bench/record';
import { sampleRows } from '../bench/sample-rows';
import { packageVersion } from '../package-version';
import { writeReport } from '../report/write-report';
import { withAbortOnSignals } from './abort-on-signals';
import { measureColdStarts } from './bench-cold-start';
import { benchDiffCommand } from './bench-diff';
import { addBenchFlags, type BenchFlags } from './bench-flags';
import { benchProgress, type BenchProgress } from './bench-progress';
import { renderBench } from './bench-render';
import { renderColdStart } from './bench-render-cold-start';
import { runBench } from './bench-run';
import { benchSettingsOf, checkTargets, type BenchSettings } from './bench-settings';
import { exitCodes } from './exit-codes';
import { printable } from './printable';

const help = `
Figures are in milliseconds. GPU times lie between CUDA events; end to end is wall clock in JavaScript, of a loop without events.

Examples:
  trt-node bench model.engine                                      latency and throughput, one inference at a time
  trt-node bench model.engine --batch 1,8,32 --concurrency 1,2,4   sweeps
  trt-node bench model.engine --convention 11                      as trtexec 11 measures: no transfers, graphs, spinning
  trt-node bench fp16.engine int8.engine                           in turns, with confidence intervals
  trt-node bench model.engine --rate 500/s --arrival poisson       an open loop: latency from the scheduled arrival
  trt-node bench model.engine --slo 'p99<50ms' --target-qps 1000 --cost-per-hour 3.5
  trt-node bench model.engine --cold-start 20                      fresh processes, step by step
  trt-node bench model.engine --assert 'p99<2ms' -o today.json     for CI: exits with 6 when it does not hold
  trt-node bench diff yesterday.json today.json
trtexec's spellings are taken too: trt-node help trtexec.`;

export function benchCommand(): Command {
  const command = new Command('bench')
    .description('measure latency and throughput with CUDA events; compare engines and stored runs')
    .argument('[plan...]', 'engine file; several are measured in turns and compared');
  addBenchFlags(command).addHelpText('after', help).action(runCommand);
  return command.addCommand(benchDiffCommand());
}

async function runCommand(plans: readonly string[], flags: BenchFlags): Promise<void> {
  const settings = benchSettingsOf(plans, flags);
  await checkTargets(flags);
  explainTrtexec(flags);
  const progress = benchProgress(styleOf(flags), process.stderr);
  const { mode } = settings;
  if (mode.kind === 'cold-start') await coldStart(settings, mode.processes, progress);
  else await bench(settings, progress);
}

async function bench(settings: BenchSettings, progress: BenchProgress): Promise<void> {
  const { flags } = settings;
  const record = await withAbortOnSignals(async (signal) => {
    try {
      return await runBench(settings, { progress, signal, command: commandLine() });
    } finally {
      progress.end();
    }
  });
  const stored = flags.samples ? record : withoutSamples(record);
  if (flags.exportSamples !== undefined) await writeJson(flags.exportSamples, sampleRows(record));
  if (flags.output !== undefined) await writeJson(flags.output, stored);
  if (flags.report !== undefined) await writeReport(flags.report, reportOfBench(stored));
  print(flags, withoutSamples(record), () => renderBench(record, pc));
  const failed = record.assertions.some(({ holds }) => !holds);
  if (failed || (record.slo !== null && record.slo.rate === null)) {
    process.exitCode = exitCodes.verifyFailed;
    if (flags.json === true || flags.quiet === true) tellFailures(record);
  }
}

async function coldStart(
  settings: BenchSettings,
  processes: number,
  progress: BenchProgress,
): Promise<void> {
  const { plans, load, flags, batches, assertions } = settings;
  const [plan = ''] = plans;
  const record = await withAbortOnSignals(async (signal): Promise<ColdStartRecord> => {
    try {
      progress.step('starting fresh processes', processes);
      const figures = await measureColdStarts({
        ...{ plan, load, inputs: flags, batch: batches[0] ?? null, processes, signal },
        onProgress: (done) => {
          if (done < processes) progress.step(`${done} of ${processes} started`, processes);
        },
      });
      return {
        schema: 'trt-node/cold-start',
        schemaVersion: 1,
        createdAt: new Date().toISOString(),
        version: packageVersion(),
        command: commandLine(),
        engine: plan,
        environment: await benchEnvironment(load.device ?? 0),
        ...figures,
        assertions: assertions.map((each) => checkLimit(each, metricsOfColdStart(figures))),
      };
    } finally {
      progress.end();
    }
  });
  if (flags.output !== undefined) await writeJson(flags.output, record);
  if (flags.report !== undefined) await writeReport(flags.report, coldStartReport(record));
  print(flags, record, () => renderColdStart(record, pc));
  if (record.assertions.some(({ holds }) => !holds)) {
    process.exitCode = exitCodes.verifyFailed;
    if (flags.json === true || flags.quiet === true) tellFailures(record);
  }
}

/** For who sees no table. */
function tellFailures({
  assertions,
  slo = null,
}: Pick<BenchRecord, 'assertions'> & Partial<Pick<BenchRecord, 'slo'>>): void {
  if (slo !== null && slo.rate === null) {
    process.stderr.write(`no rate holds ${printable(slo.limits.join(', '))}\n`);
  }
  for (const { limit, holds, value } of assertions) {
    if (holds) continue;
    const measured = measuredText(value, (number) => `measured ${number.toPrecision(5)}`);
    process.stderr.write(`does not hold: ${printable(limit)} (${measured})\n`);
  }
}

function withoutSamples(record: BenchRecord): BenchRecord {
  return {
    ...record,
    runs: record.runs.map((run) => ({ ...run, samples: null })),
    loads: record.loads.map((load) => ({ ...load, samples: null })),
  };
}

function styleOf({ quiet }: BenchFlags): 'bar' | 'lines' | 'none' {
  if (quiet === true) return 'none';
  return process.stderr.isTTY ? 'bar' : 'lines';
}

/** What trtexec's users wait for and will not see. */
function explainTrtexec({ avgRuns, dumpProfile, quiet }: BenchFlags): void {
  if (quiet === true) return;
  if (avgRuns !== undefined) {
    process.stderr.write(
      '--avgRuns: nothing is averaged here, every figure is of single inferences\n',
    );
  }
  if (dumpProfile !== undefined) {
    process.stderr.write('--dumpProfile: for the time of each layer run trt-node profile\n');
  }
}

function commandLine(): string {
  return ['trt-node', ...process.argv.slice(2)].join(' ');
}

function print(flags: BenchFlags, value: unknown, text: () => string): void {
  if (flags.json === true) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  else if (flags.quiet !== true) process.stdout.write(`${text()}\n`);
}
