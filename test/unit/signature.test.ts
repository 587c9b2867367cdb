import { createHmac, createSecretKey, generateKeyPairSync, randomBytes, verify } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TrtError } from '../../lib/errors';
import { manifestText, parseManifest } from '../../lib/manifest';
import type { Manifest } from '../../lib/manifest-schema';
import { canonicalJson } from '../../lib/canonical-json';
import type { SignatureKey } from '../../lib/signature/key';
import { readSigningKey } from '../../lib/signature/key-file';
import { checkedIntegrity } from '../../lib/signature/load-integrity';
import { checkedSigningKey, signManifest } from '../../lib/signature/sign';
import { checkedVerificationKey, signatureProblem } from '../../lib/signature/verify';
import { manifestFixture } from '../support/manifests';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519');
const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
const publicPem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
const secret = randomBytes(32);

function sign(key: SignatureKey, manifest = manifestFixture('plan')): Manifest {
  const checked = checkedSigningKey(key);
  if (checked === null) throw new Error('no key');
  return signManifest(manifest, checked);
}

/** As a load has it: out of the file. */
function problem(manifest: Manifest, keys: SignatureKey | readonly SignatureKey[]): string | null {
  const read = parseManifest(manifestText(manifest), 'here');
  return signatureProblem(read, checkedVerificationKey(keys) ?? []);
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof TrtError) return error.code;
    throw error;
  }
  return 'none';
}

describe('a signature', () => {
  it.each<[string, SignatureKey, SignatureKey]>([
    ['a secret', secret, secret],
    ['a secret KeyObject', createSecretKey(secret), secret],
    ['Ed25519', privateKey, publicKey],
    ['Ed25519 in PEM', privatePem, publicPem],
    ['Ed25519 in the bytes of PEM files', Buffer.from(privatePem), Buffer.from(publicPem)],
    ['Ed25519, verified with the private key', privateKey, privatePem],
    ['a named key', { key: privateKey, keyId: 'ci-1' }, { key: publicKey, keyId: 'ci-1' }],
    ['a named key that is verified without its name', { key: secret, keyId: 'ci-1' }, secret],
    ['a key that is verified by a named one', secret, { key: secret, keyId: 'ci-1' }],
  ])('of %s is confirmed', (_, signer, verifier) => {
    const signed = sign(signer);
    expect(problem(signed, verifier)).toBeNull();
    expect(parseManifest(manifestText(signed), 'here')).toEqual(signed);
  });

  it('is what docs/signing.md says, by other means', () => {
    const manifest = manifestFixture('plan', { previous: manifestFixture('old') });
    const signed = sign({ key: secret, keyId: 'k' }, manifest);
    const { previous: _, ...rest } = manifest;
    const script = [
      'import json, sys',
      'm = json.load(sys.stdin)',
      "sys.stdout.write(json.dumps(m, sort_keys=True, separators=(',', ':'), ensure_ascii=False))",
    ].join('\n');
    const toSign = { ...rest, signature: { algorithm: 'hmac-sha256', keyId: 'k' } };
    const canonical = execFileSync('python3', ['-c', script], { input: JSON.stringify(toSign) });
    const bytes = Buffer.concat([Buffer.from('trt-node manifest signature 1\n'), canonical]);
    const value = createHmac('sha256', secret).update(bytes).digest('base64');
    expect(signed.signature).toEqual({ algorithm: 'hmac-sha256', keyId: 'k', value });

    const asymmetric = sign(privateKey, manifest);
    const { signature } = asymmetric;
    const text = canonicalJson({ ...rest, signature: { algorithm: 'ed25519' } });
    const signature64 = Buffer.from(signature?.value ?? '', 'base64');
    const message = Buffer.from(`trt-node manifest signature 1\n${text}`);
    expect(verify(null, message, publicKey, signature64)).toBe(true);
  });

  const altered: [string, Partial<Manifest>][] = [
    ['the plan', { plan: { ...manifestFixture('other').plan } }],
    ['the writer', { writer: '9.9.9' }],
    ['a label', { labels: { commit: 'other' } }],
    ['an option', { options: { precision: 'fp16' } }],
    ['a layer', { network: { layers: [] } }],
    ['the layers', { layers: null }],
    ['a profile', { profiles: [] }],
    ['the GPU', { gpu: null }],
    ['the time', { builtAt: '2027-01-02T03:04:05.678Z' }],
    ['a field more', { unproven: [] }],
  ];
  it.each(altered)('finds %s changed', (_, changes) => {
    for (const [signer, verifier] of [
      [secret, secret],
      [privateKey, publicKey],
    ] as const) {
      expect(problem({ ...sign(signer), ...changes }, verifier)).toBe('mismatch');
    }
  });

  it('covers every field of a manifest', () => {
    const signed = sign(secret);
    for (const key of Object.keys(signed)) {
      if (key === 'signature') continue;
      const { [key as 'writer']: _, ...without } = signed;
      expect(signatureProblem(without as Manifest, checkedVerificationKey(secret) ?? []), key).toBe(
        'mismatch',
      );
    }
  });

  it('covers what a newer version wrote, although it is left out here', () => {
    const newer = { ...manifestFixture('plan'), fromTheFuture: [1, 2] } as Manifest;
    const signed = sign(privateKey, newer);
    expect(problem(signed, publicKey)).toBeNull();
    expect(problem({ ...signed, fromTheFuture: [1, 3] } as Manifest, publicKey)).toBe('mismatch');
    expect(parseManifest(manifestText(signed), 'here')).not.toHaveProperty('fromTheFuture');
  });

  it('covers its own algorithm and keyId', () => {
    const signed = sign({ key: secret, keyId: 'a' });
    const signature = { ...(signed.signature ?? expect.unreachable()), keyId: 'b' };
    expect(problem({ ...signed, signature }, secret)).toBe('mismatch');
  });

  it('does not depend on the order of keys or on white space in the file', () => {
    const signed = sign(privateKey);
    const turned = Object.fromEntries(Object.entries(signed).reverse());
    const read = parseManifest(JSON.stringify(turned, null, 7), 'here');
    expect(signatureProblem(read, checkedVerificationKey(publicKey) ?? [])).toBeNull();
  });

  it.each<[string, Manifest, SignatureKey | SignatureKey[], string]>([
    ['no signature', manifestFixture('plan'), publicKey, 'unsigned'],
    ['another secret', sign(secret), randomBytes(32), 'mismatch'],
    ['another key', sign(other.privateKey), publicKey, 'mismatch'],
    [
      'a key of another name',
      sign({ key: secret, keyId: 'a' }),
      { key: secret, keyId: 'b' },
      'key-id',
    ],
    ['a key of another kind', sign(secret), publicKey, 'algorithm'],
    ['keys of another kind', sign(privateKey), [secret, randomBytes(40)], 'algorithm'],
  ])('is not confirmed: %s', (_, manifest, keys, reason) => {
    expect(problem(manifest, keys)).toBe(reason);
  });

  it('has one text alone', () => {
    const signed = sign(secret);
    const signature = signed.signature ?? expect.unreachable();
    // 32 bytes are 43 digits and one '='; the last digit's two low bits say nothing.
    const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    const last = digits.indexOf(signature.value[42] ?? '');
    const value = `${signature.value.slice(0, 42)}${digits[last + 1]}=`;
    expect(Buffer.from(value, 'base64')).toEqual(Buffer.from(signature.value, 'base64'));
    for (const text of [value, signature.value.slice(0, -1), signature.value.slice(0, 40)]) {
      expect(problem({ ...signed, signature: { ...signature, value: text } }, secret)).toBe(
        'mismatch',
      );
    }
  });

  it('is confirmed by any of several keys while they are exchanged', () => {
    const keys = [
      { key: publicKey, keyId: '2026' },
      { key: other.publicKey, keyId: '2027' },
      secret,
    ];
    expect(problem(sign({ key: privateKey, keyId: '2026' }), keys)).toBeNull();
    expect(problem(sign({ key: other.privateKey, keyId: '2027' }), keys)).toBeNull();
    expect(problem(sign({ key: secret, keyId: '2028' }), keys)).toBeNull();
    expect(problem(sign({ key: other.privateKey, keyId: '2026' }), keys)).toBe('mismatch');
  });

  it('replaces another one', () => {
    expect(problem(sign(privateKey, sign(secret)), publicKey)).toBeNull();
  });

  it('of the manifest before is its own', () => {
    const signed = sign(
      secret,
      manifestFixture('plan', { previous: sign(privateKey, manifestFixture('old')) }),
    );
    const { previous } = parseManifest(manifestText(signed), 'here');
    expect(
      signatureProblem(previous as Manifest, checkedVerificationKey(publicKey) ?? []),
    ).toBeNull();
    expect(problem(signed, secret)).toBeNull();
  });

  it('of text that is no Unicode is refused, and a file with such text too', () => {
    const labels = { commit: '\ud800' };
    expect(codeOf(() => sign(secret, manifestFixture('plan', { labels })))).toBe(
      'ERR_TRT_INVALID_ARG',
    );
    const text = manifestText({ ...sign(secret), labels });
    expect(codeOf(() => parseManifest(text, 'here'))).toBe('ERR_TRT_MANIFEST_INVALID');
  });
});

describe('a key', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const encrypted = privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'x',
  }) as string;
  const unusable: [string, unknown][] = [
    ['null', null],
    ['a number', 7],
    ['text that is not PEM', 'correct horse battery staple, and some more of that'],
    ['an empty text', ''],
    ['a short secret', randomBytes(31)],
    ['a short secret KeyObject', createSecretKey(randomBytes(16))],
    ['another typed array', new Uint16Array(32)],
    ['an RSA key', rsa.privateKey],
    ['an RSA public key', rsa.publicKey],
    ['an ECDSA key', ec.privateKey],
    ['PEM of something else', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
    ['an encrypted key', encrypted],
    ["a public key's DER bytes", publicKey.export({ type: 'spki', format: 'der' })],
    ["a private key's DER bytes", privateKey.export({ type: 'pkcs8', format: 'der' })],
    ["a public key's file as a secret", createSecretKey(Buffer.from(publicPem))],
    ['no key', {}],
    ['an empty keyId', { key: secret, keyId: '' }],
    ['a keyId of several lines', { key: secret, keyId: 'a\nb' }],
    ['no keyId', { key: secret }],
    ['a keyId too long', { key: secret, keyId: 'x'.repeat(101) }],
    ['a misspelt keyId', { key: secret, keyid: 'x' }],
    ['a Map', new Map([['key', secret]])],
  ];
  it.each(unusable)('is refused for signing and verifying: %s', (_, key) => {
    expect(codeOf(() => checkedSigningKey(key))).toBe('ERR_TRT_INVALID_ARG');
    expect(codeOf(() => checkedVerificationKey(key))).toBe('ERR_TRT_INVALID_ARG');
  });

  it('is refused for signing: a public one', () => {
    for (const key of [publicKey, publicPem]) {
      expect(codeOf(() => checkedSigningKey(key))).toBe('ERR_TRT_INVALID_ARG');
    }
  });

  it('is never shown in a message', () => {
    const text = 'correct horse battery staple';
    for (const key of [
      text,
      { key: text, keyId: 'a' },
      Buffer.from(text),
      { key: secret, keyId: 7 },
    ]) {
      let message = '';
      try {
        checkedSigningKey(key);
      } catch (error) {
        message = `${(error as Error).message} ${JSON.stringify((error as TrtError).details)}`;
      }
      expect(message).not.toBe('');
      expect(message).not.toMatch(/horse|staple/);
    }
  });

  it('may be missing, and a list of them may not be empty', () => {
    expect(checkedSigningKey(undefined)).toBeNull();
    expect(checkedVerificationKey(undefined)).toBeNull();
    expect(codeOf(() => checkedVerificationKey([]))).toBe('ERR_TRT_INVALID_ARG');
    expect(codeOf(() => checkedSigningKey([secret]))).toBe('ERR_TRT_INVALID_ARG');
  });

  it('is a copy: bytes that change later change nothing', () => {
    const bytes = Uint8Array.from(secret);
    const key = checkedSigningKey(bytes) ?? expect.unreachable();
    bytes.fill(0);
    expect(problem(signManifest(manifestFixture('plan'), key), secret)).toBeNull();
  });
});

describe('checkedIntegrity', () => {
  it.each([
    [undefined, undefined, 'digest'],
    ['digest', undefined, 'digest'],
    ['off', undefined, 'off'],
    [undefined, secret, 'signature'],
    ['signature', secret, 'signature'],
  ])('of %s and a key: %s', (integrity, key, expected) => {
    expect(checkedIntegrity(integrity, key).integrity).toBe(expected);
    expect(checkedIntegrity(integrity, key).verificationKeys === null).toBe(key === undefined);
  });

  it.each([
    ['signature', undefined],
    ['digest', secret],
    ['off', secret],
    ['none', undefined],
    [null, 'text'],
    [true, undefined],
  ])('refuses %s with the key %s', (integrity, key) => {
    expect(codeOf(() => checkedIntegrity(integrity, key))).toBe('ERR_TRT_INVALID_ARG');
  });
});

describe('readSigningKey', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'signing-key-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('reads PEM and secrets, every byte of them', async () => {
    const pem = path.join(folder, 'key.pem');
    const raw = path.join(folder, 'key.bin');
    await writeFile(pem, privatePem);
    await writeFile(raw, Buffer.concat([secret, Buffer.from('\n')]));
    expect(problem(sign(readSigningKey(pem)), publicKey)).toBeNull();
    expect(problem(sign(readSigningKey(raw)), secret)).toBe('mismatch');
    expect(problem(sign(readSigningKey(raw)), readSigningKey(raw))).toBeNull();
  });

  it('refuses what is no key file', async () => {
    const large = path.join(folder, 'large');
    const fifo = path.join(folder, 'fifo');
    await writeFile(large, new Uint8Array(64 * 1024 + 1));
    execFileSync('mkfifo', [fifo]);
    for (const file of [folder, large, fifo, path.join(folder, 'missing')]) {
      expect(
        codeOf(() => readSigningKey(file)),
        file,
      ).toBe('ERR_TRT_INVALID_ARG');
    }
  });
});
