import type { NativePlan, NativePlanHash } from './binding';
import { releaseOf } from './discovery/versions';
import type { EngineOrigin } from './engine';
import { TrtError } from './errors';
import { flavourNames } from './gpu-support';
import { manifestFor } from './manifest';
import type { Manifest, PlanDigest } from './manifest-schema';
import { nativeCall } from './native-call';
import { planNamed, type PlanHeader } from './plan-header';
import type { PlanIntegrity } from './signature/load-integrity';
import { signatureError } from './signature/signature-error';
import { signatureProblem, type VerificationKeys } from './signature/verify';

/** A plan that was read. */
export interface ReadPlan {
  readonly plan: Pick<NativePlan, 'hash' | 'sizeBytes'>;
  readonly header: PlanHeader;
  /** null for bytes. */
  readonly path: string | null;
}

/** What `manifestFor` says, of a plan whose digests are not known yet. */
type Described = Manifest | 'digest-only' | null;

/** The digest that a manifest's plan is compared by; null: none, as nothing is to be hashed. */
export function hashOf(manifest: Manifest | null, integrity: PlanIntegrity): NativePlanHash | null {
  if (manifest === null || integrity === 'off') return null;
  return manifest.plan.chunksSha256 === undefined ? 'sha256' : 'chunksSha256';
}

/** Which of a manifest's entries is the plan's: by its digest or, with `off`, by what can be seen without one. */
export async function describing(
  manifest: Manifest,
  read: ReadPlan,
  integrity: PlanIntegrity,
): Promise<Described> {
  const isPlans = async (entry: Entry): Promise<boolean> =>
    integrity === 'off' ? looksLike(entry, read) : await isOf(entry.plan, read);
  const { previous } = manifest;
  if (await isPlans(manifest)) return manifestFor(manifest, manifest.plan.sha256);
  if (previous === undefined || !(await isPlans(previous))) return null;
  // The entry that was compared, and no other that has one of its digests: nobody signed what `previous` says.
  return 'schemaVersion' in previous ? previous : 'digest-only';
}

type Entry = Manifest | NonNullable<Manifest['previous']>;

async function isOf({ sha256, chunksSha256 }: PlanDigest, { plan }: ReadPlan): Promise<boolean> {
  return chunksSha256 === undefined
    ? (await nativeCall(() => plan.hash('sha256'))) === sha256
    : (await nativeCall(() => plan.hash('chunksSha256'))) === chunksSha256;
}

function looksLike(entry: Entry, { plan, header }: ReadPlan): boolean {
  return (
    entry.plan.sizeBytes === plan.sizeBytes &&
    'schemaVersion' in entry &&
    entry.flavour === header.flavour &&
    releaseOf(entry.version) === releaseOf(header.version)
  );
}

/**
 * Whether a plan's bytes are those that its manifest describes, and what is known of the plan then.
 *
 * @param keys what confirms a signature, with `integrity` `signature`
 * @throws TrtError (as a rejection) `ERR_TRT_ENGINE_DIGEST`, `ERR_TRT_ENGINE_SIGNATURE`, `ERR_TRT_ENGINE_FLAVOUR`,
 * `ERR_TRT_ENGINE_VERSION`
 */
export async function checkPlanIntegrity(
  read: ReadPlan,
  manifest: Manifest | null,
  integrity: PlanIntegrity,
  keys: VerificationKeys | null = null,
): Promise<EngineOrigin> {
  const described = manifest === null ? null : await describing(manifest, read, integrity);
  if (integrity === 'off') {
    return { manifest: isManifest(described) ? described : null, integrity: 'off' };
  }
  if (integrity === 'signature') {
    const signed = await checkSignature(read, manifest, described, keys ?? []);
    checkAgreement(signed, read);
    return { manifest: signed, integrity: 'signature' };
  }
  if (manifest === null) return { manifest: null, integrity: 'unverified' };
  if (described === null) throw await digestError(manifest.plan, read);
  if (!isManifest(described)) return { manifest: null, integrity: 'digest' };
  checkAgreement(described, read);
  return { manifest: described, integrity: 'digest' };
}

function isManifest(described: Described): described is Manifest {
  return described !== null && described !== 'digest-only';
}

/** The manifest that describes the plan, which one of the keys confirms. */
async function checkSignature(
  read: ReadPlan,
  manifest: Manifest | null,
  described: Described,
  keys: VerificationKeys,
): Promise<Manifest> {
  const { path } = read;
  if (manifest === null) throw signatureError('no-manifest', path, keys, null);
  if (described === null) {
    const { expected, got } = await bothDigests(manifest.plan, read);
    throw signatureError('plan', path, keys, manifest, { expected, got });
  }
  if (!isManifest(described)) throw signatureError('unsigned', path, keys, null);
  const problem = signatureProblem(described, keys);
  if (problem !== null) throw signatureError(problem, path, keys, described);
  return described;
}

function checkAgreement(manifest: Manifest, { header, path }: ReadPlan): void {
  const name = planNamed(path);
  const details = {
    path,
    manifest: { flavour: manifest.flavour, version: manifest.version },
    plan: header,
  };
  const remedy = 'Build the plan again, or bring back the manifest that was made with it.';
  if (manifest.flavour !== header.flavour) {
    throw new TrtError(
      'ERR_TRT_ENGINE_FLAVOUR',
      `the manifest says that ${name} is ${flavourNames[manifest.flavour]}'s, but its header says ` +
        `${flavourNames[header.flavour]}'s. ${remedy}`,
      { details },
    );
  }
  if (releaseOf(manifest.version) !== releaseOf(header.version)) {
    throw new TrtError(
      'ERR_TRT_ENGINE_VERSION',
      `the manifest says that ${flavourNames[manifest.flavour]} ${manifest.version} made ${name}, but its header says ` +
        `${header.version}. ${remedy}`,
      { details },
    );
  }
}

async function digestError(planned: PlanDigest, read: ReadPlan): Promise<TrtError> {
  const { path } = read;
  const { expected, got } = await bothDigests(planned, read);
  const { reason, text } = howTheyDiffer(expected.sizeBytes, got.sizeBytes);
  // Where they agree, the manifest's two digests do not go together.
  const differ =
    expected.sha256 === got.sha256
      ? `Expected chunksSha256 ${expected.chunksSha256} but found ${got.chunksSha256}`
      : `Expected SHA-256 ${expected.sha256} but found ${got.sha256}`;
  return new TrtError(
    'ERR_TRT_ENGINE_DIGEST',
    `${planNamed(path)} is not the one that its manifest describes; it is ${text}. ${differ}. Copy both files again, or build the ` +
      'plan again.',
    { details: { path, reason, expected, got } },
  );
}

/** What a manifest says of its plan, and the same of the plan that is there. */
async function bothDigests(
  expected: PlanDigest,
  { plan }: ReadPlan,
): Promise<{ readonly expected: PlanDigest; readonly got: PlanDigest }> {
  const got = { sha256: await nativeCall(() => plan.hash('sha256')), sizeBytes: plan.sizeBytes };
  if (expected.chunksSha256 === undefined) return { expected, got };
  const chunksSha256 = await nativeCall(() => plan.hash('chunksSha256'));
  return { expected, got: { ...got, chunksSha256 } };
}

function howTheyDiffer(expected: number, got: number): { reason: string; text: string } {
  if (got < expected) {
    return { reason: 'truncated', text: `truncated: ${got} of ${expected} bytes are there` };
  }
  if (got > expected) {
    return {
      reason: 'longer',
      text: `${got - expected} bytes longer than the ${expected} expected`,
    };
  }
  return { reason: 'altered', text: `altered: its ${got} bytes are not the same` };
}
