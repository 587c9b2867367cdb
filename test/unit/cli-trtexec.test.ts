import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildCommand } from '../../lib/cli/build';
import type { BuildFlags } from '../../lib/cli/build-flags';
import { flagOptionsOf } from '../../lib/cli/build-options-of';
import { loadEveryCommand } from '../../lib/cli/commands';
import { trtexecHelp } from '../../lib/cli/help-trtexec';
import { describeTrtexecFlag, trtexecFlags } from '../../lib/cli/trtexec-flags';
import { rewriteTrtexecFlags } from '../../lib/cli/trtexec-rewrite';

interface Parsed {
  readonly models: readonly string[];
  readonly flags: BuildFlags;
  readonly options: unknown;
}

function parse(...args: string[]): Parsed {
  const build = buildCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  let parsed: Parsed | undefined;
  build.action((models: readonly string[], flags: BuildFlags) => {
    const options: unknown = JSON.parse(JSON.stringify(flagOptionsOf(flags)));
    parsed = { models, flags, options };
  });
  build.parse(['node', 'build', ...args]);
  if (parsed === undefined) throw new Error('the action was not called');
  return parsed;
}

const optionsOf = (...args: string[]): unknown => parse('m.onnx', ...args).options;
const refused = { code: 'ERR_TRT_INVALID_ARG' };

describe("trtexec's flags of trt-node build", () => {
  it('builds what a command line of trtexec names', () => {
    const { flags, options } = parse('--onnx=m.onnx', '--saveEngine=m.plan', '--fp16', '--int8');
    expect(flags).toMatchObject({ onnx: 'm.onnx', output: 'm.plan' });
    expect(options).toEqual({ precision: ['fp16', 'int8'] });
  });

  it('takes a value behind = and as the next word', () => {
    const joined = parse('--onnx=m.onnx', '--saveEngine=m.plan', '--calib=m.calib');
    const apart = parse('--onnx', 'm.onnx', '--saveEngine', 'm.plan', '--calib', 'm.calib');
    expect(apart).toEqual(joined);
    expect(parse('--fp16', 'm.onnx').models).toEqual(['m.onnx']);
    expect(() => parse('m.onnx', '--saveEngine')).toThrow(expect.objectContaining(refused));
  });

  it.each([
    [['--bf16'], { precision: 'bf16' }],
    [['--noTF32', '--fp16'], { precision: ['fp32', 'fp16'] }],
    [['--best'], { precision: 'best' }],
    [['--stronglyTyped'], { typing: 'strong' }],
    [['--int8', '--calib=c'], { precision: 'int8', calibration: { cache: 'c' } }],
    [['--timingCacheFile=t'], { timingCache: 't' }],
    [['--errorOnTimingCacheMiss'], { reproducible: true }],
    [['--builderOptimizationLevel=4'], { optimizationLevel: 4 }],
    [['--avgTiming=8', '--maxTactics=-1'], { avgTimingIterations: 8 }],
    [['--maxAuxStreams=0'], { maxAuxStreams: 0 }],
    [['--hardwareCompatibilityLevel=ampere+'], { hardwareCompatibilityLevel: 'amperePlus' }],
    [['--vc', '--excludeLeanRuntime'], { versionCompatible: true, excludeLeanRuntime: true }],
    [['--stripWeights'], { stripPlan: true }],
    [['--stripAllWeights'], { refit: 'all', stripPlan: true }],
    [['--refit'], { refit: true }],
    [['--allowWeightStreaming'], { weightStreaming: true }],
    [['--sparsity=enable'], { sparseWeights: true }],
    [['--sparsity=disable'], {}],
    [['--plugins=a.so', '--staticPlugins=b.so'], { plugins: ['a.so', 'b.so'] }],
    [['--useDLACore=1', '--allowGPUFallback'], { dla: { core: 1, gpuFallback: true } }],
    [['--useDLACore=-1'], {}],
    [['--markDebug=a,b'], { debugTensors: ['a', 'b'] }],
    [['--tilingOptimizationLevel=2'], { tilingOptimizationLevel: 'moderate' }],
    [['--l2LimitForTiling=4096'], { l2LimitForTiling: 4096 }],
    [['--preview=-aliasedPluginIO1003'], { previewFeatures: { aliasedPluginIo1003: false } }],
    [['--skipInference', '--explicitBatch', '--profilingVerbosity=detailed'], {}],
    [['--device=1'], { device: 1 }],
  ])('%j', (args, options) => {
    expect(optionsOf(...args)).toEqual(options);
  });

  it('takes no samples for a calibration cache', () => {
    expect(() => optionsOf('--int8', '--calib=samples.npz')).toThrow(/--calibration/);
  });

  it('counts memory in MiB where there is no unit', () => {
    const MiB = 2 ** 20;
    expect(optionsOf('--memPoolSize=workspace:1024')).toEqual({
      memoryPools: { workspace: 1024 * MiB },
    });
    // dlaSRAM: down to a power of two, as trtexec does.
    expect(optionsOf('--memPoolSize=workspace:0.5,dlaSRAM:1.5M,tacticSharedMem:64K')).toEqual({
      memoryPools: { workspace: MiB / 2, dlaManagedSram: MiB, tacticSharedMemory: 65536 },
    });
    expect(optionsOf('--workspace=2048')).toEqual({ memoryPools: { workspace: 2048 * MiB } });
  });

  // TensorRT's headers: cuBLAS, cuBLASLt and cuDNN are off by default, the other two on.
  it('changes the default tactic sources by + and -', () => {
    expect(optionsOf('--tacticSources=+CUBLAS,-CUDNN')).toEqual({
      tacticSources: ['edgeMaskConvolutions', 'jitConvolutions', 'cublas'],
    });
    const none = '--tacticSources=-EDGE_MASK_CONVOLUTIONS,-JIT_CONVOLUTIONS';
    expect(optionsOf(none)).toEqual({ tacticSources: [] });
  });

  it.each([
    ['--memPoolSize=cache:1'],
    ['--memPoolSize=workspace:1T'],
    ['--tacticSources=CUBLAS'],
    ['--tacticSources=+CUSPARSE'],
    ['--preview=aliasedPluginIO1003'],
    ['--sparsity=force'],
    ['--hardwareCompatibilityLevel=turing'],
    ['--builderOptimizationLevel=high'],
    ['--tilingOptimizationLevel=4'],
    ['--profilingVerbosity=none'],
    ['--fp16=true'],
    ['--inputIOFormats=fp16:chw'],
    ['--buildDLAStandalone'],
    ['--weightStreamingBudget=1G'],
    ['--noBuilderCache'],
    ['--saveEngine='],
  ])('refuses %s', (flag) => {
    expect(() => parse('m.onnx', flag)).toThrow(expect.objectContaining(refused));
  });

  it('leaves what trtexec does not know to commander', () => {
    expect(() => parse('m.onnx', '--fastest')).toThrow(
      expect.objectContaining({ code: 'commander.unknownOption' }),
    );
  });

  it('leaves all behind -- as it is', () => {
    expect(rewriteTrtexecFlags(['--fp16', '--', '--int8'])).toEqual([
      '--precision',
      'fp16',
      '--',
      '--int8',
    ]);
  });
});

describe('profiles in the way of trtexec', () => {
  const dims = (min: number, opt: number, max: number) => ({
    min: [min, 8],
    opt: [opt, 8],
    max: [max, 8],
  });

  it('are told apart by --profile=<index>', () => {
    const options = optionsOf(
      ...['--profile=1', '--minShapes=x:5x8', '--optShapes=x:6x8', '--maxShapes=x:7x8'],
      ...['--profile=0', '--maxShapes=x:3x8', '--optShapes=x:2x8', '--minShapes=x:1x8'],
    );
    expect(options).toEqual({ profiles: [{ x: dims(1, 2, 3) }, { x: dims(5, 6, 7) }] });
  });

  it('stand beside profiles as ranges', () => {
    const options = optionsOf(
      ...['--profile', 'x:9x8', '--minShapes=x:1x8', '--optShapes=x:2x8', '--maxShapes=x:3x8'],
    );
    expect(options).toEqual({ profiles: [{ x: dims(1, 2, 3) }, { x: dims(9, 9, 9) }] });
  });

  it('may be --optShapes alone, with names in quotes', () => {
    expect(optionsOf("--optShapes='Input:0':2x8")).toEqual({
      profiles: [{ 'Input:0': dims(2, 2, 2) }],
    });
    expect(optionsOf('--profile=0', '--optShapes=x:2x8')).toEqual({
      profiles: [{ x: dims(2, 2, 2) }],
    });
  });

  it.each([
    ['an index that is missing', ['--profile=1', '--optShapes=x:1']],
    ['an index twice', ['--profile=0', '--optShapes=x:1', '--profile=0', '--optShapes=x:2']],
    ['a profile without shapes', ['--profile=0']],
    ['shapes before the first profile', ['--optShapes=x:1', '--profile=0', '--optShapes=x:2']],
    ['two of the three', ['--profile=0', '--minShapes=x:1', '--optShapes=x:2']],
    ['one twice', ['--optShapes=x:1', '--optShapes=x:2']],
    [
      'an input that one of them lacks',
      ['--minShapes=x:1', '--optShapes=x:1,y:2', '--maxShapes=x:1'],
    ],
    ['a wildcard', ['--optShapes=in*:1x8']],
    ['a scalar', ['--optShapes=x:scalar']],
  ])('are refused with %s', (_what, flags) => {
    expect(() => parse('m.onnx', ...flags)).toThrow(expect.objectContaining(refused));
  });
});

describe('a whole command line of trtexec', () => {
  it('is told which command measures, with the line to run', () => {
    const line = [
      '--onnx=m.onnx',
      '--saveEngine=m.plan',
      '--fp16',
      '--iterations=100',
      '--useCudaGraph',
    ];
    let message = '';
    try {
      parse(...line);
    } catch (error) {
      expect(error).toMatchObject(refused);
      message = (error as Error).message;
    }
    expect(message).toMatch(/trt-node bench m\.plan --iterations=100 --useCudaGraph$/);
    expect(message).not.toContain('\n');
  });

  it('is told of the engine that it loads', () => {
    expect(() => parse('--loadEngine=old.plan', '--warmUp', '500')).toThrow(
      /trt-node bench old\.plan --warmUp 500$/,
    );
  });
});

describe('the map of flags', async () => {
  const page = readFileSync(path.join(__dirname, '..', '..', 'docs', 'trtexec.md'), 'utf8');
  const cells = page
    .split('\n')
    .filter((line) => line.startsWith('| `--'))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('\\|', '|')),
    );
  const options = (await loadEveryCommand()).map((command) => ({
    name: command.name(),
    longs: command.options.map(({ long }) => long),
  }));

  it('names each flag once', () => {
    const flags = trtexecFlags.map(({ flag }) => flag);
    expect(new Set(flags).size).toBe(flags.length);
  });

  it('is the same in docs/trtexec.md', () => {
    const expected = trtexecFlags.map((entry) => {
      const [ours, note] = describeTrtexecFlag(entry);
      const flag = entry.value === undefined ? entry.flag : `${entry.flag}=<${entry.value}>`;
      return [`\`${flag}\``, entry.kind === 'missing' ? ours : `\`${ours}\``, note];
    });
    expect(cells).toEqual(expected);
  });

  it('is the same in trt-node help trtexec', () => {
    const lines = trtexecHelp().split('\n');
    for (const { flag } of trtexecFlags) {
      expect(lines.filter((line) => new RegExp(`^  ${flag}[ =]`).test(`${line} `))).toHaveLength(1);
    }
  });

  const pointing = trtexecFlags.flatMap((entry) => {
    if (entry.kind === 'needless' || entry.kind === 'missing') return [];
    const command = entry.kind === 'elsewhere' ? entry.command : 'build';
    const [ours, note] = describeTrtexecFlag(entry);
    const text = entry.kind === 'elsewhere' ? `${ours} ${note}` : entry.ours;
    return [...text.matchAll(/--[a-zA-Z][\w-]*/g)].map(
      ([flag]) => [entry.flag, command, flag] as const,
    );
  });

  // What measures says so: its own spelling of a flag is one of `bench` too.
  it.each(pointing.filter(([, , flag]) => flag !== '--optShapes'))(
    '%s leads to %s %s, which there is',
    (_flag, command, flag) => {
      expect(options.find(({ name }) => name === command)?.longs).toContain(flag);
    },
  );
});
