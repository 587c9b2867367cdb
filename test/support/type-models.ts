import type { TensorType } from '../../lib/data-types';
import { elementType, type ElementType, type TinyModel } from './onnx-writer';

/** ONNX's operator set 24 is the first that has every type. */
const opset = 24;

/** `x_float32` → `y_float32` and so on through Identity, all in one model. */
export function identities(
  types: readonly ElementType[],
  dims: readonly (number | string)[],
): TinyModel {
  return {
    opset,
    inputs: types.map((type) => ({ name: `x_${type}`, type, dims })),
    outputs: types.map((type) => ({ name: `y_${type}`, type, dims })),
    nodes: types.map((type) => ({
      op: 'Identity',
      name: `identity_${type}`,
      inputs: [`x_${type}`],
      outputs: [`y_${type}`],
    })),
  };
}

/** float32 `x_…` → `y_…` of each type through Cast. */
export function casts(types: readonly ElementType[], dims: readonly number[]): TinyModel {
  return {
    opset,
    inputs: types.map((type) => ({ name: `x_${type}`, type: 'float32', dims })),
    outputs: types.map((type) => ({ name: `y_${type}`, type, dims })),
    nodes: types.map((type) => ({
      op: 'Cast',
      name: `cast_${type}`,
      inputs: [`x_${type}`],
      outputs: [`y_${type}`],
      attributes: { to: elementType[type] },
    })),
  };
}

type Quantized = Extract<TensorType, 'int8' | 'float8e4m3fn' | 'int4' | 'float4e2m1'>;

const scaleOfOne = {
  name: 'one',
  type: 'float32',
  dims: [],
  data: new Uint8Array(Float32Array.of(1).buffer),
} as const;

const zeroOf = (type: Quantized) =>
  ({ name: 'zero', type, dims: [], data: Uint8Array.of(0) }) as const;

/** float32 `x` → `y` of `type`, by QuantizeLinear with scale 1. */
export function quantize(type: Quantized, dims: readonly number[]): TinyModel {
  return {
    opset,
    inputs: [{ name: 'x', type: 'float32', dims }],
    outputs: [{ name: 'y', type, dims }],
    constants: [scaleOfOne, zeroOf(type)],
    nodes: [{ op: 'QuantizeLinear', inputs: ['x', 'one', 'zero'], outputs: ['y'] }],
  };
}

/** `x` of `type` → float32 `y`, by DequantizeLinear with scale 1. */
export function dequantize(type: Quantized, dims: readonly number[]): TinyModel {
  return {
    opset,
    inputs: [{ name: 'x', type, dims }],
    outputs: [{ name: 'y', type: 'float32', dims }],
    constants: [scaleOfOne, zeroOf(type)],
    nodes: [{ op: 'DequantizeLinear', inputs: ['x', 'one', 'zero'], outputs: ['y'] }],
  };
}

/** Several models as one, whose graphs have nothing in common: `x` of the part `a` becomes `a.x`. One build serves them all. */
export function joined(parts: Readonly<Record<string, TinyModel>>): TinyModel {
  const graphs = Object.entries(parts).map(([part, model]) => {
    const renamed = <T extends { readonly name: string }>(value: T): T => ({
      ...value,
      name: `${part}.${value.name}`,
    });
    const names = (given: readonly string[]) => given.map((name) => `${part}.${name}`);
    return {
      inputs: model.inputs.map(renamed),
      outputs: model.outputs.map(renamed),
      constants: (model.constants ?? []).map(renamed),
      nodes: model.nodes.map((node) => ({
        ...node,
        name: `${part}.${node.name ?? node.op}`,
        inputs: names(node.inputs),
        outputs: names(node.outputs),
      })),
    };
  });
  return {
    opset: Math.max(...Object.values(parts).map((model) => model.opset ?? 17)),
    inputs: graphs.flatMap(({ inputs }) => inputs),
    outputs: graphs.flatMap(({ outputs }) => outputs),
    constants: graphs.flatMap(({ constants }) => constants),
    nodes: graphs.flatMap(({ nodes }) => nodes),
  };
}
