/** The program of a fresh process whose start is measured: it takes one task, sends one report, and ends. Nothing is imported before it is timed. */
const firstLine = performance.timeOrigin + performance.now();

import type { ApartStart, WholeStart } from '../bench/cold-start-record';
import type { LoadOptions } from '../load-options';
import type { PlainError } from '../plain-error';
import type { InputFlags } from './input-flags';

export interface ColdStartTask {
  readonly kind: 'apart' | 'whole';
  readonly plan: string;
  readonly load: LoadOptions;
  readonly inputs: InputFlags;
  readonly batch: number | null;
  /** Milliseconds since the epoch, when the parent began to start this process. */
  readonly startedAt: number;
}

export type ColdStartReport =
  ApartStart | WholeStart | { readonly kind: 'error'; readonly error: PlainError };

/** Inferences behind the first one: by then a graph is captured, and was replayed. */
const untilReplay = 3;
const warmInferences = 20;

async function startApart(task: ColdStartTask): Promise<ApartStart> {
  const { plan, load, startedAt } = task;
  const node = firstLine - startedAt;
  const [importing] = await timed(async () => {
    await import('../index.js');
    const { loadBinding } = await import('../binding.js');
    loadBinding();
  });
  const { loadBinding } = await import('../binding.js');
  const binding = loadBinding();
  const [driver] = await timed(() => binding.probeDriver());
  const [context, memory] = await timed(() => binding.allocateDevice(load.device ?? 0, 256));
  const steps = await import('./bench-cold-start-steps.js');
  const [library, found] = await timed(() => steps.openLibrary(plan, load));
  const [loading, engine] = await timed(() => steps.loadWith(found, plan, load));
  await memory.release();
  const made = await steps.inputsOf(engine, task);
  const infer = async (): Promise<number> =>
    (await timed(() => engine.infer(made.inputs, { profile: made.profile })))[0];
  const firstInference = await infer();
  let following = 0;
  for (let count = 0; count < untilReplay; ++count) following += await infer();
  const warm: number[] = [];
  while (warm.length < warmInferences) warm.push(await infer());
  const warmMs = steps.medianOf(warm);
  const capture = load.graphs === 'off' ? 0 : Math.max(0, following - untilReplay * warmMs);
  made.close();
  await engine.close();
  return {
    kind: 'apart',
    steps: {
      node,
      import: importing,
      driver,
      context,
      library,
      load: loading,
      firstInference,
      capture,
    },
    warmMs,
  };
}

async function startWhole(task: ColdStartTask): Promise<WholeStart> {
  const { loadEngine } = await import('../index.js');
  const [loadMs, engine] = await timed(() => loadEngine(task.plan, task.load));
  // Making inputs is this benchmark's business.
  const [inputsMs, made] = await timed(async () => {
    const { inputsOf } = await import('./bench-cold-start-steps.js');
    return await inputsOf(engine, task);
  });
  await engine.infer(made.inputs, { profile: made.profile });
  const wholeMs = performance.timeOrigin + performance.now() - task.startedAt - inputsMs;
  made.close();
  await engine.close();
  return { kind: 'whole', wholeMs, loadMs };
}

async function timed<T>(
  work: () => Promise<T>,
): Promise<readonly [milliseconds: number, result: T]> {
  const start = performance.now();
  const result = await work();
  return [performance.now() - start, result];
}

async function answer(task: ColdStartTask): Promise<void> {
  let report: ColdStartReport;
  try {
    report = task.kind === 'apart' ? await startApart(task) : await startWhole(task);
  } catch (error) {
    const { toPlain } = await import('../plain-error.js');
    report = { kind: 'error', error: toPlain(error) };
  }
  process.send?.(report, () => process.disconnect());
}

if (process.send === undefined) {
  process.stderr.write('this program is started by `trt-node bench --cold-start`\n');
  process.exit(2);
}
// Ctrl-C reaches the whole process group; what becomes of it is the parent's decision.
process.on('SIGINT', () => undefined);
process.once('message', (task: ColdStartTask) => void answer(task));
