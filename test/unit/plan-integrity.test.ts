import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { TrtError } from '../../lib/errors';
import { manifestText, parseManifest } from '../../lib/manifest';
import type { Manifest } from '../../lib/manifest-schema';
import { checkPlanIntegrity, type ReadPlan } from '../../lib/plan-integrity';
import type { SignatureKey } from '../../lib/signature/key';
import { checkedSigningKey, signManifest } from '../../lib/signature/sign';
import { checkedVerificationKey } from '../../lib/signature/verify';
import { chunksSha256Of, digestOf, hashOfPlan, manifestFixture } from '../support/manifests';

const secret = randomBytes(32);
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519');

function signed(manifest: Manifest, key: SignatureKey = privateKey): Manifest {
  return signManifest(manifest, checkedSigningKey(key) ?? expect.unreachable());
}

const reread = (manifest: Manifest): Manifest => parseManifest(manifestText(manifest), 'here');

const readPlan = (plan: string): ReadPlan['plan'] => ({
  sizeBytes: plan.length,
  hash: hashOfPlan(plan),
});

function check(
  plan: string,
  manifest: Manifest | null,
  keys: SignatureKey | readonly SignatureKey[] = publicKey,
): ReturnType<typeof checkPlanIntegrity> {
  const header = { flavour: 'tensorrt-rtx', version: '1.7.1.116' } as const;
  const read = { plan: readPlan(plan), header, path: '/plans/a.engine' };
  const known = manifest === null ? null : reread(manifest);
  return checkPlanIntegrity(read, known, 'signature', checkedVerificationKey(keys));
}

async function errorOf(work: () => Promise<unknown>): Promise<TrtError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof TrtError) return error;
    throw error;
  }
  return expect.unreachable('this should have been refused');
}

describe('integrity signature', () => {
  it('takes a signed plan', async () => {
    const manifest = signed(manifestFixture('plan'));
    expect(await check('plan', manifest)).toEqual({ manifest, integrity: 'signature' });
    const named = signed(manifestFixture('plan'), { key: secret, keyId: 'a' });
    const origin = await check('plan', named, [publicKey, { key: secret, keyId: 'a' }]);
    expect(origin.integrity).toBe('signature');
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
  ])('refuses a plan that %s', async (_, reason, plan, manifest, key) => {
    const error = await errorOf(() => check(plan, manifest, key));
    expect(error.code).toBe('ERR_TRT_ENGINE_SIGNATURE');
    expect(error.details).toMatchObject({ reason, path: '/plans/a.engine' });
  });

  it.each<[string, (previous: Manifest) => NonNullable<Manifest['previous']>]>([
    ['a digest', ({ plan }) => ({ plan })],
    ['a manifest', (previous) => previous],
  ])(
    'refuses a plan that %s beside a signed manifest claims to be the one before',
    async (_, of) => {
      const manifest = signed(manifestFixture('plan'));
      const forged = { ...manifestFixture('swapped') };
      // The signed plan's digest, so that whoever looks for that one finds the signed entry.
      const plan = {
        ...forged.plan,
        sha256: manifest.plan.sha256,
        chunksSha256: chunksSha256Of(Buffer.from('swapped')),
      };
      const error = await errorOf(() =>
        check('swapped', { ...manifest, previous: of({ ...forged, plan }) }),
      );
      expect(error.code).toBe('ERR_TRT_ENGINE_SIGNATURE');
      expect(error.details).toMatchObject({ reason: 'unsigned' });
    },
  );

  it('does not confirm anything without a key', async () => {
    const read = {
      plan: readPlan('plan'),
      header: { flavour: 'tensorrt-rtx', version: '1.7.1.116' } as const,
      path: null,
    };
    const error = await errorOf(() =>
      checkPlanIntegrity(read, signed(manifestFixture('plan')), 'signature'),
    );
    expect(error.code).toBe('ERR_TRT_ENGINE_SIGNATURE');
  });

  it('verifies the manifest that describes the plan, between the renames of a publication', async () => {
    const old = signed(manifestFixture('old', { labels: { n: 'old' } }), other.privateKey);
    const between = signed(manifestFixture('plan', { previous: old }));
    expect((await check('plan', between)).manifest?.plan).toEqual(digestOf('plan'));
    expect((await errorOf(() => check('old', between))).details).toMatchObject({
      reason: 'mismatch',
    });
    expect((await check('old', between, other.publicKey)).manifest).toEqual(old);
    expect((await check('old', between, [publicKey, other.publicKey])).manifest).toEqual(old);

    const forged = signed(
      manifestFixture('plan', { previous: { ...old, labels: { n: 'forged' } } }),
    );
    expect((await errorOf(() => check('old', forged, other.publicKey))).details).toMatchObject({
      reason: 'mismatch',
    });
    const unsigned = signed(manifestFixture('plan', { previous: manifestFixture('old') }));
    expect((await errorOf(() => check('old', unsigned))).details).toMatchObject({
      reason: 'unsigned',
    });
    const digestOnly = signed(manifestFixture('plan', { previous: { plan: digestOf('old') } }));
    expect((await errorOf(() => check('old', digestOnly))).details).toMatchObject({
      reason: 'unsigned',
    });
  });

  it('does not take a signature for what the header says otherwise', async () => {
    const flavour = signed(manifestFixture('plan', { flavour: 'tensorrt', version: '10.6.0' }));
    expect((await errorOf(() => check('plan', flavour))).code).toBe('ERR_TRT_ENGINE_FLAVOUR');
    const version = signed(manifestFixture('plan', { version: '1.6.0' }));
    expect((await errorOf(() => check('plan', version))).code).toBe('ERR_TRT_ENGINE_VERSION');
  });
});

describe('chunksSha256', () => {
  const bytes = Buffer.alloc(9 * 1024 * 1024, 'plan');
  const plan = { ...digestOf(bytes), chunksSha256: chunksSha256Of(bytes) };
  const header = { flavour: 'tensorrt-rtx', version: '1.7.1.116' } as const;

  /** What is asked of the plan, beside what comes of it. */
  async function checkDigest(
    read: Buffer,
    manifest: Manifest,
  ): Promise<{ asked: string[]; outcome: unknown }> {
    const asked: string[] = [];
    const hash = (kind: 'sha256' | 'chunksSha256'): Promise<string> => {
      asked.push(kind);
      return hashOfPlan(read)(kind);
    };
    const given = { plan: { sizeBytes: read.length, hash }, header, path: null };
    const outcome = await checkPlanIntegrity(given, reread(manifest), 'digest').catch(
      (error: unknown) => error,
    );
    return { asked, outcome };
  }

  it('is what is compared where a manifest has it', async () => {
    const manifest = manifestFixture('', { plan });
    const { asked, outcome } = await checkDigest(bytes, manifest);
    expect(outcome).toEqual({ manifest, integrity: 'digest' });
    expect(asked).toEqual(['chunksSha256']);
    const older = manifestFixture('', { plan: digestOf(bytes) });
    const without = await checkDigest(bytes, older);
    expect(without.outcome).toEqual({ manifest: older, integrity: 'digest' });
    expect(without.asked).toEqual(['sha256']);
  });

  it.each([0, 4 * 1024 * 1024 - 1, 4 * 1024 * 1024, 9 * 1024 * 1024 - 1])(
    '#8 finds the byte %i altered',
    async (at) => {
      const altered = Buffer.from(bytes);
      altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
      const { outcome } = await checkDigest(altered, manifestFixture('', { plan }));
      expect(outcome).toMatchObject({
        code: 'ERR_TRT_ENGINE_DIGEST',
        details: {
          reason: 'altered',
          expected: plan,
          got: { ...digestOf(altered), chunksSha256: chunksSha256Of(altered) },
        },
      });
    },
  );

  it('finds two chunks that changed places', async () => {
    const chunk = 4 * 1024 * 1024;
    const content = Buffer.concat([Buffer.alloc(chunk, 1), Buffer.alloc(chunk, 2)]);
    const swapped = Buffer.concat([content.subarray(chunk), content.subarray(0, chunk)]);
    const manifest = manifestFixture('', {
      plan: { ...digestOf(content), chunksSha256: chunksSha256Of(content) },
    });
    const { outcome } = await checkDigest(swapped, manifest);
    expect(outcome).toMatchObject({ code: 'ERR_TRT_ENGINE_DIGEST' });
  });

  it('refuses a plan of which only the other digest agrees', async () => {
    const wrong = { ...plan, chunksSha256: 'a'.repeat(64) };
    const { outcome } = await checkDigest(bytes, manifestFixture('', { plan: wrong }));
    expect(outcome).toMatchObject({
      code: 'ERR_TRT_ENGINE_DIGEST',
      details: { expected: wrong, got: plan },
      message: expect.stringContaining('chunksSha256') as string,
    });
  });

  it('tells an older plan by what its entry has', async () => {
    const old = manifestFixture('old');
    const manifest = manifestFixture('', { plan, previous: old });
    const { outcome } = await checkDigest(Buffer.from('old'), manifest);
    expect(outcome).toEqual({ manifest: old, integrity: 'digest' });
  });

  it('is signed with all that stands in the manifest', async () => {
    const manifest = signed(manifestFixture('', { plan }));
    const forged = { ...manifest, plan: { ...plan, chunksSha256: chunksSha256Of(Buffer.of(1)) } };
    const read = { plan: { sizeBytes: 1, hash: hashOfPlan(Buffer.of(1)) }, header, path: null };
    const checking = checkPlanIntegrity(
      read,
      reread(forged),
      'signature',
      checkedVerificationKey(publicKey),
    );
    await expect(checking).rejects.toMatchObject({
      code: 'ERR_TRT_ENGINE_SIGNATURE',
      details: { reason: 'mismatch' },
    });
  });
});
