import { loadBinding } from './binding';
import type {
  NativeGpu,
  NativeBinding,
  NativeEngine,
  NativeLoadRequest,
  NativePlan,
} from './binding';
import type { BuiltEngine } from './built-engine';
import { traceLoad } from './diagnostics/channels';
import { chooseForLoad, findLibraries, goalOfLoad } from './discovery';
import type { Discovery, FindLibrariesOptions } from './discovery';
import { Engine } from './engine';
import { TrtError } from './errors';
import { gpuUnsupported, planRunsOn } from './gpu-support';
import { requireGpu } from './load-device';
import { checkLoadOptions } from './load-options';
import type { CheckedLoadOptions, LoadOptions } from './load-options';
import { manifestPathOf, readManifest } from './manifest';
import type { Manifest } from './manifest-schema';
import { loadOrRebuild } from './mismatch';
import type { ModelSource } from './model-source';
import type { AnyModel, ModelTypes } from './model-types/model-types';
import { nativeCall } from './native-call';
import { checkPlanFile } from './plan-file';
import { isFolder, planInFolder } from './plan-folder';
import { planHeaderBytes, readPlanHeader } from './plan-header';
import type { PlanHeader } from './plan-header';
import { checkPlanIntegrity, describing, hashOf } from './plan-integrity';
import type { ReadPlan } from './plan-integrity';
import { copyPlan, planSourceOf } from './plan-source';
import type { PlanSource } from './plan-source';
import { checkPluginFiles, checkSamePlugins } from './plugin-files';
import { EngineWeights } from './refit/engine-weights';
import { runtimeCacheFile } from './runtime-cache';

/**
 * Loads a plan onto a GPU.
 *
 * Everything that can be checked is checked before TensorRT sees a byte, in this order: the plan's header, its digest
 * against the manifest (`<plan>.json` beside a file) and its signature where `verificationKey` asks for one, its plugins, the driver
 * and the GPU, a TensorRT of the plan's flavour and exact version. So a bad plan is reported as such on a machine without a GPU too.
 * The plan is read and hashed off the JS thread, while the driver starts and the library is looked for.
 *
 * Of a folder, the plan that fits this GPU and a TensorRT that is here is loaded: one with a manifest, tuned for this GPU before others.
 *
 * @param plan path of a plan or of a folder with plans, `file:` URL, bytes (copied; leave them alone until the promise is settled) or
 * what `buildEngine` made
 * @typeParam M the model's inputs and outputs as `trt-node types` writes them: `loadEngine<Minilm>('minilm.engine')`. The compiler alone knows
 * them, and takes your word for it that the plan is of that model
 * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`, `ERR_TRT_UNSUPPORTED`, `ERR_TRT_ENGINE_NOT_FOUND`,
 * `ERR_TRT_ENGINE_INVALID`, `ERR_TRT_MANIFEST_INVALID`, `ERR_TRT_ENGINE_DIGEST`, `ERR_TRT_ENGINE_SIGNATURE`, `ERR_TRT_ENGINE_FLAVOUR`,
 * `ERR_TRT_ENGINE_VERSION`, `ERR_TRT_PLUGIN`, `ERR_TRT_NO_DRIVER`, `ERR_TRT_NO_GPU`, `ERR_TRT_GPU_UNSUPPORTED`, `ERR_TRT_ENGINE_GPU`,
 * `ERR_TRT_LIBRARY_NOT_FOUND`, `ERR_TRT_LIBRARY_LOAD`, `ERR_TRT_LIBRARY_UNSUPPORTED`, `ERR_TRT_ENGINE_DESERIALIZE`, `ERR_TRT_REFIT`,
 * `ERR_TRT_OUT_OF_MEMORY`, `ERR_TRT_CUDA`, `ERR_TRT_CUDA_CONTEXT_LOST`, `ERR_TRT_ADDON_LOAD`, `ERR_TRT_UNSUPPORTED_PLATFORM`; with
 * `weights` also what `Engine.refit` rejects with, with `onMismatch: 'rebuild'` what `buildEngine` does
 */
export async function loadEngine<M extends ModelTypes = AnyModel>(
  plan: string | URL | Uint8Array | BuiltEngine<M>,
  options?: LoadOptions,
): Promise<Engine<M>> {
  const engine = await traceLoad(plan, async () => {
    const source = planSourceOf(plan);
    const checked = checkLoadOptions(options);
    return await loadThrough({ binding: loadBinding(), findLibraries }, source, checked);
  });
  return engine as Engine<M>;
}

/** What a load needs of the machine. */
export interface LoadMachine {
  readonly binding: Pick<
    NativeBinding,
    | 'probeDriver'
    | 'readPlan'
    | 'createPlan'
    | 'loadEngine'
    | 'hashFile'
    | 'hashExternalFile'
    | 'lockFolder'
  >;
  readonly findLibraries: (options: FindLibrariesOptions) => Promise<Discovery>;
}

/** `loadEngine` once its arguments are checked, on a given machine. */
export async function loadThrough(
  machine: LoadMachine,
  source: PlanSource,
  options: CheckedLoadOptions,
): Promise<Engine> {
  const { rebuild } = options;
  if (!('path' in source)) {
    if (rebuild !== null) throw noPathToRebuild('a path');
    return await loadOnce(machine, source, options);
  }
  const { path } = source;
  if (await isFolder(path)) {
    if (rebuild !== null) throw noPathToRebuild("the path of a plan's file");
    const chosen = await planOfFolder(machine, path, options);
    return await loadOnce(machine, { path: chosen, manifest: null }, options);
  }
  if (rebuild === null) return await loadOnce(machine, source, options);
  // After a rebuild, what a BuiltEngine says of its plan is no longer true; the manifest beside the plan is.
  return await loadOrRebuild(path, rebuild, machine.binding, () =>
    loadOnce(machine, { path, manifest: null }, options),
  );
}

async function planOfFolder(
  { binding, findLibraries }: LoadMachine,
  folder: string,
  { device, library }: CheckedLoadOptions,
): Promise<string> {
  const gpu = async (): Promise<NativeGpu> =>
    requireGpu(await nativeCall(() => binding.probeDriver()), device);
  return await planInFolder(folder, { gpu, library, findLibraries });
}

async function loadOnce(
  machine: LoadMachine,
  source: PlanSource,
  options: CheckedLoadOptions,
): Promise<Engine> {
  const started = performance.now();
  const { binding } = machine;
  // The driver starts, the library is found and the plan is read at once: each takes about as long. What fails of it is told in the
  // order of the checks.
  const probing = unheard(nativeCall(() => binding.probeDriver()));
  const opened = await openPlan(binding, source, options);
  const find = async ({ flavour, version }: PlanHeader): Promise<Discovery> =>
    await machine.findLibraries({
      library: options.library,
      flavour,
      goal: goalOfLoad({ flavour, version }),
    });
  const finding = unheard(find(opened.header));
  const plan = await opened.read();
  const path = 'path' in source ? source.path : null;
  try {
    const header = readPlanHeader(plan.header, path);
    checkRuntimeCache(options, header);
    const read = { plan, header, path };
    const known = await opened.manifest(read);
    const { integrity, verificationKeys } = options;
    const origin = await checkPlanIntegrity(read, known, integrity, verificationKeys);
    const needed = integrity === 'off' ? [] : (origin.manifest?.plugins ?? []);
    const plugins = await checkPluginFiles(needed, options.plugins, binding);

    const gpu = requireGpu(await probing, options.device);
    const refusal =
      origin.manifest === null
        ? gpuUnsupported(header.flavour, gpu, header.version)
        : planRunsOn(origin.manifest, gpu);
    if (refusal !== null) throw refusal;

    const found = await (isSame(header, opened.header) ? finding : find(header));
    const library = chooseForLoad({
      found,
      flavour: header.flavour,
      version: header.version,
      versionCompatible: isBuiltWith(origin.manifest, 'versionCompatible'),
    });
    const request: NativeLoadRequest = {
      library: library.files,
      plan,
      device: gpu.index,
      plugins: options.plugins,
      standardPlugins: options.standardPlugins,
      hostCode: options.hostCode,
      weightStreamingBudget: options.weightStreamingBudget,
      awaitRefit: options.weights !== null || isBuiltWith(origin.manifest, 'stripPlan'),
      fixedWeights: hasFixedWeights(origin.manifest),
      ...options.lanes,
      runtimeCache:
        options.lanes.runtimeCache &&
        (await runtimeCacheFile(options.lanes.runtimeCache, {
          gpu: gpu.name,
          version: library.version,
        })),
    };
    await checkSamePlugins(plugins);
    const native = await nativeCall(() => binding.loadEngine(request));
    const weights = new EngineWeights(native, { binding, parser: library.files.parser });
    if (options.weights !== null) await giveWeights(native, weights, options.weights);
    return new Engine(native, { ...origin, loadMs: performance.now() - started }, weights);
  } catch (error) {
    plan.release();
    throw error;
  }
}

/** For a promise that nobody may come to await, as something else was told first. */
function unheard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

function isSame(a: PlanHeader, b: PlanHeader): boolean {
  return a.flavour === b.flavour && a.version === b.version;
}

function checkRuntimeCache({ lanes }: CheckedLoadOptions, { flavour }: PlanHeader): void {
  if (lanes.runtimeCache === null || flavour === 'tensorrt-rtx') return;
  throw new TrtError(
    'ERR_TRT_UNSUPPORTED',
    '`runtimeCache` is for plans of TensorRT-RTX, which compiles kernels when it first runs. This is a plan of TensorRT, whose kernels ' +
      'are in the plan: leave the option out.',
    { details: { option: 'runtimeCache', flavour } },
  );
}

function isBuiltWith(
  manifest: Manifest | null,
  option: 'stripPlan' | 'versionCompatible',
): boolean {
  return manifest?.options[option] === true;
}

function hasFixedWeights(manifest: Manifest | null): boolean {
  if (manifest === null) return false;
  const { stripPlan, refit } = manifest.options;
  return stripPlan === undefined && refit === undefined;
}

/** An engine that does not get them is of no use. */
async function giveWeights(
  native: Pick<NativeEngine, 'close'>,
  weights: EngineWeights,
  model: ModelSource,
): Promise<void> {
  try {
    await weights.refit({ model, signal: null });
  } catch (error) {
    await native.close().catch(() => undefined);
    throw error;
  }
}

function noPathToRebuild(expected: string): TrtError {
  return new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected ${expected} for \`plan\` with \`onMismatch: 'rebuild'\`, as the new plan is written there, but it is something else.`,
    { details: { argument: 'plan' } },
  );
}

/** A plan of which the header was seen. */
interface OpenedPlan {
  /** Of a file that is replaced before it is read, another's. */
  readonly header: PlanHeader;
  /** Once: brings the plan into native memory, and hashes it on the way where a manifest will want that. */
  readonly read: () => Promise<NativePlan>;
  /** The manifest that goes with what was read; only awaited after its header was looked at. */
  readonly manifest: (read: ReadPlan) => Promise<Manifest | null>;
}

async function openPlan(
  binding: LoadMachine['binding'],
  source: PlanSource,
  options: CheckedLoadOptions,
): Promise<OpenedPlan> {
  const given = options.manifest ?? source.manifest;
  const { integrity } = options;
  if ('bytes' in source) {
    const bytes = await source.bytes();
    return {
      header: readPlanHeader(bytes.subarray(0, planHeaderBytes)),
      read: () => nativeCall(() => copyPlan(binding, bytes)),
      manifest: () => Promise.resolve(given),
    };
  }
  const { path } = source;
  const readBeside = (): Promise<Manifest | null> => readManifest(manifestPathOf(path));
  const looking = unheard(given === null ? readBeside() : Promise.resolve(given));
  return {
    header: await checkPlanFile(path),
    async read() {
      const before = await looking.catch(() => null);
      return await nativeCall(() => binding.readPlan(path, hashOf(before, integrity)));
    },
    async manifest(read) {
      const before = await looking;
      if (given !== null) return given;
      const agrees = before !== null && (await describing(before, read, integrity)) !== null;
      // A new plan may have been published in between. Its manifest is there first and names the old plan too, so a look
      // before and a look after the plan was opened see a pair that agrees.
      return agrees ? before : await readBeside();
    },
  };
}
