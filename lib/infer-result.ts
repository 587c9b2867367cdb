import type { NativeInferResult, NativeOutput } from './binding';
import { viewAs } from './data-types';
import type { InferTiming } from './engine-facts';
import { TrtError } from './errors';
import type { TensorInfo } from './manifest-schema';
import { Tensor } from './tensor';
import type { Tensors } from './tensor';

/** The outputs that were asked for, by name. `outputs` are the engine's, in its order. */
export function tensorsOf(outputs: readonly TensorInfo[], result: NativeInferResult): Tensors {
  const tensors = outputs.flatMap((info, index) => {
    const output = result.outputs[index];
    if (output === null || output === undefined) return [];
    return [[info.name, tensorOf(info, output)] as const];
  });
  return Object.fromEntries(tensors);
}

export function timingOf({ timing }: NativeInferResult): InferTiming {
  if (timing !== null) return timing;
  throw new TrtError('ERR_TRT_INTERNAL', 'the addon returned no timing for a timed inference');
}

function tensorOf({ name, type }: TensorInfo, { data, dims }: NativeOutput): Tensor {
  try {
    return new Tensor(type, viewAs(type, data), dims);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new TrtError(
      'ERR_TRT_UNSUPPORTED',
      `output ${JSON.stringify(name)} has ${data.byteLength} bytes (${type} [${dims.join(', ')}]), and this Node.js has no typed ` +
        'array of so many elements. Leave it out through `options.outputs`, infer with smaller dims, or use a newer Node.js.',
      { cause, details: { output: name, dims, sizeBytes: data.byteLength } },
    );
  }
}
