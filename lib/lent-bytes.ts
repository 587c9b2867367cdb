import { TrtError } from './errors';

/**
 * Bytes of the caller's that are read over several turns of the event loop, in which JavaScript may transfer or resize their
 * buffer. Their length is what it was at the call; each part is checked when it is taken.
 */
export class LentBytes {
  readonly byteLength: number;
  private readonly view: Uint8Array;

  /** @throws TrtError `ERR_TRT_INVALID_ARG` for a buffer that was transferred before */
  constructor(
    /** What the caller calls them, for errors. */
    readonly name: string,
    bytes: Uint8Array,
  ) {
    this.byteLength = bytes.byteLength;
    try {
      // Of fixed length: it is empty as soon as its buffer is transferred or shrunk.
      this.view = new Uint8Array(bytes.buffer, bytes.byteOffset, this.byteLength);
    } catch (cause) {
      throw this.taken('before the call', cause);
    }
  }

  /** @throws TrtError `ERR_TRT_INVALID_ARG` when the buffer was transferred or resized meanwhile */
  part(offset: number, end: number): Uint8Array {
    this.check();
    return this.view.subarray(offset, end);
  }

  /** @throws TrtError `ERR_TRT_INVALID_ARG` when the buffer was transferred or resized meanwhile */
  check(): void {
    if (this.view.byteLength !== this.byteLength) throw this.taken('while it was being copied');
  }

  private taken(when: string, cause?: unknown): TrtError {
    return new TrtError(
      'ERR_TRT_INVALID_ARG',
      `the buffer of \`${this.name}\` was transferred or resized ${when}. Leave it alone until the promise is settled.`,
      { details: { argument: this.name }, ...(cause === undefined ? {} : { cause }) },
    );
  }
}
