import { fromNative } from './binding';
import { TrtError } from './errors';

/** Errors of our own pass as they are; what the addon threw becomes a TrtError. */
export function asTrtError(error: unknown): TrtError {
  return error instanceof TrtError ? error : fromNative(error);
}

/** Awaits the addon; an async function, as only its rejections carry the stack of the one who awaits it. */
export async function nativeCall<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asTrtError(error);
  }
}

/** The same of a call that returns at once. */
export function nativeCallSync<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw asTrtError(error);
  }
}
