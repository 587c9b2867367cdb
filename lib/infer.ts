import { Engine } from './engine';
import { invalidArgument } from './errors';
import type { InferOptions } from './infer-options';
import type { TensorInputs, Tensors } from './tensor';

/**
 * Runs `engine` once: the same as {@link Engine.infer}, where all of it is said.
 *
 * @throws TrtError (as a rejection) `ERR_TRT_INVALID_ARG` when `engine` is none, and the codes of {@link Engine.infer}
 */
export async function infer(
  engine: Engine,
  inputs: TensorInputs,
  options?: InferOptions,
): Promise<Tensors> {
  if (!(engine instanceof Engine)) throw invalidArgument('engine', 'an Engine', engine);
  return await engine.infer(inputs, options);
}
