import type { TrtError } from '../errors';
import { notOnnx as notOnnxAt, truncatedModel, type ModelPlace } from './model-error';
import type { TensorType } from '../data-types';
import { fieldHeaderBytes, parseField, readText, wireType, type Field } from './fields';
import { Findings, readFunction, readGraph } from './graph';
import { ModelFile } from './model-file';
import { readOpset } from './opset';
import { tensorTypesIn } from './quantization';
import type { ExternalTensor } from './tensor';
import type { OnnxInput, OnnxValue } from './value-info';

/** What a look at an ONNX file says about it. */
export interface OnnxModel {
  readonly sizeBytes: number;
  /** What tells this state of this file from any other. */
  readonly identity: string;
  /** ModelProto.ir_version */
  readonly irVersion: number;
  /** ModelProto.producer_name and producer_version; empty where the exporter gave none. */
  readonly producer: OnnxProducer;
  /** Versions of the operator sets, by domain (`ai.onnx` is ONNX's own). */
  readonly opsets: ReadonlyMap<string, number>;
  /** What inference gives to the graph: its inputs without those that an initializer fills. */
  readonly inputs: readonly OnnxInput[];
  readonly outputs: readonly OnnxValue[];
  /**
   * Nodes by operator (`Conv`; `com.microsoft:Gelu` outside of ONNX's own domain), of the main graph, of subgraphs and of
   * model-local functions, each once however often it is called.
   */
  readonly operators: ReadonlyMap<string, number>;
  /** The main graph's nodes by their operators, in the file's order, which TensorRT's parser numbers them in. */
  readonly nodeOperators: readonly string[];
  /**
   * The types that the model's Q/DQ nodes quantize to. `uint8`, which is also ONNX's default, TensorRT imports as int8
   * where the zero points are 0.
   */
  readonly quantized: ReadonlySet<TensorType>;
  /** Every tensor whose data is in another file, wherever in the model it stands. */
  readonly externalTensors: readonly ExternalTensor[];
}

export interface OnnxProducer {
  readonly name: string;
  readonly version: string;
}

export interface ReadModelOptions {
  /** The model for errors; null: it was given as bytes. Default: its path. */
  readonly where?: ModelPlace;
  /** An abort rejects with its reason. Default: none. */
  readonly signal?: AbortSignal | null;
}

const irVersionField = 1;
const producerFields = { name: 2, version: 3 } as const;
const graphField = 7;
const opsetImportField = 8;
const functionsField = 25;

/**
 * ModelProto's fields and their wire types, from onnx.proto. training_info is stepped over with all that is in it, external
 * data too: TensorRT's parser does not read it.
 */
const modelFields: ReadonlyMap<number, number> = new Map([
  [irVersionField, wireType.varint],
  [producerFields.name, wireType.lengthDelimited],
  [producerFields.version, wireType.lengthDelimited],
  [4, wireType.lengthDelimited], // domain
  [5, wireType.varint], // model_version
  [6, wireType.lengthDelimited], // doc_string
  [graphField, wireType.lengthDelimited],
  [opsetImportField, wireType.lengthDelimited],
  [14, wireType.lengthDelimited], // metadata_props
  [20, wireType.lengthDelimited], // training_info
  [functionsField, wireType.lengthDelimited],
  [26, wireType.lengthDelimited], // configuration
]);

const requiredFields: ReadonlyMap<number, string> = new Map([
  [irVersionField, 'ir_version'],
  [graphField, 'graph'],
  [opsetImportField, 'opset_import'],
]);

/** A real model has some dozens of top-level fields; a file that has more than this is something else. */
const maxFields = 100_000;

/** Of an exporter's name or version. */
const maxProducerBytes = 1024;

/**
 * Reads what stands in an ONNX file beside its weights, before any TensorRT sees it: TensorRT-RTX's parser takes an empty
 * file and plain text for models. Payloads are stepped over, so a model of gigabytes costs small reads and little memory.
 *
 * Rejects with ERR_TRT_ONNX_NOT_FOUND, or ERR_TRT_ONNX_INVALID with `details.reason` (a ModelInvalidReason).
 */
export async function readOnnxModel(
  path: string,
  { where = path, signal = null }: ReadModelOptions = {},
): Promise<OnnxModel> {
  return await ModelFile.with(path, where, signal, readModel);
}

async function readModel(file: ModelFile): Promise<OnnxModel> {
  const { where, sizeBytes } = file;
  const found = new Findings();
  const opsets = new Map<string, number>();
  const producer = { name: '', version: '' };
  const seen = new Set<number>();
  let irVersion = 0;
  let offset = 0;
  for (let count = 0; offset < sizeBytes; count += 1) {
    if (count === maxFields) throw notOnnx(file, `it has more than ${maxFields} top-level fields`);
    const length = Math.min(fieldHeaderBytes, sizeBytes - offset);
    if (!file.holds(offset, length)) await file.load(offset, length);
    const field = topLevelField(file, offset, seen);
    if (field.end > sizeBytes) {
      throw truncatedModel(
        where,
        `the field at byte ${offset} ends at byte ${field.end}, but the file has ${sizeBytes} bytes`,
      );
    }
    const message = { start: field.start, end: field.end, depth: 1 };
    if (field.number === irVersionField) irVersion = field.value;
    if (field.number === producerFields.name) producer.name = await shortText(file, field);
    if (field.number === producerFields.version) producer.version = await shortText(file, field);
    if (field.number === opsetImportField) await readOpset(file, message, opsets);
    if (field.number === graphField) {
      // Protobuf merges the two; no exporter writes that.
      if (seen.has(graphField)) throw notOnnx(file, 'it has two graphs');
      await readGraph(file, message, found);
    }
    if (field.number === functionsField) await readFunction(file, message, found);
    seen.add(field.number);
    offset = field.end;
  }
  checkRequired(file, seen, irVersion);
  return {
    sizeBytes,
    identity: file.identity,
    irVersion,
    producer,
    opsets,
    inputs: found.inputs.filter(({ name }) => !found.initializers.has(name)),
    outputs: found.outputs,
    operators: found.operators.counts(),
    nodeOperators: found.nodeOperators,
    quantized: tensorTypesIn(found.quantized),
    externalTensors: found.externalTensors,
  };
}

async function shortText(file: ModelFile, field: Field): Promise<string> {
  return (await readText(file, field, maxProducerBytes)) ?? '';
}

function checkRequired(file: ModelFile, seen: ReadonlySet<number>, irVersion: number): void {
  const { where, sizeBytes } = file;
  for (const [number, name] of requiredFields) {
    if (seen.has(number)) continue;
    const finding = `it ends at byte ${sizeBytes} without the field \`${name}\``;
    throw seen.has(irVersionField) ? truncatedModel(where, finding) : notOnnx(file, finding);
  }
  if (irVersion < 1) throw notOnnx(file, `its ir_version is ${irVersion}`);
}

function topLevelField(file: ModelFile, offset: number, seen: ReadonlySet<number>): Field {
  let field: Field;
  try {
    field = parseField(file, offset);
  } catch (error) {
    // protobufjs throws a RangeError where the buffer ends inside of a varint, an Error where a varint is malformed.
    const atEnd = error instanceof RangeError && offset + fieldHeaderBytes > file.sizeBytes;
    if (atEnd && (seen.size > 0 || file.readerAt(offset).buf[0] === irVersionTag)) {
      throw truncatedModel(file.where, `it ends inside of the field at byte ${offset}`);
    }
    throw notOnnx(file, `there is no protobuf field at byte ${offset}`);
  }
  checkTopLevelField(file, offset, field, seen);
  return field;
}

const irVersionTag = (irVersionField << 3) | wireType.varint;

function checkTopLevelField(
  file: ModelFile,
  offset: number,
  field: Field,
  seen: ReadonlySet<number>,
): void {
  const expected = modelFields.get(field.number);
  if (expected === field.wireType) return;
  // A newer ONNX may add fields, and protobuf readers skip those they do not know. Only a file that has shown an
  // ir_version gets that benefit of the doubt: text and other formats look like fields of arbitrary numbers.
  if (expected === undefined && field.number > 0 && seen.has(irVersionField)) return;
  throw notOnnx(
    file,
    `byte ${offset} starts field ${field.number} with wire type ${field.wireType}, which ModelProto does not have`,
  );
}

function notOnnx({ where, beginning }: ModelFile, finding: string): TrtError {
  return notOnnxAt(where, finding, beginning);
}
