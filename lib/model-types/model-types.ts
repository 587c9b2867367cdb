import type { TensorData, TensorDataByType, TensorType } from '../data-types';
import type { DeviceTensor } from '../device-tensor';
import type { Tensor, TensorInputs, Tensors, TypedTensor } from '../tensor';

/** An input or output as the compiler sees it: a literal in `dims` is a fixed size, `number` is a dynamic one. */
export interface TensorSpec {
  readonly type: TensorType;
  readonly dims: readonly number[];
}

/**
 * Inputs and outputs of a model, for the compiler alone: `trt-node types model.onnx -o model.d.ts` writes such a type, and
 * `loadEngine<Minilm>(…)` gives an engine whose names, element types and ranks the compiler knows. Nothing of it is there at run time, so
 * write the types anew when the model changes (`trt-node types --check` tells whether they are still true).
 */
export interface ModelTypes {
  readonly inputs: Readonly<Record<string, TensorSpec>>;
  readonly outputs: Readonly<Record<string, TensorSpec>>;
}

/** A model of which the compiler knows nothing: any name may be an input, and any tensor an output. */
export type AnyModel = ModelTypes;

export type InputName<M extends ModelTypes> = keyof M['inputs'] & string;

export type OutputName<M extends ModelTypes> = keyof M['outputs'] & string;

/** What `infer` takes for a model: each of its inputs, and nothing else. */
export type ModelInputs<M extends ModelTypes = AnyModel> =
  string extends InputName<M>
    ? TensorInputs
    : { readonly [Name in InputName<M>]: InputOf<M['inputs'][Name]> };

/** What `infer` gives for a model. */
export type ModelOutputs<M extends ModelTypes = AnyModel> =
  string extends OutputName<M>
    ? Tensors
    : { [Name in OutputName<M>]: TensorOf<M['outputs'][Name]> };

/** A tensor with the element type and the dims of a spec. */
export type TensorOf<S extends TensorSpec> = S['type'] extends infer T extends TensorType
  ? Tensor<T, S['dims']>
  : never;

/** The tensor that `infer` gives for an output of a model. */
export type OutputTensor<M extends ModelTypes, Name extends string> =
  string extends OutputName<M>
    ? TypedTensor
    : Name extends OutputName<M>
      ? TensorOf<M['outputs'][Name]>
      : never;

/** Names that `engine.allocate` takes. */
export type TensorName<M extends ModelTypes> = InputName<M> | OutputName<M>;

/** What `engine.allocate` gives for a name. */
export type AllocatedTensor<M extends ModelTypes, Name extends string> =
  string extends TensorName<M> ? TypedTensor : TensorOf<SpecOf<M, Name>>;

/** The dims that `engine.allocate` takes for a name. */
export type AllocatedDims<M extends ModelTypes, Name extends string> =
  string extends TensorName<M> ? readonly number[] : DimsLike<SpecOf<M, Name>['dims']>;

type SpecOf<M extends ModelTypes, Name extends string> =
  | (Name extends InputName<M> ? M['inputs'][Name] : never)
  | (Name extends OutputName<M> ? M['outputs'][Name] : never);

/** A tensor of the right type in memory of the host or of the GPU; a bare array where all dims are fixed. */
type InputOf<S extends TensorSpec> =
  | Tensor<S['type'], DimsLike<S['dims']>>
  | TypedLiteral<S>
  | DeviceTensor<S['type']>
  | (number extends S['dims'][number] ? never : TensorDataByType[S['type']]);

interface TypedLiteral<S extends TensorSpec> {
  readonly type: S['type'];
  readonly data: TensorDataByType[S['type']];
  readonly dims: DimsLike<S['dims']>;
}

/** Dims of that rank and with those sizes. An array whose length the compiler does not know is taken too: `infer` checks it. */
export type DimsLike<D extends readonly number[]> = D | UnknownRank;

/** Arrays have no property `0` of their own to the compiler, and tuples do: no tuple goes in here. */
type UnknownRank = readonly number[] & { readonly 0?: never };

/** What may become of an output of a model: `OutputTarget` with memory of the output's type. */
export type OutputTargetOf<S extends TensorSpec> =
  | (true | 'cpu' | 'device')
  | TensorDataByType[S['type']]
  | { readonly type: S['type']; readonly data: TensorData; readonly dims: readonly number[] }
  | DeviceTensor<S['type']>;
