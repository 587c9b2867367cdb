import { describe, expect, it } from 'vitest';
import type { NativeLayerTimes } from '../../lib/binding';
import { layerProfileOf, profileEngine, type LayerProfileOptions } from '../../lib/layer-profile';
import type { TensorInfo } from '../../lib/manifest-schema';

const x: TensorInfo = { name: 'x', type: 'float32', dims: [-1], isShapeTensor: false };
const engine = {
  inputs: [x],
  profiles: [{ x: { min: [1], opt: [4], max: [8] } }, { x: { min: [1], opt: [16], max: [32] } }],
  profileNames: ['few', 'many'],
};
const times: NativeLayerTimes = {
  layers: [
    { name: 'conv', milliseconds: [1, 3, 2] },
    { name: 'soft\nmax', milliseconds: [6, 6, 6] },
  ],
  compute: [9, 8, 10],
  graph: true,
};

/** What comes to native code. */
async function seen(options?: LayerProfileOptions): Promise<readonly unknown[]> {
  let calls: readonly unknown[] = [];
  const profileLayers = (...args: readonly unknown[]): Promise<NativeLayerTimes> => {
    calls = args;
    return Promise.resolve(times);
  };
  await profileEngine({ profileLayers }, engine, options);
  return calls;
}

describe('engine.profile()', () => {
  it('runs the opt dims of the first profile on zeros when nothing is said', async () => {
    expect(await seen()).toEqual([0, [[4]], [null], 10, 50]);
  });

  it('runs what it is told', async () => {
    const options = { shapes: { x: [20] }, warmup: 0, iterations: 7 };
    expect(await seen(options)).toEqual([1, [[20]], [null], 0, 7]);
    expect(await seen({ profile: 'many' })).toEqual([1, [[16]], [null], 10, 50]);
    const data = Float32Array.of(1, 2);
    const inputs = { x: { type: 'float32' as const, data, dims: [2] } };
    expect(await seen({ inputs, profile: 1 })).toEqual([
      1,
      [[2]],
      [new Uint8Array(data.buffer)],
      10,
      50,
    ]);
  });

  it.each<[LayerProfileOptions, string]>([
    [{ iterations: 0 }, 'ERR_TRT_INVALID_ARG'],
    [{ iterations: 1.5 }, 'ERR_TRT_INVALID_ARG'],
    [{ iterations: 1e9 }, 'ERR_TRT_INVALID_ARG'],
    [{ warmup: -1 }, 'ERR_TRT_INVALID_ARG'],
    [{ profile: 2 }, 'ERR_TRT_INVALID_ARG'],
    [{ profile: 'none' }, 'ERR_TRT_INVALID_ARG'],
    [{ iteration: 3 } as LayerProfileOptions, 'ERR_TRT_INVALID_ARG'],
    [{ shapes: { x: [4] }, inputs: { x: new Float32Array(4) } }, 'ERR_TRT_INVALID_ARG'],
    [{ shapes: { y: [4] } }, 'ERR_TRT_INPUT_UNKNOWN'],
    [{ shapes: { x: [64] } }, 'ERR_TRT_INPUT_DIMS'],
    [{ inputs: {} }, 'ERR_TRT_INPUT_MISSING'],
  ])('refuses %j', async (options, code) => {
    await expect(seen(options)).rejects.toMatchObject({ code });
  });

  it('gives mean, median, minimum and share of each layer', () => {
    const { layers, compute, iterations, graph } = layerProfileOf(times);
    // Means are 2 and 6, which is a quarter and three quarters of their sum.
    expect(layers).toEqual([
      { name: 'conv', meanMs: 2, medianMs: 2, minMs: 1, share: 0.25 },
      { name: 'soft\nmax', meanMs: 6, medianMs: 6, minMs: 6, share: 0.75 },
    ]);
    expect(compute).toEqual({ meanMs: 9, medianMs: 9, minMs: 8 });
    expect({ iterations, graph }).toEqual({ iterations: 3, graph: true });
  });

  it('becomes JSON of its numbers alone', () => {
    const profile = layerProfileOf(times);
    const { layers, compute, iterations, graph } = profile;
    expect(JSON.parse(JSON.stringify(profile))).toEqual({ layers, compute, iterations, graph });
  });

  it('becomes a table with one line for each layer, the slowest first', () => {
    const lines = layerProfileOf(times).toTable().split('\n');
    const starts = lines.map((line) => line.split(/\s{2,}/)[0]);
    expect(starts.slice(1)).toEqual(['layer', 'soft?max', 'conv', 'sum', 'whole network']);
    expect(lines[2]).toMatch(/6\.0000 +6\.0000 +6\.0000 +75\.0%$/);
  });

  it('shares nothing where no layer takes time', () => {
    const nothing = { layers: [{ name: 'a', milliseconds: [0] }], compute: [0], graph: false };
    expect(layerProfileOf(nothing).layers[0]?.share).toBe(0);
  });
});
