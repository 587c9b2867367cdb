import { invalidModel, type ModelPlace } from './model-error';
import type { OnnxInput } from './value-info';

/** TensorRT's ONNX parser keeps 32 bits of a dim: it made 5 of 2^32 + 5. */
const maxDim = 2 ** 31 - 1;

/**
 * Refuses shapes that TensorRT's parser would take for others without a word: dims beyond 32 bits, and no shape at all, which
 * it takes for a scalar's.
 *
 * @throws TrtError `ERR_TRT_ONNX_INVALID`, its `details.reason` 'input-shape'
 */
export function checkInputShapes(where: ModelPlace, inputs: readonly OnnxInput[]): void {
  for (const { name, type, dims } of inputs) {
    if (type === null) continue;
    if (dims === null) {
      throw invalidModel(
        where,
        'input-shape',
        `its input ${JSON.stringify(name)} has no shape, not even a rank, and TensorRT would take it for a scalar`,
        'Export it with a shape; axes that vary may have names instead of sizes.',
      );
    }
    const axis = dims.findIndex((dim) => typeof dim === 'number' && dim > maxDim);
    if (axis === -1) continue;
    throw invalidModel(
      where,
      'input-shape',
      `axis ${axis} of its input ${JSON.stringify(name)} has ${dims[axis]} elements, where TensorRT counts to ${maxDim}`,
      'Export it with smaller dims.',
    );
  }
}
