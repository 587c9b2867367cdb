import type { NativeWeakPrecision } from './binding';
import { bitsPerElement, type TensorType } from './data-types';
import { parseEngineInformation } from './engine-information';
import { arithmeticTypes, inspectedType, kernelType } from './layer-types';
import type { LayerSummary } from './manifest-schema';

const bitsOfAsked: Readonly<Record<NativeWeakPrecision, number>> = {
  fp16: 16,
  bf16: 16,
  int8: 8,
  fp8: 8,
};

/**
 * Counts what TensorRT's engine inspector tells of an engine (verbosity `kDETAILED`); null where it told nothing that can be read.
 * It never throws, whatever a version of TensorRT writes.
 *
 * The narrowest type among a layer's inputs, outputs and weights is what it computes in. Where the engine's shapes are dynamic, the
 * inspector may give no types of tensors: the weights and the kernel's name tell then.
 */
export function summarizeLayers(
  engineInformationJson: string | null,
  asked: readonly NativeWeakPrecision[],
): LayerSummary | null {
  const layers = layersIn(engineInformationJson);
  if (layers === null) return null;
  const askedBits = Math.min(...asked.map((precision) => bitsOfAsked[precision]));
  const byType = new Map<string, number>();
  const tactics = new Set<string>();
  const wider: string[] = [];
  let fused = 0;
  let reformat = 0;
  for (const layer of layers) {
    const type = typeOf(layer);
    byType.set(type, (byType.get(type) ?? 0) + 1);
    const tactic = tacticOf(layer);
    if (tactic !== null) tactics.add(tactic);
    if (isReformat(layer)) {
      reformat += 1;
      continue;
    }
    if (isFused(layer)) fused += 1;
    // Without anything asked for, `askedBits` is Infinity.
    const computed = computedBits(layer);
    if (computed !== null && computed > askedBits) wider.push(nameOf(layer));
  }
  return {
    layers: layers.length,
    byType: Object.fromEntries([...byType].sort(([a], [b]) => (a < b ? -1 : 1))),
    fused,
    reformat,
    tactics: tactics.size,
    wider,
  };
}

type Layer = Readonly<Record<string, unknown>>;

function layersIn(json: string | null): readonly Layer[] | null {
  if (json === null) return null;
  try {
    const { Layers: layers } = parseEngineInformation(json);
    if (!Array.isArray(layers)) return null;
    // With another verbosity, a layer is its bare name.
    return layers.map((layer: unknown) => (isObject(layer) ? layer : { Name: layer }));
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Layer {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const nameOf = (layer: Layer): string => textOf(layer['Name']);

function tensorTypes(tensors: unknown): readonly (TensorType | null)[] {
  if (!Array.isArray(tensors)) return [];
  return tensors.map((tensor: unknown) =>
    isObject(tensor) ? inspectedType(tensor['Format/Datatype'] ?? tensor['Datatype']) : null,
  );
}

function weightsType(layer: Layer): TensorType | null {
  const weights = layer['Weights'];
  return isObject(weights) ? inspectedType(weights['Type']) : null;
}

/** `none`: the layer has no output; `unknown`: the inspector does not tell. */
function typeOf(layer: Layer): string {
  const outputs = layer['Outputs'];
  if (Array.isArray(outputs) && outputs.length === 0) return 'none';
  return (
    tensorTypes(outputs)[0] ?? weightsType(layer) ?? kernelType(layer['TacticName']) ?? 'unknown'
  );
}

/** null: it computes with nothing that has a precision, or that is not known. */
function computedBits(layer: Layer): number | null {
  const tensors = [...tensorTypes(layer['Inputs']), ...tensorTypes(layer['Outputs'])];
  const told = [...tensors, weightsType(layer)].filter((type) => type !== null);
  const kernel = kernelType(layer['TacticName']);
  const types = told.length > 0 || kernel === null ? told : [kernel];
  const bits = types.filter((type) => arithmeticTypes.has(type)).map(bitsPerElement);
  return bits.length === 0 ? null : Math.min(...bits);
}

/** `Reformat` and `NoOp` are TensorRT's own; a generated kernel (`__myl_CastTran_myl0_3`) carries its operations in its name. */
function isReformat(layer: Layer): boolean {
  const type = textOf(layer['LayerType']);
  if (type === 'Reformat' || type === 'NoOp' || type === 'Cast') return true;
  const operations = /^__myl_([A-Za-z]+)/.exec(nameOf(layer))?.[1];
  return operations !== undefined && /^(?:Cast|Copy|Move|Tran|Resh)+$/.test(operations);
}

/** The layers of the network that a layer was made of stand in its metadata, else in its name. */
function isFused(layer: Layer): boolean {
  const origins = new Set(textOf(layer['Metadata']).match(/\[ONNX Layer: [^\]]*\]/g) ?? []);
  if (origins.size > 0) return origins.size > 1;
  return nameOf(layer).includes(' + ') || nameOf(layer).startsWith('PWN(');
}

function tacticOf(layer: Layer): string | null {
  const tactic = textOf(layer['TacticName']) || textOf(layer['TacticValue']);
  return tactic === '' ? null : tactic;
}
