import { elementTypeName, type OnnxElementType } from './element-types';
import { int32In, messageIn, takeName, visitFields, wireType, type Message } from './fields';
import { malformedModel } from './model-error';
import type { ModelFile } from './model-file';

/** An input or output of the model's graph. */
export interface OnnxValue {
  readonly name: string;
  /** null for what is no tensor, and for types of a newer ONNX. */
  readonly type: OnnxElementType | null;
  /** A number; the name of a dynamic dim; null for one that is unknown. Of a model without a shape for it: null. */
  readonly dims: OnnxDims | null;
}

/** What inference gives to the graph. */
export type OnnxInput = OnnxValue;

export type OnnxDims = readonly (number | string | null)[];

/** Enough for any rank that TensorRT, with its 8, could name in an error. */
const maxRank = 64;

/** ValueInfoProto */
export async function readValue(file: ModelFile, info: Message): Promise<OnnxValue> {
  let name = '';
  let type: OnnxElementType | null = null;
  let dims: OnnxDims | null = null;
  await visitFields(file, info, (field) => {
    if (field.number === 1) return takeName(file, field, (text) => void (name = text));
    const message = field.number === 2 ? messageIn(field, info) : null;
    return message === null
      ? undefined
      : readType(file, message).then((tensor) => {
          ({ type, dims } = tensor);
        });
  });
  return { name, type, dims };
}

/** TypeProto, of which only `tensor_type` is one that TensorRT knows. */
async function readType(file: ModelFile, proto: Message): Promise<Omit<OnnxValue, 'name'>> {
  let type: OnnxElementType | null = null;
  let dims: OnnxDims | null = null;
  await visitFields(file, proto, (field) => {
    const tensor = field.number === 1 ? messageIn(field, proto) : null;
    if (tensor === null) return undefined;
    return visitFields(file, tensor, (part) => {
      const number = part.number === 1 ? int32In(part) : null;
      if (number !== null) type = elementTypeName(number);
      const shape = part.number === 2 ? messageIn(part, tensor) : null;
      return shape === null
        ? undefined
        : readShape(file, shape).then((read) => {
            dims = read;
          });
    });
  });
  return { type, dims };
}

/** TensorShapeProto */
async function readShape(file: ModelFile, shape: Message): Promise<OnnxDims> {
  const dims: (number | string | null)[] = [];
  await visitFields(file, shape, (field) => {
    const dim = field.number === 1 ? messageIn(field, shape) : null;
    if (dim === null) return undefined;
    if (dims.length === maxRank) {
      throw malformedModel(file.where, `an input or output has more than ${maxRank} dims`);
    }
    return readDim(file, dim).then((value) => void dims.push(value));
  });
  return dims;
}

/** Dimension: exporters write a dynamic one as a name, as nothing, as an empty name or as -1. */
async function readDim(file: ModelFile, dim: Message): Promise<number | string | null> {
  let value: number | string | null = null;
  await visitFields(file, dim, (field) => {
    if (field.number === 1 && field.wireType === wireType.varint) {
      value = field.value < 0 ? null : field.value;
    }
    return field.number === 2
      ? takeName(file, field, (text) => {
          value = text === '' ? null : text;
        })
      : undefined;
  });
  return value;
}
