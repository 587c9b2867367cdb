/**
 * What the package tells on `node:diagnostics_channel`. Build, load and infer are tracing channels, as tracers expect them; while nobody
 * subscribes, a call costs a look at `hasSubscribers` and nothing is made for it.
 */
import { channel, tracingChannel } from 'node:diagnostics_channel';
import type { TracingChannel } from 'node:diagnostics_channel';
import type { BuildTrace, GraphEvent, InferTrace, LoadTrace } from './payloads';

const builds = tracingChannel<unknown, BuildTrace>('trt-node:build');
const loads = tracingChannel<unknown, LoadTrace>('trt-node:load');
const infers = tracingChannel<unknown, InferTrace>('trt-node:infer');
const graphs = channel('trt-node:graph');

/** Runs a build, and tells of it on `trt-node:build`. */
export function traceBuild<T>(model: unknown, build: () => Promise<T>): Promise<T> {
  return trace(builds, () => ({ model: whereOf(model) }), build);
}

/** Runs a load, and tells of it on `trt-node:load`. */
export function traceLoad<T>(plan: unknown, load: () => Promise<T>): Promise<T> {
  return trace(loads, () => ({ plan: whereOf(plan) }), load);
}

/** Whether anybody wants to hear of inferences: only then make what `traceInfer` takes. */
export function isInferTraced(): boolean {
  return infers.hasSubscribers;
}

/** Runs an inference, and tells of it on `trt-node:infer`. */
export function traceInfer<T>(infer: InferTrace, run: () => Promise<T>): Promise<T> {
  return infers.tracePromise(run, infer);
}

/** The same of one that is over when it returns. */
export function traceInferSync<T>(infer: InferTrace, run: () => T): T {
  return infers.traceSync(run, infer);
}

export function areGraphsWatched(): boolean {
  return graphs.hasSubscribers;
}

export function tellGraph(event: GraphEvent): void {
  graphs.publish(event);
}

function trace<Context extends object, T>(
  traces: TracingChannel<unknown, Context>,
  context: () => Context,
  run: () => Promise<T>,
): Promise<T> {
  return traces.hasSubscribers ? traces.tracePromise(run, context()) : run();
}

/** The path or URL that an argument is, or that it has; null: it is bytes, or nothing that the call will take. */
function whereOf(source: unknown): string | null {
  if (typeof source === 'string') return source;
  if (source instanceof URL) return source.href;
  const path: unknown = (source as { path?: unknown } | null | undefined)?.path;
  return typeof path === 'string' ? path : null;
}
