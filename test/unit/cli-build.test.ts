import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildCommand } from '../../lib/cli/build';
import type { BuildFlags } from '../../lib/cli/build-flags';
import { buildOptionsOf } from '../../lib/cli/build-options-of';

/** What a command line of `trt-node build` asks buildEngine for. */
function parseBuild(...args: string[]): unknown {
  const build = buildCommand().exitOverride();
  let options: unknown;
  build.action(([model = '']: readonly string[], flags: BuildFlags) => {
    options = buildOptionsOf(model, flags);
  });
  build.parse(['node', 'build', ...args]);
  return JSON.parse(JSON.stringify(options));
}

describe('trt-node build', () => {
  it('leaves everything but the output to buildEngine', () => {
    expect(parseBuild('models/net.onnx')).toEqual({ output: 'models/net.engine' });
    expect(parseBuild('net')).toEqual({ output: 'net.engine' });
  });

  it('understands every option', () => {
    const options = parseBuild(
      ...['net.onnx', '-o', 'out.plan', '--runtime', 'tensorrt-rtx', '--library', '/lib/x'],
      ...['--precision', 'tf32', '--optimization-level', '4', '--device', '1'],
      ...['--minShapes', 'x:1x8', '--optShapes', 'x:8x8', '--maxShapes', 'x:64x8'],
      ...['--profile', 'x:64x8/128x8/256x8', '--profile', 'x:1x8'],
      ...['--memory-pool', 'workspace=1GiB', '--memory-pool', 'tacticDram=1MiB'],
      ...['--compute-capability', '8.6,8.9', '--compute-capability', '12.0'],
      ...['--label', 'commit=1f3a', '--label', 'by=ci'],
    );
    const fixed = { min: [1, 8], opt: [1, 8], max: [1, 8] };
    expect(options).toEqual({
      output: 'out.plan',
      runtime: 'tensorrt-rtx',
      library: '/lib/x',
      precision: 'tf32',
      optimizationLevel: 4,
      device: 1,
      profiles: [
        { x: { min: [1, 8], opt: [8, 8], max: [64, 8] } },
        { x: { min: [64, 8], opt: [128, 8], max: [256, 8] } },
        { x: fixed },
      ],
      memoryPools: { workspace: 1024 ** 3, tacticDram: 1024 ** 2 },
      computeCapabilities: ['8.6', '8.9', '12.0'],
      labels: { commit: '1f3a', by: 'ci' },
    });
  });
});

describe('the options of a build beyond shapes and targets', () => {
  it('come under the names of buildEngine', () => {
    const options = parseBuild(
      ...['net.onnx', '--precision', 'fp16,int8', '--precision', 'bf16', '--typing', 'weak'],
      ...['--calibration', 'batches', '--calibration-algorithm', 'minmax'],
      ...['--calibration-cache', 'net.calib', '--isolation', 'thread'],
      ...['--timing-cache', 'net.timing', '--reproducible', '--cache=engines'],
      ...['--verify', 'cases.npz', '--atol', '1e-3', '--rtol', 'float16=1e-2'],
      ...['--metric', 'cosine', '--minimum', '0.99', '--max-drop', '5e-3'],
      ...['--maximum', '2', '--reference', 'unquantized'],
      ...['--refit=identical', '--strip-plan', '--weight-streaming', '--version-compatible'],
      ...['--exclude-lean-runtime', '--hardware-compatibility-level', 'ampere-plus'],
      ...['--plugin', 'a.so', '--plugin', 'b.so', '--standard-plugins', '--max-aux-streams', '0'],
      ...['--avg-timing-iterations', '4', '--max-nb-tactics', '3', '--sparse-weights'],
      ...['--tactic-sources', 'cublas', '--tactic-sources', 'jitConvolutions'],
      ...['--preview-features', 'aliasedPluginIo1003=off'],
      ...['--tiling-optimization-level', 'fast', '--l2-limit-for-tiling', '8MiB'],
      ...['--dla-core', '1', '--gpu-fallback', '--debug-tensor', 'a', '--debug-tensor', 'b,c'],
    );
    expect(options).toEqual({
      output: 'net.engine',
      precision: ['fp16', 'int8', 'bf16'],
      typing: 'weak',
      calibration: { data: 'batches', algorithm: 'minmax', cache: 'net.calib' },
      isolation: 'thread',
      timingCache: 'net.timing',
      reproducible: true,
      cache: 'engines',
      verify: {
        ...{ cases: 'cases.npz', atol: 0.001, rtol: { float16: 0.01 } },
        ...{ metric: 'cosine', minimum: 0.99, maxDrop: 0.005 },
        ...{ maximum: 2, reference: 'unquantized' },
      },
      refit: 'identical',
      stripPlan: true,
      weightStreaming: true,
      versionCompatible: true,
      excludeLeanRuntime: true,
      hardwareCompatibilityLevel: 'amperePlus',
      plugins: ['a.so', 'b.so'],
      standardPlugins: true,
      maxAuxStreams: 0,
      avgTimingIterations: 4,
      maxNbTactics: 3,
      sparseWeights: true,
      tacticSources: ['cublas', 'jitConvolutions'],
      previewFeatures: { aliasedPluginIo1003: false },
      tilingOptimizationLevel: 'fast',
      l2LimitForTiling: 8 * 1024 ** 2,
      dla: { core: 1, gpuFallback: true },
      debugTensors: ['a', 'b,c'],
    });
  });

  it('have forms without a value', () => {
    expect(parseBuild('net.onnx', '--no-timing-cache', '--cache', '--refit')).toEqual({
      ...{ output: 'net.engine', timingCache: false, cache: true, refit: true },
    });
    expect(parseBuild('net.onnx', '--tactic-sources', 'none')).toEqual({
      ...{ output: 'net.engine', tacticSources: [] },
    });
  });

  it('hand the key over that a file holds', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'trt-node-key-'));
    const file = path.join(folder, 'key');
    await writeFile(file, 'secret');
    try {
      const options = buildOptionsOf('net.onnx', { signKey: file });
      expect(options.signingKey).toEqual(Buffer.from('secret'));
      await rm(file);
      await mkdir(file);
      expect(() => buildOptionsOf('net.onnx', { signKey: file })).toThrow(
        expect.objectContaining({
          code: 'ERR_TRT_INVALID_ARG',
          details: { argument: '--sign-key', path: file },
        }),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
