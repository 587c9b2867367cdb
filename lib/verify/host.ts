import type { NativeBinding, NativeLibraryFiles } from '../binding';
import { Engine } from '../engine';
import { TrtError } from '../errors';
import { defaultLaneRequest } from '../infer/lane-options';
import { requireGpu } from '../load-device';
import type { Profile, TensorInfo } from '../manifest-schema';
import { nativeCall } from '../native-call';
import type { Tensors } from '../tensor';
import { openReference, type ReferenceModel } from './onnx-reference';
import { fromPlainTensors, type PlainTensors } from './plain-tensors';

/** How a plan of the build is loaded. */
export interface PlanSetup {
  readonly library: NativeLibraryFiles;
  /** CUDA's device index. */
  readonly device: number;
  readonly plugins: readonly string[];
  readonly standardPlugins: boolean;
  /** Version-compatible plans have code for the host inside. This one was built here, so that it is no stranger's. */
  readonly hostCode: boolean;
  /** What the plan must be; null: whatever is there. */
  readonly sha256: string | null;
}

/** An engine that cases run on. */
export interface VerifyEngine {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly profiles: readonly Profile[];
  infer(inputs: PlainTensors): Promise<Tensors>;
}

/** Where engines and reference models of a verification run. */
export interface VerifyHost {
  open(planPath: string, setup: PlanSetup): Promise<VerifyEngine>;
  /** The ONNX model through onnxruntime-node. Rejects with ERR_TRT_UNSUPPORTED. */
  openReference(modelPath: string): Promise<ReferenceModel>;
  /** Frees everything, device memory too. Never rejects. */
  close(): Promise<void>;
}

/** What a host in this process needs of the addon. */
export type HostBinding = Pick<NativeBinding, 'probeDriver' | 'readPlan' | 'loadEngine'>;

/** Runs everything in this process. */
export function hostInThisProcess(binding: HostBinding): VerifyHost {
  const opened: { close(): Promise<void> }[] = [];
  let closed = false;
  // After an abort nobody waits for what is still being opened.
  const keep = async <T extends { close(): Promise<void> }>(each: T): Promise<T> => {
    opened.push(each);
    if (closed) await each.close();
    return each;
  };
  return {
    async open(planPath, setup) {
      const engine = await keep(await openEngine(binding, planPath, setup));
      const { inputs, outputs, profiles } = engine;
      const infer = async (given: PlainTensors): Promise<Tensors> =>
        await engine.infer(fromPlainTensors(given));
      return { inputs, outputs, profiles, infer };
    },
    async openReference(modelPath) {
      return await keep(await openReference(modelPath));
    },
    async close() {
      closed = true;
      await Promise.allSettled(opened.map((each) => each.close()));
    },
  };
}

async function openEngine(
  binding: HostBinding,
  planPath: string,
  { sha256, ...setup }: PlanSetup,
): Promise<Engine> {
  requireGpu(await nativeCall(() => binding.probeDriver()), setup.device);
  const hash = sha256 === null ? null : 'sha256';
  const plan = await nativeCall(() => binding.readPlan(planPath, hash));
  try {
    if (sha256 !== null) {
      const found = await nativeCall(() => plan.hash('sha256'));
      if (found !== sha256) throw replacedPlan(planPath, sha256, found);
    }
    const native = await nativeCall(() =>
      binding.loadEngine({
        ...setup,
        plan,
        weightStreamingBudget: null,
        awaitRefit: false,
        ...defaultLaneRequest,
        lanes: 1,
      }),
    );
    // The manifest is not published yet.
    return new Engine(native, { manifest: null, integrity: 'off' });
  } catch (error) {
    plan.release();
    throw error;
  }
}

/** An entry of the engine cache may be removed, and made anew by another process, while its plan is verified. */
function replacedPlan(path: string, expected: string, found: string): TrtError {
  return new TrtError(
    'ERR_TRT_ENGINE_DIGEST',
    `expected the plan that was built (SHA-256 ${expected}) in ${path} for \`verify\`, but its SHA-256 is ${found}: it was replaced ` +
      'meanwhile. Build again.',
    { details: { path, expected, found } },
  );
}
