import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { TrtError } from '../../lib/errors';
import { manifestText, parseManifest } from '../../lib/manifest';
import type { Manifest } from '../../lib/manifest-schema';
import { checkPlanIntegrity } from '../../lib/plan-integrity';
import type { SignatureKey } from '../../lib/signature/key';
import { checkedSigningKey, signManifest } from '../../lib/signature/sign';
import { checkedVerificationKey } from '../../lib/signature/verify';
import { digestOf, manifestFixture } from '../support/manifests';

const secret = randomBytes(32);
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519');

function signed(manifest: Manifest, key: SignatureKey = privateKey): Manifest {
  return signManifest(manifest, checkedSigningKey(key) ?? expect.unreachable());
}

const reread = (manifest: Manifest): Manifest => parseManifest(manifestText(manifest), 'here');

function check(
  plan: string,
  manifest: Manifest | null,
  keys: SignatureKey | readonly SignatureKey[] = publicKey,
): ReturnType<typeof checkPlanIntegrity> {
  const header = { flavour: 'tensorrt-rtx', version: '1.7.1.116' } as const;
  const read = { plan: digestOf(plan), header, path: '/plans/a.engine' };
  const known = manifest === null ? null : reread(manifest);
  return checkPlanIntegrity(read, known, 'signature', checkedVerificationKey(keys));
}

function errorOf(work: () => unknown): TrtError {
  try {
    work();
  } catch (error) {
    if (error instanceof TrtError) return error;
    throw error;
  }
  return expect.unreachable('this should have been refused');
}

describe('integrity signature', () => {
  it('takes a signed plan', () => {
    const manifest = signed(manifestFixture('plan'));
    expect(check('plan', manifest)).toEqual({ manifest, integrity: 'signature' });
    const named = signed(manifestFixture('plan'), { key: secret, keyId: 'a' });
    expect(check('plan', named, [publicKey, { key: secret, keyId: 'a' }]).integrity).toBe(
      'signature',
    );
  });

  it.each<[string, string, string, Manifest | null, SignatureKey | undefined]>([
    ['has no manifest', 'no-manifest', 'plan', null, undefined],
    ['is not signed', 'unsigned', 'plan', manifestFixture('plan'), undefined],
    [
      'was signed by another',
      'mismatch',
      'plan',
      signed(manifestFixture('plan'), other.privateKey),
      undefined,
    ],
    [
      'was signed with another algorithm',
      'algorithm',
      'plan',
      signed(manifestFixture('plan'), secret),
      undefined,
    ],
    [
      'was signed with a key of another name',
      'key-id',
      'plan',
      signed(manifestFixture('plan'), { key: secret, keyId: 'a' }),
      { key: secret, keyId: 'b' },
    ],
    ['was replaced', 'plan', 'swapped', signed(manifestFixture('plan')), undefined],
    [
      'was replaced, with a digest to match',
      'mismatch',
      'swapped',
      { ...signed(manifestFixture('plan')), plan: digestOf('swapped') },
      undefined,
    ],
    [
      'has a manifest that was changed',
      'mismatch',
      'plan',
      { ...signed(manifestFixture('plan')), labels: {} },
      undefined,
    ],
    [
      'has a manifest whose signature was cut off',
      'unsigned',
      'plan',
      (({ signature: _, ...rest }) => rest)(signed(manifestFixture('plan'))),
      undefined,
    ],
  ])('refuses a plan that %s', (_, reason, plan, manifest, key) => {
    const error = errorOf(() => check(plan, manifest, key));
    expect(error.code).toBe('ERR_TRT_ENGINE_SIGNATURE');
    expect(error.details).toMatchObject({ reason, path: '/plans/a.engine' });
  });

  it('does not confirm anything without a key', () => {
    const read = {
      plan: digestOf('plan'),
      header: { flavour: 'tensorrt-rtx', version: '1.7.1.116' } as const,
      path: null,
    };
    const error = errorOf(() =>
      checkPlanIntegrity(read, signed(manifestFixture('plan')), 'signature'),
    );
    expect(error.code).toBe('ERR_TRT_ENGINE_SIGNATURE');
  });

  it('verifies the manifest that describes the plan, between the renames of a publication', () => {
    const old = signed(manifestFixture('old', { labels: { n: 'old' } }), other.privateKey);
    const between = signed(manifestFixture('plan', { previous: old }));
    expect(check('plan', between).manifest?.plan).toEqual(digestOf('plan'));
    expect(errorOf(() => check('old', between)).details).toMatchObject({ reason: 'mismatch' });
    expect(check('old', between, other.publicKey).manifest).toEqual(old);
    expect(check('old', between, [publicKey, other.publicKey]).manifest).toEqual(old);

    const forged = signed(
      manifestFixture('plan', { previous: { ...old, labels: { n: 'forged' } } }),
    );
    expect(errorOf(() => check('old', forged, other.publicKey)).details).toMatchObject({
      reason: 'mismatch',
    });
    const unsigned = signed(manifestFixture('plan', { previous: manifestFixture('old') }));
    expect(errorOf(() => check('old', unsigned)).details).toMatchObject({ reason: 'unsigned' });
    const digestOnly = signed(manifestFixture('plan', { previous: { plan: digestOf('old') } }));
    expect(errorOf(() => check('old', digestOnly)).details).toMatchObject({ reason: 'unsigned' });
  });

  it('does not take a signature for what the header says otherwise', () => {
    const flavour = signed(manifestFixture('plan', { flavour: 'tensorrt', version: '10.6.0' }));
    expect(errorOf(() => check('plan', flavour)).code).toBe('ERR_TRT_ENGINE_FLAVOUR');
    const version = signed(manifestFixture('plan', { version: '1.6.0' }));
    expect(errorOf(() => check('plan', version)).code).toBe('ERR_TRT_ENGINE_VERSION');
  });
});
