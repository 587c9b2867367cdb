import type { NativeStaging } from './binding';
import { partBytes, unchangedPart } from './input-validation';
import type { InputBytes } from './input-validation';

/** As much as is copied without letting the event loop turn: a fraction of a millisecond. */
export const sliceBytes = 1024 * 1024;

/**
 * Copies inputs (null: those that need no copy) into a request's staging memory, and yields between two slices when there is more than one slice of
 * them. Copying stays on the JS thread: reading a buffer that JavaScript may transfer from another thread is a crash.
 * Each slice is checked anew, as the caller ran in between.
 */
export function* copySlices(
  staging: Pick<NativeStaging, 'write'>,
  inputs: readonly (InputBytes | null)[],
): Generator<void, void, void> {
  let room = sliceBytes;
  for (const [index, input] of inputs.entries()) {
    if (input === null) continue;
    for (let offset = 0; offset < input.byteLength;) {
      if (room === 0) {
        yield;
        room = sliceBytes;
      }
      const part = unchangedPart(input, offset);
      const start = offset % partBytes;
      const slice = part.subarray(start, start + room);
      staging.write(index, offset, slice);
      room -= slice.length;
      offset += slice.length;
    }
  }
}
