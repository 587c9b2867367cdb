import { execFileSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { NativeCalibration, NativeProgress } from '../../lib/binding';
import { failure } from '../support/native-host';
import { buildOnStub, freshFolder, type StubBuildOptions } from '../support/stub-build';
import { held, nothingHeld, setFaults } from '../support/stub-host';
import type { TinyModel } from '../support/onnx-writer';

afterEach(() => {
  setFaults();
  expect(held()).toEqual(nothingHeld);
});

/** Two inputs of unlike sizes: 3 × 8 bytes of x, then 4 bytes of m, in a batch. */
const model: TinyModel = {
  inputs: [
    { name: 'x', type: 'float32', dims: ['n', 2] },
    { name: 'm', type: 'int32', dims: ['k'] },
  ],
  nodes: [
    { op: 'Identity', name: 'copy x', inputs: ['x'], outputs: ['y'] },
    { op: 'Identity', name: 'copy m', inputs: ['m'], outputs: ['z'] },
  ],
  outputs: [
    { name: 'y', type: 'float32', dims: ['n', 2] },
    { name: 'z', type: 'int32', dims: ['k'] },
  ],
};
const profiles = [
  { x: { min: [1, 2], opt: [2, 2], max: [8, 2] }, m: { min: [1], opt: [2], max: [4] } },
];
/** Not the opt dims of the profile: TensorRT must take these. */
const profile = {
  x: { min: [3, 2], opt: [3, 2], max: [3, 2] },
  m: { min: [1], opt: [1], max: [1] },
};
const inputs = [
  { name: 'x', offsetBytes: 0, sizeBytes: 24 },
  { name: 'm', offsetBytes: 24, sizeBytes: 4 },
];

/** Batch i holds i × 28 + 0, 1, 2, … modulo 251: no two bytes in a row, and no two batches, are alike. */
const batch = (i: number): Buffer =>
  Buffer.from(Array.from({ length: 28 }, (_, at) => (i * 28 + at) % 251));

async function batches(count: number): Promise<NonNullable<NativeCalibration['batches']>> {
  const folder = await freshFolder();
  for (let i = 0; i < count; i += 1) await writeFile(path.join(folder, String(i)), batch(i));
  return { folder, count, inputs };
}

const calibration = (more: Partial<NativeCalibration>): NativeCalibration => ({
  algorithm: 'entropy2',
  quantile: 0.9999,
  regressionCutoff: 1,
  batches: null,
  profile,
  cacheIn: null,
  cacheOut: null,
  ...more,
});

const build = (more: Partial<NativeCalibration>, options: StubBuildOptions = {}) =>
  buildOnStub('v10', {
    model,
    profiles,
    typing: 'weak',
    precisions: ['int8'],
    calibration: calibration(more),
    ...options,
  });

/** As TensorRT begins its caches. The stub is a 10.6.0. */
const titles = {
  entropy2: 'TRT-100600-EntropyCalibration2',
  entropy: 'TRT-100600-EntropyCalibration',
  minmax: 'TRT-100600-MinMaxCalibration',
  percentile: 'TRT-100600-LegacyCalibration',
} as const;
const algorithms = Object.keys(titles) as (keyof typeof titles)[];

describe('calibration batches', () => {
  it.each(algorithms)('reach %s byte for byte and in order', async (algorithm) => {
    const { record, result } = await build({ algorithm, batches: await batches(5) });
    const seen = record.calibration;
    expect(titles[algorithm]).toBe(`TRT-100600-${seen?.algorithm ?? ''}`);
    expect(seen?.batches).toEqual(
      Array.from({ length: 5 }, (_, i) => ({
        x: batch(i).subarray(0, 24).toString('hex'),
        m: batch(i).subarray(24).toString('hex'),
      })),
    );
    expect(seen?.dims).toEqual({ x: [3, 2], m: [1] });
    expect(record.flags).toContain('INT8');
    expect(result.calibrationSeconds).toBeGreaterThanOrEqual(0);
  });

  it('tells percentile its quantile and its cutoff', async () => {
    const { record } = await build({
      ...{ algorithm: 'percentile', quantile: 0.25, regressionCutoff: 0.5 },
      batches: await batches(1),
    });
    expect(record.calibration).toMatchObject({ quantile: 0.25, regressionCutoff: 0.5 });
  });

  it('are told as progress, one step for each', async () => {
    const events: NativeProgress[] = [];
    await build({ batches: await batches(3) }, { onProgress: (event) => events.push(event) });
    const steps = events
      .filter(({ phase }) => phase === 'Calibration')
      .map(({ kind, step, steps: all }) => `${kind} ${step}/${all}`);
    expect(steps).toEqual([
      'phase-start 0/3',
      ...['step 1/3', 'step 2/3', 'step 3/3'],
      'phase-end 3/3',
    ]);
  });

  it('are no longer read once the build was cancelled', async () => {
    const given = await batches(4);
    const second = path.join(given.folder, '1');
    await rm(second);
    execFileSync('mkfifo', [second]); // its reader waits for what is written below
    const served: number[] = [];
    const written: Promise<void>[] = [];
    let cancel = (): void => undefined;
    const onProgress = ({ kind, phase, step }: NativeProgress): void => {
      if (kind !== 'step' || phase !== 'Calibration') return;
      served.push(step);
      cancel();
      if (step === 1) written.push(writeFile(second, batch(1)));
    };
    const options = { onProgress, onStart: (way: () => void) => (cancel = way) };
    await failure('ERR_TRT_BUILD_FAILED', build({ batches: given }, options));
    await Promise.all(written);
    expect(served).toEqual([1]);
  });

  it('that end in the middle of a file are refused', async () => {
    const given = await batches(3);
    await writeFile(path.join(given.folder, '1'), batch(1).subarray(0, 20));
    await failure('ERR_TRT_CALIBRATION_DATA', build({ batches: given }));
  });

  it('of another size than the inputs of the model are refused before anything is built', async () => {
    const given = { ...(await batches(1)), inputs: [{ ...inputs[0], sizeBytes: 16 }, inputs[1]] };
    const wrong = given as NonNullable<NativeCalibration['batches']>;
    const error = await failure('ERR_TRT_CALIBRATION_DATA', build({ batches: wrong }));
    expect(error.details).toMatchObject({ reason: 'size', input: 'x' });
  });

  it('without one of the inputs are refused by its name', async () => {
    const [x] = inputs;
    const given = { ...(await batches(1)), inputs: x ? [x] : [] };
    const error = await failure('ERR_TRT_CALIBRATION_DATA', build({ batches: given }));
    expect(error.details).toMatchObject({ reason: 'input-missing', input: 'm' });
  });

  it('without device memory for them: an error, and nothing stays', async () => {
    setFaults('cuMemAlloc:1+=2');
    await failure('ERR_TRT_OUT_OF_MEMORY', build({ batches: await batches(1) }));
    setFaults();
    const { record } = await build({ batches: await batches(1) });
    expect(record.calibration?.batches).toHaveLength(1);
  });
});

describe('calibration caches', () => {
  it.each(algorithms)('of %s are written, and read instead of batches', async (algorithm) => {
    const cacheOut = path.join(await freshFolder(), 'cache');
    const first = await build({ algorithm, batches: await batches(2), cacheOut });
    expect(first.record.calibration?.cacheRead).toBeNull();
    const written = await readFile(cacheOut, 'latin1');
    expect(written.split('\n')[0]).toBe(titles[algorithm]);
    expect(written).toBe(first.record.calibration?.cacheWritten);

    const second = await build({ algorithm, cacheIn: cacheOut });
    expect(second.record.calibration?.cacheRead).toBe(written);
    expect(second.record.calibration).not.toHaveProperty('batches');
  });

  it('of another algorithm make TensorRT ask for batches: an error where there are none', async () => {
    const cacheOut = path.join(await freshFolder(), 'cache');
    await build({ algorithm: 'minmax', batches: await batches(1), cacheOut });
    const error = await failure(
      'ERR_TRT_CALIBRATION_CACHE',
      build({ algorithm: 'entropy2', cacheIn: cacheOut }),
    );
    expect(error.details).toMatchObject({ reason: 'incomplete', path: cacheOut });
    const { record } = await build({ cacheIn: cacheOut, batches: await batches(2) });
    expect(record.calibration?.batches).toHaveLength(2);
  });

  it('that cannot be read are refused', async () => {
    const cacheIn = path.join(await freshFolder(), 'missing');
    await failure('ERR_TRT_CALIBRATION_CACHE', build({ cacheIn }));
  });
});

describe.each(['v11', 'rtx'] as const)('#23 calibration on %s', (abi) => {
  it('is refused, with a way forward', async () => {
    const given = calibration({ batches: await batches(1) });
    const options = { model, profiles, calibration: given };
    await failure('ERR_TRT_PRECISION_UNSUPPORTED', buildOnStub(abi, options));
  });
});
