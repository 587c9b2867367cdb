import { trtexecBuildFlags } from './trtexec-build-flags';
import type { ElsewhereFlag, MissingFlag, TrtexecFlag } from './trtexec-flag';

/** A flag that the command takes in trtexec's own spelling. */
const takenBy =
  (command: ElsewhereFlag['command']) =>
  (flag: string, ours: string, value?: string, note?: string): ElsewhereFlag => ({
    ...{ kind: 'elsewhere', flag, command, ours },
    ...(value === undefined ? {} : { value }),
    ...(note === undefined ? {} : { note }),
  });
const bench = takenBy('bench');
const profile = takenBy('profile');
const inspect = takenBy('inspect');

const elsewhere = (
  flag: string,
  command: ElsewhereFlag['command'],
  note: string,
  value?: string,
): ElsewhereFlag => ({
  ...{ kind: 'elsewhere', flag, command, note },
  ...(value === undefined ? {} : { value }),
});

const missing = (flag: string, note: string, value?: string): MissingFlag => ({
  ...{ kind: 'missing', flag, note },
  ...(value === undefined ? {} : { value }),
});

/** What trtexec calls inference and reporting options. */
const measuringFlags: readonly TrtexecFlag[] = [
  bench('--loadEngine', '<engine>', 'file', 'the argument of the command'),
  bench('--shapes', '--shapes <spec>', 'spec', 'for a profile of these alone: --optShapes <spec>'),
  bench('--loadInputs', '--loadInputs <spec>', 'spec'),
  bench('--iterations', '--iterations <count>', 'count'),
  bench('--warmUp', '--warmUp <ms>', 'ms'),
  bench('--duration', '--duration <s>', 's'),
  bench('--infStreams', '--infStreams <count>', 'count'),
  bench('--streams', '--streams <count>', 'count', 'the old name of --infStreams'),
  bench('--useCudaGraph', '--useCudaGraph'),
  bench('--noCudaGraph', '--noCudaGraph'),
  bench('--useSpinWait', '--useSpinWait'),
  bench('--noSpinWait', '--noSpinWait'),
  bench('--noDataTransfers', '--noDataTransfers'),
  bench('--includeDataTransfers', '--includeDataTransfers'),
  bench('--useProfile', '--useProfile <index>', 'index'),
  bench('--percentile', '--percentile <list>', 'list'),
  bench('--avgRuns', '--avgRuns <count>', 'count'),
  bench('--exportTimes', '--exportTimes <file>', 'file'),
  bench('--idleTime', '--idleTime <ms>', 'ms'),
  bench(
    '--weightStreamingBudget',
    '--weightStreamingBudget <size>',
    'size',
    'set when the engine is loaded: also `loadEngine(plan, { weightStreamingBudget })`',
  ),
  missing('--sleepTime', 'leave it out', 'ms'),
  elsewhere('--timeDeserialize', 'bench', '--cold-start times every step of a start'),
  missing('--timeRefit', 'time `engine.refit()` in a program'),
  missing('--exposeDMA', 'inferTimed times copies and compute apart'),
  missing('--useManagedMemory', 'tensors of engine.allocate() lie in pinned memory'),
  missing('--threads', 'each lane has a thread of its own'),
  missing('--persistentCacheRatio', 'leave it out', 'ratio'),
  missing(
    '--allocationStrategy',
    'see bench --context-memory, and `contextMemory` of loadEngine',
    'spec',
  ),
  missing('--asyncFileReader', 'loadEngine reads a plan on several threads by itself'),
  profile('--dumpProfile', '--dumpProfile'),
  profile('--exportProfile', '--exportProfile <file>', 'file'),
  profile(
    '--separateProfileRun',
    '--separateProfileRun',
    undefined,
    'layers are always timed in a run of their own',
  ),
  inspect('--dumpLayerInfo', '--dumpLayerInfo'),
  inspect('--exportLayerInfo', '--exportLayerInfo <file>', 'file'),
  elsewhere('--dumpOptimizationProfile', 'inspect', 'prints the profiles'),
  elsewhere('--getPlanVersionOnly', 'inspect', "prints the plan's version without opening it"),
  missing('--dumpRefit', 'load the engine: `engine.refittableWeights()` has the names'),
  missing('--dumpOutput', 'print what engine.infer() gives'),
  missing('--dumpRawBindingsToFile', 'write what engine.infer() gives'),
  missing('--exportOutput', 'write what engine.infer() gives', 'file'),
  missing(
    '--saveDebugTensors',
    'ask for them: engine.inferTimed(inputs, { debug: [name] })',
    'spec',
  ),
  missing('--saveAllDebugTensors', 'ask for them: engine.inferTimed(inputs, { debug })', 'format'),
  elsewhere('--loadRefOutputs', 'verify', 'cases with inputs and outputs in one .npz', 'spec'),
  elsewhere('--refPair', 'verify', 'cases with inputs and outputs in one .npz', 'spec'),
  elsewhere('--accuracyAlgorithm', 'verify', '--metric, --atol and --rtol', 'name'),
  elsewhere('--accuracyThreshold', 'verify', '--minimum, --maximum, --atol and --rtol', 'number'),
];

/** Every flag of trtexec, of TensorRT 8.6 to 11.1. Parsing, `help trtexec` and docs/trtexec.md are made of it. */
export const trtexecFlags: readonly TrtexecFlag[] = [...trtexecBuildFlags, ...measuringFlags];

export function trtexecFlagNamed(flag: string): TrtexecFlag | undefined {
  return trtexecFlags.find((each) => each.flag === flag);
}

/** What stands beside a flag in the map, in two cells. */
export function describeTrtexecFlag(entry: TrtexecFlag): readonly [ours: string, note: string] {
  const note = entry.note ?? '';
  switch (entry.kind) {
    case 'same':
    case 'rewritten':
      return [`build ${entry.ours}`, note];
    case 'needless':
      return [
        `build ${entry.flag}${entry.only ? `=${entry.only.join('|')}` : ''}`,
        `taken: ${note}`,
      ];
    case 'elsewhere':
      return [entry.ours === undefined ? entry.command : `${entry.command} ${entry.ours}`, note];
    case 'missing':
      return ['not there', note];
  }
}
