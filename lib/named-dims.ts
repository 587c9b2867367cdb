import type { DimsRange } from './manifest-schema';

/** An input as it stands in the model: a name is a dim with that `dim_param`, null a dynamic dim without a name. */
export interface ModelInput {
  readonly name: string;
  readonly dims: readonly (number | string | null)[];
}

/** What one named dim may be. */
export interface DimBounds {
  readonly min: number;
  readonly opt: number;
  readonly max: number;
}

/** A dynamic dim of an input that nothing gives a range for. */
export interface OpenDim {
  readonly input: string;
  readonly axis: number;
  /** Its name in the model; null: it has none. */
  readonly dim: string | null;
}

/** The names that stand for dims of the inputs, each once, in the model's order. */
export function namedDimsOf(inputs: readonly ModelInput[]): readonly string[] {
  return [...new Set(inputs.flatMap(({ dims }) => dims.filter((dim) => typeof dim === 'string')))];
}

/** The dims of `input` that the model leaves to a profile. */
export function dynamicDimsOf({ name, dims }: ModelInput): readonly OpenDim[] {
  return dims.flatMap((dim, axis) => {
    if (typeof dim === 'number' && dim >= 0) return [];
    return [{ input: name, axis, dim: typeof dim === 'string' ? dim : null }];
  });
}

/** The range of `input`, with the model's own dims where they are static; or what stays open. */
export function filledRange(
  input: ModelInput,
  named: ReadonlyMap<string, DimBounds>,
): { readonly range: DimsRange } | { readonly open: readonly OpenDim[] } {
  const open = dynamicDimsOf(input).filter(({ dim }) => dim === null || !named.has(dim));
  if (open.length > 0) return { open };
  const along = (bound: keyof DimBounds): number[] =>
    input.dims.map((dim) =>
      typeof dim === 'string' ? (named.get(dim)?.[bound] ?? 0) : Number(dim),
    );
  return { range: { min: along('min'), opt: along('opt'), max: along('max') } };
}
