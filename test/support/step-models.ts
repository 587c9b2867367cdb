import type { TinyModel } from './onnx-writer';

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
