import { loadBinding } from './binding';
import type { NativeBinding, NativeLoadRequest, NativePlan } from './binding';
import type { BuiltEngine } from './built-engine';
import { chooseForLoad, findLibraries, goalOfLoad } from './discovery';
import type { Discovery, FindLibrariesOptions } from './discovery';
import { Engine } from './engine';
import { gpuUnsupported, planRunsOn } from './gpu-support';
import { requireGpu } from './load-device';
import { checkLoadOptions } from './load-options';
import type { CheckedLoadOptions, LoadOptions } from './load-options';
import { manifestFor, manifestPathOf, readManifest } from './manifest';
import type { Manifest } from './manifest-schema';
import { nativeCall } from './native-call';
import { checkPlanFile } from './plan-file';
import { readPlanHeader } from './plan-header';
import { checkPlanIntegrity } from './plan-integrity';
import { copyPlan, planSourceOf } from './plan-source';
import type { PlanSource } from './plan-source';

/**
 * Loads a plan onto a GPU.
 *
 * Everything that can be checked is checked before TensorRT sees a byte, in this order: the plan's header, its digest
 * against the manifest (`<plan>.json` beside a file), the driver and the GPU, a TensorRT of the plan's flavour and exact
 * version. So a bad plan is reported as such on a machine without a GPU too. The plan is read and hashed off the JS thread.
 *
 * @param plan path, `file:` URL, bytes (copied; leave them alone until the promise is settled) or what `buildEngine` made
 * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG`, `ERR_TRT_UNSUPPORTED`, `ERR_TRT_ENGINE_NOT_FOUND`,
 * `ERR_TRT_ENGINE_INVALID`, `ERR_TRT_MANIFEST_INVALID`, `ERR_TRT_ENGINE_DIGEST`, `ERR_TRT_ENGINE_FLAVOUR`, `ERR_TRT_ENGINE_VERSION`,
 * `ERR_TRT_NO_DRIVER`, `ERR_TRT_NO_GPU`, `ERR_TRT_GPU_UNSUPPORTED`, `ERR_TRT_ENGINE_GPU`, `ERR_TRT_LIBRARY_NOT_FOUND`,
 * `ERR_TRT_LIBRARY_LOAD`, `ERR_TRT_LIBRARY_UNSUPPORTED`, `ERR_TRT_ENGINE_DESERIALIZE`, `ERR_TRT_OUT_OF_MEMORY`, `ERR_TRT_CUDA`,
 * `ERR_TRT_CUDA_CONTEXT_LOST`, `ERR_TRT_ADDON_LOAD`, `ERR_TRT_UNSUPPORTED_PLATFORM`
 */
export async function loadEngine(
  plan: string | URL | Uint8Array | BuiltEngine,
  options?: LoadOptions,
): Promise<Engine> {
  const source = planSourceOf(plan);
  const checked = checkLoadOptions(options);
  return await loadThrough({ binding: loadBinding(), findLibraries }, source, checked);
}

/** What a load needs of the machine. */
export interface LoadMachine {
  readonly binding: Pick<NativeBinding, 'probeDriver' | 'readPlan' | 'createPlan' | 'loadEngine'>;
  readonly findLibraries: (options: FindLibrariesOptions) => Promise<Discovery>;
}

/** `loadEngine` once its arguments are checked, on a given machine. */
export async function loadThrough(
  machine: LoadMachine,
  source: PlanSource,
  options: CheckedLoadOptions,
): Promise<Engine> {
  const { binding } = machine;
  // Starting the driver takes about as long as hashing a plan of some size, so the two go on at once.
  const probing = nativeCall(() => binding.probeDriver());
  probing.catch(() => undefined); // a bad plan is reported first, and then nobody awaits this
  const { plan, manifest } = await readPlan(binding, source, options);
  const path = 'path' in source ? source.path : null;
  try {
    const header = readPlanHeader(plan.header, path);
    const known = await manifest(plan);
    const origin = checkPlanIntegrity({ plan, header, path }, known, options.integrity);

    const gpu = requireGpu(await probing, options.device);
    const refusal =
      origin.manifest === null
        ? gpuUnsupported(header.flavour, gpu, header.version)
        : planRunsOn(origin.manifest, gpu);
    if (refusal !== null) throw refusal;

    const found = await machine.findLibraries({
      library: options.library,
      flavour: header.flavour,
      goal: goalOfLoad(header),
    });
    const library = chooseForLoad({ found, flavour: header.flavour, version: header.version });
    const request: NativeLoadRequest = {
      library: library.files,
      plan,
      device: gpu.index,
      plugins: [],
      standardPlugins: true,
      hostCode: false,
      weightStreamingBudget: null,
      awaitRefit: false,
    };
    return new Engine(await nativeCall(() => binding.loadEngine(request)), origin);
  } catch (error) {
    plan.release();
    throw error;
  }
}

interface ReadPlan {
  readonly plan: NativePlan;
  /** The manifest that goes with the plan; only awaited after the header was looked at. */
  readonly manifest: (plan: NativePlan) => Promise<Manifest | null>;
}

async function readPlan(
  binding: LoadMachine['binding'],
  source: PlanSource,
  options: CheckedLoadOptions,
): Promise<ReadPlan> {
  const given = options.manifest ?? source.manifest;
  if ('bytes' in source) {
    const bytes = await source.bytes();
    const plan = await nativeCall(() => copyPlan(binding, bytes));
    return { plan, manifest: () => Promise.resolve(given) };
  }
  const { path } = source;
  await checkPlanFile(path);
  if (given !== null) {
    const plan = await nativeCall(() => binding.readPlan(path));
    return { plan, manifest: () => Promise.resolve(given) };
  }
  const [before] = await Promise.allSettled([readManifest(manifestPathOf(path))]);
  const plan = await nativeCall(() => binding.readPlan(path));
  return {
    plan,
    manifest: async () => {
      if (before.status === 'rejected') throw before.reason;
      const agrees = before.value !== null && manifestFor(before.value, plan.sha256) !== null;
      // A new plan may have been published in between. Its manifest is there first and names the old plan too, so a look
      // before and a look after the plan was opened see a pair that agrees.
      return agrees ? before.value : await readManifest(manifestPathOf(path));
    },
  };
}
