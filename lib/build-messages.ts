import type { NativeBuildRequest, NativeBuildResult, NativeProgress } from './binding';
import type { LogLine, TrtErrorCode } from './errors';

/** The one message that a build child receives. */
export type BuildOrder = NativeBuildRequest;

/** A TrtError without its class, which structured cloning drops. */
export interface ClonedError {
  readonly code: TrtErrorCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly log: readonly LogLine[];
}

/** What a build child sends: any number of progress messages, then one of the others. */
export type BuildReport =
  | { readonly kind: 'progress'; readonly event: NativeProgress }
  | { readonly kind: 'result'; readonly result: NativeBuildResult }
  | { readonly kind: 'error'; readonly error: ClonedError };
