import { writeOnnx } from './onnx-writer';

/** Two inputs whose dims are all dynamic, and their sum. */
export function dynamicAdd(): Uint8Array {
  const dims = ['rows', 'columns'];
  return writeOnnx({
    inputs: [
      { name: 'left', type: 'float32', dims },
      { name: 'right', type: 'float32', dims },
    ],
    outputs: [{ name: 'sum', type: 'float32', dims }],
    nodes: [{ name: 'add', op: 'Add', inputs: ['left', 'right'], outputs: ['sum'] }],
  });
}

/** One node of an operator that no TensorRT has. */
export function unknownOperator(): Uint8Array {
  return writeOnnx({
    inputs: [{ name: 'x', type: 'float32', dims: [1, 4] }],
    outputs: [{ name: 'y', type: 'float32', dims: [1, 4] }],
    nodes: [{ name: 'the-culprit', op: 'Frobnicate', inputs: ['x'], outputs: ['y'] }],
  });
}

/**
 * A matrix product and a softmax, `layers` times, each with weights of its own so that none can be shared. TensorRT-RTX 1.7
 * takes about 2 s for 300 × 32 on one core and 9 s for 800 × 16: its time grows faster than the number of layers.
 */
export function longChain(layers: number, size: number): Uint8Array {
  const tensor = (index: number): string =>
    index === layers ? 'y' : index === 0 ? 'x' : `t${index}`;
  const indices = Array.from({ length: layers }, (_, index) => index);
  return writeOnnx({
    inputs: [{ name: 'x', type: 'float32', dims: [8, size] }],
    outputs: [{ name: 'y', type: 'float32', dims: [8, size] }],
    nodes: indices.flatMap((i) => [
      { name: `product${i}`, op: 'MatMul', inputs: [tensor(i), `w${i}`], outputs: [`p${i}`] },
      { name: `softmax${i}`, op: 'Softmax', inputs: [`p${i}`], outputs: [tensor(i + 1)] },
    ]),
    constants: indices.map((i) => ({
      name: `w${i}`,
      type: 'float32',
      dims: [size, size],
      data: new Uint8Array(
        Float32Array.from({ length: size * size }, (_, k) => Math.sin(k * (i + 1))).buffer,
      ),
    })),
  });
}

/** Builds for about two seconds, so that a test can act meanwhile and still see the end. */
export const slowModel = (): Uint8Array => longChain(300, 32);

/** Builds for longer than any test that ends it waits. */
export const verySlowModel = (): Uint8Array => longChain(800, 16);
