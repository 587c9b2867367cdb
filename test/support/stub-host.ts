/**
 * TEST ONLY. The stub TensorRTs and the stub driver of test/stubs in this process: the unchanged addon goes through load,
 * shapes, enqueue and close without a GPU.
 */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import type { LoadOptions } from '../../lib/load-options';
import type { Engine } from '../../lib/engine';
import { findLibraries, loadBinding, root } from './native-host';
import { stubPlan, type StubAbi, type StubEngine } from './stub-plans';

/** The folder of the compiled stubs. They are compiled when they are not there. */
export const stubFolder = execFileSync(
  process.execPath,
  [path.join(root, 'scripts', 'build-stubs.mjs')],
  { encoding: 'utf8' },
).trim();

export const stubDriver = path.join(stubFolder, 'driver');

export const stubLibraries: Readonly<Record<StubAbi, string>> = {
  v10: path.join(stubFolder, 'v10', 'libnvinfer.so.10'),
  v11: path.join(stubFolder, 'v11', 'libnvinfer.so.11'),
  rtx: path.join(stubFolder, 'rtx', 'libtensorrt_rtx.so.1'),
};

export interface StubReport {
  readonly devices: readonly { readonly usedBytes: number; readonly allocations: number }[];
  readonly pinnedBytes: number;
  readonly pinnedAllocations: number;
  readonly streams: number;
  readonly events: number;
  /** Graphs, those that can be launched and those that they were made of. */
  readonly graphs: number;
  /** How often each function was called since the faults were last set. */
  readonly calls: Readonly<Record<string, number>>;
}

interface StubControl {
  setFaults(specification: string): void;
  report(): string;
}

/**
 * The control of the stub driver, and with it the driver: it is libcuda.so.1 to whoever asks for that name in this process
 * later. Children find it by LD_LIBRARY_PATH.
 */
function openControl(): StubControl {
  process.env['LD_LIBRARY_PATH'] = stubDriver;
  const opened = { exports: {} as StubControl };
  process.dlopen(opened, path.join(stubDriver, 'control.node'));
  return opened.exports;
}

const control = openControl();

/**
 * Which calls of which functions of the driver fail from now on: `cuMemAlloc:1=2` lets the first one answer 2, `:1+=2` every
 * one, `:1=throw` throws, `:1=slow2000` keeps its caller for 2,000 microseconds. `tensorrt` stands for the memory that TensorRT takes
 * past its allocator. Counts all calls anew,
 * and makes a lost context good again, which no real one ever is.
 */
export function setFaults(...faults: readonly string[]): void {
  control.setFaults(faults.join(','));
}

export function stubReport(): StubReport {
  return JSON.parse(control.report()) as StubReport;
}

/** What is held of the machine: an engine that is closed has given all of it back. */
export function held(): Omit<StubReport, 'calls'> {
  const { calls: _, ...rest } = stubReport();
  return rest;
}

export const nothingHeld = {
  devices: [{ usedBytes: 0, allocations: 0 }],
  pinnedBytes: 0,
  pinnedAllocations: 0,
  streams: 0,
  events: 0,
  graphs: 0,
};

const compiled = (file: string): string => path.join(root, 'dist', file);
const { loadThrough } = (await import(compiled('load.js'))) as typeof import('../../lib/load');
const { checkLoadOptions } = (await import(
  compiled('load-options.js')
)) as typeof import('../../lib/load-options');
const { planSourceOf } = (await import(
  compiled('plan-source.js')
)) as typeof import('../../lib/plan-source');

const found = new Map<string, ReturnType<typeof findLibraries>>();

/** `loadEngine`, but that each library is looked at once and not once for each load: that takes a process of its own. */
export function loadStub(
  abi: StubAbi,
  engine: StubEngine,
  options: LoadOptions = {},
): Promise<Engine> {
  return loadStubPlan(abi, stubPlan(abi, engine), options);
}

/** The same of a plan that a stub built. */
export function loadStubPlan(
  abi: StubAbi,
  plan: Uint8Array,
  options: LoadOptions = {},
): Promise<Engine> {
  const machine = {
    binding: loadBinding(),
    findLibraries: (wanted: Parameters<typeof findLibraries>[0]) => {
      let discovery = found.get(abi);
      if (!discovery) found.set(abi, (discovery = findLibraries(wanted)));
      return discovery;
    },
  };
  const checked = checkLoadOptions({ library: stubLibraries[abi], ...options });
  return loadThrough(machine, planSourceOf(plan), checked);
}
