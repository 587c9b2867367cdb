import { Engine } from './engine';
import { invalidArgument } from './errors';
import type { InferOptions, OutputsIn, OutputsOf, OutputsOption } from './infer-options';
import type { AnyModel, ModelInputs, ModelTypes } from './model-types/model-types';

/**
 * Runs `engine` once: the same as {@link Engine.infer}, where all of it is said.
 *
 * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG` when `engine` is none, and the codes of {@link Engine.infer}
 */
export async function infer<
  const O extends OutputsOption | undefined = undefined,
  M extends ModelTypes = AnyModel,
>(
  engine: Engine<M>,
  inputs: NoInfer<ModelInputs<M>>,
  options?: InferOptions<O> & NoInfer<OutputsIn<M, O>>,
): Promise<OutputsOf<O, M>> {
  if (!(engine instanceof Engine)) throw invalidArgument('engine', 'an Engine', engine);
  return await engine.infer(inputs, options);
}
