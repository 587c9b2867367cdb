/**
 * Cuts a stream of bytes into frames of one size. Each is written into the memory that `next` gives, and yielded when it is whole, so that
 * nothing is kept twice. Bytes of a frame that the end of the stream cuts off are dropped.
 *
 * @template {{ readonly bytes: Uint8Array }} T what holds a frame
 * @param {AsyncIterable<Uint8Array>} stream
 * @param {() => T | Promise<T>} next where the next frame goes
 * @returns {AsyncGenerator<T, void>}
 */
export async function* framesOf(stream, next) {
  let target = await next();
  let filled = 0;
  for await (const chunk of stream) {
    for (let from = 0; from < chunk.length;) {
      const part = chunk.subarray(from, from + target.bytes.length - filled);
      target.bytes.set(part, filled);
      filled += part.length;
      from += part.length;
      if (filled === target.bytes.length) {
        yield target;
        target = await next();
        filled = 0;
      }
    }
  }
}
