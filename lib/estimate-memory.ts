import { stat } from 'node:fs/promises';
import type { BuiltEngine } from './built-engine';
import { invalidArgument, TrtError } from './errors';
import { checkProfile } from './infer-options';
import { checkedOptions } from './known-keys';
import { manifestPathOf, readManifest } from './manifest';
import type { Manifest, PlanMemory } from './manifest-schema';
import { planSourceOf, type PlanSource } from './plan-source';

export interface EstimateOptions {
  /** As `loadEngine` takes it. When left out two, which is the most that it chooses by itself. */
  readonly lanes?: number | undefined;
  /** The optimization profile, by index or name, whose largest dims come; when left out the largest of all. */
  readonly profile?: number | string | undefined;
  /** As `loadEngine` takes it; `separate` when left out. */
  readonly contextMemory?: 'separate' | 'shared' | undefined;
}

/** Bytes that a loaded engine takes. `engine.memory()` measures the same. */
export interface MemoryEstimate {
  readonly lanes: number;
  /** On the GPU: weights, and what else TensorRT holds for the engine. */
  readonly weights: number;
  /** On the GPU: activation memory of the execution contexts, one for each lane; with `shared` one block. */
  readonly contexts: number;
  /** On the GPU: inputs and outputs at the profile's largest dims, of all lanes. A lane takes them with its first inference. */
  readonly bindings: number;
  /** On the GPU: of captured CUDA graphs. CUDA tells it to nobody before they are there, so null: it is in no sum. */
  readonly graphs: null;
  /** Pinned memory of the host, while each lane has one request with ordinary arrays. */
  readonly staging: number;
  /** On the GPU: weights, contexts and bindings. */
  readonly deviceBytes: number;
  /** What comes beside these sums, in words. */
  readonly excluded: readonly string[];
}

/** See `lanes` of {@link EstimateOptions}. */
const chosenLanes = 2;

/**
 * What an engine will take of the GPU's and the host's memory, from what was measured behind its build (`memory` in the plan's
 * manifest). Neither a GPU nor TensorRT is needed.
 *
 * @param plan path or `file:` URL of a plan with its manifest beside it, or what `buildEngine` made
 * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`, `ERR_TRT_ENGINE_NOT_FOUND`, `ERR_TRT_MANIFEST_INVALID`, `ERR_TRT_ENGINE_DIGEST` (the
 * manifest is of another plan), `ERR_TRT_UNSUPPORTED` (nothing was measured: no manifest, or one of a build without a GPU, of a
 * stripped plan, or by an older trt-node)
 */
export async function estimateMemory(
  plan: string | URL | BuiltEngine,
  options?: EstimateOptions,
): Promise<MemoryEstimate> {
  const source = planSourceOf(plan);
  const checked = checkedOptions(options, 'options', [
    'lanes',
    'profile',
    'contextMemory',
  ] as const);
  const manifest = await manifestOf(source);
  const memory = manifest?.memory;
  if (!manifest || !memory) throw notMeasured(manifest);
  const profile = checkProfile(
    checked.profile,
    memory.profiles.length,
    manifest.profileNames ?? [],
  );
  return estimateOf(memory, lanesOf(checked.lanes), profile, isShared(checked.contextMemory));
}

function lanesOf(lanes: unknown): number {
  if (lanes === undefined) return chosenLanes;
  if (Number.isSafeInteger(lanes) && (lanes as number) >= 1) return lanes as number;
  throw invalidArgument('options.lanes', 'an integer of at least 1', lanes);
}

function isShared(contextMemory: unknown): boolean {
  if (contextMemory === undefined || contextMemory === 'separate') return false;
  if (contextMemory === 'shared') return true;
  throw invalidArgument('options.contextMemory', "'separate' or 'shared'", contextMemory);
}

function estimateOf(
  { weights, context, profiles }: PlanMemory,
  lanes: number,
  profile: number | null,
  shared: boolean,
): MemoryEstimate {
  const candidates = profile === null ? profiles : profiles.slice(profile, profile + 1);
  const largest = (sizeOf: (candidate: PlanMemory['profiles'][number]) => number): number =>
    candidates.reduce((most, candidate) => Math.max(most, sizeOf(candidate)), 0);
  const contexts = shared
    ? profiles.reduce((most, reported) => Math.max(most, reported.context), 0)
    : lanes * context;
  const bindings = lanes * largest(({ inputs, outputs }) => inputs + (outputs ?? 0));
  return {
    lanes,
    weights,
    contexts,
    bindings,
    graphs: null,
    staging: lanes * largest(({ inputs, outputs }) => block(inputs) + block(outputs ?? 0)),
    deviceBytes: weights + contexts + bindings,
    excluded: [
      "CUDA's context, once for a process, and the code of kernels",
      'captured CUDA graphs',
      ...(candidates.some(({ outputs }) => outputs === null)
        ? ['outputs whose dims depend on the data']
        : []),
    ],
  };
}

const mebibyte = 2 ** 20;

/** As the pool of pinned memory rounds: to a power of two up to 1 MiB, to whole MiB beyond. */
function block(bytes: number): number {
  if (bytes === 0) return 0;
  if (bytes > mebibyte) return Math.ceil(bytes / mebibyte) * mebibyte;
  return Math.max(4096, 2 ** Math.ceil(Math.log2(bytes)));
}

async function manifestOf(source: PlanSource): Promise<Manifest | null> {
  if (source.manifest !== null) return source.manifest;
  if (!('path' in source)) {
    throw invalidArgument('plan', 'a path, a file: URL or a BuiltEngine', await source.bytes());
  }
  const { path } = source;
  const { size } = await stat(path).catch((cause: unknown) => {
    throw notThere(path, cause);
  });
  const manifest = await readManifest(manifestPathOf(path));
  if (manifest === null) return null;
  const { previous, ...current } = manifest;
  // Its digest is not computed: that takes as long as reading the plan.
  if (current.plan.sizeBytes === size) return current;
  if (previous && 'schemaVersion' in previous && previous.plan.sizeBytes === size) return previous;
  throw new TrtError(
    'ERR_TRT_ENGINE_DIGEST',
    `the plan ${path} has ${size} bytes, but its manifest describes one of ${current.plan.sizeBytes}. Copy both files again, or build the plan again.`,
    { details: { path, expected: current.plan.sizeBytes, got: size } },
  );
}

function notThere(path: string, cause: unknown): TrtError {
  return new TrtError(
    'ERR_TRT_ENGINE_NOT_FOUND',
    `expected a plan at ${path}, but it cannot be read: ${(cause as Error).message}. Check the path, or build the plan.`,
    { cause, details: { path, errno: (cause as NodeJS.ErrnoException).code ?? null } },
  );
}

function notMeasured(manifest: Manifest | null): TrtError {
  const why =
    manifest === null
      ? 'the plan has no manifest beside it'
      : manifest.gpu === null
        ? 'it was built without a GPU'
        : 'its manifest tells no memory: it is a stripped plan, an older trt-node built it, or it did not fit on the GPU beside its build';
  return new TrtError(
    'ERR_TRT_UNSUPPORTED',
    `the memory of an engine is measured behind its build, but ${why}. Build it with buildEngine() on a machine with a GPU, or load it and ask engine.memory().`,
    { details: { reason: manifest === null ? 'no-manifest' : 'not-measured' } },
  );
}
