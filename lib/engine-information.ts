import type { NativeBuildResult } from './binding';
import type { LayerInfo, Manifest } from './manifest-schema';

/** The keys of TensorRT's engine inspector that are read; with other verbosities a layer is a bare string. */
interface InspectorTensor {
  readonly 'Format/Datatype'?: unknown;
}
interface InspectorLayer {
  readonly Name?: unknown;
  readonly LayerType?: unknown;
  readonly Outputs?: readonly InspectorTensor[];
  readonly TacticName?: unknown;
  readonly TacticValue?: unknown;
}

/**
 * Reads the JSON of `IEngineInspector::getEngineInformation`. TensorRT 10.6 writes the model's names into it as they are,
 * so that a tab or a newline in a name makes it invalid. These are escaped between the quotes of each string, where a
 * control character can only be meant as itself. A quote in a name leaves no way to tell where the string ends.
 *
 * @throws SyntaxError where it cannot be read even so, and TypeError where it is no object.
 */
export function parseEngineInformation(json: string): Record<string, unknown> {
  const information = parseEvenUnescaped(json);
  if (typeof information !== 'object' || information === null || Array.isArray(information)) {
    throw new TypeError('expected an object');
  }
  return information as Record<string, unknown>;
}

function parseEvenUnescaped(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return JSON.parse(json.replace(stringLiterals, escapeControls));
  }
}

const stringLiterals = /"(?:[^"\\]|\\.)*"/gs;
// eslint-disable-next-line no-control-regex -- these are what is looked for
const controls = /[\0-\x1f]/g;

const escapeControls = (literal: string): string =>
  literal.replace(controls, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

const textOr = (value: unknown, fallback: string): string =>
  typeof value === 'string' && value !== '' ? value : fallback;

function readLayer(layer: string | InspectorLayer): LayerInfo {
  if (typeof layer === 'string') return { name: layer, type: 'unknown', outputTypes: [] };
  const tactic = textOr(layer.TacticName, textOr(layer.TacticValue, ''));
  return {
    name: textOr(layer.Name, ''),
    type: textOr(layer.LayerType, 'unknown'),
    outputTypes: (layer.Outputs ?? []).map((output) =>
      textOr(output['Format/Datatype'], 'unknown'),
    ),
    ...(tactic === '' ? {} : { tactic }),
  };
}

/** The engine's layers, or why they are not known: the plan is built by then, and is not lost for a list. */
export function engineLayers({
  engineInformation: json,
  engineInformationReason: reason,
}: Pick<NativeBuildResult, 'engineInformation' | 'engineInformationReason'>): Pick<
  Manifest,
  'layers' | 'layersReason'
> {
  if (json === null) return unknownLayers(reason);
  try {
    const { Layers: layers } = parseEngineInformation(json) as {
      Layers: readonly (string | InspectorLayer)[];
    };
    return { layers: layers.map(readLayer) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return unknownLayers(
      `TensorRT's engine inspector gave what is not the JSON it should be (it does not escape quotes and backslashes in the model's names): ${why}`,
    );
  }
}

const unknownLayers = (reason: string | null): Pick<Manifest, 'layers' | 'layersReason'> => ({
  layers: null,
  ...(reason === null ? {} : { layersReason: reason }),
});
