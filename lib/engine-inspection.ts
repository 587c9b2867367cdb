import type { NativeEngine } from './binding';
import type { TensorType } from './data-types';
import { parseEngineInformation } from './engine-information';
import { TrtError } from './errors';
import { inspectedType } from './layer-types';
import { nativeCall } from './native-call';

/** A tensor between an engine's layers. */
export interface InspectedTensor {
  readonly name: string;
  /** null: not told. -1 where the inspector had no dims for the inputs. */
  readonly dims: readonly number[] | null;
  /** null where TensorRT does not tell it, as it may with dynamic shapes. */
  readonly type: TensorType | null;
  /** TensorRT's words for type and layout, e.g. `Channel major FP16 format where channel % 8 == 0`; null: not told. */
  readonly format: string | null;
}

/** A layer of an engine: often several of the network's, fused. */
export interface InspectedLayer {
  /** The name that `engine.profile()` times it under. */
  readonly name: string;
  /** TensorRT's `LayerType`, e.g. `CaskConvolution`, `kgen` or `Reformat`; null: not told. */
  readonly type: string | null;
  readonly inputs: readonly InspectedTensor[];
  readonly outputs: readonly InspectedTensor[];
  /** The kernel: its name, or else its number; null: not told. */
  readonly tactic: string | null;
  /** Nodes of the ONNX model that it came from, by name; empty: not told, or none did. */
  readonly nodes: readonly string[];
  /** The stream that it runs on: 0 is the inference's, others are TensorRT's auxiliary ones; null: not told. */
  readonly streamId: number | null;
}

/** What TensorRT's engine inspector tells, in one shape for TensorRT 10, 11 and RTX. */
export interface EngineInspection {
  /** In the order in which they run. Without `profilingVerbosity` detailed at build they have a name alone. */
  readonly layers: readonly InspectedLayer[];
  /** Inputs and outputs as TensorRT lists them, once for each optimization profile. */
  readonly bindings: readonly string[];
  /** The inspector's own JSON: its keys are TensorRT's, and differ between its versions. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** @throws TrtError (as a rejection) `ERR_TRT_ENGINE_CLOSED`, `ERR_TRT_UNSUPPORTED`, `ERR_TRT_INTERNAL` */
export async function inspectEngine(
  native: Pick<NativeEngine, 'inspect'>,
): Promise<EngineInspection> {
  const json = await nativeCall(() => native.inspect());
  try {
    return inspectionOf(parseEngineInformation(json));
  } catch (cause) {
    throw new TrtError(
      'ERR_TRT_INTERNAL',
      "TensorRT's engine inspector gave no valid JSON: it does not escape quotes in the model's names. `details.text` has what " +
        'it wrote; rename the nodes and tensors whose names have quotes to have it as an object.',
      { cause, details: { text: json.slice(0, 2 ** 20) } },
    );
  }
}

/** Never throws, whatever a version of TensorRT writes: what it does not tell is null or empty. */
export function inspectionOf(raw: Readonly<Record<string, unknown>>): EngineInspection {
  return {
    layers: listOf(raw['Layers']).map(layerOf),
    bindings: listOf(raw['Bindings']).filter((binding) => typeof binding === 'string'),
    raw,
  };
}

type Part = Readonly<Record<string, unknown>>;

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const isPart = (value: unknown): value is Part =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const textOf = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : null;

function layerOf(layer: unknown): InspectedLayer {
  // With another verbosity, a layer is its bare name.
  const part = isPart(layer) ? layer : { Name: layer };
  return {
    name: textOf(part['Name']) ?? '',
    type: textOf(part['LayerType']),
    inputs: listOf(part['Inputs']).filter(isPart).map(tensorOf),
    outputs: listOf(part['Outputs']).filter(isPart).map(tensorOf),
    tactic: textOf(part['TacticName']) ?? textOf(part['TacticValue']),
    nodes: nodesOf(textOf(part['Metadata'])),
    streamId: typeof part['StreamId'] === 'number' ? part['StreamId'] : null,
  };
}

function tensorOf(tensor: Part): InspectedTensor {
  const dims = tensor['Dimensions'];
  const format = textOf(tensor['Format/Datatype']) ?? textOf(tensor['Format']);
  return {
    name: textOf(tensor['Name']) ?? '',
    dims: Array.isArray(dims) && dims.every((dim) => typeof dim === 'number') ? dims : null,
    type: inspectedType(tensor['Datatype']) ?? inspectedType(format),
    format,
  };
}

/** `[ONNX Layer: a]` and `[ONNX Layer: b]` with an unprintable separator between them. */
function nodesOf(metadata: string | null): readonly string[] {
  if (metadata === null) return [];
  // eslint-disable-next-line no-control-regex -- TensorRT's separators
  const entries = metadata.split(/[\x1c-\x1f]/);
  const names = entries.map((entry) => /^\[ONNX Layer: (.*)\]$/s.exec(entry)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))];
}
