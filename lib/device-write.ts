import { setImmediate as nextTurn } from 'node:timers/promises';
import type { NativeDeviceMemory } from './binding';
import type { TensorData } from './data-types';
import { TrtError } from './errors';
import { sliceBytes } from './input-copy';
import { partBytes, partsOf } from './input-validation';
import { nativeCall } from './native-call';

/**
 * Copies a whole array to the start of `memory`. Pinned memory of ours the GPU reads itself; of any other the JS thread copies slices,
 * with a turn of the event loop between two, as reading a buffer that JavaScript may transfer from another thread is a crash.
 *
 * @throws TrtError (as a rejection) `ERR_TRT_INPUT_DETACHED` and what the addon fails with
 */
export async function writeArray(memory: NativeDeviceMemory, data: TensorData): Promise<void> {
  const total = data.byteLength;
  for (const [index, part] of partsOf(data, total).entries()) {
    const at = index * partBytes;
    // It is empty once the buffer was transferred, while the parts before were copied.
    if (part.length !== Math.min(partBytes, total - at)) throw detached(at);
    await nativeCall(() => memory.writePinned(at, part) ?? writeSlices(memory, at, part));
  }
}

async function writeSlices(
  memory: NativeDeviceMemory,
  start: number,
  bytes: Uint8Array,
): Promise<void> {
  const total = bytes.length;
  // The GPU takes a slice while the next one is copied.
  let before: Promise<void> = Promise.resolve();
  for (let offset = 0; offset < total; offset += sliceBytes) {
    if (bytes.length !== total) throw detached(start + offset);
    const slice = memory.write(start + offset, bytes.subarray(offset, offset + sliceBytes));
    // It is awaited in the next round; a failure meanwhile must not count as unheard.
    slice.catch(() => undefined);
    await before;
    if (offset + sliceBytes < total) await nextTurn();
    before = slice;
  }
  await before;
}

function detached(copied: number): TrtError {
  return new TrtError(
    'ERR_TRT_INPUT_DETACHED',
    `the buffer of \`source\` was transferred or resized when ${copied} of its bytes were copied. Leave it alone until the promise ` +
      'of copyFrom is settled.',
    { details: { copied } },
  );
}
