import type { Stats } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { Reader } from 'protobufjs/minimal';
import { TrtError } from './errors';

/** What the look at an ONNX file says about it. */
export interface OnnxFile {
  readonly sizeBytes: number;
  /** ModelProto.ir_version */
  readonly irVersion: number;
}

/** `details.reason` of ERR_TRT_ONNX_INVALID. */
export type ModelInvalidReason = 'not-a-file' | 'empty' | 'truncated' | 'not-onnx';

const varint = 0;
const fixed64 = 1;
const lengthDelimited = 2;
const fixed32 = 5;

const irVersionField = 1;
const graphField = 7;
const opsetImportField = 8;

/** ModelProto's fields and their wire types, from onnx.proto. */
const modelFields: ReadonlyMap<number, number> = new Map([
  [irVersionField, varint],
  [2, lengthDelimited], // producer_name
  [3, lengthDelimited], // producer_version
  [4, lengthDelimited], // domain
  [5, varint], // model_version
  [6, lengthDelimited], // doc_string
  [graphField, lengthDelimited],
  [opsetImportField, lengthDelimited],
  [14, lengthDelimited], // metadata_props
  [20, lengthDelimited], // training_info
  [25, lengthDelimited], // functions
  [26, lengthDelimited], // configuration
]);

const requiredFields: ReadonlyMap<number, string> = new Map([
  [irVersionField, 'ir_version'],
  [graphField, 'graph'],
  [opsetImportField, 'opset_import'],
]);

/** A tag has at most 5 bytes, a varint after it at most 10. */
const fieldHeaderBytes = 16;

/** A real model has some dozens of top-level fields; a file that has more than this is something else. */
const maxFields = 100_000;

/**
 * Finds out whether a file is an ONNX model before any TensorRT sees it: TensorRT-RTX's parser takes an empty file and
 * plain text for models. Only the headers of ModelProto's own fields are read; payloads are stepped over, so a model of
 * gigabytes costs a few small reads.
 *
 * Rejects with ERR_TRT_ONNX_NOT_FOUND, or ERR_TRT_ONNX_INVALID with `details.reason` (a {@link ModelInvalidReason}).
 */
export async function checkOnnxFile(path: string): Promise<OnnxFile> {
  const stats = await modelStats(path);
  if (!stats.isFile()) {
    const kind = stats.isDirectory() ? 'a folder' : 'not a regular file';
    throw invalid(path, 'not-a-file', `it is ${kind}`, 'Pass the path of the .onnx file itself.');
  }
  if (stats.size === 0) {
    throw invalid(path, 'empty', 'it has 0 bytes', 'Export or copy the model again.');
  }
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  try {
    return { sizeBytes: stats.size, irVersion: await walkModel(path, file, stats.size) };
  } finally {
    await file.close();
  }
}

async function modelStats(path: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** Steps through ModelProto's fields; resolves to ir_version. */
async function walkModel(path: string, file: FileHandle, size: number): Promise<number> {
  const seen = new Set<number>();
  let irVersion = 0;
  let offset = 0;
  for (let count = 0; offset < size; count += 1) {
    if (count === maxFields) throw notOnnx(path, `it has more than ${maxFields} top-level fields`);
    const header = await readAt(path, file, offset, Math.min(fieldHeaderBytes, size - offset));
    const field = parseFieldHeader(path, header, offset, offset + header.length === size, seen);
    const end = offset + field.length;
    if (end > size) {
      throw truncated(
        path,
        `the field at byte ${offset} ends at byte ${end}, but the file has ${size} bytes`,
      );
    }
    if (field.number === irVersionField) irVersion = field.value;
    seen.add(field.number);
    offset = end;
  }
  for (const [number, name] of requiredFields) {
    if (seen.has(number)) continue;
    const finding = `it ends at byte ${size} without the field \`${name}\``;
    throw seen.has(irVersionField) ? truncated(path, finding) : notOnnx(path, finding);
  }
  if (irVersion < 1) throw notOnnx(path, `its ir_version is ${irVersion}`);
  return irVersion;
}

interface Field {
  readonly number: number;
  /** Bytes of the whole field: tag, length and payload. */
  readonly length: number;
  /** A varint's value; 0 for other wire types. */
  readonly value: number;
}

function parseFieldHeader(
  path: string,
  header: Uint8Array,
  offset: number,
  atEnd: boolean,
  seen: ReadonlySet<number>,
): Field {
  const reader = new Reader(header);
  try {
    const tag = reader.tag();
    const number = tag >>> 3;
    const wireType = tag & 7;
    checkField(path, offset, number, wireType, seen);
    switch (wireType) {
      case varint: {
        const value = reader.int32();
        return { number, length: reader.pos, value };
      }
      case fixed64:
        return { number, length: reader.pos + 8, value: 0 };
      case fixed32:
        return { number, length: reader.pos + 4, value: 0 };
      default: {
        const payload = reader.size();
        return { number, length: reader.pos + payload, value: 0 };
      }
    }
  } catch (error) {
    if (error instanceof TrtError) throw error;
    // protobufjs throws a RangeError where the buffer ends inside of a varint, an Error where a varint is malformed.
    if (error instanceof RangeError && atEnd && (seen.size > 0 || header[0] === irVersionTag)) {
      throw truncated(path, `it ends inside of the field at byte ${offset}`);
    }
    throw notOnnx(path, `there is no protobuf field at byte ${offset}`);
  }
}

const irVersionTag = (irVersionField << 3) | varint;

function checkField(
  path: string,
  offset: number,
  number: number,
  wireType: number,
  seen: ReadonlySet<number>,
): void {
  const expected = modelFields.get(number);
  if (expected === wireType) return;
  // A newer ONNX may add fields, and protobuf readers skip those they do not know. Only a file that has shown an
  // ir_version gets that benefit of the doubt: text and other formats look like fields of arbitrary numbers.
  const skippable = [varint, fixed64, lengthDelimited, fixed32].includes(wireType);
  if (expected === undefined && number > 0 && skippable && seen.has(irVersionField)) return;
  throw notOnnx(
    path,
    `byte ${offset} starts field ${number} with wire type ${wireType}, which ModelProto does not have`,
  );
}

async function readAt(
  path: string,
  file: FileHandle,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file
      .read(bytes, filled, length - filled, offset + filled)
      .catch((cause: unknown) => {
        throw unreadable(path, cause);
      });
    if (bytesRead === 0) throw truncated(path, 'it became shorter while it was read');
    filled += bytesRead;
  }
  return bytes;
}

function unreadable(path: string, cause: unknown): TrtError {
  const code = (cause as NodeJS.ErrnoException).code;
  const why = code === 'ENOENT' || code === 'ENOTDIR' ? 'there is no such file' : String(cause);
  return new TrtError(
    'ERR_TRT_ONNX_NOT_FOUND',
    `expected a readable ONNX file at ${path}, but ${why}. Check the path (relative paths start at the process's ` +
      'working directory) and its permissions.',
    { details: { path, errno: code ?? null }, cause },
  );
}

function invalid(
  path: string,
  reason: ModelInvalidReason,
  finding: string,
  next: string,
): TrtError {
  return new TrtError(
    'ERR_TRT_ONNX_INVALID',
    `expected an ONNX model in ${path}, but ${finding}. ${next}`,
    { details: { path, reason } },
  );
}

function truncated(path: string, finding: string): TrtError {
  return invalid(
    path,
    'truncated',
    `the file is cut short: ${finding}`,
    'Copy, download or export it again and compare its size with the original.',
  );
}

function notOnnx(path: string, finding: string): TrtError {
  return invalid(
    path,
    'not-onnx',
    `this is not an ONNX file: ${finding}`,
    'Export the model to ONNX (torch.onnx.export, tf2onnx, skl2onnx) and pass that file; a file that Git LFS ' +
      'stands in for must be pulled first.',
  );
}
