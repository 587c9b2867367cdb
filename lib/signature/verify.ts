import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto';
import { invalidArgument } from '../errors';
import type { Manifest, ManifestSignature } from '../manifest-schema';
import { checkedKey, type CheckedKey } from './key';
import { signedBytes } from './signed-bytes';

/** What a load verifies with: any one of them confirms a signature. */
export type VerificationKeys = readonly CheckedKey[];

/** Why a signature is not confirmed. */
export type SignatureProblem =
  /** The manifest has none. */
  | 'unsigned'
  /** It was made with a key of another name than those given. */
  | 'key-id'
  /** It was made with another algorithm than the keys are for. */
  | 'algorithm'
  /** The manifest was changed since, or another key made it: nothing tells the two apart. */
  | 'mismatch';

/**
 * The option `verificationKey`: one key, or several while they are exchanged. null where it is not given.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function checkedVerificationKey(value: unknown): VerificationKeys | null {
  const name = 'options.verificationKey';
  if (value === undefined) return null;
  if (!Array.isArray(value)) return [checkedKey(value, name, 'verify')];
  const keys = value as readonly unknown[];
  if (keys.length === 0) throw invalidArgument(name, 'at least one key', keys);
  return keys.map((key, index) => checkedKey(key, `${name}[${index}]`, 'verify'));
}

/** null where one of the keys confirms the manifest's signature. */
export function signatureProblem(
  manifest: Manifest,
  keys: VerificationKeys,
): SignatureProblem | null {
  const { signature } = manifest;
  if (signature === undefined) return 'unsigned';
  const { keyId } = signature;
  const named = keys.filter(
    (key) => key.keyId === null || keyId === undefined || key.keyId === keyId,
  );
  if (named.length === 0) return 'key-id';
  // The keys say which algorithm is right: a manifest that could choose would make a secret of a public key.
  const fitting = named.filter(({ algorithm }) => algorithm === signature.algorithm);
  if (fitting.length === 0) return 'algorithm';
  const bytes = signedBytes(manifest);
  return fitting.some((key) => confirms(key, bytes, signature)) ? null : 'mismatch';
}

/** Whether one of the keys confirms what `signer` signs. */
export function canConfirm(keys: VerificationKeys, signer: CheckedKey): boolean {
  const { algorithm } = signer;
  const counterpart = algorithm === 'ed25519' ? createPublicKey(signer.key) : signer.key;
  return keys.some(
    (key) =>
      key.algorithm === algorithm &&
      (key.keyId === null || signer.keyId === null || key.keyId === signer.keyId) &&
      key.key.equals(counterpart),
  );
}

function confirms(
  { algorithm, key }: CheckedKey,
  bytes: Buffer,
  signature: ManifestSignature,
): boolean {
  const value = Buffer.from(signature.value, 'base64');
  // Else one signature would have several texts.
  if (value.toString('base64') !== signature.value) return false;
  if (algorithm === 'ed25519') return verify(null, bytes, key, value);
  const expected = createHmac('sha256', key).update(bytes).digest();
  return value.length === expected.length && timingSafeEqual(value, expected);
}
