import type { TensorType } from '../data-types';
import type { InspectedLayer } from '../engine-inspection';
import { inspectedType, kernelType } from '../layer-types';
import type { LayerInfo } from '../manifest-schema';

/** A layer of an engine, as its manifest or TensorRT's engine inspector tells of it. */
export interface EngineLayer {
  readonly name: string;
  /** TensorRT's `LayerType`, e.g. `CaskConvolution`; null: not told. */
  readonly type: string | null;
  /** Type of its first output, or of its kernel's operands where dynamic shapes hide that; null: not told. */
  readonly precision: TensorType | null;
  /** TensorRT's words for types and layouts of its outputs. */
  readonly outputs: readonly string[];
  /** Layers of the network that it was made of, where more than one; empty: not fused, or not told. */
  readonly fused: readonly string[];
  /** The kernel: its name, or else its number; null: not told. */
  readonly tactic: string | null;
}

/** Layers of a manifest. What was fused stands in their names alone: `conv + relu`. */
export function manifestLayers(layers: readonly LayerInfo[]): readonly EngineLayer[] {
  return layers.map(({ name, type, outputTypes, tactic = null }) => ({
    name,
    type: type === 'unknown' ? null : type,
    precision: inspectedType(outputTypes[0]) ?? kernelType(tactic),
    outputs: outputTypes.filter((words) => words !== 'unknown'),
    fused: fusedIn(name),
    tactic,
  }));
}

/** Layers of `engine.inspect()`, which names the ONNX nodes that each was made of. */
export function inspectedLayers(layers: readonly InspectedLayer[]): readonly EngineLayer[] {
  return layers.map(({ name, type, outputs, nodes, tactic }) => ({
    name,
    type,
    precision: outputs[0]?.type ?? kernelType(tactic),
    outputs: outputs.flatMap(({ format, type: told }) => format ?? told ?? []),
    fused: nodes.length > 1 ? nodes : fusedIn(name),
    tactic,
  }));
}

/** `a + b + c`, and `PWN(a, b)` of pointwise operations. */
function fusedIn(name: string): readonly string[] {
  const pointwise = /^PWN\((.*)\)$/s.exec(name)?.[1];
  const parts = pointwise === undefined ? name.split(' + ') : pointwise.split(/, | \+ /);
  return parts.length > 1 ? parts : [];
}
