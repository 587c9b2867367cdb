import { Engine } from './engine';
import { invalidArgument } from './errors';
import type { InferOptions, OutputsOf, OutputsOption } from './infer-options';
import type { TensorInputs } from './tensor';

/**
 * Runs `engine` once: the same as {@link Engine.infer}, where all of it is said.
 *
 * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG` when `engine` is none, and the codes of {@link Engine.infer}
 */
export async function infer<const O extends OutputsOption | undefined = undefined>(
  engine: Engine,
  inputs: TensorInputs,
  options?: InferOptions<O>,
): Promise<OutputsOf<O>> {
  if (!(engine instanceof Engine)) throw invalidArgument('engine', 'an Engine', engine);
  return await engine.infer(inputs, options);
}
