export interface HeldOut {
  readonly count: number;
  /** [count, 1, 8, 8], 0 to 1 */
  readonly images: Float32Array<ArrayBuffer>;
  readonly labels: readonly number[];
  /** reference.json; the rest of it is for people. */
  readonly reference: { readonly pytorch: { readonly version: string; readonly accuracy: number } };
  /** [count, 10] */
  readonly referenceLogits: Float32Array<ArrayBuffer>;
}
export const classes: 10;
export const inputName: 'images';
export const outputName: 'logits';
export const modelPath: string;
export const profiles: readonly [
  { images: { min: [1, 1, 8, 8]; opt: [64, 1, 8, 8]; max: [360, 1, 8, 8] } },
];
export function loadHeldOut(): Promise<HeldOut>;
export function batchOf(
  heldOut: HeldOut,
  batch: number,
): { type: 'float32'; data: Float32Array<ArrayBuffer>; dims: [number, 1, 8, 8] };
export function accuracyOf(logits: Float32Array, labels: readonly number[]): number;
export function maxRelativeDifference(
  values: ArrayLike<number>,
  reference: ArrayLike<number>,
): number;
