import { invalidArgument } from '../errors';
import type { VerificationRecord } from '../manifest-schema';
import type { Tensors } from '../tensor';
import type { CheckedVerify } from './option';
import type { PlainTensors } from './plain-tensors';

export type ReferenceKind = VerificationRecord['reference'];

/** What computes the expected outputs. */
export interface ReferenceSource {
  infer(inputs: PlainTensors): Promise<Tensors>;
}

export interface Reference {
  readonly kind: ReferenceKind;
  /** null: the cases have their outputs, or nothing is compared. */
  readonly model: ReferenceSource | null;
}

export interface ReferenceSources {
  readonly openOnnx: () => Promise<ReferenceSource>;
  readonly openUnquantized: () => Promise<ReferenceSource>;
}

/**
 * What the cases are compared with, by what the first one brings. Rejects with `ERR_TRT_INVALID_ARG` when there is nothing to compare
 * with and nothing else to check, or a comparison was asked for.
 */
export async function chooseReference(
  verify: CheckedVerify,
  hasOutputs: boolean,
  sources: ReferenceSources,
): Promise<Reference> {
  if (hasOutputs) return { kind: 'given', model: null };
  const { metric, elementwise, tolerance, finite, rowConsistency } = verify;
  const named = metric !== null && 'named' in metric;
  if (!named && !elementwise) return { kind: 'none', model: null };
  switch (verify.reference) {
    case 'onnxruntime':
      return { kind: 'onnxruntime', model: await sources.openOnnx() };
    case 'unquantized':
      return { kind: 'unquantized', model: await sources.openUnquantized() };
    case 'none': {
      if (named || tolerance.atol !== null || tolerance.rtol !== null) {
        const expected =
          "another than 'none' for cases without outputs beside a tolerance or a metric by name";
        throw invalidArgument('options.verify.reference', expected, 'none');
      }
      if (metric === null && !finite && rowConsistency === 'no') {
        const expected = "true where `reference` is 'none' and nothing else is asked for";
        throw invalidArgument('options.verify.finite', expected, finite);
      }
      return { kind: 'none', model: null };
    }
  }
}
