import type { GpuState } from '../gpu-state';
import type { Summary } from './statistics';

/** The rules are trtexec's, so that both say the same of the same engine. */
const enqueueShare = 0.8;
const unstableAbove = 0.025;

/** Idle after the loop, or set on purpose. */
const harmless = new Set(['gpu-idle', 'application-clocks-setting']);

/** What the figures suggest, in words; empty when there is nothing to say. */
export function notesOf(
  spans: Readonly<Record<'enqueue' | 'h2d' | 'compute' | 'd2h', Summary>>,
  gpu: { readonly before: GpuState | null; readonly after: GpuState | null },
  concurrency: number,
): string[] {
  const { enqueue, h2d, compute, d2h } = spans;
  const notes: string[] = [];
  if (enqueue.p50 > enqueueShare * compute.p50) {
    notes.push(
      'the host takes longer to enqueue the network than 0.8 of its time on the GPU: CUDA graphs shorten that ' +
        '(loadEngine: graphs), as do larger batches',
    );
  }
  for (const [name, copy] of [
    ['h2d', h2d],
    ['d2h', d2h],
  ] as const) {
    if (copy.p50 >= compute.p50) {
      notes.push(
        `${name} takes as long as the network: narrower types, device tensors or more lanes`,
      );
    }
  }
  if (compute.standardDeviation > unstableAbove * compute.mean) {
    const percent = ((100 * compute.standardDeviation) / compute.mean).toFixed(1);
    notes.push(
      `compute varies by ${percent} % (standard deviation by mean): lock the GPU's clocks, and let nothing else use it`,
    );
  }
  if (concurrency > 1) {
    notes.push('endToEnd has the time that requests waited for each other: see throughput');
  }
  const reasons = (gpu.after?.clockEventReasons ?? []).filter((reason) => !harmless.has(reason));
  if (reasons.length > 0) notes.push(`the GPU held its clocks down: ${reasons.join(', ')}`);
  return notes;
}
