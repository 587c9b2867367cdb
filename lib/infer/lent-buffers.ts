import { loadBinding } from '../binding';

/** From here on outputs lie in pinned memory of the engine's pool. */
const pinnedFromBytes = 64 * 1024;

const lent = new WeakSet<ArrayBufferLike>();

/** Remembers a buffer of the addon's whose memory is worth giving back before the garbage collector comes. */
export function lend(buffer: ArrayBuffer): void {
  if (buffer.byteLength >= pinnedFromBytes) lent.add(buffer);
}

/** Detaches a buffer that was lent; any other stays as it is. */
export function giveBack(buffer: ArrayBufferLike): void {
  if (lent.delete(buffer)) loadBinding().detach(buffer as ArrayBuffer);
}
