/**
 * Lets a stream lose its reader (`trt-node doctor | head -1`) without a word: what was to be read is not wanted, and the
 * command's work and exit code do not depend on it.
 */
export function tolerateBrokenPipe(stream: NodeJS.WritableStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}
