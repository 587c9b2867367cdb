import { contentKindBytes, contentKindOf } from './content-kind';
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
export const planHeaderBytes = contentKindBytes;

const formats = [
  { flavour: 'tensorrt', label: 'TensorRT', magic: 0x74727466, bytes: 28 },
  { flavour: 'tensorrt-rtx', label: 'TensorRT-RTX', magic: 0x74727476, bytes: 64 },
] as const;

const versionOffset = 24;

/**
 * Flavour and version of a plan, from its first bytes: u32 magic, u32 serialization version (0), and the version's four
 * numbers in bytes 24 to 27, all little-endian.
 *
 * @param path the plan's file, for the error; null for bytes
 * @throws TrtError `ERR_TRT_ENGINE_INVALID`, with `details.reason` a {@link PlanInvalidReason}
 */
export function readPlanHeader(bytes: Uint8Array, path: string | null = null): PlanHeader {
  const plan = planNamed(path);
  if (bytes.length === 0) {
    throw planInvalid(path, 'empty', `${plan} is empty (0 bytes). Build it again.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const format = formats.find(({ magic }) => startsWith(view, magic));
  if (format === undefined) {
    const kind = contentKindOf(bytes);
    throw planInvalid(
      path,
      'not-a-plan',
      `${path === null ? 'this' : path} is not a TensorRT plan${kind === null ? '' : `: it looks like ${kind.name}`}. ` +
        `A plan starts with "ftrt" (TensorRT) or "vtrt" (TensorRT-RTX) but this starts with ${hex(bytes)}. ` +
        (kind?.next ?? 'Pass the file that the build wrote.'),
      { looksLike: kind?.name ?? null },
    );
  }
  if (bytes.length < format.bytes) {
    throw planInvalid(
      path,
      'truncated',
      `${plan} is truncated: ${bytes.length} bytes are there but the header of a ${format.label} ` +
        `plan alone has ${format.bytes}. Copy or build it again.`,
      { flavour: format.flavour, sizeBytes: bytes.length, headerBytes: format.bytes },
    );
  }
  const serializationVersion = view.getUint32(4, true);
  if (serializationVersion !== 0) {
    throw planInvalid(
      path,
      'serialization-version',
      `${plan} (${format.label}) has serialization version ${serializationVersion} but version 0 is the one ` +
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

/** What messages call a plan: its path is null where it was given as bytes. */
export function planNamed(path: string | null): string {
  return path === null ? 'the plan' : `the plan ${path}`;
}

export function planInvalid(
  path: string | null,
  reason: PlanInvalidReason,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): TrtError {
  return new TrtError('ERR_TRT_ENGINE_INVALID', message, { details: { path, reason, ...details } });
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
