import { TrtError } from '../errors';

/** Why a calibration cache is not used: `details.reason` of ERR_TRT_CALIBRATION_CACHE. */
export type CacheReason = 'model' | 'algorithm' | 'version' | 'malformed';

/** ERR_TRT_CALIBRATION_CACHE */
export function calibrationCacheError(
  cache: string,
  reason: CacheReason,
  problem: string,
  cause?: unknown,
): TrtError {
  return new TrtError(
    'ERR_TRT_CALIBRATION_CACHE',
    `the calibration cache ${cache} is not used: ${problem}. Name another \`calibration.cache\`, or remove this one (and ` +
      '`.json` beside it) to calibrate again from `calibration.data`.',
    { ...(cause !== undefined && { cause }), details: { path: cache, reason } },
  );
}
