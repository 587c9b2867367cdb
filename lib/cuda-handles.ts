/**
 * What lies behind streams and events, without a public door: the classes keep it here, so that they do not import one another.
 */
import type { NativeEvent, NativeStream } from './binding';
import type { CudaEvent } from './cuda-event';
import type { CudaStream } from './cuda-stream';
import { invalidArgument } from './errors';

const streams = new WeakMap<object, NativeStream>();
const events = new WeakMap<object, NativeEvent>();

export function keepStream(stream: CudaStream, native: NativeStream): void {
  streams.set(stream, native);
}

export function keepEvent(event: CudaEvent, native: NativeEvent): void {
  events.set(event, native);
}

/** @throws TrtError `ERR_TRT_INVALID_ARG`: not a CudaStream */
export function nativeStreamOf(stream: unknown, name = 'stream'): NativeStream {
  const native = isObject(stream) ? streams.get(stream) : undefined;
  if (native === undefined) throw invalidArgument(name, 'a CudaStream', stream);
  return native;
}

/** undefined: it has not been recorded yet. */
export function nativeEventOf(event: CudaEvent): NativeEvent | undefined {
  return events.get(event);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
