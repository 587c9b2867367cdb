import type { Precision } from '../precision';

/** A precision that the ladder builds. */
export interface Rung {
  readonly name: string;
  readonly precision: readonly Precision[];
  /** int8 needs scales, from calibration or from the model. */
  readonly usesScales: boolean;
}

/** From the exact to the coarse; the first that works is what the others are compared with. */
export const rungs = [
  { name: 'fp32', precision: ['fp32'], usesScales: false },
  { name: 'tf32', precision: ['tf32'], usesScales: false },
  { name: 'fp16', precision: ['fp16'], usesScales: false },
  { name: 'bf16', precision: ['bf16'], usesScales: false },
  // As it is deployed: layers without scales would be float32 else.
  { name: 'int8', precision: ['int8', 'fp16'], usesScales: true },
  { name: 'best', precision: ['best'], usesScales: true },
] as const satisfies readonly Rung[];

export type RungName = (typeof rungs)[number]['name'];

export const rungNames: readonly RungName[] = rungs.map(({ name }) => name);
