import protobuf from 'protobufjs';

/** The part of onnx.proto that tiny models need; field numbers are ONNX's. */
const schema = `
syntax = "proto3";
message OperatorSetId { string domain = 1; int64 version = 2; }
message Attribute { string name = 1; float f = 2; int64 i = 3; Tensor t = 5; Graph g = 6; repeated Tensor tensors = 10;
                    repeated Graph graphs = 11; int32 type = 20; SparseTensor sparse_tensor = 22; }
message Node { repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4;
               repeated Attribute attribute = 5; string domain = 7; }
message Entry { string key = 1; string value = 2; }
message Tensor { repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9;
                 repeated Entry external_data = 13; int32 data_location = 14; }
message SparseTensor { Tensor values = 1; Tensor indices = 2; repeated int64 dims = 3; }
message Dim { oneof value { int64 dim_value = 1; string dim_param = 2; } }
message Shape { repeated Dim dim = 1; }
message TensorType { int32 elem_type = 1; Shape shape = 2; }
message Type { TensorType tensor_type = 1; }
message ValueInfo { string name = 1; Type type = 2; }
message Graph { repeated Node node = 1; string name = 2; repeated Tensor initializer = 5;
                repeated ValueInfo input = 11; repeated ValueInfo output = 12; repeated SparseTensor sparse_initializer = 15; }
message Training { Graph initialization = 1; }
message Function { string name = 1; repeated Node node = 7; repeated Attribute attribute_proto = 11; }
message Model { int64 ir_version = 1; repeated OperatorSetId opset_import = 8; string producer_name = 2; Graph graph = 7;
                repeated Training training_info = 20; repeated Function functions = 25; }
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
  bfloat16: 16,
  float8e4m3fn: 17,
  int4: 22,
  float4e2m1: 23,
  float8e8m0: 24,
} as const;
export type ElementType = keyof typeof elementType;

/** A name in `dims` is a dynamic dimension, null one that has no name either. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly (number | string | null)[];
}
export interface Node {
  readonly op: string;
  /** ONNX's own when left out. */
  readonly domain?: string;
  readonly name?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Integer attributes. */
  readonly attributes?: Readonly<Record<string, number>>;
  readonly floatAttributes?: Readonly<Record<string, number>>;
  readonly tensorAttributes?: Readonly<Record<string, Constant>>;
  readonly tensorListAttributes?: Readonly<Record<string, readonly Constant[]>>;
  readonly sparseAttributes?: Readonly<Record<string, SparseConstant>>;
  readonly graphAttributes?: Readonly<Record<string, TinyGraph>>;
  readonly graphListAttributes?: Readonly<Record<string, readonly TinyGraph[]>>;
}
/** Data in the model, or the entries of `external_data`, in whatever order and with whatever content. */
export type ConstantData =
  | { readonly data: Uint8Array }
  | { readonly external: readonly (readonly [key: string, value: string])[] };
export type Constant = ConstantData & {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
};
export interface SparseConstant {
  readonly values: Constant;
  readonly indices: Constant;
  readonly dims: readonly number[];
}
export interface TinyGraph {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: readonly Node[];
  readonly constants?: readonly Constant[];
  readonly sparseConstants?: readonly SparseConstant[];
}
export interface TinyModel extends TinyGraph {
  /** 17 by default: float8e4m3fn came with 19, int4 with 21, float4e2m1 with 23, float8e8m0 with 24. */
  readonly opset?: number;
  /** Versions of further operator sets, by domain. */
  readonly opsets?: Readonly<Record<string, number>>;
  readonly functions?: readonly { readonly name: string; readonly nodes: readonly Node[] }[];
  readonly training?: TinyGraph;
}

const dimension = (dim: number | string | null) =>
  dim === null ? {} : typeof dim === 'number' ? { dim_value: dim } : { dim_param: dim };

const valueInfo = ({ name, type, dims }: Value) => ({
  name,
  type: { tensor_type: { elem_type: elementType[type], shape: { dim: dims.map(dimension) } } },
});

const tensor = (constant: Constant) => ({
  name: constant.name,
  dims: constant.dims,
  data_type: elementType[constant.type],
  ...('data' in constant
    ? { raw_data: constant.data }
    : {
        external_data: constant.external.map(([key, value]) => ({ key, value })),
        data_location: 1,
      }),
});

const sparse = ({ values, indices, dims }: SparseConstant) => ({
  values: tensor(values),
  indices: tensor(indices),
  dims,
});

/** Attributes of one kind; `type` is AttributeProto.AttributeType. */
function attributes<T>(
  values: Readonly<Record<string, T>> | undefined,
  type: number,
  content: (value: T) => object,
): object[] {
  return Object.entries(values ?? {}).map(([name, value]) => ({ name, type, ...content(value) }));
}

const operation = (node: Node): object => ({
  name: node.name ?? node.op,
  op_type: node.op,
  ...(node.domain === undefined ? {} : { domain: node.domain }),
  input: node.inputs,
  output: node.outputs,
  attribute: [
    ...attributes(node.floatAttributes, 1, (f) => ({ f })),
    ...attributes(node.attributes, 2, (i) => ({ i })),
    ...attributes(node.tensorAttributes, 4, (t) => ({ t: tensor(t) })),
    ...attributes(node.graphAttributes, 5, (g) => ({ g: graphOf(g) })),
    ...attributes(node.tensorListAttributes, 9, (list) => ({ tensors: list.map(tensor) })),
    ...attributes(node.graphListAttributes, 10, (list) => ({ graphs: list.map(graphOf) })),
    ...attributes(node.sparseAttributes, 11, (value) => ({ sparse_tensor: sparse(value) })),
  ],
});

const graphOf = (graph: TinyGraph): object => ({
  name: 'tiny',
  node: graph.nodes.map(operation),
  initializer: (graph.constants ?? []).map(tensor),
  sparse_initializer: (graph.sparseConstants ?? []).map(sparse),
  input: graph.inputs.map(valueInfo),
  output: graph.outputs.map(valueInfo),
});

/** The bytes of an ONNX model. */
export function writeOnnx(model: TinyModel): Uint8Array {
  return root
    .lookupType('Model')
    .encode({
      ir_version: 8,
      producer_name: 'trt-node tests',
      opset_import: [
        { domain: '', version: model.opset ?? 17 },
        ...Object.entries(model.opsets ?? {}).map(([domain, version]) => ({ domain, version })),
      ],
      graph: graphOf(model),
      training_info: model.training ? [{ initialization: graphOf(model.training) }] : [],
      functions: (model.functions ?? []).map(({ name, nodes }) => ({
        name,
        node: nodes.map(operation),
      })),
    })
    .finish();
}
