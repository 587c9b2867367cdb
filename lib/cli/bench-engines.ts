import { stat } from 'node:fs/promises';
import { engineId, type BenchEngine } from '../bench/record';
import type { Engine } from '../engine';
import { loadEngine } from '../load';
import type { LoadOptions } from '../load-options';

/** An engine of the command line, loaded. */
export interface LoadedEngine {
  readonly id: string;
  readonly engine: Engine;
  readonly facts: BenchEngine;
}

/** Loads all plans, and hands them to `work`; closes them however it ends. */
export async function withEngines<T>(
  plans: readonly string[],
  load: LoadOptions,
  work: (engines: readonly LoadedEngine[]) => Promise<T>,
): Promise<T> {
  const loaded: LoadedEngine[] = [];
  try {
    for (const [index, plan] of plans.entries()) loaded.push(await loadOne(plan, index, load));
    return await work(loaded);
  } finally {
    await Promise.all(loaded.map(({ engine }) => engine.close()));
  }
}

async function loadOne(plan: string, index: number, load: LoadOptions): Promise<LoadedEngine> {
  const start = performance.now();
  const engine = await loadEngine(plan, load);
  const loadMs = performance.now() - start;
  const id = engineId(index);
  return { id, engine, facts: await factsOf(id, plan, engine, load, loadMs) };
}

async function factsOf(
  id: string,
  plan: string,
  engine: Engine,
  load: LoadOptions,
  loadMs: number,
): Promise<BenchEngine> {
  const { manifest, flavour, version, lanes, graphs } = engine;
  const stats = await stat(plan).catch(() => null);
  return {
    id,
    path: plan,
    sizeBytes: stats?.isFile() === true ? stats.size : null,
    sha256: manifest?.plan.sha256 ?? null,
    runtime: flavour,
    runtimeVersion: version,
    precision: precisionOf(manifest?.options['precision']),
    lanes,
    graphs: graphs.mode,
    waiting: load.waiting ?? 'auto',
    loadMs,
  };
}

/** A manifest may be of other hands. */
function precisionOf(precision: unknown): readonly string[] | null {
  const list: readonly unknown[] = Array.isArray(precision) ? precision : [precision];
  const names = list.filter((each) => typeof each === 'string');
  return names.length === 0 ? null : names;
}
