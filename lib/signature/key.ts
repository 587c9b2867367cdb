import { createPrivateKey, createPublicKey, createSecretKey, KeyObject } from 'node:crypto';
import { typedArrayName } from '../data-types';
import { TrtError } from '../errors';
import { checkedPlainObject } from '../plain-object';
import type { ManifestSignature } from '../manifest-schema';

/**
 * A key of a signature.
 *
 * A secret `KeyObject` or a `Uint8Array` of at least 32 random bytes signs and verifies with HMAC-SHA256: whoever can verify can
 * sign too. An Ed25519 key, as a `KeyObject` or PEM text, signs with its private part and is verified with its public one.
 * `keyId` is a name for it, which stands in the manifest.
 */
export type SignatureKey = KeyMaterial | { readonly key: KeyMaterial; readonly keyId: string };

export type KeyMaterial = KeyObject | string | Uint8Array;

/** A key after validation. */
export interface CheckedKey {
  readonly algorithm: ManifestSignature['algorithm'];
  readonly key: KeyObject;
  readonly keyId: string | null;
}

export type KeyUse = 'sign' | 'verify';

const minSecretBytes = 32;
const maxKeyIdLength = 100;

const expectations = {
  sign: 'a key to sign with: an Ed25519 private key (a KeyObject or PEM text), a secret of at least 32 bytes (a KeyObject or a Uint8Array), or { key, keyId } with one of these',
  verify:
    'a key to verify with: an Ed25519 public key (a KeyObject or PEM text), a secret of at least 32 bytes (a KeyObject or a Uint8Array), or { key, keyId } with one of these',
} as const;

/**
 * @param name the option, for messages; no message ever shows a key
 * @throws TrtError `ERR_TRT_INVALID_ARG`
 */
export function checkedKey(value: unknown, name: string, use: KeyUse): CheckedKey {
  const refuse = (found: string): TrtError => keyRefused(name, use, found);
  if (isMaterial(value)) return { ...keyOf(value, use, refuse), keyId: null };
  if (typeof value !== 'object' || value === null) throw refuse(kindOf(value));
  const given = checkedPlainObject(value, name, expectations[use]);
  const unknown = Object.keys(given).find((key) => key !== 'key' && key !== 'keyId');
  if (unknown !== undefined) throw refuse(`an object with the key ${JSON.stringify(unknown)}`);
  const { key, keyId } = given;
  if (!isMaterial(key)) throw refuse(`{ key } with ${kindOf(key)}`);
  return { ...keyOf(key, use, refuse), keyId: checkedKeyId(keyId, refuse) };
}

function isMaterial(value: unknown): value is KeyMaterial {
  return (
    typeof value === 'string' ||
    value instanceof KeyObject ||
    typedArrayName(value) === 'Uint8Array'
  );
}

function checkedKeyId(keyId: unknown, refuse: (found: string) => TrtError): string {
  if (typeof keyId !== 'string') throw refuse(`{ keyId } with ${kindOf(keyId)}`);
  if (keyId === '' || keyId.length > maxKeyIdLength || /[\p{C}]/u.test(keyId)) {
    throw refuse(`a keyId that is not text of 1 to ${maxKeyIdLength} characters`);
  }
  return keyId;
}

type FoundKey = Pick<CheckedKey, 'algorithm' | 'key'>;

function keyOf(material: KeyMaterial, use: KeyUse, refuse: (found: string) => TrtError): FoundKey {
  if (material instanceof KeyObject) return keyOfObject(material, use, refuse);
  const bytes = typeof material === 'string' ? Buffer.from(material) : Buffer.from(material);
  if (isPem(bytes)) return keyOfObject(parsedPem(bytes, use, refuse), use, refuse);
  if (typeof material === 'string') throw refuse('text that is not PEM');
  return secret(createSecretKey(bytes), refuse);
}

function keyOfObject(key: KeyObject, use: KeyUse, refuse: (found: string) => TrtError): FoundKey {
  if (key.type === 'secret') return secret(key, refuse);
  if (key.asymmetricKeyType !== 'ed25519') {
    throw refuse(`${a(key.asymmetricKeyType ?? key.type)} key`);
  }
  if (use === 'verify') {
    const verifier = key.type === 'private' ? createPublicKey(key) : key;
    return { algorithm: 'ed25519', key: verifier };
  }
  if (key.type !== 'private') throw refuse('a public key, which can only verify');
  return { algorithm: 'ed25519', key };
}

function secret(key: KeyObject, refuse: (found: string) => TrtError): FoundKey {
  const bytes = key.export();
  if (bytes.length < minSecretBytes) throw refuse(`a secret of ${bytes.length} bytes`);
  // As a secret, a public key would let everyone who knows it sign.
  if (isPem(bytes) || isDer(bytes)) {
    throw refuse("the bytes of a key's file as a secret (pass PEM text or createPublicKey()'s)");
  }
  return { algorithm: 'hmac-sha256', key };
}

function isPem(bytes: Buffer): boolean {
  return bytes.subarray(0, 100).toString('latin1').trimStart().startsWith('-----BEGIN');
}

/** SubjectPublicKeyInfo and PKCS #8 of an Ed25519 key. */
const derBeginnings = ['302a300506032b6570', '302e020100300506032b6570'];

function isDer(bytes: Buffer): boolean {
  return derBeginnings.some((beginning) => bytes.toString('hex', 0, 12).startsWith(beginning));
}

function parsedPem(bytes: Buffer, use: KeyUse, refuse: (found: string) => TrtError): KeyObject {
  const isPrivate = bytes.includes('PRIVATE KEY-----');
  try {
    return isPrivate ? createPrivateKey(bytes) : createPublicKey(bytes);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    throw refuse(
      code === 'ERR_MISSING_PASSPHRASE'
        ? `an encrypted key (decrypt it: createPrivateKey({ key, passphrase }) makes a KeyObject)`
        : `PEM text that is no ${isPrivate ? 'private' : 'public'} key`,
    );
  }
}

function keyRefused(name: string, use: KeyUse, found: string): TrtError {
  return new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected ${expectations[use]} for \`${name}\` but received ${found}`,
    { details: { argument: name } },
  );
}

/** What a value is, without a byte of it: it may be a key. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string') return 'text';
  if (Array.isArray(value)) return 'an array';
  return a(typeof value);
}

function a(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
}
