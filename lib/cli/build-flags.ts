import { Option, type Command } from 'commander';
import type { NativeMemoryPool } from '../binding';
import type { BuildRuntime } from '../build-options';
import type { PreviewFeature, TacticSource } from '../builder-tuning';
import type { ProfileOption } from '../profile-option';
import {
  parseComputeCapabilities,
  parseLabel,
  parseMemoryPool,
  parseProfile,
  type ShapeOptions,
} from './parse';
import { choice, repeatable, wholeNumber } from './flag-kinds';
import { parseChoices, parsePreviewFeatures, parseTacticSources } from './parse-names';
import { parseNumber, parseSize, parseTolerance } from './parse-numbers';

export const precisionChoices = ['fp32', 'tf32', 'fp16', 'bf16', 'int8', 'fp8', 'best'] as const;
export const algorithmChoices = ['entropy2', 'entropy', 'minmax', 'percentile'] as const;
export const metricChoices = ['maxAbs', 'maxRel', 'cosine', 'l2'] as const;
export const referenceChoices = ['onnxruntime', 'unquantized', 'none'] as const;
export const refitChoices = ['all', 'identical'] as const;
export const compatibilityChoices = ['none', 'amperePlus', 'sameComputeCapability'] as const;
export const tilingChoices = ['none', 'fast', 'moderate', 'full'] as const;

/** One number for every type, or one for each type of tensor that is named. */
export type Tolerance = number | Readonly<Record<string, number>>;

/** What commander makes of a command line of `trt-node build`. */
export interface BuildFlags extends ShapeOptions {
  /** trtexec's way to name the model. */
  readonly onnx?: string;
  readonly config?: string;
  readonly only?: readonly string[];
  readonly keepGoing?: true;
  readonly output?: string;
  readonly runtime?: BuildRuntime;
  readonly library?: string;
  readonly precision?: readonly (typeof precisionChoices)[number][];
  readonly typing?: 'strong' | 'weak';
  readonly calibration?: string;
  readonly calibrationAlgorithm?: (typeof algorithmChoices)[number];
  readonly calibrationCache?: string;
  readonly profile?: readonly ProfileOption[];
  readonly optimizationLevel?: number;
  readonly memoryPool?: readonly [NativeMemoryPool, number][];
  readonly computeCapability?: readonly string[];
  readonly device?: number;
  /** false: --no-timing-cache */
  readonly timingCache?: string | false;
  readonly reproducible?: true;
  /** true: in the usual folder */
  readonly cache?: string | true;
  readonly isolation?: 'process' | 'thread';
  readonly verify?: string;
  readonly atol?: Tolerance;
  readonly rtol?: Tolerance;
  readonly metric?: (typeof metricChoices)[number];
  readonly reference?: (typeof referenceChoices)[number];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxDrop?: number;
  /** true: `all` */
  readonly refit?: (typeof refitChoices)[number] | true;
  readonly stripPlan?: true;
  readonly weightStreaming?: true;
  readonly hardwareCompatibilityLevel?: (typeof compatibilityChoices)[number];
  readonly versionCompatible?: true;
  readonly excludeLeanRuntime?: true;
  readonly plugin?: readonly string[];
  readonly standardPlugins?: true;
  readonly maxAuxStreams?: number;
  readonly avgTimingIterations?: number;
  readonly maxNbTactics?: number;
  readonly sparseWeights?: true;
  readonly tacticSources?: readonly TacticSource[];
  readonly previewFeatures?: readonly [PreviewFeature, boolean][];
  readonly tilingOptimizationLevel?: (typeof tilingChoices)[number];
  readonly l2LimitForTiling?: number;
  readonly dlaCore?: number;
  readonly gpuFallback?: true;
  readonly debugTensor?: readonly string[];
  readonly signKey?: string;
  readonly label?: readonly [string, string][];
  readonly report?: string;
  readonly json?: true;
  readonly verbose?: true;
  readonly quiet?: true;
}

/** Gives `trt-node build` its flags, in the order of its help. */
export function addBuildFlags(command: Command): Command {
  addModelFlags(command);
  addBasicFlags(command);
  addPrecisionFlags(command.optionsGroup('Precision and calibration:'));
  addShapeFlags(command.optionsGroup('Shapes:'));
  addVerifyFlags(command.optionsGroup('Verification:'));
  addReferenceFlag(command);
  addCacheFlags(command.optionsGroup('Caches:'));
  addWeightFlags(command.optionsGroup('Weights and portability:'));
  addPluginFlags(command.optionsGroup('Plugins:'));
  addTuningFlags(command.optionsGroup('Tuning:'));
  return addResultFlags(command.optionsGroup('Output:'));
}

function addModelFlags(command: Command): void {
  command
    .option('--onnx <file>', 'the model, as trtexec has it, in place of the argument')
    .option('--config <file>', 'config file (default: trt-node.config.* in this folder)')
    .option(
      '--only <names>',
      'build these models of the config file, e.g. detector,ocr; repeatable',
      repeatable((text) => text.split(',').map((name) => name.trim())),
    )
    .option('--keep-going', 'when a model of the config file fails, build the others');
}

function addBasicFlags(command: Command): void {
  command
    .option('-o, --output <path>', "engine file to write (default: the model's path with .engine)")
    .addOption(
      new Option('--runtime <name>', 'which TensorRT builds (default: auto)').choices([
        'auto',
        'tensorrt',
        'tensorrt-rtx',
      ]),
    )
    .option('--library <path>', 'use this TensorRT library or folder')
    .option('--device <index>', 'CUDA device to build on (default: 0)', wholeNumber('--device'))
    .option(
      '--compute-capability <list>',
      'GPUs that shall run the plan, e.g. 8.6,8.9; TensorRT-RTX; repeatable',
      repeatable((text) => parseComputeCapabilities(text)),
    )
    .addOption(
      new Option('--isolation <where>', 'where TensorRT runs (default: process)').choices([
        'process',
        'thread',
      ]),
    );
}

function addPrecisionFlags(command: Command): void {
  command
    .option(
      '--precision <list>',
      `arithmetic, of ${precisionChoices.join(', ')}; repeatable (default: the model's own types)`,
      repeatable((text) => parseChoices(text, '--precision', precisionChoices)),
    )
    .addOption(
      new Option('--typing <how>', "who decides a layer's types: the model or TensorRT").choices([
        'strong',
        'weak',
      ]),
    );
  addCalibrationFlags(command);
}

export function addCalibrationFlags(command: Command): void {
  command
    .option('--calibration <path>', 'batches for int8: a .npy or .npz file, or a folder of them')
    .option(
      '--calibration-algorithm <name>',
      `one of ${algorithmChoices.join(', ')} (default: entropy2)`,
      choice('--calibration-algorithm', algorithmChoices),
    )
    .option('--calibration-cache <path>', 'calibration cache to read, and to write where none is');
}

export function addShapeFlags(command: Command): void {
  command
    .option('--minShapes <shapes>', 'smallest dims of the first profile, e.g. x:1x1x8x8,y:4')
    .option('--optShapes <shapes>', 'its most frequent dims')
    .option('--maxShapes <shapes>', 'its largest dims')
    .option(
      '--profile <ranges>',
      'a profile as name:min/opt/max, of inputs (x:1x8/8x8/64x8,y:4) or of the named dims of the model ' +
        '(batch:1/8/32,seq:512); name=min/opt/max gives the values of a shape tensor; repeatable',
      repeatable((text) => [parseProfile(text)]),
    );
}

function addCacheFlags(command: Command): void {
  command
    .option(
      '--timing-cache <path>',
      "timing cache file (default: one per TensorRT and GPU, trt-node's own)",
    )
    .option('--no-timing-cache', 'measure every kernel anew, and keep nothing')
    .option(
      '--reproducible',
      'take kernels from the timing cache alone; one that is not there is an error',
    )
    .option('--cache [folder]', 'keep engines by what they are made from, and reuse them');
}

export function addVerifyFlags(command: Command): void {
  command
    .option('--verify <path>', 'cases that the engine must pass: a .npz file, or a folder of them')
    .option(
      '--atol <number>',
      'absolute tolerance of --verify: 1e-3, or by type float16=1e-2,float32=1e-5',
      (text) => parseTolerance(text, '--atol'),
    )
    .option('--rtol <number>', 'relative tolerance, likewise', (text) =>
      parseTolerance(text, '--rtol'),
    )
    .option(
      '--metric <name>',
      `measure of --verify, one of ${metricChoices.join(', ')}`,
      choice('--metric', metricChoices),
    )
    .option('--minimum <number>', 'what the metric must reach (cosine)', (text) =>
      parseNumber(text, '--minimum'),
    )
    .option('--maximum <number>', 'what it may not exceed (maxAbs, maxRel, l2)', (text) =>
      parseNumber(text, '--maximum'),
    )
    .option('--max-drop <number>', 'how much worse than the unquantized engine it may be', (text) =>
      parseNumber(text, '--max-drop'),
    );
}

function addReferenceFlag(command: Command): void {
  command.option(
    '--reference <name>',
    `what cases without outputs are compared with, one of ${referenceChoices.join(', ')} (default: onnxruntime)`,
    choice('--reference', referenceChoices),
  );
}

function addWeightFlags(command: Command): void {
  command
    .option(
      '--refit [which]',
      `weights that can be set later, of ${refitChoices.join(', ')} (default: all)`,
      choice('--refit', refitChoices),
    )
    .option('--strip-plan', 'leave the weights out of the plan: they come by a refit')
    .option('--weight-streaming', 'weights may stay in host memory and be streamed')
    .option(
      '--hardware-compatibility-level <level>',
      `GPUs that the plan runs on, one of ${compatibilityChoices.join(', ')}`,
      choice('--hardware-compatibility-level', compatibilityChoices),
    )
    .option('--version-compatible', 'the plan opens in later versions of TensorRT')
    .option('--exclude-lean-runtime', 'leave the lean runtime out of a version-compatible plan');
}

export function addPluginFlags(command: Command): void {
  command
    .option(
      '--plugin <path>',
      'plugin library to load; repeatable',
      repeatable((text) => [text]),
    )
    .option('--standard-plugins', "register TensorRT's standard plugins (libnvinfer_plugin)");
}

function addTuningFlags(command: Command): void {
  command
    .option(
      '--optimization-level <0-5>',
      'longer builds, faster engines',
      wholeNumber('--optimization-level'),
    )
    .option(
      '--memory-pool <pool=size>',
      'limit of a memory pool, e.g. workspace=1GiB; repeatable',
      repeatable((text) => [parseMemoryPool(text)]),
    )
    .option(
      '--max-aux-streams <count>',
      'streams that the engine may use beside its own',
      wholeNumber('--max-aux-streams'),
    )
    .option(
      '--avg-timing-iterations <count>',
      'runs that a kernel is timed over',
      wholeNumber('--avg-timing-iterations'),
    )
    .option(
      '--max-nb-tactics <count>',
      'kernels that are tried for a layer',
      wholeNumber('--max-nb-tactics'),
    )
    .option('--sparse-weights', 'kernels for weights of 2:4 sparsity may be chosen')
    .option(
      '--tactic-sources <list>',
      'where kernels may come from, e.g. cublas,cublasLt, or none; repeatable',
      repeatable((text) => parseTacticSources(text)),
    )
    .option(
      '--preview-features <list>',
      'preview features as name or name=off; repeatable',
      repeatable((text) => parsePreviewFeatures(text)),
    )
    .option(
      '--tiling-optimization-level <level>',
      `one of ${tilingChoices.join(', ')}`,
      choice('--tiling-optimization-level', tilingChoices),
    )
    .option(
      '--l2-limit-for-tiling <size>',
      'L2 cache that tiling may count on, e.g. 8MiB',
      (text) => parseSize(text, '--l2-limit-for-tiling'),
    )
    .option('--dla-core <index>', 'run layers on this DLA core', wholeNumber('--dla-core'))
    .option('--gpu-fallback', 'what the DLA cannot run, the GPU does')
    .option(
      '--debug-tensor <name>',
      'tensor of the network whose value inference may ask for; makes the engine slower; repeatable',
      repeatable((text) => [text]),
    );
}

function addResultFlags(command: Command): Command {
  return command
    .option('--sign-key <file>', 'sign plan and manifest with the key in this file')
    .option(
      '--label <key=value>',
      'keep a fact in the manifest; repeatable',
      repeatable((text) => [parseLabel(text)]),
    )
    .option('--report <file>', 'write what was built as a page: .html, .md or .json')
    .option('--json', 'print the result as JSON on stdout, progress on stderr')
    .option('--verbose', "print TensorRT's log on stderr")
    .option('-q, --quiet', 'print nothing but errors (and the JSON of --json)');
}
