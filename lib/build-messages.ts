import type {
  NativeBinding,
  NativeBuildRequest,
  NativeBuildResult,
  NativeModelInspection,
  NativeProgress,
} from './binding';
import type { PlainError } from './plain-error';

/** What `binding.inspectModel` takes. */
export type NativeInspectRequest = Parameters<NativeBinding['inspectModel']>[0];

/** The one message that a build child receives. */
export type ChildTask =
  | { readonly kind: 'build'; readonly request: NativeBuildRequest }
  | { readonly kind: 'inspect'; readonly request: NativeInspectRequest };

/** What each kind of task results in. */
export interface ChildResults {
  readonly build: NativeBuildResult;
  readonly inspect: NativeModelInspection;
}

/** What a build child sends: `started` before it has a task, any number of progress messages, then one of the others. */
export type ChildReport =
  | { readonly kind: 'started' }
  | { readonly kind: 'progress'; readonly event: NativeProgress }
  | { readonly kind: 'result'; readonly result: ChildResults[keyof ChildResults] }
  | { readonly kind: 'error'; readonly error: PlainError };
