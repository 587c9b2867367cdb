import { loadBinding } from '../binding';

/** From here on outputs lie in pinned memory of the engine's pool. */
const pinnedFromBytes = 64 * 1024;

const lent = new WeakSet<ArrayBufferLike>();

/** Remembers a buffer on pinned memory, which is worth giving back before the garbage collector comes. */
export function lend(buffer: ArrayBuffer): void {
  lent.add(buffer);
}

/** The same of an output, if it lies there. */
export function lendOutput(buffer: ArrayBuffer): void {
  if (buffer.byteLength >= pinnedFromBytes) lend(buffer);
}

/** Whether an array lies in a buffer that was lent: the GPU reads it where it is. */
export function isLent({ buffer }: ArrayBufferView): boolean {
  return lent.has(buffer);
}

/** Detaches a buffer that was lent; any other stays as it is. */
export function giveBack(buffer: ArrayBufferLike): void {
  if (lent.delete(buffer)) loadBinding().detach(buffer as ArrayBuffer);
}
