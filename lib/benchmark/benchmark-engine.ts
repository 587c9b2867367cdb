import type { NativeEngine } from '../binding';
import type { Engine } from '../engine';
import { runBenchmark } from './benchmark';
import { gpuStateOf } from './gpu-of-engine';
import { checkedBenchmark, type BenchmarkOptions } from './options';
import type { BenchmarkResult } from './result';

/** `engine.benchmark()` */
export async function benchmarkEngine(
  engine: Pick<Engine, 'infer' | 'inferTimed' | 'graphs'>,
  facts: { readonly native: Pick<NativeEngine, 'gpu'>; readonly loadMs: number | null },
  options: BenchmarkOptions,
): Promise<BenchmarkResult> {
  const checked = checkedBenchmark(options);
  const { replays, eager } = engine.graphs;
  return await runBenchmark(
    {
      infer: (inputs, given) => engine.infer(inputs, given),
      inferTimed: (inputs, given) => engine.inferTimed(inputs, given),
      gpuState: () => gpuStateOf(facts.native.gpu),
      loadMs: facts.loadMs,
      hasInferred: replays + eager > 0,
    },
    checked,
  );
}
