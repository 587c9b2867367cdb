import { TrtError } from './errors';
import type { Flavour } from './manifest-schema';

/** What a plan's first bytes say of it. */
export interface PlanHeader {
  readonly flavour: Flavour;
  /** Major, minor, patch and build of the TensorRT that made the plan: `10.6.0.26`. */
  readonly version: string;
}

/** `details.reason` of ERR_TRT_ENGINE_INVALID; all but `too-large` come from the header. */
export type PlanInvalidReason =
  'empty' | 'truncated' | 'not-a-plan' | 'serialization-version' | 'too-large';

/** At most this many of a plan's first bytes are looked at. */
export const planHeaderBytes = 64;

const formats = [
  { flavour: 'tensorrt', label: 'TensorRT', magic: 0x74727466, bytes: 28 },
  { flavour: 'tensorrt-rtx', label: 'TensorRT-RTX', magic: 0x74727476, bytes: 64 },
] as const;

const versionOffset = 24;

/**
 * Flavour and version of a plan, from its first bytes: u32 magic, u32 serialization version (0), and the version's four
 * numbers in bytes 24 to 27, all little-endian.
 *
 * @throws TrtError `ERR_TRT_ENGINE_INVALID`, with `details.reason` a {@link PlanInvalidReason}
 */
export function readPlanHeader(bytes: Uint8Array): PlanHeader {
  if (bytes.length === 0) {
    throw planInvalid('empty', 'the plan is empty (0 bytes). Build it again.');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const format = formats.find(({ magic }) => startsWith(view, magic));
  if (format === undefined) {
    const lookalike = describeContent(bytes);
    throw planInvalid(
      'not-a-plan',
      `this is not a TensorRT plan${lookalike === null ? '' : `: it looks like ${lookalike}`}. ` +
        `A plan starts with "ftrt" (TensorRT) or "vtrt" (TensorRT-RTX) but this starts with ${hex(bytes)}.` +
        (lookalike === onnxModel ? ' Give it to buildEngine() and load what that makes.' : ''),
      { looksLike: lookalike },
    );
  }
  if (bytes.length < format.bytes) {
    throw planInvalid(
      'truncated',
      `the plan is truncated: ${bytes.length} bytes are there but the header of a ${format.label} ` +
        `plan alone has ${format.bytes}. Copy or build it again.`,
      { flavour: format.flavour, sizeBytes: bytes.length, headerBytes: format.bytes },
    );
  }
  const serializationVersion = view.getUint32(4, true);
  if (serializationVersion !== 0) {
    throw planInvalid(
      'serialization-version',
      `the ${format.label} plan has serialization version ${serializationVersion} but version 0 is the one ` +
        `that TensorRT 10, 11 and TensorRT-RTX write. It is damaged or made by another TensorRT: build it again.`,
      { flavour: format.flavour, serializationVersion },
    );
  }
  const version = bytes.subarray(versionOffset, versionOffset + 4).join('.');
  return { flavour: format.flavour, version };
}

/** Whether the bytes begin with `magic`, as far as there are any. */
function startsWith(view: DataView, magic: number): boolean {
  for (let i = 0; i < Math.min(4, view.byteLength); i += 1) {
    if (view.getUint8(i) !== ((magic >>> (8 * i)) & 0xff)) return false;
  }
  return true;
}

export function planInvalid(
  reason: PlanInvalidReason,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): TrtError {
  return new TrtError('ERR_TRT_ENGINE_INVALID', message, { details: { reason, ...details } });
}

const onnxModel = 'an ONNX model (protobuf)';
const gitLfsPointer = 'version https://git-lfs';

/** What people pass by mistake, told by its first bytes; null when it is none of those. */
function describeContent(bytes: Uint8Array): string | null {
  const has = (...prefix: number[]): boolean => prefix.every((byte, i) => bytes[i] === byte);
  if (bytes.every((byte) => byte === 0)) return 'zeros';
  if (has(0x89, 0x50, 0x4e, 0x47)) return 'a PNG image';
  if (has(0x1f, 0x8b)) return 'gzip data';
  if (has(0x50, 0x4b, 0x03, 0x04)) return 'a zip archive';
  if (looksLikeOnnx(bytes)) return onnxModel;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('latin1')
    .replace(/^ï»¿/, '')
    .trimStart();
  if (text.startsWith(gitLfsPointer)) return 'a Git LFS pointer (run `git lfs pull`)';
  if (/^(\{\s*["}]|\[\s*["{[\]\d-])/.test(text)) return 'JSON';
  return null;
}

/** ModelProto starts with ir_version (field 1, a small varint), and another of its fields follows. */
function looksLikeOnnx(bytes: Uint8Array): boolean {
  const [first, irVersion, next] = bytes;
  if (first !== 0x08 || irVersion === undefined || irVersion === 0 || irVersion > 0x20)
    return false;
  // producer_name, producer_version, domain, model_version, doc_string, graph, opset_import, metadata_props
  return next === undefined || [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72].includes(next);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
