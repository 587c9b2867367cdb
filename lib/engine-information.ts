import { TrtError } from './errors';
import type { LayerInfo } from './manifest-schema';

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

/**
 * The layers of an engine from its inspector's JSON (`IEngineInspector::getEngineInformation`).
 *
 * @throws ERR_TRT_INTERNAL when TensorRT's JSON is not of the form that this version knows.
 */
export function parseEngineLayers(json: string): LayerInfo[] {
  try {
    const information = JSON.parse(json) as { Layers: (string | InspectorLayer)[] };
    return information.Layers.map(readLayer);
  } catch (cause) {
    throw new TrtError('ERR_TRT_INTERNAL', "the engine inspector's JSON could not be read", {
      cause,
    });
  }
}
