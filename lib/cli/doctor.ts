import { Command, InvalidArgumentError, Option } from 'commander';
import pc from 'picocolors';
import { canRun, jobs, renderReport, type Job } from '../doctor';
import { checkRequirements } from '../doctor/check-requirements';
import { compareEnvironments } from '../doctor/compare-environments';
import {
  hashLibraries,
  snapshotOf,
  type EnvironmentSnapshot,
} from '../doctor/environment-snapshot';
import type { KnownEnvironment } from '../doctor/known-environment';
import { renderComparison, type ComparisonNames } from '../doctor/render-comparison';
import { requirementLines } from '../doctor/render-requirements';
import {
  parseRequirements,
  type Requirement,
  type RequirementResult,
} from '../doctor/requirements';
import { checkSnapshotTarget, readSnapshot, writeSnapshot } from '../doctor/snapshot-file';
import { probeRuntimes } from '../probe';
import type { RuntimeReport } from '../runtime-report';
import { exitCodes } from './exit-codes';
import { repeatable } from './flag-kinds';

interface DoctorFlags {
  readonly for?: Job;
  readonly require?: readonly Requirement[];
  readonly library?: string;
  readonly quiet?: true;
  readonly json?: true;
  readonly lock?: string;
  readonly check?: string;
  readonly diff?: readonly string[];
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('show which TensorRT, driver and GPUs this machine has, and what is missing')
    .addOption(new Option('--for <job>', 'ask about one job only (default: both)').choices(jobs))
    .addOption(
      new Option(
        '--require <list>',
        "what must be here: 'tensorrt>=10.6,driver>=550,gpu>=8.0,memory>=16GiB' (repeatable)",
      )
        .argParser(repeatable((text: string) => parseRequirements(text)))
        .conflicts(['lock', 'check', 'diff']),
    )
    .option('--library <path>', 'look only at this TensorRT library or folder')
    .addOption(
      new Option('--lock <file>', 'write what this machine is to a file').conflicts([
        'check',
        'diff',
        'for',
      ]),
    )
    .addOption(
      new Option('--check <file>', 'compare this machine with a file of --lock').conflicts([
        'diff',
        'for',
      ]),
    )
    .addOption(
      new Option('--diff <files...>', 'compare two files of --lock or --json')
        .argParser(twoFiles)
        .conflicts(['for', 'library']),
    )
    .option('--json', 'print the result as JSON')
    .option('-q, --quiet', 'print nothing: the exit code tells')
    .addHelpText(
      'after',
      `
Exits with 1 when the job (without --for: either of both) cannot run here, when a requirement does not hold, or when
--check or --diff find a difference that is no matter of the moment. In a Dockerfile:
  trt-node doctor --for build --require 'tensorrt>=10.6'
Why is it slower there? On each machine: trt-node doctor --lock here.lock; then:
trt-node doctor --diff here.lock there.lock`,
    )
    .action(run);
}

/** commander hands variadic values over one by one. */
function twoFiles(file: string, before: readonly string[] | undefined): readonly string[] {
  const files = [...(before ?? []), file];
  if (files.length > 2) throw new InvalidArgumentError('expected two files.');
  return files;
}

async function run(flags: DoctorFlags, command: Command): Promise<void> {
  if (flags.diff !== undefined) {
    const [a, b] = flags.diff;
    if (a === undefined || b === undefined) {
      command.error("error: option '--diff <files...>' needs two files");
    } else {
      const [left, right] = [await readSnapshot(a, '--diff'), await readSnapshot(b, '--diff')];
      compare(left, right, { a, b }, flags);
    }
    return;
  }
  if (flags.check !== undefined) {
    // Read first: a wrong file is told before the machine is asked.
    const expected = await readSnapshot(flags.check, '--check');
    compare(expected, await snapshot(flags), { a: flags.check, b: 'this machine' }, flags);
    return;
  }
  if (flags.lock !== undefined) {
    // First: asking the machine and hashing its libraries takes seconds.
    await checkSnapshotTarget(flags.lock);
    const taken = await snapshot(flags);
    await writeSnapshot(flags.lock, taken);
    print(flags, taken, () => lockLine(flags.lock ?? '', taken));
    return;
  }
  const asked = flags.for === undefined ? jobs : [flags.for];
  const report = await probe(flags);
  const requirements =
    flags.require && checkRequirements(report, flags.require, flags.for ?? 'any');
  print(flags, { ...stamp('doctor'), ...report, ...(requirements && { requirements }) }, () =>
    [
      renderReport(report, asked, { color: pc.isColorSupported }),
      ...(requirements ? [requirementSection(requirements)] : []),
    ].join('\n\n'),
  );
  const hold = requirements?.every(({ holds }) => holds) ?? true;
  if (!hold || !canRun(report, asked)) process.exitCode = exitCodes.failed;
}

function requirementSection(requirements: readonly RequirementResult[]): string {
  const paint = pc.createColors(pc.isColorSupported);
  return [paint.bold('Requirements'), ...requirementLines(requirements, paint)].join('\n');
}

function compare(
  a: KnownEnvironment,
  b: KnownEnvironment,
  names: ComparisonNames,
  flags: DoctorFlags,
): void {
  const comparison = compareEnvironments(a, b);
  print(flags, { ...stamp('doctor-comparison'), ...names, ...comparison }, () =>
    renderComparison(comparison, names, { color: pc.isColorSupported }),
  );
  if (!comparison.same) process.exitCode = exitCodes.failed;
}

async function snapshot(flags: DoctorFlags): Promise<EnvironmentSnapshot> {
  const report = await probe(flags);
  const digests = await hashLibraries(report.libraries);
  return snapshotOf(report, { createdAt: new Date(), digests });
}

async function probe({ library }: DoctorFlags): Promise<RuntimeReport> {
  return await probeRuntimes({ library });
}

function lockLine(file: string, { gpus, libraries, driver }: EnvironmentSnapshot): string {
  const what = [
    `${gpus.length} ${gpus.length === 1 ? 'GPU' : 'GPUs'}`,
    driver?.driverVersion ? `driver ${driver.driverVersion}` : 'no driver version',
    `${libraries.length} TensorRT ${libraries.length === 1 ? 'library' : 'libraries'}`,
  ];
  return `${file}: ${what.join(', ')}`;
}

/** What a program knows the JSON by: schemas/doctor.schema.json. */
const stamp = (name: string): { schema: string; schemaVersion: 1 } => ({
  schema: `trt-node/${name}`,
  schemaVersion: 1,
});

function print(flags: DoctorFlags, value: unknown, text: () => string): void {
  if (flags.quiet === true) return;
  process.stdout.write(`${flags.json === true ? JSON.stringify(value, null, 2) : text()}\n`);
}
