import { readFile, stat } from 'node:fs/promises';
import { TrtError } from './errors';
import { ManifestReader, type Part } from './manifest-reader';
import { fileDigest, manifestRecords, planDigest } from './manifest-records';
import { tensorTypes } from './data-types';
import { flavours } from './manifest-schema';
import { carrySigned, rememberSigned } from './signature/signed-bytes';
import type {
  DimsRange,
  GpuIdentity,
  InputRange,
  LayerInfo,
  Manifest,
  ModelIdentity,
  Profile,
  TensorInfo,
} from './manifest-schema';

const schemaVersion: Manifest['schemaVersion'] = 1;

/** Real manifests have some kilobytes per hundred layers; what is larger is not read into memory. */
const maxBytes = 256 * 1024 * 1024;

/** Where the manifest of a plan lies: `<plan>.json`. */
export function manifestPathOf(planPath: string): string {
  return `${planPath}.json`;
}

/** The manifest in the file `path`; null where there is no such file. Rubbish is `ERR_TRT_MANIFEST_INVALID`. */
export async function readManifest(path: string): Promise<Manifest | null> {
  let text: string;
  try {
    const stats = await stat(path);
    // Reading a FIFO would wait for its writer.
    if (!stats.isFile()) throw manifestInvalid(path, 'it is not a regular file');
    if (stats.size > maxBytes) throw manifestInvalid(path, `it has ${stats.size} bytes`);
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof TrtError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw manifestInvalid(path, `it cannot be read: ${String(cause)}`, cause);
  }
  return parseManifest(text, path);
}

/** Reads a manifest's JSON; `where` names its origin in errors. Only known fields are taken over. */
export function parseManifest(text: string, where: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw manifestInvalid(where, `it is not JSON: ${(cause as Error).message}`, cause);
  }
  return checkedManifest(json, where);
}

/** The text of a manifest's file. */
export function manifestText(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/**
 * Which manifest, the current or the `previous` one, describes the plan with this digest. `'digest-only'`: it is the plan that
 * stood there before, of which nothing else was known. null: neither does, so plan and manifest do not belong together.
 */
export function manifestFor(manifest: Manifest, sha256: string): Manifest | 'digest-only' | null {
  const { previous, ...current } = manifest;
  if (current.plan.sha256 === sha256) {
    carrySigned(manifest, current);
    return current;
  }
  if (previous?.plan.sha256 !== sha256) return null;
  return isManifest(previous) ? previous : 'digest-only';
}

function isManifest(previous: NonNullable<Manifest['previous']>): previous is Manifest {
  return 'schemaVersion' in previous;
}

/** A manifest that someone made from JSON: checked and copied. `where` null: it is the option `manifest`. */
export function checkedManifest(json: unknown, where: string | null): Manifest {
  const reader = new ManifestReader((finding) => manifestInvalid(where, finding));
  const root = reader.root(json);
  const previous = reader.optional(root, 'previous');
  const body = readBody(reader, root);
  const manifest = previous === null ? body : { ...body, previous: readPrevious(reader, previous) };
  rememberOrRefuse(reader, manifest, root);
  return manifest;
}

/** A signature is over all that stands in the JSON, also what a newer trt-node wrote and this one leaves out. */
function rememberOrRefuse(reader: ManifestReader, manifest: Manifest, part: Part): void {
  try {
    rememberSigned(manifest, part.value);
  } catch (error) {
    throw reader.refuse(`nothing can have signed what stands in it: ${(error as Error).message}`);
  }
}

function readPrevious(reader: ManifestReader, part: Part): NonNullable<Manifest['previous']> {
  const plan = planDigest(reader, reader.object(part, 'plan'));
  if (!reader.has(part, 'schemaVersion')) return { plan };
  const manifest = readBody(reader, part);
  rememberOrRefuse(reader, manifest, part);
  return manifest;
}

function readBody(reader: ManifestReader, part: Part): Manifest {
  const version = reader.integer(part, 'schemaVersion');
  if (version !== schemaVersion) {
    throw reader.refuse(
      `its schemaVersion is ${version}, and this trt-node reads schemaVersion ${schemaVersion}`,
    );
  }
  const gpu = reader.nullable(part, 'gpu');
  const reason = reader.optionalString(part, 'layersReason');
  return {
    schemaVersion,
    writer: reader.string(part, 'writer'),
    flavour: reader.oneOf(part, 'flavour', flavours),
    version: reader.matching(part, 'version', /^\d+\.\d+\.\d+/),
    plan: planDigest(reader, reader.object(part, 'plan')),
    model: modelIdentity(reader, reader.object(part, 'model')),
    gpu: gpu === null ? null : gpuIdentity(reader, gpu),
    computeCapabilities: reader.strings(part, 'computeCapabilities'),
    driver: reader.nullableString(part, 'driver'),
    inputs: reader.list(part, 'inputs').map((item) => tensorInfo(reader, item)),
    outputs: reader.list(part, 'outputs').map((item) => tensorInfo(reader, item)),
    ...profilesOf(reader, part),
    options: reader.copy(part, 'options'),
    labels: reader.stringRecord(part, 'labels'),
    builtAt: reader.matching(part, 'builtAt', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/),
    buildSeconds: reader.nonNegative(part, 'buildSeconds'),
    network: { layers: layers(reader, reader.object(part, 'network')) },
    layers: reader.isNull(part, 'layers') ? null : layers(reader, part),
    ...(reason === null ? {} : { layersReason: reason }),
    ...manifestRecords(reader, part),
  };
}

function modelIdentity(reader: ManifestReader, part: Part): ModelIdentity {
  const identity = { ...fileDigest(reader, part), name: reader.string(part, 'name') };
  const files = reader.optional(part, 'externalData');
  if (files === null) return identity;
  const externalData = Object.fromEntries(
    reader.entries(files).map(([location, file]) => [location, fileDigest(reader, file)]),
  );
  return { ...identity, externalData };
}

function gpuIdentity(reader: ManifestReader, part: Part): GpuIdentity {
  return {
    name: reader.string(part, 'name'),
    computeCapability: reader.matching(part, 'computeCapability', /^\d+\.\d+$/),
  };
}

function tensorInfo(reader: ManifestReader, part: Part): TensorInfo {
  return {
    name: reader.string(part, 'name'),
    type: reader.oneOf(part, 'type', tensorTypes),
    dims: reader.integers(part, 'dims'),
    isShapeTensor: reader.boolean(part, 'isShapeTensor'),
  };
}

function profilesOf(
  reader: ManifestReader,
  part: Part,
): Pick<Manifest, 'profiles' | 'profileNames'> {
  const profiles = reader.list(part, 'profiles').map((item) => profile(reader, item));
  if (!reader.has(part, 'profileNames')) return { profiles };
  const profileNames = reader.strings(part, 'profileNames');
  if (profileNames.length !== profiles.length || new Set(profileNames).size !== profiles.length) {
    throw reader.refuse(
      `\`profileNames\` has ${profileNames.length} names instead of one of its own for each of ${profiles.length} profiles`,
    );
  }
  return { profiles, profileNames };
}

function profile(reader: ManifestReader, part: Part): Profile {
  return Object.fromEntries(
    reader.entries(part).map(([name, range]) => [name, inputRange(reader, range)]),
  );
}

function inputRange(reader: ManifestReader, part: Part): InputRange {
  const values = reader.optional(part, 'values');
  const dims = dimsRange(reader, part);
  return values === null ? dims : { ...dims, values: dimsRange(reader, values) };
}

function dimsRange(reader: ManifestReader, part: Part): DimsRange {
  return {
    min: reader.integers(part, 'min'),
    opt: reader.integers(part, 'opt'),
    max: reader.integers(part, 'max'),
  };
}

function layers(reader: ManifestReader, part: Part): LayerInfo[] {
  return reader.list(part, 'layers').map((layer) => {
    const tactic = reader.optionalString(layer, 'tactic');
    return {
      name: reader.string(layer, 'name'),
      type: reader.string(layer, 'type'),
      outputTypes: reader.strings(layer, 'outputTypes'),
      ...(tactic === null ? {} : { tactic }),
    };
  });
}

function manifestInvalid(where: string | null, finding: string, cause?: unknown): TrtError {
  const next =
    where === null
      ? 'Give the manifest that the build made (`manifest` of what buildEngine() resolves to, or <plan>.json as a parsed ' +
        'object), or leave the option out.'
      : 'Build the plan again, or remove that file to use the plan without what is known about it.';
  return new TrtError(
    'ERR_TRT_MANIFEST_INVALID',
    `expected a manifest of trt-node in ${where ?? '`options.manifest`'}, but ${finding}. ${next}`,
    { details: { path: where }, ...(cause === undefined ? {} : { cause }) },
  );
}
