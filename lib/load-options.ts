import { invalidArgument, TrtError } from './errors';
import { checkedOptions } from './known-keys';
import { checkedManifest } from './manifest';
import type { Manifest } from './manifest-schema';

/**
 * How a plan is checked before TensorRT sees it; an engine file is executable code.
 *
 * `digest`: the plan's SHA-256 must be the one in its manifest. It finds corruption, not an attacker, who could change
 * both. A plan without a manifest (trtexec's, or bytes) gets the check of its header alone, and `engine.integrity` is
 * `unverified` then. `off`: the digest is not compared.
 */
export type PlanIntegrity = 'digest' | 'off';

/** How `loadEngine` loads a plan. */
export interface LoadOptions {
  /** CUDA's device index; 0 when left out. `ERR_TRT_INVALID_ARG` when there is no such GPU. */
  readonly device?: number | undefined;
  /**
   * Path of a TensorRT library or of the folder with it; when left out, the one on this machine whose flavour and version are
   * the plan's. `ERR_TRT_LIBRARY_NOT_FOUND`, and `ERR_TRT_ENGINE_VERSION` or `ERR_TRT_ENGINE_FLAVOUR` when it is another's.
   */
  readonly library?: string | undefined;
  /** `digest` when left out; see {@link PlanIntegrity}. */
  readonly integrity?: PlanIntegrity | undefined;
  /** What is known about the plan, for a plan given as bytes; for a path it stands in for `<plan>.json`. */
  readonly manifest?: Manifest | undefined;
}

export interface CheckedLoadOptions {
  readonly device: number;
  readonly library: string | undefined;
  readonly integrity: PlanIntegrity;
  readonly manifest: Manifest | null;
}

/** @throws TrtError `ERR_TRT_INVALID_ARG`, `ERR_TRT_UNSUPPORTED`, `ERR_TRT_MANIFEST_INVALID` */
export function checkLoadOptions(options: LoadOptions | undefined): CheckedLoadOptions {
  const {
    device = 0,
    library,
    integrity = 'digest',
    manifest,
  } = checkedOptions(options, 'options', ['device', 'library', 'integrity', 'manifest']);
  if (!Number.isSafeInteger(device) || device < 0) {
    throw invalidArgument('options.device', 'a non-negative integer (a CUDA device index)', device);
  }
  if (library !== undefined && (typeof library !== 'string' || library === '')) {
    throw invalidArgument('options.library', 'the path of a TensorRT library or folder', library);
  }
  return {
    device,
    library,
    integrity: checkIntegrity(integrity),
    manifest: manifest === undefined ? null : manifestOption(manifest),
  };
}

function manifestOption(manifest: unknown): Manifest {
  if (typeof manifest !== 'string') return checkedManifest(manifest, null);
  const expected =
    "the parsed object, as in JSON.parse(readFileSync(`${plan}.json`, 'utf8')), and no text or path,";
  throw invalidArgument('options.manifest', expected, manifest);
}

function checkIntegrity(integrity: unknown): PlanIntegrity {
  if (integrity === 'signature') {
    throw new TrtError(
      'ERR_TRT_UNSUPPORTED',
      "integrity 'signature' is not in this version of trt-node. 'digest' finds corruption but no attacker: " +
        'until then, load plans only from where nobody else can write.',
      { details: { option: 'integrity', value: integrity } },
    );
  }
  if (integrity !== 'digest' && integrity !== 'off') {
    throw invalidArgument('options.integrity', "'digest' or 'off'", integrity);
  }
  return integrity;
}
