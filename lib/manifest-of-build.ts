import type { NativeBuildResult, NativeGpu, NativeTuning, NativeWeakPrecision } from './binding';
import { unprovenOf } from './builder-tuning';
import { engineLayers } from './engine-information';
import { summarizeLayers } from './layer-summary';
import type { CalibrationRecord, Manifest } from './manifest-schema';
import { packageVersion } from './package-version';

/** Everything that a manifest is made of. */
export interface BuildFacts {
  readonly result: NativeBuildResult;
  readonly model: Manifest['model'];
  readonly gpu: NativeGpu | null;
  readonly driver: string | null;
  /** As asked for; empty: the GPU's own. */
  readonly computeCapabilities: readonly string[];
  readonly profiles: Manifest['profiles'];
  readonly profileNames: Manifest['profileNames'] | undefined;
  readonly options: Manifest['options'];
  readonly labels: Manifest['labels'];
  /** The narrower types that were asked for. */
  readonly precisions: readonly NativeWeakPrecision[];
  readonly plugins: NonNullable<Manifest['plugins']>;
  readonly tuning: NativeTuning;
  /** Every kernel's time came from the timing cache. */
  readonly reproducible: boolean;
  readonly calibration: CalibrationRecord | null;
}

export function manifestOf(facts: BuildFacts): Manifest {
  const { result, model, gpu, driver, profiles, profileNames, options, labels } = facts;
  const unproven = unprovenOf(facts.tuning);
  const own = gpu === null ? [] : [gpu.computeCapability];
  return {
    schemaVersion: 1,
    writer: packageVersion(),
    flavour: result.flavour,
    version: result.version,
    plan: {
      sha256: result.sha256,
      sizeBytes: result.sizeBytes,
      chunksSha256: result.chunksSha256,
    },
    model,
    gpu: gpu && { name: gpu.name, computeCapability: gpu.computeCapability },
    computeCapabilities: facts.computeCapabilities.length > 0 ? facts.computeCapabilities : own,
    driver,
    inputs: result.inputs,
    outputs: result.outputs,
    profiles,
    ...(profileNames === undefined ? {} : { profileNames }),
    options,
    labels,
    builtAt: new Date().toISOString(),
    buildSeconds: result.buildSeconds,
    network: { layers: result.networkLayers },
    ...engineLayers(result),
    layerSummary: summarizeLayers(result.engineInformation, facts.precisions),
    ...(result.memory === null ? {} : { memory: result.memory }),
    ...(facts.calibration === null ? {} : { calibration: facts.calibration }),
    ...timingCacheOf(facts),
    ...(facts.plugins.length === 0 ? {} : { plugins: facts.plugins }),
    ...(unproven.length === 0 ? {} : { unproven }),
  };
}

/** Present where a file was read. */
function timingCacheOf({ result, reproducible }: BuildFacts): Pick<Manifest, 'timingCache'> {
  const sha256 = result.timingCache?.sha256 ?? null;
  return sha256 === null ? {} : { timingCache: { sha256, reproducible } };
}
