import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { NativeBuildRequest, NativeGpu } from '../binding';
import { canonicalJson, type Json } from '../canonical-json';
import type { UsableLibrary } from '../discovery';
import type { FileDigest, Manifest, ModelIdentity } from '../manifest-schema';
import { packageVersion } from '../package-version';

/** Counts what changes an entry's meaning without changing any part below. */
const keyFormat = 1;

/** The parts of a request that are told better elsewhere, or that are paths of one run and one machine. */
type ToldElsewhere =
  | 'library'
  | 'model'
  | 'modelSha256'
  | 'externalData'
  | 'stage'
  | 'planPath'
  | 'device'
  | 'calibration'
  | 'timingCache'
  | 'plugins';

/** Everything that a plan depends on: equal parts, equal key, and a plan that was built before is as good as a new one. */
export interface EngineKeyParts {
  readonly format: number;
  /** A later trt-node may build the same request otherwise. */
  readonly writer: string;
  readonly model: FileDigest & { readonly externalData: Readonly<Record<string, FileDigest>> };
  readonly library: {
    readonly flavour: string;
    readonly version: string;
    readonly parserVersion: string | null;
    /** Size of the core library, as builds of one release differ (CUDA 12, CUDA 13). */
    readonly coreBytes: number;
    /** NVIDIA publishes the source of the parser and of the standard plugins, so that one version has many builds. */
    readonly parser: FileDigest | null;
    /** null: they are not asked for, or are not there. */
    readonly standardPlugins: FileDigest | null;
  };
  /** null: built without one. Memory in GiB, as tactics that need more than there is are left out; the driver's branch. */
  readonly gpu: {
    readonly name: string;
    readonly computeCapability: string;
    readonly memoryGib: number;
    readonly driverBranch: string | null;
  } | null;
  /** `0` switches TF32 off, whatever a build asks for; null: not set. */
  readonly tf32Override: string | null;
  /** What TensorRT is asked for. All of the request that is not named above, so that no later option can be forgotten. */
  readonly request: Readonly<Record<string, Json>>;
  /** Names by which inference may choose a profile, as JSON: a text may hold what canonical JSON refuses. */
  readonly profileNames: readonly string[] | null;
  /** Digests of plugin libraries in the order in which they are registered. */
  readonly plugins: readonly FileDigest[];
  /** What says everything about the calibration: data, algorithm, cache; null without any. */
  readonly calibration: string | null;
  /** SHA-256 of the timing cache that fixes the kernels; null for a build that is not reproducible. */
  readonly reproducible: string | null;
}

/** What `engineKeyParts` makes the parts of. */
export interface EngineKeyFacts {
  readonly model: ModelIdentity;
  readonly library: UsableLibrary;
  readonly gpu: NativeGpu | null;
  /** NVIDIA driver, e.g. `580.159.04`, or what else tells its branch. */
  readonly driverVersion: string | null;
  readonly request: Omit<NativeBuildRequest, 'model' | 'stage' | 'planPath' | 'timingCache'> &
    Partial<Pick<NativeBuildRequest, 'model' | 'stage' | 'planPath' | 'timingCache'>>;
  readonly profileNames: readonly string[] | undefined;
  readonly plugins: NonNullable<Manifest['plugins']>;
  readonly calibration: string | null;
  /** As `EngineKeyParts.reproducible`. */
  readonly reproducible: string | null;
}

export async function engineKeyParts(
  facts: EngineKeyFacts,
  hashFile: (file: string) => Promise<FileDigest>,
  env: NodeJS.ProcessEnv = process.env,
): Promise<EngineKeyParts> {
  const { model, library, gpu, driverVersion, request } = facts;
  const { core, parser } = library.files;
  const standardPlugins = request.standardPlugins ? await standardPluginsOf(library) : null;
  return {
    format: keyFormat,
    writer: packageVersion(),
    // Its name is no part of a plan.
    model: { ...digestOf(model), externalData: mapValues(model.externalData ?? {}, digestOf) },
    library: {
      flavour: library.flavour,
      version: library.version,
      parserVersion: library.parserVersion,
      coreBytes: (await stat(core)).size,
      parser: parser === null ? null : digestOf(await hashFile(parser)),
      standardPlugins: standardPlugins === null ? null : digestOf(await hashFile(standardPlugins)),
    },
    gpu: gpu && {
      name: gpu.name,
      computeCapability: gpu.computeCapability,
      memoryGib: Math.round(gpu.memoryTotalBytes / 2 ** 30),
      driverBranch: driverVersion?.split('.')[0] ?? null,
    },
    tf32Override: env['NVIDIA_TF32_OVERRIDE'] ?? null,
    request: shapingPartsOf(request),
    profileNames: facts.profileNames?.map((name) => JSON.stringify(name)) ?? null,
    plugins: facts.plugins.map(digestOf),
    calibration: facts.calibration,
    reproducible: facts.reproducible,
  };
}

/** SHA-256 of the parts, lower-case hex: the name of the cache's entry. */
export function engineKey(parts: EngineKeyParts): string {
  return createHash('sha256').update(canonicalJson(parts)).digest('hex');
}

function shapingPartsOf(request: EngineKeyFacts['request']): Record<string, Json> {
  const toldElsewhere = new Set<string>([
    'library',
    'model',
    'modelSha256',
    'externalData',
    'stage',
    'planPath',
    'device',
    'calibration',
    'timingCache',
    'plugins',
  ] satisfies ToldElsewhere[]);
  const { tuning } = request;
  const shaping = {
    ...request,
    // Sets: their order says nothing.
    precisions: [...request.precisions].sort(),
    computeCapabilities: [...request.computeCapabilities].sort(),
    tuning: {
      ...tuning,
      tacticSources: tuning.tacticSources && [...tuning.tacticSources].sort(),
      // As JSON, for what canonical JSON refuses.
      debugTensors: tuning.debugTensors.map((name) => JSON.stringify(name)).sort(),
    },
  };
  const entries = Object.entries(shaping).filter(([name]) => !toldElsewhere.has(name));
  return Object.fromEntries(entries) as unknown as Record<string, Json>;
}

/** Where the addon looks for them; null: a build that asks for them fails. */
async function standardPluginsOf({ files, version }: UsableLibrary): Promise<string | null> {
  const [major = ''] = version.split('.');
  const file = path.join(path.dirname(files.core), `libnvinfer_plugin.so.${major}`);
  return await stat(file).then(
    () => file,
    () => null,
  );
}

function digestOf({ sha256, sizeBytes }: FileDigest): FileDigest {
  return { sha256, sizeBytes };
}

function mapValues<T, U>(
  record: Readonly<Record<string, T>>,
  map: (value: T) => U,
): Readonly<Record<string, U>> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}
