import type { TensorType } from '../data-types';
import type { Flavour, ModelIdentity } from '../manifest-schema';
import type { OnnxProducer } from '../onnx/onnx-model';
import type { OnnxValue } from '../onnx/value-info';

/** What `inspectOnnx` found out about a model. */
export interface OnnxInspection {
  /** The file's size and SHA-256, and those of the files with its external data. */
  readonly model: ModelIdentity;
  /** Bytes of the model and of all its external data. */
  readonly sizeBytes: number;
  /** ModelProto.ir_version */
  readonly irVersion: number;
  /** The exporter; empty texts where it gave none. */
  readonly producer: OnnxProducer;
  /** Versions of the operator sets, by domain; ONNX's own is `ai.onnx`. */
  readonly opsets: Readonly<Record<string, number>>;
  /** What inference gives to the model: its inputs without those that an initializer fills. */
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Every dim of an input that needs a range in an optimization profile. */
  readonly dynamicDims: readonly OnnxDynamicDim[];
  /** Nodes of the main graph. */
  readonly nodes: number;
  /**
   * Operator → nodes, the most frequent first: `Conv`, and `com.microsoft:Gelu` outside of ONNX's own domain. Those in subgraphs
   * (If, Loop, Scan) and in model-local functions are counted too.
   */
  readonly operators: Readonly<Record<string, number>>;
  /** Types that QuantizeLinear and DequantizeLinear nodes quantize to. `uint8`, ONNX's default, TensorRT takes for int8. */
  readonly quantized: readonly TensorType[];
  /** What a TensorRT of this machine says; null where none could be asked, and `supportReason` says why. */
  readonly support: OnnxSupport | null;
  readonly supportReason?: string;
}

export interface OnnxDynamicDim {
  readonly input: string;
  readonly axis: number;
  /** Equal names are equal sizes; null: it has none. */
  readonly name: string | null;
}

/** What TensorRT's ONNX parser says of a model (`IParser::supportsModelV2`). The model was parsed, not built. */
export interface OnnxSupport {
  readonly flavour: Flavour;
  /** `10.6.0` */
  readonly version: string;
  readonly parserVersion: string | null;
  /** Path of the TensorRT library. */
  readonly library: string;
  /** CUDA device index; null: asked without a GPU (TensorRT-RTX). */
  readonly device: number | null;
  /** The whole model parses. */
  readonly supported: boolean;
  /** Operators with a node that the parser refuses. */
  readonly unsupportedOperators: readonly UnsupportedOperator[];
  /** The first in the file's order; null where there is none, or where the model as a whole is refused. */
  readonly firstUnsupported: UnsupportedNode | null;
  /** All that the parser found, in the file's order. It may stop at the first: what comes later can be hidden by it. */
  readonly problems: readonly UnsupportedNode[];
  /**
   * Runs of nodes without a problem of their own, in TensorRT's order (`getSubgraphNodes`); nodes are numbered in the file's
   * order. Empty before TensorRT 10.1.
   */
  readonly subgraphs: readonly OnnxSubgraph[];
}

export interface UnsupportedOperator {
  /** As in `operators`. */
  readonly operator: string;
  /** Its nodes that the parser refuses. */
  readonly nodes: number;
}

export interface UnsupportedNode {
  /** In the main graph, in the file's order, from 0; null: the model as a whole. */
  readonly index: number | null;
  /** Empty where it has none. */
  readonly name: string;
  /** Its type, e.g. `Gelu`; empty for the model as a whole. */
  readonly operator: string;
  /** `ai.onnx`, `com.microsoft`, …; null where it is not known (a node of a model-local function, say). */
  readonly domain: string | null;
  /** TensorRT's ErrorCode, e.g. `unsupported-node`. */
  readonly code: string;
  /** The parser's own words. */
  readonly message: string;
}

export interface OnnxSubgraph {
  readonly nodes: readonly number[];
  /** TensorRT vouches for the run as a whole. false: not known, as the model has a problem elsewhere. */
  readonly supported: boolean;
}
