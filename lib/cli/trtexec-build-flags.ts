import { invalidArgument } from '../errors';
import type { MissingFlag, NeedlessFlag, RewrittenFlag, SameFlag } from './trtexec-flag';
import {
  compatibilityArguments,
  countArguments,
  l2LimitArguments,
  memoryPoolArguments,
  previewArguments,
  sparsityArguments,
  tacticSourceArguments,
  tilingArguments,
  workspaceArguments,
} from './trtexec-values';

type BuildFlag = SameFlag | RewrittenFlag | NeedlessFlag | MissingFlag;

const same = (flag: string, value?: string, note?: string): SameFlag => ({
  ...{ kind: 'same', flag, ours: value === undefined ? flag : `${flag} <${value}>` },
  ...(value === undefined ? {} : { value }),
  ...(note === undefined ? {} : { note }),
});

/** A flag without a value. */
const alone = (flag: string, to: readonly string[], note?: string): RewrittenFlag => ({
  ...{ kind: 'rewritten', flag, ours: to.join(' '), to: () => to },
  ...(note === undefined ? {} : { note }),
});

/** A flag whose value is taken as it is. */
const renamed = (flag: string, value: string, ours: string, note?: string): RewrittenFlag => ({
  ...{ kind: 'rewritten', flag, value, ours: `${ours} <${value}>` },
  to: (text) => [ours, text],
  ...(note === undefined ? {} : { note }),
});

const converted = (
  [flag, value]: readonly [flag: string, value: string],
  ours: string,
  to: RewrittenFlag['to'],
  note?: string,
): RewrittenFlag => ({
  ...{ kind: 'rewritten', flag, value, ours, to },
  ...(note === undefined ? {} : { note }),
});

const missing = (flag: string, note: string, value?: string): MissingFlag => ({
  ...{ kind: 'missing', flag, note },
  ...(value === undefined ? {} : { value }),
});

const inTheModel = 'the types in the model decide: put Cast or Q/DQ nodes there';
const safetyOnly = 'trt-node builds no safety engines: build them with trtexec';
const noBuildRoutes = 'trt-node leaves build routes to TensorRT';
const noDlaLoadable = 'trt-node makes no DLA loadables: build them with trtexec';
const calibrationProfile =
  'give `calibration: { profile }` in trt-node.config.ts or to buildEngine (docs/config.md)';

/** What trtexec calls model, build and system options, of TensorRT 8.6 to 11.1. */
export const trtexecBuildFlags: readonly BuildFlag[] = [
  same('--onnx', 'file', 'or the file as the argument'),
  renamed('--saveEngine', 'file', '--output', 'without it: the path of the model with .engine'),
  same('--minShapes', 'spec', 'values of a shape tensor are written name=1x8, not name:1x8'),
  same('--optShapes', 'spec', 'given alone it stands for all three'),
  same('--maxShapes', 'spec'),
  {
    ...{ kind: 'same', flag: '--profile', value: 'index', ours: '--profile <index>' },
    note: 'begins the shapes of a profile, as in trtexec; `--profile <ranges>` gives a whole profile in one flag',
  },
  alone('--fp16', ['--precision', 'fp16'], 'TensorRT 10'),
  alone('--bf16', ['--precision', 'bf16'], 'TensorRT 10'),
  alone(
    '--int8',
    ['--precision', 'int8'],
    'TensorRT 10; needs --calib, --calibration or Q/DQ nodes: trtexec makes scales up, trt-node does not',
  ),
  alone('--fp8', ['--precision', 'fp8'], 'needs FP8 Q/DQ nodes'),
  alone(
    '--best',
    ['--precision', 'best'],
    'TensorRT 10; int8 only where there are scales. With --noTF32, name the precisions instead',
  ),
  alone('--noTF32', ['--precision', 'fp32']),
  alone('--stronglyTyped', ['--typing', 'strong'], 'the default where no precision is given'),
  missing('--int4', inTheModel),
  converted(
    ['--calib', 'file'],
    '--calibration-cache <file>',
    (file) => {
      if (!/\.np[yz]$/i.test(file)) return ['--calibration-cache', file];
      throw invalidArgument(
        '--calib',
        "trtexec's calibration cache (samples: --calibration)",
        file,
      );
    },
    '--calibration makes one from your data',
  ),
  missing('--calibProfile', calibrationProfile, 'index'),
  missing('--minShapesCalib', calibrationProfile, 'spec'),
  missing('--optShapesCalib', calibrationProfile, 'spec'),
  missing('--maxShapesCalib', calibrationProfile, 'spec'),
  missing('--precisionConstraints', inTheModel, 'spec'),
  missing('--layerPrecisions', inTheModel, 'spec'),
  missing('--layerOutputTypes', inTheModel, 'spec'),
  missing(
    '--layerDeviceTypes',
    'layers run on the DLA as far as it can, or all on the GPU',
    'spec',
  ),
  missing('--inputIOFormats', 'inputs have the types of the model, in row-major order', 'spec'),
  missing('--outputIOFormats', 'outputs have the types of the model, in row-major order', 'spec'),
  missing('--directIO', 'inputs and outputs are in row-major order'),
  converted(
    ['--memPoolSize', 'poolspec'],
    '--memory-pool <pool=size>',
    memoryPoolArguments,
    'MiB where trtexec is given no unit; --memory-pool wants one',
  ),
  converted(
    ['--workspace', 'MiB'],
    '--memory-pool workspace=<size>',
    workspaceArguments,
    'TensorRT 8',
  ),
  renamed('--timingCacheFile', 'file', '--timing-cache'),
  missing(
    '--noBuilderCache',
    'TensorRT then times equal layers of one network again; --no-timing-cache keeps nothing between builds, as trtexec by default',
  ),
  missing('--noCompilationCache', 'leave it out'),
  alone('--errorOnTimingCacheMiss', ['--reproducible']),
  converted(
    ['--builderOptimizationLevel', '0-5'],
    '--optimization-level <0-5>',
    countArguments('--builderOptimizationLevel', '--optimization-level'),
  ),
  converted(
    ['--avgTiming', 'count'],
    '--avg-timing-iterations <count>',
    countArguments('--avgTiming', '--avg-timing-iterations'),
    'trtexec asks for 8 by default, trt-node leaves it to TensorRT',
  ),
  missing(
    '--minTiming',
    'TensorRT has it no more; --avg-timing-iterations is what is left',
    'count',
  ),
  converted(
    ['--maxTactics', 'count'],
    '--max-nb-tactics <count>',
    countArguments('--maxTactics', '--max-nb-tactics'),
  ),
  missing('--heuristic', 'TensorRT has it no more; --optimization-level is what is left'),
  converted(
    ['--maxAuxStreams', 'count'],
    '--max-aux-streams <count>',
    countArguments('--maxAuxStreams', '--max-aux-streams'),
  ),
  converted(
    ['--tacticSources', 'tactics'],
    '--tactic-sources <list>',
    tacticSourceArguments,
    '+ and - change the default; --tactic-sources names all that may be used',
  ),
  converted(['--preview', 'features'], '--preview-features <list>', previewArguments),
  converted(
    ['--hardwareCompatibilityLevel', 'mode'],
    '--hardware-compatibility-level <level>',
    compatibilityArguments,
  ),
  alone('--versionCompatible', ['--version-compatible']),
  alone('--vc', ['--version-compatible']),
  alone('--excludeLeanRuntime', ['--exclude-lean-runtime']),
  missing('--runtimePlatform', 'a plan runs on the platform that built it', 'platform'),
  {
    ...{ kind: 'needless', flag: '--useRuntime', value: 'runtime', only: ['full'] },
    note: 'builds need the full runtime',
  },
  missing('--leanDLLPath', 'loadEngine takes the lean runtime that is in the plan', 'file'),
  same('--refit'),
  alone('--stripWeights', ['--strip-plan']),
  alone('--weightless', ['--strip-plan'], 'the old name of --stripWeights'),
  alone('--stripAllWeights', ['--refit=all', '--strip-plan']),
  missing('--refitFromOnnx', "load the engine and call `engine.refit('model.onnx')`"),
  alone('--allowWeightStreaming', ['--weight-streaming'], 'with --stronglyTyped'),
  converted(['--sparsity', 'spec'], '--sparse-weights', sparsityArguments, 'enable or disable'),
  renamed('--plugins', 'file', '--plugin'),
  renamed('--staticPlugins', 'file', '--plugin'),
  renamed('--dynamicPlugins', 'file', '--plugin'),
  missing(
    '--setPluginsToSerialize',
    'trt-node keeps plugins out of plans: give loadEngine `plugins`',
    'file',
  ),
  missing('--ignoreParsedPluginLibs', 'name the plugins with --plugin'),
  missing('--pluginInstanceNorm', 'trt-node sets no flags of the ONNX parser'),
  missing('--pi', 'trt-node sets no flags of the ONNX parser'),
  missing('--enablePluginOverride', 'trt-node sets no flags of the ONNX parser'),
  missing('--uint8AsymmetricQuantizationDLA', 'trt-node sets no flags of the ONNX parser'),
  missing('--reportCapabilityDLA', 'trt-node sets no flags of the ONNX parser'),
  missing('--adjustForDLA', 'trt-node sets no flags of the ONNX parser'),
  converted(
    ['--useDLACore', 'core'],
    '--dla-core <index>',
    countArguments('--useDLACore', '--dla-core'),
    'with --fp16 or --int8: trtexec adds fp16 by itself, trt-node does not',
  ),
  alone('--allowGPUFallback', ['--gpu-fallback']),
  missing('--buildDLAStandalone', noDlaLoadable),
  converted(
    ['--markDebug', 'names'],
    '--debug-tensor <name>',
    (text) => text.split(',').flatMap((name) => ['--debug-tensor', name]),
    'one flag for each',
  ),
  missing('--markUnfusedTensorsAsDebugTensors', 'name the tensors with --debug-tensor'),
  converted(
    ['--tilingOptimizationLevel', '0-3'],
    '--tiling-optimization-level <level>',
    tilingArguments,
  ),
  converted(['--l2LimitForTiling', 'bytes'], '--l2-limit-for-tiling <size>', l2LimitArguments),
  missing('--decomposableAttentions', 'leave it out', 'spec'),
  missing('--distributiveIndependence', 'leave it out'),
  missing('--monitorMemory', 'see `memory` in the manifest, and engine.memory()'),
  missing('--tempdir', 'set TMPDIR', 'dir'),
  missing('--tempfileControls', 'leave it out', 'controls'),
  missing('--safe', safetyOnly),
  missing('--consistency', safetyOnly),
  missing('--restricted', safetyOnly),
  missing('--dumpKernelText', safetyOnly),
  missing('--safetyPlugins', safetyOnly, 'file'),
  missing('--remoteAutoTuningConfig', safetyOnly, 'config'),
  missing('--cpuOnly', 'without a GPU, TensorRT-RTX builds: --compute-capability 8.6,8.9'),
  missing('--setBuildRoute', noBuildRoutes, 'route'),
  missing('--helpBuildRoute', noBuildRoutes),
  missing('--tuneBuildRoutes', noBuildRoutes, 'expression'),
  missing('--tuneBuildRouteFile', noBuildRoutes, 'file'),
  missing('--tuningSearch', noBuildRoutes, 'algorithm'),
  missing('--tuningTimeOut', noBuildRoutes, 's'),
  missing('--tuningCacheFile', noBuildRoutes, 'file'),
  missing('--tuningResultFile', noBuildRoutes, 'file'),
  missing('--saveAllEngines', noBuildRoutes),
  missing('--continue', noBuildRoutes),
  missing('--dryRun', noBuildRoutes),
  same('--atol', 'number', 'with --verify'),
  same('--rtol', 'number', 'with --verify'),
  missing('--deploy', 'TensorRT reads Caffe models no more: convert the model to ONNX', 'file'),
  missing('--uff', 'TensorRT reads UFF models no more: convert the model to ONNX', 'file'),
  missing('--model', 'TensorRT reads Caffe models no more: convert the model to ONNX', 'file'),
  missing('--explicitPrecision', inTheModel),
  missing('--nvtxMode', 'give loadEngine `nvtx`', 'mode'),
  missing('--maxBatch', 'the batch is a dim of the model: --profile batch:1/8/32', 'count'),
  missing('--batch', 'the batch is a dim of the model: --profile batch:1/8/32', 'count'),
  { kind: 'needless', flag: '--explicitBatch', note: 'the batch is always a dim of the model' },
  { kind: 'needless', flag: '--skipInference', note: 'a build infers nothing' },
  { kind: 'needless', flag: '--buildOnly', note: 'a build infers nothing' },
  {
    ...{ kind: 'needless', flag: '--profilingVerbosity', value: 'mode', only: ['detailed'] },
    note: 'plans are always built with detailed',
  },
  same('--device', 'index'),
  same('--verbose'),
];
