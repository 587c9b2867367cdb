import type { Reader } from 'protobufjs/minimal';
import { invalidModel, malformedModel } from './model-error';
import { windowBytes, type ModelFile } from './model-file';

export const wireType = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

/** A tag has at most 5 bytes, a varint after it at most 10. */
export const fieldHeaderBytes = 16;

/** Where a message lies in the file, and how many messages enclose it. */
export interface Message {
  readonly start: number;
  readonly end: number;
  readonly depth: number;
}

/** One field of a message. Its payload was not read, unless it is a varint. */
export interface Field {
  readonly number: number;
  readonly wireType: number;
  /** Of the payload. */
  readonly start: number;
  readonly end: number;
  /** A varint's value (beyond 2^53 not exact); 0 for other wire types. */
  readonly value: number;
}

/** protobuf's own limit: its readers refuse messages that are nested more deeply. */
const maxDepth = 100;

/** No tensor that is real has more; TensorRT ends at 8. */
const maxIntegers = 64;

/** Reads the field at `offset`, which must be in the window. Throws what protobufjs throws. */
export function parseField(file: ModelFile, offset: number): Field {
  const reader = file.readerAt(offset);
  const tag = reader.tag();
  const type = tag & 7;
  const value = type === wireType.varint ? int64(reader) : 0;
  const length = payloadLength(reader, type);
  const start = file.position;
  return { number: tag >>> 3, wireType: type, start, end: start + length, value };
}

function payloadLength(reader: Reader, type: number): number {
  switch (type) {
    case wireType.varint:
      return 0;
    case wireType.fixed64:
      return 8;
    case wireType.lengthDelimited:
      return reader.size();
    case wireType.fixed32:
      return 4;
    default:
      throw new Error(`wire type ${type}`);
  }
}

/**
 * Visits the fields of a message in their order; payloads that `visit` does not descend into are stepped over.
 * ERR_TRT_ONNX_INVALID for what is no message, and for one that is nested too deeply.
 */
export async function visitFields(
  file: ModelFile,
  message: Message,
  visit: (field: Field) => Promise<void> | undefined,
): Promise<void> {
  if (message.depth > maxDepth) {
    throw invalidModel(
      file.where,
      'too-deep',
      `its graphs are nested more deeply than ${maxDepth} messages, where protobuf's readers end`,
      'Export it again with fewer subgraphs (If, Loop, Scan) inside of each other.',
    );
  }
  let offset = message.start;
  while (offset < message.end) {
    const length = Math.min(fieldHeaderBytes, message.end - offset);
    if (!file.holds(offset, length)) await file.load(offset, length);
    const field = checkedField(file, offset, message.end);
    const visiting = visit(field);
    if (visiting !== undefined) await visiting;
    offset = field.end;
  }
}

function checkedField(file: ModelFile, offset: number, end: number): Field {
  let field: Field;
  try {
    field = parseField(file, offset);
  } catch {
    throw malformedModel(file.where, `there is no protobuf field at byte ${offset}`);
  }
  if (field.number === 0 || field.end > end) {
    const finding =
      field.number === 0 ? 'has number 0' : `ends behind its message, which ends at ${end}`;
    throw malformedModel(file.where, `the field at byte ${offset} ${finding}`);
  }
  return field;
}

/** The message in a field. A field that is none counts as unknown, as for every protobuf reader: null. */
export function messageIn(field: Field, parent: Message): Message | null {
  if (field.wireType !== wireType.lengthDelimited) return null;
  return { start: field.start, end: field.end, depth: parent.depth + 1 };
}

/** The int32 or enum in a field: 0, which is no type of ONNX, for more bits than one has; null for a field that is none. */
export function int32In(field: Field): number | null {
  if (field.wireType !== wireType.varint) return null;
  return Number.isSafeInteger(field.value) ? field.value | 0 : 0;
}

/** The text in a field, at most `limit` bytes of it; null for a field that is none. */
export function readText(
  file: ModelFile,
  field: Field,
  limit = windowBytes,
): Promise<string> | null {
  return field.wireType === wireType.lengthDelimited ? loadText(file, field, limit) : null;
}

async function loadText(file: ModelFile, field: Field, limit: number): Promise<string> {
  const length = Math.min(field.end - field.start, limit);
  if (!file.holds(field.start, length)) await file.load(field.start, length);
  return file.text(field.start, length);
}

/** The whole text in a field, null for a field that is none; ERR_TRT_ONNX_INVALID where it is longer than any name. */
export function readName(file: ModelFile, field: Field): Promise<string> | null {
  const length = field.end - field.start;
  if (length <= windowBytes) return readText(file, field);
  throw malformedModel(file.where, `the name at byte ${field.start} has ${length} bytes`);
}

/** Gives the whole text in a field to `take`: at once where it is in the window, so that most names cost no promise. */
export function takeName(
  file: ModelFile,
  field: Field,
  take: (name: string) => void,
): Promise<void> | undefined {
  const length = field.end - field.start;
  if (field.wireType === wireType.lengthDelimited && file.holds(field.start, length)) {
    take(file.text(field.start, length));
    return undefined;
  }
  return readName(file, field)?.then(take);
}

/** Adds the integers of one field, packed (proto3) or not (proto2), to `integers`. */
export function readIntegers(
  file: ModelFile,
  field: Field,
  integers: number[],
): Promise<void> | undefined {
  if (field.wireType === wireType.varint) {
    integers.push(field.value);
    checkCount(file, field, integers);
    return undefined;
  }
  return field.wireType === wireType.lengthDelimited ? unpack(file, field, integers) : undefined;
}

async function unpack(file: ModelFile, field: Field, integers: number[]): Promise<void> {
  const length = field.end - field.start;
  const longest = maxIntegers * 10;
  if (length > longest) {
    throw malformedModel(file.where, `the dims at byte ${field.start} have ${length} bytes`);
  }
  if (!file.holds(field.start, length)) await file.load(field.start, length);
  const reader = file.readerAt(field.start);
  try {
    while (file.position < field.end) integers.push(int64(reader));
  } catch {
    throw malformedModel(file.where, `there are no integers at byte ${field.start}`);
  }
  checkCount(file, field, integers);
}

function checkCount(file: ModelFile, field: Field, { length }: readonly number[]): void {
  if (length <= maxIntegers) return;
  throw malformedModel(
    file.where,
    `at byte ${field.start} a tensor has more than ${maxIntegers} dims`,
  );
}

function int64(reader: Reader): number {
  // A Long, as its type says, only where the package `long` is installed; else a number.
  const value = reader.int64() as unknown as number | { toNumber(): number };
  return typeof value === 'number' ? value : value.toNumber();
}
