export interface MemoryResult {
  readonly count: number;
  readonly freeBytesBefore: number;
  readonly freeBytesAfter: number;
  /** Positive: device memory that was free before the inferences and is not after them. */
  readonly takenMiB: number;
}
export function measureMemory<Inputs>(
  engine: { infer(inputs: Inputs): Promise<unknown>; readonly device: { readonly index: number } },
  inputs: Inputs,
  deviceMemory: (device: number) => Promise<{ freeBytes: number }>,
  count?: number,
): Promise<MemoryResult>;
