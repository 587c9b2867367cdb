import { isDeepStrictEqual } from 'node:util';
import type { FileDigest, ModelIdentity } from '../manifest-schema';
import type { CalibrationAlgorithm } from './option';

/** What a calibration cache was made from: `<cache>.json`. TensorRT's own text has no word of the model. */
export interface CacheSidecar {
  readonly schemaVersion: 1;
  /** Tells it from any other JSON file. */
  readonly kind: typeof sidecarKind;
  /** The version of trt-node that wrote it. */
  readonly writer: string;
  readonly cache: FileDigest;
  readonly model: CacheModel;
  readonly algorithm: CalibrationAlgorithm;
  /** Of `percentile` alone. */
  readonly quantile?: number;
  readonly regressionCutoff?: number;
  /** TensorRT's. */
  readonly version: string;
  /** Types and dims of a batch. */
  readonly inputs: readonly {
    readonly name: string;
    readonly type: string;
    readonly dims: readonly number[];
  }[];
  readonly batches: number;
  readonly dataSha256: string;
}

export type CacheModel = Pick<ModelIdentity, 'sha256' | 'externalData'>;

const sidecarKind = 'trt-node calibration cache';

export function sidecarPathOf(cache: string): string {
  return `${cache}.json`;
}

export function sidecarText(sidecar: Omit<CacheSidecar, 'schemaVersion' | 'kind'>): string {
  return `${JSON.stringify({ schemaVersion: 1, kind: sidecarKind, ...sidecar }, null, 2)}\n`;
}

/** null: the text is no sidecar of a calibration cache, or one of a version that is not known here. */
export function parseSidecar(text: string): CacheSidecar | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isSidecar(value) ? value : null;
}

export function isSameModel(left: CacheModel, right: CacheModel): boolean {
  const plain = ({ sha256, externalData }: CacheModel): unknown => [
    sha256,
    Object.entries(externalData ?? {})
      .map(([location, digest]) => [location, digest.sha256])
      .sort(),
  ];
  return isDeepStrictEqual(plain(left), plain(right));
}

/** Whoever edits it by hand gets what it then says: only what is read here is checked. */
function isSidecar(value: unknown): value is CacheSidecar {
  if (!isRecord(value)) return false;
  const { kind, schemaVersion, cache, model, algorithm, version, inputs, dataSha256 } = value;
  return (
    kind === sidecarKind &&
    schemaVersion === 1 &&
    isRecord(cache) &&
    typeof cache['sha256'] === 'string' &&
    isRecord(model) &&
    typeof model['sha256'] === 'string' &&
    (model['externalData'] === undefined ||
      (isRecord(model['externalData']) && Object.values(model['externalData']).every(isRecord))) &&
    typeof algorithm === 'string' &&
    typeof version === 'string' &&
    Array.isArray(inputs) &&
    typeof dataSha256 === 'string'
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
