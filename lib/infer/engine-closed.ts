import { TrtError } from '../errors';

/** What every use of a closed engine fails with. */
export function engineClosed(): TrtError {
  return new TrtError(
    'ERR_TRT_ENGINE_CLOSED',
    'the engine is closed. Load the plan again, or call close() after the last inference.',
  );
}
