import type { Profile, TensorInfo } from '../manifest-schema';
import type { PlainError } from '../plain-error';
import type { PlanSetup } from './host';
import type { PlainTensors } from './plain-tensors';

/** What a verify child is asked. Engines and models are numbered in the order in which they were opened. */
export interface VerifyCall {
  readonly id: number;
  readonly call:
    | { readonly kind: 'open'; readonly planPath: string; readonly setup: PlanSetup }
    | { readonly kind: 'openReference'; readonly modelPath: string }
    | { readonly kind: 'infer'; readonly runner: number; readonly inputs: PlainTensors };
}

export interface OpenedEngine {
  readonly runner: number;
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly profiles: readonly Profile[];
}

/** One for each call, not in their order. */
export type VerifyAnswer =
  | { readonly id: number; readonly kind: 'engine'; readonly engine: OpenedEngine }
  | { readonly id: number; readonly kind: 'reference'; readonly runner: number }
  | { readonly id: number; readonly kind: 'outputs'; readonly outputs: PlainTensors }
  | { readonly id: number; readonly kind: 'error'; readonly error: PlainError };

/** Sent once, when the child listens. */
export interface VerifyStarted {
  readonly kind: 'started';
}
