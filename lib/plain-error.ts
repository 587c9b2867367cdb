import { fromNative } from './binding';
import { TrtError } from './errors';
import type { LogLine, TrtErrorCode } from './errors';

/** A TrtError without its class, which structured cloning between processes drops. */
export interface PlainError {
  readonly code: TrtErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly log: readonly LogLine[];
}

/** What a child process sends of an error of its own. */
export function toPlain(error: unknown): PlainError {
  const { code, message, details, log } = fromNative(error);
  return { code, message, details, log };
}

/** The error that a child process sent; its stack is the caller's. */
export function fromPlain({ code, message, details, log }: PlainError): TrtError {
  return new TrtError(code, message, { details, log });
}
