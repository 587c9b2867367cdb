import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BuildOptions, BuiltEngine } from '../../lib/index';
import { errorOf, mlpModel, quantizedMlpModel, rows, x } from '../support/mlp-model';
import { codeOf, temporaryFolder, trtNode } from './gpu-host';

// Through one timing cache: what the builds have in common is timed once.
const folder = await temporaryFolder();
const timingCache = path.join(folder, 'timing.cache');

const build = (model: Uint8Array, options: BuildOptions = {}): Promise<BuiltEngine> =>
  trtNode.buildEngine(model, { runtime: 'tensorrt', timingCache, ...options });

/** With how far its output is from float64, relative to the largest value. */
async function built(
  options: BuildOptions,
  model = mlpModel(),
): Promise<{ types: Readonly<Record<string, number>>; wider: readonly string[]; error: number }> {
  const engine = await build(model, options);
  const { layerSummary } = engine.manifest;
  await using loaded = await engine.load();
  const { y } = await loaded.infer({ x: { type: 'float32', data: x, dims: [rows, 1024] } });
  return {
    types: layerSummary?.byType ?? {},
    wider: layerSummary?.wider ?? [],
    error: errorOf(y?.data as Float32Array),
  };
}

const narrow = (types: Readonly<Record<string, number>>): readonly string[] =>
  Object.keys(types).filter((type) =>
    ['float16', 'bfloat16', 'int8', 'float8e4m3fn'].includes(type),
  );

describe('a model in float32', () => {
  it('stays in float32, and TF32 is seen in its rounding alone', async () => {
    const fp32 = await built({ precision: 'fp32' });
    const tf32 = await built({ precision: 'tf32' });
    expect(narrow(fp32.types)).toEqual([]);
    expect(narrow(tf32.types)).toEqual([]);
    expect(fp32.error).toBeLessThan(1e-5);
    // 10 bits of mantissa instead of 23.
    expect(tf32.error).toBeGreaterThan(10 * fp32.error);
    expect(tf32.error).toBeLessThan(5e-3);
  });

  it('is weakly typed without a narrower type on request, with the same result', async () => {
    const weak = await built({ typing: 'weak', precision: 'fp32' });
    expect(narrow(weak.types)).toEqual([]);
    expect(weak.error).toBeLessThan(1e-5);
  });

  it("runs in float16 under 'fp16', in bfloat16 under 'bf16'", async () => {
    // Without TF32, which is nearly as fast where casts count.
    const fp16 = await built({ precision: ['fp16', 'fp32'] });
    const bf16 = await built({ precision: ['bf16', 'fp32'] });
    expect(narrow(fp16.types)).toEqual(['float16']);
    expect(narrow(bf16.types)).toEqual(['bfloat16']);
    // Which of the two is nearer is the kernels' doing: one may add up in half precision.
    for (const { error } of [fp16, bf16]) {
      expect(error).toBeGreaterThan(1e-4);
      expect(error).toBeLessThan(5e-2);
    }
  });

  it('may have several at once', async () => {
    const both = await built({ precision: ['fp16', 'bf16', 'fp32'] });
    expect(narrow(both.types).length).toBeGreaterThan(0);
    const best = await built({ precision: 'best' });
    expect(best.types['int8']).toBeUndefined(); // nothing was calibrated
    expect(narrow(best.types).length).toBeGreaterThan(0);
  });

  it("runs in int8 under 'int8' with calibration, and says which layers did not", async () => {
    const one = (): Iterable<Record<string, Float32Array>> => [{ x }, { x }];
    const int8 = await built({ precision: 'int8', calibration: { data: one() } });
    expect(int8.types['int8']).toBeGreaterThan(0);
    expect(int8.error).toBeGreaterThan(1e-3);
    expect(int8.error).toBeLessThan(0.2);
  });

  it('#23 is refused int8 without scales, and fp8 without Q/DQ', async () => {
    expect(await codeOf(build(mlpModel(), { precision: 'int8' }))).toBe(
      'ERR_TRT_CALIBRATION_REQUIRED',
    );
    expect(await codeOf(build(mlpModel(), { precision: 'fp8' }))).toBe(
      'ERR_TRT_PRECISION_UNSUPPORTED',
    );
  });
});

describe('a model with Q/DQ nodes', () => {
  it.each([{}, { precision: 'int8' as const }, { precision: ['int8', 'fp16'] as const }])(
    'runs in int8 with %j',
    async (options) => {
      const { types, error } = await built(options, quantizedMlpModel('int8'));
      expect(types['int8']).toBeGreaterThan(0);
      expect(error).toBeGreaterThan(1e-3);
      expect(error).toBeLessThan(0.2);
    },
  );

  it.each([{}, { precision: 'fp8' as const }])('runs in FP8 with %j', async (options) => {
    const { types, error } = await built(options, quantizedMlpModel('float8e4m3fn'));
    expect(types['float8e4m3fn']).toBeGreaterThan(0);
    expect(error).toBeGreaterThan(1e-3);
    expect(error).toBeLessThan(0.3);
  });

  it('takes no calibration beside its own scales', async () => {
    const calibration = { data: [{ x }] };
    const code = await codeOf(build(quantizedMlpModel('int8'), { precision: 'int8', calibration }));
    expect(code).toBe('ERR_TRT_UNSUPPORTED');
  });
});
