import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BuildOptions, BuiltEngine } from '../../lib/index';
import { errorOf, mlpModel, rows, x } from '../support/mlp-model';
import { codeOf, temporaryFolder, trtNode } from './gpu-host';

const folder = await temporaryFolder();

/** Without a timing cache: the time of a build is what some of these options change. */
const build = (options: BuildOptions): Promise<BuiltEngine> =>
  trtNode.buildEngine(mlpModel(), {
    runtime: 'tensorrt',
    precision: 'fp16',
    timingCache: false,
    ...options,
  });

const tacticsOf = ({ manifest }: BuiltEngine): readonly string[] =>
  (manifest.layers ?? []).flatMap(({ tactic }) => tactic ?? []);

describe('options whose effect is seen in the plan', () => {
  it('hardwareCompatibilityLevel and maxAuxStreams are in the engine', async () => {
    const compatible = await build({
      hardwareCompatibilityLevel: 'amperePlus',
      maxAuxStreams: 0,
      optimizationLevel: 0,
    });
    console.log(`kernels for every GPU from 8.0 on: ${tacticsOf(compatible).join(', ')}`);
    expect(compatible.manifest.options['hardwareCompatibilityLevel']).toBe('amperePlus');
    await using engine = await compatible.load();
    expect(engine.hardwareCompatibilityLevel).toBe('amperePlus');
    expect(engine.auxStreams).toBe(0);
    const { y } = await engine.infer({ x: { type: 'float32', data: x, dims: [rows, 1024] } });
    expect(errorOf(y?.data as Float32Array)).toBeLessThan(5e-3);
  });

  it('maxNbTactics and avgTimingIterations change how long kernels are timed', async () => {
    const all = await build({});
    const few = await build({ maxNbTactics: 1 });
    const often = await build({ maxNbTactics: 1, avgTimingIterations: 1000 });
    const seconds = [all, few, often].map(({ manifest }) => manifest.buildSeconds);
    console.log(`builds: all kernels, one, one timed 1000 times: ${seconds.join(', ')} s`);
    expect(few.manifest.buildSeconds).toBeLessThan(0.7 * all.manifest.buildSeconds);
    expect(often.manifest.buildSeconds).toBeGreaterThan(1.2 * few.manifest.buildSeconds);
    await using engine = await all.load();
    expect(engine.hardwareCompatibilityLevel).toBe('none');
  });

  it('a timing cache makes the second build a fraction of the first, with the same kernels', async () => {
    const timingCache = path.join(folder, 'timing.cache');
    const cold = await build({ timingCache });
    const warm = await build({ timingCache });
    expect(cold.manifest.timingCache).toBeUndefined();
    expect(warm.manifest.timingCache?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(tacticsOf(warm)).toEqual(tacticsOf(cold));
    console.log(
      `timing cache: cold ${cold.manifest.buildSeconds} s, warm ${warm.manifest.buildSeconds} s`,
    );
    expect(warm.manifest.buildSeconds).toBeLessThan(0.5 * cold.manifest.buildSeconds);
  });

  it('unproven options are passed on, and said to be unproven', async () => {
    const built = await build({
      optimizationLevel: 0,
      sparseWeights: true,
      tacticSources: ['jitConvolutions', 'edgeMaskConvolutions'],
    });
    expect(built.manifest.unproven).toEqual(['sparseWeights', 'tacticSources']);
  });
});

describe('options that this TensorRT does not have', () => {
  it.each<BuildOptions>([
    { tilingOptimizationLevel: 'fast' }, // 10.8
    { l2LimitForTiling: 1 << 20 }, // 10.8
    { computeCapabilities: ['9.0'] }, // TensorRT-RTX
  ])('%j is refused', async (options) => {
    expect(await codeOf(build(options))).toBe('ERR_TRT_UNSUPPORTED');
  });
});
