import type { Constant, TinyModel } from './onnx-writer';

const integer = (name: string, value: bigint, dims: readonly number[]): Constant => ({
  name,
  type: 'int64',
  dims,
  data: new Uint8Array(BigInt64Array.of(value).buffer),
});

/** One step of a running sum: `present` = `past` + `token`, `logits` = 2 × `present`. Small integers stay exact in float32. */
export function runningSum(count: number): TinyModel {
  const dims = [count];
  return {
    inputs: [
      { name: 'token', type: 'float32', dims },
      { name: 'past', type: 'float32', dims },
    ],
    outputs: [
      { name: 'logits', type: 'float32', dims },
      { name: 'present', type: 'float32', dims },
    ],
    nodes: [
      { op: 'Add', name: 'sum', inputs: ['past', 'token'], outputs: ['present'] },
      { op: 'Add', name: 'twice', inputs: ['present', 'present'], outputs: ['logits'] },
    ],
  };
}

/** `y` = 2 × `x`, of any number of rows of 64. */
export const doubling: TinyModel = {
  inputs: [{ name: 'x', type: 'float32', dims: ['rows', 64] }],
  outputs: [{ name: 'y', type: 'float32', dims: ['rows', 64] }],
  nodes: [{ op: 'Add', name: 'twice', inputs: ['x', 'x'], outputs: ['y'] }],
};

/** `y` = `x` + 0, 1, 2, …; each of `last` is the number of elements less one. Shape makes numbers of dims, and kernels compute with them. */
export const ramp: TinyModel = {
  inputs: [{ name: 'x', type: 'float32', dims: ['count'] }],
  outputs: [
    { name: 'y', type: 'float32', dims: ['count'] },
    { name: 'last', type: 'float32', dims: ['count'] },
  ],
  nodes: [
    { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
    { op: 'Squeeze', inputs: ['shape', 'first axis'], outputs: ['count'] },
    { op: 'Range', inputs: ['zero', 'count', 'one'], outputs: ['range'] },
    { op: 'Cast', name: 'steps', inputs: ['range'], outputs: ['steps'], attributes: { to: 1 } },
    { op: 'Add', name: 'sum', inputs: ['x', 'steps'], outputs: ['y'] },
    { op: 'Sub', name: 'less one', inputs: ['count', 'one'], outputs: ['end'] },
    { op: 'Cast', name: 'end', inputs: ['end'], outputs: ['float end'], attributes: { to: 1 } },
    { op: 'Expand', inputs: ['float end', 'shape'], outputs: ['last'] },
  ],
  constants: [integer('first axis', 0n, [1]), integer('zero', 0n, []), integer('one', 1n, [])],
};
