import type { BuildOptions } from '../build-options';
import type { CalibrationOption } from '../calibration/option';
import { invalidArgument } from '../errors';
import { readSigningKey } from '../signature/key-file';
import type { VerifyOption } from '../verify/option';
import type { BuildFlags } from './build-flags';
import { profileOfShapes } from './parse';

/** The options of a build of one model that a command line means, with the plan's path filled in. */
export function buildOptionsOf(
  model: string,
  flags: BuildFlags,
): BuildOptions & { output: string } {
  return {
    ...flagOptionsOf(flags),
    output: flags.output ?? `${model.replace(/\.onnx$/i, '')}.engine`,
  };
}

/** The options of `buildEngine` that a command line has. What is not on it stays undefined. */
export function flagOptionsOf(flags: BuildFlags): BuildOptions {
  const first = profileOfShapes(flags);
  const profiles = [...(first ? [first] : []), ...(flags.profile ?? [])];
  return {
    ...weightOptionsOf(flags),
    ...tuningOptionsOf(flags),
    runtime: flags.runtime,
    library: flags.library,
    device: flags.device,
    computeCapabilities: flags.computeCapability,
    isolation: flags.isolation,
    precision: flags.precision?.length === 1 ? flags.precision[0] : flags.precision,
    typing: flags.typing,
    calibration: calibrationOf(flags),
    profiles: profiles.length > 0 ? profiles : undefined,
    timingCache: flags.timingCache,
    reproducible: flags.reproducible,
    cache: flags.cache,
    verify: verifyOf(flags),
    plugins: flags.plugin,
    standardPlugins: flags.standardPlugins,
    signingKey: flags.signKey === undefined ? undefined : readSigningKey(flags.signKey),
    labels: flags.label && Object.fromEntries(flags.label),
  };
}

function weightOptionsOf(flags: BuildFlags): BuildOptions {
  return {
    refit: flags.refit,
    stripPlan: flags.stripPlan,
    weightStreaming: flags.weightStreaming,
    hardwareCompatibilityLevel: flags.hardwareCompatibilityLevel,
    versionCompatible: flags.versionCompatible,
    excludeLeanRuntime: flags.excludeLeanRuntime,
  };
}

function tuningOptionsOf(flags: BuildFlags): BuildOptions {
  return {
    optimizationLevel: flags.optimizationLevel,
    memoryPools: flags.memoryPool && Object.fromEntries(flags.memoryPool),
    maxAuxStreams: flags.maxAuxStreams,
    avgTimingIterations: flags.avgTimingIterations,
    maxNbTactics: flags.maxNbTactics,
    sparseWeights: flags.sparseWeights,
    tacticSources: flags.tacticSources,
    previewFeatures: flags.previewFeatures && Object.fromEntries(flags.previewFeatures),
    tilingOptimizationLevel: flags.tilingOptimizationLevel,
    l2LimitForTiling: flags.l2LimitForTiling,
    dla: dlaOf(flags),
    debugTensors: flags.debugTensor,
  };
}

function calibrationOf({
  calibration: data,
  calibrationAlgorithm: algorithm,
  calibrationCache: cache,
}: BuildFlags): CalibrationOption | undefined {
  return data === undefined && algorithm === undefined && cache === undefined
    ? undefined
    : { data, algorithm, cache };
}

function verifyOf(flags: BuildFlags): VerifyOption | undefined {
  const { verify: cases, reference, atol, rtol, metric, minimum, maximum, maxDrop } = flags;
  const how = { reference, atol, rtol, metric, minimum, maximum, maxDrop };
  if (cases !== undefined) return { cases, ...how };
  const given = Object.entries(how).find(([, value]) => value !== undefined);
  if (given === undefined) return undefined;
  const [name, value] = given;
  throw invalidArgument(
    name === 'maxDrop' ? '--max-drop' : `--${name}`,
    'also --verify <cases>',
    value,
  );
}

function dlaOf({ dlaCore: core, gpuFallback }: BuildFlags): BuildOptions['dla'] {
  if (core !== undefined) return gpuFallback ? { core, gpuFallback } : { core };
  if (gpuFallback) throw invalidArgument('--gpu-fallback', 'also --dla-core <index>', gpuFallback);
  return undefined;
}
