import type { NativePlan } from './binding';
import { releaseOf } from './discovery/versions';
import type { EngineOrigin } from './engine';
import { TrtError } from './errors';
import { flavourNames } from './gpu-support';
import { manifestFor } from './manifest';
import type { FileDigest, Manifest } from './manifest-schema';
import { planNamed, type PlanHeader } from './plan-header';
import type { PlanIntegrity } from './signature/load-integrity';
import { signatureError } from './signature/signature-error';
import { signatureProblem, type VerificationKeys } from './signature/verify';

/** A plan that was read. */
export interface ReadPlan {
  readonly plan: Pick<NativePlan, 'sha256' | 'sizeBytes'>;
  readonly header: PlanHeader;
  /** null for bytes. */
  readonly path: string | null;
}

/**
 * Whether a plan's bytes are those that its manifest describes, and what is known of the plan then.
 *
 * @param keys what confirms a signature, with `integrity` `signature`
 * @throws TrtError `ERR_TRT_ENGINE_DIGEST`, `ERR_TRT_ENGINE_SIGNATURE`, `ERR_TRT_ENGINE_FLAVOUR`, `ERR_TRT_ENGINE_VERSION`
 */
export function checkPlanIntegrity(
  read: ReadPlan,
  manifest: Manifest | null,
  integrity: PlanIntegrity,
  keys: VerificationKeys | null = null,
): EngineOrigin {
  const described = manifest === null ? null : manifestFor(manifest, read.plan.sha256);
  if (integrity === 'off') {
    return { manifest: isManifest(described) ? described : null, integrity: 'off' };
  }
  if (integrity === 'signature') {
    const signed = checkSignature(read, manifest, described, keys ?? []);
    checkAgreement(signed, read);
    return { manifest: signed, integrity: 'signature' };
  }
  if (manifest === null) return { manifest: null, integrity: 'unverified' };
  if (described === null) throw digestError(manifest.plan, read);
  if (!isManifest(described)) return { manifest: null, integrity: 'digest' };
  checkAgreement(described, read);
  return { manifest: described, integrity: 'digest' };
}

function isManifest(described: ReturnType<typeof manifestFor>): described is Manifest {
  return described !== null && described !== 'digest-only';
}

/** The manifest that describes the plan, which one of the keys confirms. */
function checkSignature(
  read: ReadPlan,
  manifest: Manifest | null,
  described: ReturnType<typeof manifestFor>,
  keys: VerificationKeys,
): Manifest {
  const { path, plan } = read;
  if (manifest === null) throw signatureError('no-manifest', path, keys, null);
  if (described === null) {
    const expected = manifest.plan;
    throw signatureError('plan', path, keys, manifest, {
      expected: { sha256: expected.sha256, sizeBytes: expected.sizeBytes },
      got: { sha256: plan.sha256, sizeBytes: plan.sizeBytes },
    });
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

function digestError(expected: FileDigest, { plan: got, path }: ReadPlan): TrtError {
  const { reason, text } = howTheyDiffer(expected.sizeBytes, got.sizeBytes);
  return new TrtError(
    'ERR_TRT_ENGINE_DIGEST',
    `${planNamed(path)} is not the one that its manifest describes; it is ${text}. Expected SHA-256 ${expected.sha256} but found ` +
      `${got.sha256}. Copy both files again, or build the plan again.`,
    {
      details: {
        path,
        reason,
        expected: { sha256: expected.sha256, sizeBytes: expected.sizeBytes },
        got: { sha256: got.sha256, sizeBytes: got.sizeBytes },
      },
    },
  );
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
