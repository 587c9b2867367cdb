import type { ManifestReader, Part } from './manifest-reader';
import type {
  CalibrationRecord,
  FileDigest,
  LayerSummary,
  Manifest,
  ManifestSignature,
  PlanDigest,
  PlanMemory,
  VerificationRecord,
} from './manifest-schema';

const sha256 = /^[0-9a-f]{64}$/;

export function fileDigest(reader: ManifestReader, part: Part): FileDigest {
  return {
    sha256: reader.matching(part, 'sha256', sha256),
    sizeBytes: reader.natural(part, 'sizeBytes'),
  };
}

export function planDigest(reader: ManifestReader, part: Part): PlanDigest {
  return {
    ...fileDigest(reader, part),
    ...(reader.has(part, 'chunksSha256')
      ? { chunksSha256: reader.matching(part, 'chunksSha256', sha256) }
      : {}),
  };
}

/** The fields of a manifest that may be absent and say what came of a build's options. */
type Records = Pick<
  Manifest,
  | 'layerSummary'
  | 'memory'
  | 'calibration'
  | 'timingCache'
  | 'plugins'
  | 'verification'
  | 'unproven'
  | 'cacheKey'
  | 'signature'
>;

export function manifestRecords(reader: ManifestReader, part: Part): Records {
  const memory = reader.optional(part, 'memory');
  const calibration = reader.optional(part, 'calibration');
  const timingCache = reader.optional(part, 'timingCache');
  const verification = reader.optional(part, 'verification');
  const signature = reader.optional(part, 'signature');
  return {
    ...(reader.has(part, 'layerSummary') ? { layerSummary: layerSummary(reader, part) } : {}),
    ...(memory === null ? {} : { memory: planMemory(reader, memory) }),
    ...(calibration === null ? {} : { calibration: calibrationRecord(reader, calibration) }),
    ...(timingCache === null ? {} : { timingCache: timingCacheRecord(reader, timingCache) }),
    ...(reader.has(part, 'plugins') ? { plugins: plugins(reader, part) } : {}),
    ...(verification === null ? {} : { verification: verificationRecord(reader, verification) }),
    ...(reader.has(part, 'unproven') ? { unproven: reader.strings(part, 'unproven') } : {}),
    // It may become a file's name.
    ...(reader.has(part, 'cacheKey')
      ? { cacheKey: reader.matching(part, 'cacheKey', /^[\w-]{1,200}$/) }
      : {}),
    ...(signature === null ? {} : { signature: manifestSignature(reader, signature) }),
  };
}

function planMemory(reader: ManifestReader, part: Part): PlanMemory {
  return {
    weights: reader.natural(part, 'weights'),
    context: reader.natural(part, 'context'),
    profiles: reader.list(part, 'profiles').map((profile) => ({
      context: reader.natural(profile, 'context'),
      inputs: reader.natural(profile, 'inputs'),
      outputs: reader.isNull(profile, 'outputs') ? null : reader.natural(profile, 'outputs'),
    })),
  };
}

function layerSummary(reader: ManifestReader, part: Part): LayerSummary | null {
  const summary = reader.nullable(part, 'layerSummary');
  if (summary === null) return null;
  return {
    layers: reader.natural(summary, 'layers'),
    byType: reader.naturalRecord(summary, 'byType'),
    fused: reader.natural(summary, 'fused'),
    reformat: reader.natural(summary, 'reformat'),
    tactics: reader.natural(summary, 'tactics'),
    wider: reader.strings(summary, 'wider'),
  };
}

function calibrationRecord(reader: ManifestReader, part: Part): CalibrationRecord {
  return {
    algorithm: reader.string(part, 'algorithm'),
    batches: reader.natural(part, 'batches'),
    droppedSamples: reader.natural(part, 'droppedSamples'),
    dataSha256: reader.nullableMatching(part, 'dataSha256', sha256),
    cacheSha256: reader.nullableMatching(part, 'cacheSha256', sha256),
  };
}

function timingCacheRecord(
  reader: ManifestReader,
  part: Part,
): NonNullable<Manifest['timingCache']> {
  return {
    sha256: reader.matching(part, 'sha256', sha256),
    reproducible: reader.boolean(part, 'reproducible'),
  };
}

function plugins(reader: ManifestReader, part: Part): NonNullable<Manifest['plugins']> {
  return reader.list(part, 'plugins').map((plugin) => ({
    ...fileDigest(reader, plugin),
    name: reader.string(plugin, 'name'),
  }));
}

const references = ['given', 'onnxruntime', 'unquantized', 'none'] as const;

function verificationRecord(reader: ManifestReader, part: Part): VerificationRecord {
  const outputs = reader.object(part, 'outputs');
  const metric = reader.optional(part, 'metric');
  const names = Object.keys(outputs.value);
  return {
    cases: reader.natural(part, 'cases'),
    reference: reader.oneOf(part, 'reference', references),
    outputs: Object.fromEntries(names.map((name) => [name, reader.numberRecord(outputs, name)])),
    ...(metric === null ? {} : { metric: metricRecord(reader, metric) }),
  };
}

function metricRecord(
  reader: ManifestReader,
  part: Part,
): NonNullable<VerificationRecord['metric']> {
  return {
    name: reader.string(part, 'name'),
    value: reader.number(part, 'value'),
    ...(reader.has(part, 'baseline') ? { baseline: reader.number(part, 'baseline') } : {}),
  };
}

const signatureAlgorithms = ['hmac-sha256', 'ed25519'] as const;

function manifestSignature(reader: ManifestReader, part: Part): ManifestSignature {
  const keyId = reader.optionalString(part, 'keyId');
  return {
    algorithm: reader.oneOf(part, 'algorithm', signatureAlgorithms),
    ...(keyId === null ? {} : { keyId }),
    value: reader.matching(part, 'value', /^[A-Za-z0-9+/]+={0,2}$/),
  };
}
