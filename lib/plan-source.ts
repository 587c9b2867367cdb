import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { NativeBinding, NativePlan } from './binding';
import type { BuiltEngine } from './built-engine';
import { typedArrayName } from './data-types';
import { invalidArgument } from './errors';
import { filePathOf } from './file-path';
import { sliceBytes } from './input-copy';
import { LentBytes } from './lent-bytes';
import type { Manifest } from './manifest-schema';
import { planHeaderBytes, readPlanHeader } from './plan-header';

/** Where a plan comes from: a file, or bytes that JavaScript holds. */
export type PlanSource =
  | { readonly path: string; readonly manifest: Manifest | null }
  | { readonly bytes: () => Promise<Uint8Array>; readonly manifest: Manifest | null };

/** @throws TrtError `ERR_TRT_INVALID_ARG` */
export function planSourceOf(plan: unknown): PlanSource {
  if (typeof plan === 'string' || plan instanceof URL) {
    return { path: path.resolve(filePathOf(plan, 'plan')), manifest: null };
  }
  if (typedArrayName(plan) === 'Uint8Array') {
    return { bytes: () => Promise.resolve(plan as Uint8Array), manifest: null };
  }
  if (isBuiltEngine(plan)) {
    const { manifest } = plan;
    return plan.path === undefined
      ? { bytes: () => plan.bytes(), manifest }
      : { path: plan.path, manifest };
  }
  throw invalidArgument('plan', 'a path, a file: URL, a Uint8Array or a BuiltEngine', plan);
}

/** By shape: its class imports loadEngine, and a cycle would leave one of the two modules half made. */
function isBuiltEngine(value: unknown): value is BuiltEngine {
  return (
    typeof value === 'object' &&
    value !== null &&
    'manifest' in value &&
    'bytes' in value &&
    typeof value.bytes === 'function'
  );
}

/**
 * Brings a plan that JavaScript holds into native memory, in slices with a turn of the event loop between them.
 *
 * @throws TrtError `ERR_TRT_ENGINE_INVALID` before the first byte is copied; `ERR_TRT_INVALID_ARG` when the buffer is
 * transferred or resized meanwhile
 */
export async function copyPlan(
  binding: Pick<NativeBinding, 'createPlan'>,
  bytes: Uint8Array,
): Promise<NativePlan> {
  readPlanHeader(bytes.subarray(0, planHeaderBytes));
  const lent = new LentBytes('plan', bytes);
  const writer = binding.createPlan(lent.byteLength);
  for (let offset = 0; offset < lent.byteLength; offset += sliceBytes) {
    if (offset > 0) await nextTurn();
    writer.write(lent.part(offset, Math.min(offset + sliceBytes, lent.byteLength)));
  }
  return writer.seal();
}
