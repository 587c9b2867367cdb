import { Command } from 'commander';
import pc from 'picocolors';
import { loadBinding } from '../binding';
import type { Engine } from '../engine';
import { fileWorkOf } from '../file-work';
import { loadEngine } from '../load';
import { readOnnxModel } from '../onnx/onnx-model';
import { checkReportPath, writeReport } from '../report/write-report';
import type { VerifyOption } from '../verify/option';
import { withAbortOnSignals } from './abort-on-signals';
import { metricChoices } from './build-flags';
import { exitCodes } from './exit-codes';
import { choice } from './flag-kinds';
import { addLoadFlags, loadOptionsOf, type LoadFlags } from './load-flags';
import { parseNumber, parseTolerance } from './parse-numbers';
import { printable } from './printable';
import { renderVerify, verifyReport, verifyResult, type VerifyResult } from './verify-result';
import { runVerify } from './verify-run';

const references = ['onnxruntime', 'none'] as const;

interface VerifyFlags extends LoadFlags {
  readonly cases: string;
  readonly model?: string;
  readonly atol?: VerifyOption['atol'];
  readonly rtol?: VerifyOption['rtol'];
  readonly metric?: (typeof metricChoices)[number];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly reference?: (typeof references)[number];
  readonly finite: boolean;
  readonly rowConsistency?: true | 'tolerance';
  readonly report?: string;
  readonly json?: true;
  readonly quiet?: true;
}

export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('compare what an engine computes with expected outputs, or with ONNX Runtime')
    .argument('<plan>', 'engine file')
    .requiredOption('--cases <path>', 'a .npz file of inputs (and outputs), or a folder of them')
    .option('--model <file>', 'the ONNX model, for cases without outputs (needs onnxruntime-node)')
    .option(
      '--reference <name>',
      `what cases without outputs are compared with, one of ${references.join(', ')} (default: onnxruntime)`,
      choice('--reference', references),
    )
    .option(
      '--atol <number>',
      'absolute tolerance: 1e-3, or by type float16=1e-2,float32=1e-5',
      (text) => parseTolerance(text, '--atol'),
    )
    .option('--rtol <number>', 'relative tolerance, likewise', (text) =>
      parseTolerance(text, '--rtol'),
    )
    .option(
      '--metric <name>',
      `measure, one of ${metricChoices.join(', ')}`,
      choice('--metric', metricChoices),
    )
    .option('--minimum <number>', 'what its mean must reach (cosine)', (text) =>
      parseNumber(text, '--minimum'),
    )
    .option('--maximum <number>', 'what it may not exceed (maxAbs, maxRel, l2)', (text) =>
      parseNumber(text, '--maximum'),
    )
    .option('--no-finite', 'allow NaN and infinities in outputs')
    .option(
      '--row-consistency [how]',
      'equal rows of a batch must give equal results: exactly, or within the tolerance (tolerance)',
      choice('--row-consistency', ['tolerance'] as const),
    );
  return addLoadFlags(command)
    .option('--report <file>', 'write a report: .html, .md or .json')
    .option('--json', 'print the result as JSON')
    .option('-q, --quiet', 'print errors alone')
    .addHelpText(
      'after',
      `
Examples:
  trt-node verify model.engine --cases cases.npz
  trt-node verify model.engine --cases cases/ --model model.onnx --metric cosine --minimum 0.999
Exits with 6 when the engine is not what it should be. trt-node build --verify does the same before it publishes.`,
    )
    .action(run);
}

async function run(plan: string, flags: VerifyFlags): Promise<void> {
  if (flags.report !== undefined) await checkReportPath(flags.report);
  // A file that is no model is told before the GPU is asked for.
  if (flags.model !== undefined) await readOnnxModel(flags.model);
  const result = await withAbortOnSignals((signal) => verify(plan, flags, signal));
  if (flags.report !== undefined) await writeReport(flags.report, verifyReport(result));
  if (flags.json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  else if (!flags.quiet || !result.passed) {
    const text = `${renderVerify(result, { color: pc.isColorSupported })}\n`;
    (flags.quiet ? process.stderr : process.stdout).write(text);
  }
  if (!result.passed) process.exitCode = exitCodes.verifyFailed;
}

async function verify(
  plan: string,
  flags: VerifyFlags,
  signal: AbortSignal,
): Promise<VerifyResult> {
  await using engine = await loadEngine(plan, loadOptionsOf(flags));
  signal.throwIfAborted();
  const { cases, atol, rtol, metric, minimum, maximum, reference, finite, rowConsistency } = flags;
  const model = flags.model ?? null;
  if (model !== null && !flags.quiet) await warnOfOther(model, engine);
  const showsProgress = !flags.quiet && flags.json !== true && process.stderr.isTTY;
  const outcome = await runVerify({
    engine,
    option: { cases, atol, rtol, metric, minimum, maximum, reference, finite, rowConsistency },
    model,
    signal,
    onCase: (done) => {
      if (showsProgress) process.stderr.write(`\rcase ${done}`);
    },
  });
  if (showsProgress) process.stderr.write('\r\u001b[K');
  return verifyResult(plan, model, engine, outcome);
}

async function warnOfOther(model: string, { manifest }: Engine): Promise<void> {
  if (manifest === null) return;
  const { sha256 } = await fileWorkOf(loadBinding()).hashFile(model);
  if (sha256 === manifest.model.sha256) return;
  process.stderr.write(
    `${pc.yellow('warning')}: ${printable(model)} is not the file that the engine was built from (${printable(manifest.model.name)}): its SHA-256 differs.\n`,
  );
}
