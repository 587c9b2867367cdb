import { compareVersions } from '../discovery/versions';
import type { Flavour, Manifest, ModelIdentity, PlanDigest } from '../manifest-schema';
import { packageVersion } from '../package-version';

/** Where an engine's weights come from. */
export interface WeightsOrigin {
  /** The model that brought all of them; null: they are the plan's. */
  readonly model: ModelIdentity | null;
  /** Some of them were given by name since. */
  readonly named: boolean;
}

export const planWeights: WeightsOrigin = { model: null, named: false };

/** A plan that was just written. */
export interface SavedPlan extends PlanDigest {
  /** Of the TensorRT that wrote it: a version-compatible plan may be loaded by a later one. */
  readonly version: string;
}

/** The manifest of an engine that is saved: what was said of the plan that it came from, as far as it still holds. */
export function savedManifest(
  loaded: Manifest,
  { version, ...plan }: SavedPlan,
  { model, named }: WeightsOrigin,
): Manifest {
  // The signature was over another plan, the cache's key is that of the build's own, and `previous` was the loaded file's matter.
  const { signature: _, cacheKey: __, previous: ___, verification, ...kept } = loaded;
  const { stripPlan, refit, namedWeights = false, ...others } = loaded.options;
  const isRefittable =
    refit !== undefined && (stripPlan !== true || keepsRefit(loaded.flavour, version));
  const options = isRefittable ? { ...others, refit } : others;
  const isNamed = named || (model === null && namedWeights === true);
  const same = !named && (model === null || isModelOf(loaded, model));
  return {
    ...kept,
    writer: packageVersion(),
    version,
    plan,
    ...(model === null ? {} : { model }),
    options: isNamed ? { ...options, namedWeights: true } : options,
    ...(same && verification !== undefined ? { verification } : {}),
  };
}

/** Whether a stripped plan with its weights can be refitted once it is saved (`SerializationFlag::kINCLUDE_REFIT`). */
function keepsRefit(flavour: Flavour, version: string): boolean {
  return flavour === 'tensorrt' && compareVersions(version, '10.14') >= 0;
}

function isModelOf({ model }: Manifest, weights: ModelIdentity): boolean {
  if (weights.sha256 !== model.sha256) return false;
  const [before, now] = [model, weights].map(({ externalData = {} }) =>
    Object.entries(externalData)
      .map(([location, { sha256 }]) => `${location}\n${sha256}`)
      .sort()
      .join('\n'),
  );
  return before === now;
}
