/** The engines of the ladder: which precisions there are, and how each is built. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';

/** int8 is given fp16 beside it, as it is deployed: layers without scales would be float32 else. */
const int8 = { precision: ['int8', 'fp16'], isCalibrated: true };

/** `graphs`: how the engine is loaded to be timed. */
export const rungs = {
  fp32: { precision: 'fp32', graphs: 'off' },
  tf32: { precision: 'tf32', graphs: 'off' },
  fp16: { precision: 'fp16', graphs: 'off' },
  int8: { ...int8, graphs: 'off' },
  'int8-graph': { ...int8, graphs: 'on' },
};

/**
 * From the engine cache where it is there already.
 *
 * @param {object} model of ladder-models.mjs
 * @param {keyof typeof rungs} step
 * @param {{ cache: string, device: number, level?: string }} options `cache`: engines, timings and calibrations are kept in it
 */
export async function buildRung(model, step, { cache, device, level }) {
  const { buildEngine } = await import('../dist/index.js');
  const { precision, isCalibrated } = rungs[step];
  const folder = path.resolve(cache);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return await buildEngine(model.modelPath, {
    runtime: 'tensorrt',
    device,
    precision,
    profiles: model.profiles,
    cache: path.join(folder, 'engines'),
    timingCache: path.join(folder, 'timing.cache'),
    ...(isCalibrated
      ? {
          calibration: {
            ...model.calibration,
            cache: path.join(folder, `${model.name}-${model.calibration.algorithm}.calibration`),
          },
        }
      : {}),
    ...(level === undefined ? {} : { optimizationLevel: Number(level) }),
  });
}
