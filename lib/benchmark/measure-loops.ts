import { setTimeout as sleep } from 'node:timers/promises';
import { isDeviceTensor } from '../device-tensor';
import type { AnyTensor } from '../device-tensor';
import type { InferTiming } from '../engine-facts';
import type { InferOptions } from '../infer-options';
import type { TensorInputs } from '../tensor';
import { runLoop, type LoopOptions } from './loop';

export type Outputs = Readonly<Record<string, AnyTensor>>;

/** What the loops need of an engine. */
export interface LoopSubject {
  infer(inputs: TensorInputs, options: InferOptions): Promise<Outputs>;
  inferTimed(
    inputs: TensorInputs,
    options: InferOptions,
  ): Promise<{ readonly outputs: Outputs; readonly timing: InferTiming }>;
}

/** What one inference is given. */
export interface LoopRequest {
  readonly inputs: TensorInputs;
  readonly infer: InferOptions;
  /** Milliseconds of rest after each inference; none when left out. */
  readonly idleMs?: number | undefined;
}

/** By the slot: each has memory of its own where outputs are written to memory of the caller's. */
export type RequestOf = (slot: number) => LoopRequest;

export interface PlainLoop {
  /** Of each inference, from the call until its promise was resolved; milliseconds. */
  readonly endToEnd: readonly number[];
  readonly elapsedMs: number;
  /** CPU time of the whole process meanwhile, milliseconds. */
  readonly cpu: { readonly userMs: number; readonly systemMs: number };
}

/** A loop of `infer`, without CUDA events. */
export async function plainLoop(
  subject: LoopSubject,
  request: RequestOf,
  options: LoopOptions,
): Promise<PlainLoop> {
  const endToEnd: number[] = [];
  const cpuBefore = process.cpuUsage();
  const elapsedMs = await runLoop(async (slot) => {
    endToEnd.push(await inferOnce(subject, request(slot), options.signal));
  }, options);
  const { user, system } = process.cpuUsage(cpuBefore);
  return { endToEnd, elapsedMs, cpu: { userMs: user / 1000, systemMs: system / 1000 } };
}

/** A loop of `inferTimed`. */
export async function timedLoop(
  subject: LoopSubject,
  request: RequestOf,
  options: LoopOptions,
): Promise<readonly InferTiming[]> {
  const timings: InferTiming[] = [];
  await runLoop(async (slot) => {
    const { inputs, infer, idleMs } = request(slot);
    const { outputs, timing } = await subject.inferTimed(inputs, infer);
    timings.push(timing);
    await closeNew(outputs, infer);
    if (idleMs !== undefined) await rest(idleMs, options.signal);
  }, options);
  return timings;
}

/** Milliseconds of one `infer`. An abort ends the rest behind it, which then rejects. */
export async function inferOnce(
  subject: LoopSubject,
  { inputs, infer, idleMs }: LoopRequest,
  signal?: AbortSignal | null,
): Promise<number> {
  const start = performance.now();
  const outputs = await subject.infer(inputs, infer);
  const elapsed = performance.now() - start;
  await closeNew(outputs, infer);
  if (idleMs !== undefined) await rest(idleMs, signal);
  return elapsed;
}

/** Device memory is nothing that the garbage collector sees. What the caller named as a target stays his. */
async function closeNew(outputs: Outputs, { outputs: targets = {} }: InferOptions): Promise<void> {
  const named: readonly unknown[] = Object.values(targets);
  const made = Object.values(outputs).filter(isDeviceTensor);
  await Promise.all(made.filter((tensor) => !named.includes(tensor)).map((each) => each.close()));
}

function rest(milliseconds: number, signal?: AbortSignal | null): Promise<void> {
  return sleep(milliseconds, undefined, signal ? { signal } : {});
}
