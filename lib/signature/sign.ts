import { createHmac, sign } from 'node:crypto';
import { TrtError } from '../errors';
import type { Manifest } from '../manifest-schema';
import { checkedKey, type CheckedKey } from './key';
import { signedBytes } from './signed-bytes';

/** What a build signs with. */
export type SigningKey = CheckedKey;

/**
 * The option `signingKey`; null where it is not given.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function checkedSigningKey(value: unknown): SigningKey | null {
  return value === undefined ? null : checkedKey(value, 'options.signingKey', 'sign');
}

/**
 * The manifest with its signature, over all of it but `previous`: with the plan's digest it covers the plan.
 *
 * @throws TrtError `ERR_TRT_INVALID_ARG`: a label or name in it is no Unicode text
 */
export function signManifest(manifest: Manifest, { algorithm, key, keyId }: SigningKey): Manifest {
  const header = { algorithm, ...(keyId === null ? {} : { keyId }) };
  const bytes = bytesToSign({ ...manifest, signature: { ...header, value: '' } });
  const value =
    algorithm === 'ed25519'
      ? sign(null, bytes, key)
      : createHmac('sha256', key).update(bytes).digest();
  return { ...manifest, signature: { ...header, value: value.toString('base64') } };
}

function bytesToSign(manifest: Manifest): Buffer {
  try {
    return signedBytes(manifest);
  } catch (cause) {
    throw new TrtError(
      'ERR_TRT_INVALID_ARG',
      `expected a manifest that can be signed, but ${(cause as Error).message}. Look at the options \`labels\` and \`profiles\`: ` +
        'their names and texts must be Unicode.',
      { cause, details: { argument: 'options.signingKey' } },
    );
  }
}
