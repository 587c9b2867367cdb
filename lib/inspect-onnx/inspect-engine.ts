import { TrtError } from '../errors';
import { estimateMemory, type MemoryEstimate } from '../estimate-memory';
import { loadEngine } from '../load';
import type { LoadOptions } from '../load-options';
import type { Profile, TensorInfo } from '../manifest-schema';
import { inspectedLayers, manifestLayers, type EngineLayer } from './engine-layers';
import type { PlanInspection } from './inspect-plan';

/** A plan with all that can be told of it: by its manifest, or by TensorRT where it was loaded. */
export interface InspectedEngine extends PlanInspection {
  /** null: there is no manifest, and it was not loaded. */
  readonly inputs: readonly TensorInfo[] | null;
  readonly outputs: readonly TensorInfo[] | null;
  readonly profiles: readonly Profile[] | null;
  /** What it will take of the GPU, by what was measured behind its build; null: nothing was. */
  readonly memory: MemoryEstimate | null;
  /** null: not known, and `layersReason` says why. */
  readonly layers: readonly EngineLayer[] | null;
  readonly layersReason?: string;
  /** The GPU that it was loaded on; null: it was not. */
  readonly loadedOn: string | null;
}

/** What a plan's manifest tells; TensorRT does not see the plan. */
export async function engineOfManifest(plan: PlanInspection): Promise<InspectedEngine> {
  const { manifest, path } = plan;
  const layers = manifest?.layers ?? null;
  return {
    ...plan,
    inputs: manifest?.inputs ?? null,
    outputs: manifest?.outputs ?? null,
    profiles: manifest?.profiles ?? null,
    memory: manifest?.memory === undefined ? null : await memoryOf(path),
    layers: layers === null ? null : manifestLayers(layers),
    ...(layers === null ? { layersReason: manifest?.layersReason ?? noManifest } : {}),
    loadedOn: null,
  };
}

const noManifest =
  'a plan itself tells nothing without TensorRT, and no manifest is beside it; --load asks TensorRT, on a GPU';

async function memoryOf(path: string): Promise<MemoryEstimate | null> {
  try {
    return await estimateMemory(path);
  } catch (error) {
    if (error instanceof TrtError) return null;
    throw error;
  }
}

/**
 * The same, with what TensorRT tells of the plan when it is loaded: its engine inspector knows layers that a manifest does not have.
 *
 * @throws TrtError (as a rejection) the codes of `loadEngine` and `Engine.inspect`
 */
export async function engineLoaded(
  plan: PlanInspection,
  options: LoadOptions,
): Promise<InspectedEngine> {
  const told = await engineOfManifest(plan);
  await using engine = await loadEngine(plan.path, { lanes: 1, ...options });
  const { layers } = await engine.inspect();
  const { layersReason: _, ...rest } = told;
  return {
    ...rest,
    inputs: engine.inputs,
    outputs: engine.outputs,
    profiles: engine.profiles,
    layers: inspectedLayers(layers),
    loadedOn: engine.device.name,
  };
}
