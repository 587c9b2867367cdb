import { manifestLayers, type EngineLayer } from '../inspect-onnx/engine-layers';
import type { InspectedEngine } from '../inspect-onnx/inspect-engine';
import { renderTable } from './text-table';

export const layerSorts = ['order', 'name', 'type', 'precision'] as const;

export interface LayerView {
  /** Part of a name, a type, a precision or a kernel; null: all layers. */
  readonly filter: string | null;
  readonly sort: (typeof layerSorts)[number];
}

/** The layers that are asked for, in the order that is asked for, each with its place in the engine. */
export function selectLayers(
  layers: readonly EngineLayer[],
  { filter, sort }: LayerView,
): readonly (readonly [place: number, layer: EngineLayer])[] {
  const wanted = filter?.toLowerCase() ?? '';
  const has = (text: string | null): boolean => text?.toLowerCase().includes(wanted) === true;
  const selected = [...layers.entries()].filter(([, { name, type, precision, tactic, fused }]) =>
    [name, type, precision, tactic, ...fused].some(has),
  );
  if (sort === 'order') return selected;
  return selected.sort(([placeA, a], [placeB, b]) => {
    const [left, right] = [a[sort] ?? '', b[sort] ?? ''];
    return left < right ? -1 : left > right ? 1 : placeA - placeB;
  });
}

export function renderLayers(
  layers: readonly EngineLayer[],
  view: LayerView,
  style: { readonly color: boolean },
): string {
  const rows = selectLayers(layers, view);
  return [
    ...tableOf(rows, style),
    `  ${countOf(rows, layers)}; from: layers of the network that were fused`,
  ].join('\n');
}

/** What TensorRT's parser made of the model, before anything was fused. */
export function renderNetworkLayers(
  layers: readonly EngineLayer[],
  view: LayerView,
  style: { readonly color: boolean },
): string {
  const rows = selectLayers(layers, view);
  const count = `${countOf(rows, layers)} of the network; those of the engine are not known`;
  return [...tableOf(rows, style), `  ${count}`].join('\n');
}

/** The network's layers of a plan whose engine's are not known; null: nothing is. */
export function networkLayersOf({
  layers,
  manifest,
}: Pick<InspectedEngine, 'layers' | 'manifest'>): readonly EngineLayer[] | null {
  if (layers !== null || manifest === null || manifest.network.layers.length === 0) return null;
  return manifestLayers(manifest.network.layers);
}

function tableOf(
  rows: ReturnType<typeof selectLayers>,
  style: { readonly color: boolean },
): readonly string[] {
  return renderTable(
    [
      { title: '#', align: 'right' },
      { title: 'layer' },
      { title: 'type' },
      { title: 'precision' },
      { title: 'from', align: 'right' },
      { title: 'kernel' },
    ],
    rows.map(([place, { name, type, precision, fused, tactic }]) => [
      String(place),
      name,
      type ?? '',
      precision ?? '',
      fused.length === 0 ? '' : String(fused.length),
      tactic ?? '',
    ]),
    style,
  );
}

function countOf(rows: ReturnType<typeof selectLayers>, layers: readonly EngineLayer[]): string {
  return `${rows.length === layers.length ? '' : `${rows.length} of `}${layers.length} layers`;
}
