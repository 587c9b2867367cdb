import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Flavour } from '../manifest-schema';
import { entriesIn } from './eviction';

/** An engine in the cache, as its manifest tells. */
export interface CachedEngine {
  /** The cache's name for everything that the engine was built from. */
  readonly key: string;
  /** Absolute path of the plan. */
  readonly path: string;
  /** null, as all that follows: the manifest is missing or cannot be read. */
  readonly model: string | null;
  readonly flavour: Flavour | null;
  readonly version: string | null;
  /** null too: built without a GPU. */
  readonly gpu: string | null;
  readonly computeCapabilities: readonly string[] | null;
  /** As asked for; empty: the model's own types. */
  readonly precision: readonly string[];
  readonly sizeBytes: number;
  /** ISO 8601, UTC. */
  readonly lastUsed: string;
  /** `incomplete`: being built, or left by a build that was killed. */
  readonly state: 'whole' | 'incomplete';
}

/** A timing cache of TensorRT's builder. */
export interface CachedTimings {
  readonly path: string;
  readonly sizeBytes: number;
  /** When a build last wrote to it: ISO 8601, UTC. */
  readonly lastUsed: string;
}

/** The engines in a cache's folder, those first that were not used for the longest time. */
export async function cachedEngines(folder: string): Promise<readonly CachedEngine[]> {
  const engines: CachedEngine[] = [];
  for (const { entry, sizeBytes, usedMs, complete } of await entriesIn(folder)) {
    const manifest = await entry.manifest();
    engines.push({
      key: entry.key,
      path: entry.plan,
      model: manifest?.model.name ?? null,
      flavour: manifest?.flavour ?? null,
      version: manifest?.version ?? null,
      gpu: manifest?.gpu?.name ?? null,
      computeCapabilities: manifest?.computeCapabilities ?? null,
      precision: precisionIn(manifest?.options['precision']),
      sizeBytes,
      lastUsed: new Date(usedMs).toISOString(),
      state: complete ? 'whole' : 'incomplete',
    });
  }
  return engines;
}

/** The files of a timing folder, the oldest first; none where there is no folder. */
export async function cachedTimings(folder: string): Promise<readonly CachedTimings[]> {
  const names: readonly string[] = await readdir(folder).catch(() => []);
  const found: (CachedTimings & { usedMs: number })[] = [];
  for (const name of names.filter((each) => /^tensorrt.+\.cache$/.test(each))) {
    const file = path.join(folder, name);
    const stats = await stat(file).catch(() => null);
    if (!stats?.isFile()) continue;
    const { size: sizeBytes, mtimeMs: usedMs } = stats;
    found.push({ path: file, sizeBytes, lastUsed: new Date(usedMs).toISOString(), usedMs });
  }
  return found
    .sort((a, b) => a.usedMs - b.usedMs)
    .map(({ path: file, sizeBytes, lastUsed }) => ({ path: file, sizeBytes, lastUsed }));
}

function precisionIn(option: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(option) ? option : [option];
  return list.filter((each): each is string => typeof each === 'string');
}
