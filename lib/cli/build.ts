import { Command, Option } from 'commander';
import pc from 'picocolors';
import type { NativeMemoryPool } from '../binding';
import { buildEngine } from '../build';
import type { BuildOptions, BuildRuntime, Precision } from '../build-options';
import { manifestPathOf } from '../manifest';
import type { ProfileOption } from '../profile-option';
import { withAbortOnSignals } from './abort-on-signals';
import { renderBuildSummary } from './build-summary';
import {
  parseComputeCapabilities,
  parseLabel,
  parseMemoryPool,
  parseProfile,
  parseWholeNumber,
  profileOfShapes,
  type ShapeOptions,
} from './parse';
import { createProgressView, type ProgressStyle } from './progress-view';

export interface BuildFlags extends ShapeOptions {
  readonly output?: string;
  readonly runtime?: BuildRuntime;
  readonly library?: string;
  readonly precision?: Precision;
  readonly profile?: readonly ProfileOption[];
  readonly optimizationLevel?: number;
  readonly memoryPool?: readonly [NativeMemoryPool, number][];
  readonly computeCapability?: readonly string[];
  readonly label?: readonly [string, string][];
  readonly device?: number;
  readonly json?: true;
  readonly quiet?: true;
}

const examples = `
Examples:
  trt-node build model.onnx                                       on the GPU that will run it
  trt-node build model.onnx --compute-capability 8.6,8.9          for these GPUs, with TensorRT-RTX, no GPU needed
  trt-node build model.onnx --profile 'x:1x3x224x224/8x3x224x224/32x3x224x224'
  trt-node build model.onnx --profile 'batch:1/8/32,seq:1/128/512'  named dims, in every input
  trt-node build model.onnx --profile 'shape=1x8/8x8/64x8'          values of a shape tensor
  trt-node build model.onnx --minShapes x:1x8 --optShapes x:8x8 --maxShapes x:64x8 --precision fp16`;

export function buildCommand(): Command {
  return new Command('build')
    .description('build an engine from an ONNX model')
    .argument('<model>', 'ONNX file')
    .option('-o, --output <path>', "engine file to write (default: the model's path with .engine)")
    .addOption(
      new Option('--runtime <name>', 'which TensorRT builds (default: auto)').choices([
        'auto',
        'tensorrt',
        'tensorrt-rtx',
      ]),
    )
    .option('--library <path>', 'use this TensorRT library or folder')
    .addOption(
      new Option('--precision <name>', "arithmetic (default: the model's own types)").choices([
        'fp32',
        'tf32',
        'fp16',
      ]),
    )
    .option('--minShapes <shapes>', 'smallest dims of the first profile, e.g. x:1x1x8x8,y:4')
    .option('--optShapes <shapes>', 'its most frequent dims')
    .option('--maxShapes <shapes>', 'its largest dims')
    .option(
      '--profile <ranges>',
      'a profile as name:min/opt/max, of inputs (x:1x8/8x8/64x8,y:4) or of the named dims of the model ' +
        '(batch:1/8/32,seq:512); name=min/opt/max gives the values of a shape tensor; repeatable',
      repeatable((text) => [parseProfile(text)]),
    )
    .option('--optimization-level <0-5>', 'longer builds, faster engines', (text) =>
      parseWholeNumber(text, '--optimization-level'),
    )
    .option(
      '--memory-pool <pool=size>',
      'limit of a memory pool, e.g. workspace=1GiB; repeatable',
      repeatable((text) => [parseMemoryPool(text)]),
    )
    .option(
      '--compute-capability <list>',
      'GPUs that shall run the plan, e.g. 8.6,8.9; TensorRT-RTX; repeatable',
      repeatable((text) => parseComputeCapabilities(text)),
    )
    .option(
      '--label <key=value>',
      'keep a fact in the manifest; repeatable',
      repeatable((text) => [parseLabel(text)]),
    )
    .option('--device <index>', 'CUDA device to build on (default: 0)', (text) =>
      parseWholeNumber(text, '--device'),
    )
    .option('--json', 'print the result as JSON on stdout, progress on stderr')
    .option('-q, --quiet', 'print nothing but errors (and the JSON of --json)')
    .addHelpText('after', examples)
    .action(runBuild);
}

/** An option that collects: what it is given the second time joins what it was given before. */
function repeatable<T>(
  parse: (text: string) => readonly T[],
): (text: string, before: readonly T[] | undefined) => readonly T[] {
  return (text, before) => [...(before ?? []), ...parse(text)];
}

/** The options of `buildEngine` that a command line means. */
export function buildOptionsOf(
  model: string,
  flags: BuildFlags,
): BuildOptions & { output: string } {
  const first = profileOfShapes(flags);
  const profiles = [...(first ? [first] : []), ...(flags.profile ?? [])];
  return {
    output: flags.output ?? `${model.replace(/\.onnx$/i, '')}.engine`,
    runtime: flags.runtime,
    library: flags.library,
    precision: flags.precision,
    profiles: profiles.length > 0 ? profiles : undefined,
    optimizationLevel: flags.optimizationLevel,
    memoryPools: flags.memoryPool && Object.fromEntries(flags.memoryPool),
    computeCapabilities: flags.computeCapability,
    labels: flags.label && Object.fromEntries(flags.label),
    device: flags.device,
  };
}

async function runBuild(model: string, flags: BuildFlags): Promise<void> {
  const options = buildOptionsOf(model, flags);
  const view = createProgressView(progressStyle(flags), process.stderr);
  const built = await withAbortOnSignals(async (signal) => {
    try {
      return await buildEngine(model, {
        ...options,
        signal,
        onProgress: (progress) => view.update(progress),
      });
    } finally {
      view.end();
    }
  });
  if (!flags.quiet) {
    for (const warning of view.warnings) {
      process.stderr.write(`${pc.yellow('warning')}: TensorRT: ${warning}\n`);
    }
  }
  const { manifest, sizeBytes } = built;
  const plan = options.output;
  if (flags.json) {
    const result = { path: plan, manifestPath: manifestPathOf(plan), sizeBytes, manifest };
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  } else if (!flags.quiet) {
    const color = pc.isColorSupported;
    process.stdout.write(`${renderBuildSummary(plan, manifest, { color })}\n`);
  }
}

function progressStyle({ quiet }: BuildFlags): ProgressStyle {
  if (quiet) return 'none';
  return process.stderr.isTTY ? 'bar' : 'lines';
}
