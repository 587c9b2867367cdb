import type { LoopRequest } from '../benchmark/measure-loops';
import type { Engine } from '../engine';
import type { BenchRun } from './record';

/** An engine with everything that its inferences are given. */
export interface PreparedEngine {
  readonly id: string;
  readonly engine: Engine;
  readonly request: (slot: number) => LoopRequest;
  readonly shapes: BenchRun['shapes'];
  readonly inputs: BenchRun['inputs'];
  /** Gives the memory of inputs and outputs back, and leaves the engine open. */
  close(): Promise<void>;
}
