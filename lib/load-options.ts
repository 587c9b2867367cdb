import { invalidArgument, TrtError } from './errors';
import { checkedLaneOptions, laneOptionNames } from './infer/lane-options';
import type { LaneOptions, LaneRequest } from './infer/lane-options';
import { checkedOptions } from './known-keys';
import { checkedManifest } from './manifest';
import type { Manifest } from './manifest-schema';
import { checkedMismatch, type CheckedRebuild, type MismatchOptions } from './mismatch';
import { checkedExternalDataOption, modelSourceOf, type ModelSource } from './model-source';
import { checkedPluginPaths } from './plugin-files';
import type { SignatureKey } from './signature/key';
import {
  checkedIntegrity,
  type CheckedIntegrity,
  type PlanIntegrity,
} from './signature/load-integrity';
import { checkedSigningKey } from './signature/sign';
import { canConfirm } from './signature/verify';

export type { PlanIntegrity } from './signature/load-integrity';

/** How `loadEngine` loads a plan. */
export interface LoadOptions extends MismatchOptions, LaneOptions {
  /** CUDA's device index; 0 when left out. `ERR_TRT_INVALID_ARG` when there is no such GPU. */
  readonly device?: number | undefined;
  /**
   * Path of a TensorRT library or of the folder with it; when left out, the one on this machine whose flavour and version are
   * the plan's. `ERR_TRT_LIBRARY_NOT_FOUND`, and `ERR_TRT_ENGINE_VERSION` or `ERR_TRT_ENGINE_FLAVOUR` when it is another's.
   */
  readonly library?: string | undefined;
  /** `signature` with a `verificationKey`, else `digest`, when left out; see {@link PlanIntegrity}. */
  readonly integrity?: PlanIntegrity | undefined;
  /**
   * What confirms the manifest's signature: the secret that it was made with, or the public key. Several, while keys are
   * exchanged: any one of them will do. `ERR_TRT_ENGINE_SIGNATURE` where none does.
   */
  readonly verificationKey?: SignatureKey | readonly SignatureKey[] | undefined;
  /** What is known about the plan, for a plan given as bytes; for a path it stands in for `<plan>.json`. */
  readonly manifest?: Manifest | undefined;
  /**
   * Plugin libraries that the plan needs (`IPluginRegistry::loadLibrary`), loaded in this order before TensorRT sees the plan. Their
   * code runs in this process, and they stay registered until it ends. When the plan's manifest lists plugins, the very same files
   * must be given. `ERR_TRT_PLUGIN`.
   */
  readonly plugins?: readonly (string | URL)[] | undefined;
  /**
   * Registers TensorRT's standard plugins (`initLibNvInferPlugins`): a library of its own, which most plans do not need. `false` when
   * left out; a plan that needs one then fails with `ERR_TRT_ENGINE_DESERIALIZE`. TensorRT-RTX has none: `ERR_TRT_UNSUPPORTED`.
   */
  readonly standardPlugins?: boolean | undefined;
  /**
   * Lets TensorRT run code for the host that is inside of the plan (`IRuntime::setEngineHostCodeAllowed`), as version-compatible plans
   * have it. `false` when left out; such a plan then fails with `ERR_TRT_ENGINE_DESERIALIZE`. Only for plans that you trust.
   */
  readonly hostCode?: boolean | undefined;
  /**
   * Bytes of weights that stay on the GPU, for a plan that was built with `weightStreaming`; the others come from the host's memory
   * while it runs, which takes time. `'auto'`: TensorRT decides by the free memory. When left out, all stay on the GPU. A number for
   * a plan that has no streamable weights is `ERR_TRT_UNSUPPORTED`. `engine.weightStreaming` tells what became of it.
   */
  readonly weightStreamingBudget?: number | 'auto' | undefined;
  /**
   * The model whose weights the engine gets before it is used, as by `Engine.refit`: for a stripped plan (`stripPlan`) the model that
   * it was built from. Without it, a stripped plan loads and waits for `Engine.refit`.
   */
  readonly weights?: string | URL | Uint8Array | undefined;
  /** The files of `weights` that are given as bytes and have external data, by location. */
  readonly externalData?: Readonly<Record<string, Uint8Array>> | undefined;
}

export interface CheckedLoadOptions extends CheckedIntegrity {
  readonly device: number;
  readonly library: string | undefined;
  readonly manifest: Manifest | null;
  readonly plugins: readonly string[];
  readonly standardPlugins: boolean;
  readonly hostCode: boolean;
  readonly weightStreamingBudget: number | 'auto' | null;
  readonly weights: ModelSource | null;
  readonly lanes: LaneRequest;
  /** What to build when the plan does not fit; null: it is an error. */
  readonly rebuild: CheckedRebuild | null;
}

const known = [
  'device',
  'library',
  'integrity',
  'verificationKey',
  'manifest',
  'plugins',
  'standardPlugins',
  'hostCode',
  'weightStreamingBudget',
  'weights',
  'externalData',
  'onMismatch',
  'model',
  'build',
  ...laneOptionNames,
] as const satisfies readonly (keyof LoadOptions)[];

/** @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_MANIFEST_INVALID`, and what `build` is refused with */
export function checkLoadOptions(options: LoadOptions | undefined): CheckedLoadOptions {
  const given = checkedOptions(options, 'options', known);
  const { device = 0, library, manifest } = given;
  if (!Number.isSafeInteger(device) || device < 0) {
    throw invalidArgument('options.device', 'a non-negative integer (a CUDA device index)', device);
  }
  if (library !== undefined && (typeof library !== 'string' || library === '')) {
    throw invalidArgument('options.library', 'the path of a TensorRT library or folder', library);
  }
  const { onMismatch, model, build } = given;
  const { plugins, standardPlugins } = given;
  const shared = { library, device: given.device, plugins, standardPlugins };
  const rebuild = checkedMismatch({ onMismatch, model, build }, shared);
  if (rebuild !== null && manifest !== undefined) {
    const expected = "nothing beside `onMismatch: 'rebuild'`, which makes a new one,";
    throw invalidArgument('options.manifest', expected, manifest);
  }
  const integrity = checkedIntegrity(given.integrity, given.verificationKey);
  if (rebuild !== null) checkSigner(rebuild, integrity);
  return {
    device,
    library,
    ...integrity,
    manifest: manifest === undefined ? null : manifestOption(manifest),
    plugins: checkedPluginPaths(plugins),
    standardPlugins: flag(standardPlugins, 'standardPlugins'),
    hostCode: flag(given.hostCode, 'hostCode'),
    weightStreamingBudget: budgetOption(given.weightStreamingBudget),
    weights: weightsOption(given.weights, given.externalData),
    lanes: checkedLaneOptions(given),
    rebuild,
  };
}

/** A plan that is built again must not be refused only then, in the place of the old one. */
function checkSigner({ options }: CheckedRebuild, { verificationKeys }: CheckedIntegrity): void {
  if (verificationKeys === null) return;
  const signer = checkedSigningKey(options.signingKey);
  if (signer !== null && canConfirm(verificationKeys, signer)) return;
  throw new TrtError(
    'ERR_TRT_INVALID_ARG',
    "expected `options.build.signingKey` to be a key whose signature `verificationKey` confirms, with `onMismatch: 'rebuild'`, but " +
      `${signer === null ? 'it is not given' : 'it is another'}. The plan that is built again would be refused.`,
    { details: { argument: 'options.build.signingKey' } },
  );
}

function manifestOption(manifest: unknown): Manifest {
  if (typeof manifest !== 'string') return checkedManifest(manifest, null);
  const expected =
    "the parsed object, as in JSON.parse(readFileSync(`${plan}.json`, 'utf8')), and no text or path,";
  throw invalidArgument('options.manifest', expected, manifest);
}

function flag(value: unknown, name: string): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw invalidArgument(`options.${name}`, 'true or false', value);
  return value;
}

function budgetOption(value: unknown): number | 'auto' | null {
  if (value === undefined) return null;
  if (value === 'auto' || (Number.isSafeInteger(value) && (value as number) >= 0)) {
    return value as number | 'auto';
  }
  throw invalidArgument(
    'options.weightStreamingBudget',
    "a number of bytes (a non-negative integer) or 'auto'",
    value,
  );
}

function weightsOption(weights: unknown, externalData: unknown): ModelSource | null {
  const files = checkedExternalDataOption(externalData);
  if (weights !== undefined) return modelSourceOf(weights, files, 'options.weights');
  if (files.size === 0) return null;
  throw invalidArgument('options.externalData', 'nothing without `options.weights`', externalData);
}
