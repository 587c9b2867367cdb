import { TrtError } from '../errors';
import type { Manifest } from '../manifest-schema';
import { planNamed } from '../plan-header';
import type { SignatureProblem, VerificationKeys } from './verify';

/** `details.reason` of ERR_TRT_ENGINE_SIGNATURE. no-manifest: nothing is there that could be signed. plan: its digest is not the signed one. */
export type SignatureReason = SignatureProblem | 'no-manifest' | 'plan';

/** `ERR_TRT_ENGINE_SIGNATURE` */
export function signatureError(
  reason: SignatureReason,
  path: string | null,
  keys: VerificationKeys,
  manifest: Manifest | null,
  facts: Readonly<Record<string, unknown>> = {},
): TrtError {
  const signature = manifest?.signature;
  const { finding, next } = textsOf(reason, path, keys, manifest);
  return new TrtError(
    'ERR_TRT_ENGINE_SIGNATURE',
    `expected a signature that \`verificationKey\` confirms for ${planNamed(path)}, but ${finding}. ${next} TensorRT has not seen the plan.`,
    {
      details: {
        path,
        reason,
        algorithm: signature?.algorithm ?? null,
        keyId: signature?.keyId ?? null,
        ...facts,
      },
    },
  );
}

interface Texts {
  readonly finding: string;
  readonly next: string;
}

const signAgain = 'Sign it when it is built (`signingKey`, `trt-node build --sign-key`).';

function textsOf(
  reason: SignatureReason,
  path: string | null,
  keys: VerificationKeys,
  manifest: Manifest | null,
): Texts {
  const signature = manifest?.signature;
  switch (reason) {
    case 'no-manifest':
      return {
        finding: `${path === null ? 'no `options.manifest` is given' : `${path}.json is not there`}, and a plan by itself has none`,
        next:
          path === null
            ? 'Give the manifest that was made with it.'
            : 'Copy it from where the plan comes from, or build and sign the plan again.',
      };
    case 'unsigned':
      return { finding: 'its manifest is not signed', next: signAgain };
    case 'key-id':
      return {
        finding: `it is signed with the key ${JSON.stringify(signature?.keyId)}, and the keys given are ${keys
          .map(({ keyId }) => JSON.stringify(keyId))
          .join(', ')}`,
        next: 'Add that key to `verificationKey` if you trust it.',
      };
    case 'algorithm':
      return {
        finding: `it is signed with ${String(signature?.algorithm)}, and the keys given are for ${[
          ...new Set(keys.map(({ algorithm }) => algorithm)),
        ].join(', ')}`,
        next: 'Give the key that belongs to the one it was signed with, if you trust it.',
      };
    case 'mismatch':
      return {
        finding: 'another key signed it, or its manifest was changed since',
        next: 'Do not use it before you know which. Copy plan and manifest again from where they were built, and check the key.',
      };
    case 'plan':
      return {
        finding: 'the plan is not the one that was signed: its SHA-256 is another',
        next: 'Do not use it before you know why. Copy plan and manifest again from where they were built.',
      };
  }
}
