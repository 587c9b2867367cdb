/** TEST ONLY. What the package tells on node:diagnostics_channel, from a moment on. */
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { afterEach } from 'vitest';
import type { GraphEvent } from '../../lib/diagnostics/payloads';

const ends: (() => void)[] = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

export type TraceStep = 'start' | 'end' | 'asyncStart' | 'asyncEnd' | 'error';

/** Each event of a tracing channel until the test ends: its step, and its payload. */
export function recordTraces<Trace extends object>(name: string): [TraceStep, Trace][] {
  const told: [TraceStep, Trace][] = [];
  const keep = (step: TraceStep) => (trace: Trace) => void told.push([step, trace]);
  const handlers = {
    start: keep('start'),
    end: keep('end'),
    asyncStart: keep('asyncStart'),
    asyncEnd: keep('asyncEnd'),
    error: keep('error'),
  };
  const traces = tracingChannel<unknown, Trace>(name);
  traces.subscribe(handlers);
  ends.push(() => traces.unsubscribe(handlers));
  return told;
}

/** Each event of trt-node:graph until the test ends. */
export function recordGraphs(): GraphEvent[] {
  const told: GraphEvent[] = [];
  const listener = (event: unknown): void => void told.push(event as GraphEvent);
  subscribe('trt-node:graph', listener);
  ends.push(() => unsubscribe('trt-node:graph', listener));
  return told;
}
