import type { NativePlan } from './binding';
import { releaseOf } from './discovery/versions';
import type { EngineOrigin } from './engine';
import { TrtError } from './errors';
import { flavourNames } from './gpu-support';
import type { PlanIntegrity } from './load-options';
import { manifestFor } from './manifest';
import type { FileDigest, Manifest } from './manifest-schema';
import type { PlanHeader } from './plan-header';

/**
 * Whether a plan's bytes are those that its manifest describes, and what is known of the plan then.
 *
 * @throws TrtError `ERR_TRT_ENGINE_DIGEST`, `ERR_TRT_ENGINE_FLAVOUR`, `ERR_TRT_ENGINE_VERSION`
 */
export function checkPlanIntegrity(
  plan: Pick<NativePlan, 'sha256' | 'sizeBytes'>,
  header: PlanHeader,
  manifest: Manifest | null,
  integrity: PlanIntegrity,
): EngineOrigin {
  const described = manifest === null ? null : manifestFor(manifest, plan.sha256);
  if (integrity === 'off') {
    return { manifest: isManifest(described) ? described : null, integrity: 'off' };
  }
  if (manifest === null) return { manifest: null, integrity: 'unverified' };
  if (described === null) throw digestError(manifest.plan, plan);
  if (!isManifest(described)) return { manifest: null, integrity: 'digest' };
  checkAgreement(described, header);
  return { manifest: described, integrity: 'digest' };
}

function isManifest(described: ReturnType<typeof manifestFor>): described is Manifest {
  return described !== null && described !== 'digest-only';
}

function checkAgreement(manifest: Manifest, header: PlanHeader): void {
  const details = {
    manifest: { flavour: manifest.flavour, version: manifest.version },
    plan: header,
  };
  const remedy = 'Build the plan again, or bring back the manifest that was made with it.';
  if (manifest.flavour !== header.flavour) {
    throw new TrtError(
      'ERR_TRT_ENGINE_FLAVOUR',
      `the manifest says that the plan is ${flavourNames[manifest.flavour]}'s, but its header says ` +
        `${flavourNames[header.flavour]}'s. ${remedy}`,
      { details },
    );
  }
  if (releaseOf(manifest.version) !== releaseOf(header.version)) {
    throw new TrtError(
      'ERR_TRT_ENGINE_VERSION',
      `the manifest says that ${flavourNames[manifest.flavour]} ${manifest.version} made the plan, but its header says ` +
        `${header.version}. ${remedy}`,
      { details },
    );
  }
}

function digestError(expected: FileDigest, got: FileDigest): TrtError {
  const { reason, text } = howTheyDiffer(expected.sizeBytes, got.sizeBytes);
  return new TrtError(
    'ERR_TRT_ENGINE_DIGEST',
    `the plan is not the one that its manifest describes; it is ${text}. Expected SHA-256 ${expected.sha256} but found ` +
      `${got.sha256}. Copy both files again, or build the plan again.`,
    {
      details: {
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
