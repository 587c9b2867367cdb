import { Command } from 'commander';
import pc from 'picocolors';
import { compareModels, checkSameInputs } from '../compare/compare-models';
import { openSubject, type Subject } from '../compare/subject';
import { invalidArgument } from '../errors';
import { checkReportPath, writeReport } from '../report/write-report';
import type { TensorLike } from '../tensor';
import type { Tolerance } from '../verify/tolerance';
import { withAbortOnSignals } from './abort-on-signals';
import { comparedModel, compareJson, compareReport, renderCompare } from './compare-result';
import type { CompareResult } from './compare-result';
import { exitCodes } from './exit-codes';
import { wholeNumber } from './flag-kinds';
import { addInputFlags, type InputFlags } from './input-flags';
import { makeInputs, type MadeInputs } from './make-inputs';
import { addLoadFlags, loadOptionsOf, type LoadFlags } from './load-flags';
import { parseNumber } from './parse-numbers';

interface CompareFlags extends LoadFlags, InputFlags {
  readonly runs?: number;
  readonly atol?: number;
  readonly rtol?: number;
  readonly report?: string;
  readonly json?: true;
  readonly quiet?: true;
}

export function compareCommand(): Command {
  const command = new Command('compare')
    .description('compare the outputs of two engines or models on the same inputs')
    .argument('<a>', 'engine, or ONNX file (which needs onnxruntime-node)')
    .argument('<b>', 'what it is compared with')
    .option('--runs <n>', 'sets of random inputs (default: 1)', wholeNumber('--runs'))
    .option(
      '--atol <number>',
      'exit with 6 where |a − b| > atol + rtol × |b| (default: 0)',
      (text) => notNegative(text, '--atol'),
    )
    .option('--rtol <number>', 'see --atol (default: 0)', (text) => notNegative(text, '--rtol'));
  addInputFlags(command);
  return addLoadFlags(command)
    .option('--report <file>', 'write a report: .html, .md or .json')
    .option('--json', 'print the result as JSON')
    .option('-q, --quiet', 'print errors alone')
    .addHelpText(
      'after',
      `
Examples:
  trt-node compare fp16.engine model.onnx                     as polygraphy run --trt --onnxrt does
  trt-node compare int8.engine fp16.engine --runs 20
  trt-node compare model.engine model.onnx --inputs case.npz --atol 1e-3 --rtol 1e-2   a check for CI

Random inputs are the same for the same --seed. Dims that neither an engine's profile nor --shapes gives are 1.`,
    )
    .action(run);
}

async function run(a: string, b: string, flags: CompareFlags): Promise<void> {
  if (flags.report !== undefined) await checkReportPath(flags.report);
  const result = await withAbortOnSignals((signal) => compare(a, b, flags, signal));
  if (flags.report !== undefined) await writeReport(flags.report, compareReport(result));
  const failed = result.agrees === false;
  if (flags.json) process.stdout.write(`${compareJson(result)}\n`);
  else if (!flags.quiet || failed) {
    const text = `${renderCompare(result, { color: pc.isColorSupported })}\n`;
    (flags.quiet ? process.stderr : process.stdout).write(text);
  }
  if (failed) process.exitCode = exitCodes.verifyFailed;
}

async function compare(
  pathA: string,
  pathB: string,
  flags: CompareFlags,
  signal: AbortSignal,
): Promise<CompareResult> {
  const runs = runsOf(flags);
  const options = loadOptionsOf(flags);
  const a = await openSubject(pathA, options);
  try {
    signal.throwIfAborted();
    const b = await openSubject(pathB, options);
    try {
      signal.throwIfAborted();
      return await compareOpened(a, b, runs, flags, signal);
    } finally {
      await b.close();
    }
  } finally {
    await a.close();
  }
}

async function compareOpened(
  a: Subject,
  b: Subject,
  runs: number,
  flags: CompareFlags,
  signal: AbortSignal,
): Promise<CompareResult> {
  checkSameInputs(a, b);
  checkProfileIndex([a, b], flags);
  const tolerance = toleranceOf(flags);
  // An engine knows which dims it takes, an ONNX file takes any.
  const source = a.kind === 'onnx' && b.kind === 'engine' ? b : a;
  const seed = flags.seed ?? 0;
  const first = await inputsFor(source, flags, seed);
  const found = await compareModels(a, b, inputSets(source, flags, { first, runs, seed }), {
    ...{ tolerance, profile: flags.profileIndex ?? null, signal },
  });
  const { runs: done, outputs, unmatched } = found;
  return {
    schema: 'trt-node/compare',
    schemaVersion: 1,
    a: comparedModel(a),
    b: comparedModel(b),
    inputs: {
      source: first.source,
      seed: first.source === 'random' ? seed : null,
      shapes: first.shapes,
    },
    runs: done,
    tolerance: tolerance === null ? null : { atol: tolerance.atol ?? 0, rtol: tolerance.rtol },
    agrees: tolerance === null ? null : outputs.every(({ mismatches }) => mismatches === 0),
    outputs,
    unmatched,
  };
}

/** An ONNX file has no profiles; makeInputs looks at one of the two alone. */
function checkProfileIndex(subjects: readonly Subject[], { profileIndex }: CompareFlags): void {
  if (profileIndex === undefined) return;
  for (const { kind, path, profiles } of subjects) {
    const last = Math.max(1, profiles.length) - 1;
    if (kind === 'onnx' || profileIndex <= last) continue;
    const indices = last === 0 ? '0' : `an index from 0 to ${last}`;
    throw invalidArgument('--profile-index', `${indices} for ${path}`, profileIndex);
  }
}

interface Sets {
  readonly first: MadeInputs;
  readonly runs: number;
  readonly seed: number;
}

type Given = Readonly<Record<string, TensorLike>>;

async function* inputSets(
  source: Subject,
  flags: CompareFlags,
  { first, runs, seed }: Sets,
): AsyncGenerator<Given, void, void> {
  yield first.inputs as Given;
  for (let run = 1; run < runs; ++run) {
    yield (await inputsFor(source, flags, seed + run)).inputs as Given;
  }
}

async function inputsFor(source: Subject, flags: CompareFlags, seed: number): Promise<MadeInputs> {
  const { inputs, outputs, profiles } = source;
  const allocate = (): never => {
    throw new TypeError('expected inputs in ordinary arrays: pageable is set');
  };
  return await makeInputs(
    { inputs, outputs, profiles, allocate },
    { ...flags, seed, pageable: true },
  );
}

function runsOf({ runs, inputs, loadInputs }: CompareFlags): number {
  if (runs === undefined) return 1;
  const files = inputs ?? loadInputs;
  if (files !== undefined && runs !== 1) {
    throw invalidArgument('--runs', 'to be left out beside inputs from files', runs);
  }
  if (runs < 1) throw invalidArgument('--runs', 'a whole number from 1 on', runs);
  return runs;
}

function toleranceOf({ atol, rtol }: CompareFlags): Tolerance | null {
  return atol === undefined && rtol === undefined ? null : { atol: atol ?? 0, rtol: rtol ?? 0 };
}

function notNegative(text: string, option: string): number {
  const value = parseNumber(text, option);
  if (value >= 0) return value;
  throw invalidArgument(option, 'a number from 0 on', text);
}
