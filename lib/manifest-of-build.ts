import type { NativeBuildResult, NativeGpu } from './binding';
import { engineLayers } from './engine-information';
import type { Manifest } from './manifest-schema';
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
}

export function manifestOf(facts: BuildFacts): Manifest {
  const { result, model, gpu, driver, profiles, profileNames, options, labels } = facts;
  const own = gpu === null ? [] : [gpu.computeCapability];
  return {
    schemaVersion: 1,
    writer: packageVersion(),
    flavour: result.flavour,
    version: result.version,
    plan: { sha256: result.sha256, sizeBytes: result.sizeBytes },
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
  };
}
