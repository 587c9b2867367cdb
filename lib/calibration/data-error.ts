import { TrtError } from '../errors';

/** ERR_TRT_CALIBRATION_DATA; `details.item` is the item's position, from 0. */
export function calibrationDataError(
  problem: string,
  next: string,
  details: Readonly<Record<string, unknown>>,
  cause?: unknown,
): TrtError {
  return new TrtError('ERR_TRT_CALIBRATION_DATA', `${problem}. ${next}`, {
    ...(cause !== undefined && { cause }),
    details,
  });
}
