import type { NativeBuildRequest, NativeBuildResult, NativeProgress } from './binding';
import type { PlainError } from './plain-error';

/** The one message that a build child receives. */
export type BuildOrder = NativeBuildRequest;

/** What a build child sends: any number of progress messages, then one of the others. */
export type BuildReport =
  | { readonly kind: 'progress'; readonly event: NativeProgress }
  | { readonly kind: 'result'; readonly result: NativeBuildResult }
  | { readonly kind: 'error'; readonly error: PlainError };
