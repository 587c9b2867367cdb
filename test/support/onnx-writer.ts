import protobuf from 'protobufjs';

/** The part of onnx.proto that tiny models need; field numbers are ONNX's. */
const schema = `
syntax = "proto3";
message OperatorSetId { string domain = 1; int64 version = 2; }
message Attribute { string name = 1; float f = 2; int64 i = 3; int32 type = 20; }
message Node { repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4;
               repeated Attribute attribute = 5; string domain = 7; }
message Tensor { repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9; }
message Dim { oneof value { int64 dim_value = 1; string dim_param = 2; } }
message Shape { repeated Dim dim = 1; }
message TensorType { int32 elem_type = 1; Shape shape = 2; }
message Type { TensorType tensor_type = 1; }
message ValueInfo { string name = 1; Type type = 2; }
message Graph { repeated Node node = 1; string name = 2; repeated Tensor initializer = 5;
                repeated ValueInfo input = 11; repeated ValueInfo output = 12; }
message Model { int64 ir_version = 1; repeated OperatorSetId opset_import = 8; string producer_name = 2; Graph graph = 7; }
`;
const { root } = protobuf.parse(schema, { keepCase: true });

/** ONNX's TensorProto.DataType. */
export const elementType = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
} as const;
export type ElementType = keyof typeof elementType;

/** A name in `dims` is a dynamic dimension. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly (number | string)[];
}
export interface Node {
  readonly op: string;
  readonly name?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Integer attributes. */
  readonly attributes?: Readonly<Record<string, number>>;
  readonly floatAttributes?: Readonly<Record<string, number>>;
}
export interface Constant {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}
export interface TinyModel {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: readonly Node[];
  readonly constants?: readonly Constant[];
}

const valueInfo = ({ name, type, dims }: Value) => ({
  name,
  type: {
    tensor_type: {
      elem_type: elementType[type],
      shape: {
        dim: dims.map((dim) => (typeof dim === 'number' ? { dim_value: dim } : { dim_param: dim })),
      },
    },
  },
});

/** The bytes of an ONNX model, opset 17. */
export function writeOnnx(model: TinyModel): Uint8Array {
  // AttributeProto.AttributeType
  const floatAttribute = 1;
  const intAttribute = 2;
  return root
    .lookupType('Model')
    .encode({
      ir_version: 8,
      producer_name: 'trt-node tests',
      opset_import: [{ domain: '', version: 17 }],
      graph: {
        name: 'tiny',
        node: model.nodes.map((node) => ({
          name: node.name ?? node.op,
          op_type: node.op,
          input: node.inputs,
          output: node.outputs,
          attribute: [
            ...Object.entries(node.attributes ?? {}).map(([name, i]) => ({
              name,
              i,
              type: intAttribute,
            })),
            ...Object.entries(node.floatAttributes ?? {}).map(([name, f]) => ({
              name,
              f,
              type: floatAttribute,
            })),
          ],
        })),
        initializer: (model.constants ?? []).map(({ name, type, dims, data }) => ({
          name,
          dims,
          data_type: elementType[type],
          raw_data: data,
        })),
        input: model.inputs.map(valueInfo),
        output: model.outputs.map(valueInfo),
      },
    })
    .finish();
}
