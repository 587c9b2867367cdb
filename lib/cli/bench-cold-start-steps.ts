import { median } from '../benchmark/statistics';
import { loadBinding } from '../binding';
import { chooseForLoad, findLibraries, goalOfLoad, type Discovery } from '../discovery';
import type { Engine } from '../engine';
import { loadThrough } from '../load';
import { checkLoadOptions, type LoadOptions } from '../load-options';
import { checkPlanFile } from '../plan-file';
import { planSourceOf } from '../plan-source';
import type { ColdStartTask } from './bench-cold-start-child';
import { makeInputs, type MadeInputs } from './make-inputs';

/** Finds the library that the plan needs, and opens it in this process: what `loadEngine` does beside reading the plan. */
export async function openLibrary(plan: string, { library }: LoadOptions): Promise<Discovery> {
  const header = await checkPlanFile(plan);
  const found = await findLibraries({ library, flavour: header.flavour, goal: goalOfLoad(header) });
  const chosen = chooseForLoad({ found, ...header, versionCompatible: true });
  await loadBinding().probeLibrary(chosen.files);
  return found;
}

/** `loadEngine` with the search for a library done. */
export async function loadWith(found: Discovery, plan: string, load: LoadOptions): Promise<Engine> {
  const machine = { binding: loadBinding(), findLibraries: () => Promise.resolve(found) };
  return await loadThrough(machine, planSourceOf(plan), checkLoadOptions(load));
}

export async function inputsOf(
  engine: Engine,
  { inputs, batch }: ColdStartTask,
): Promise<MadeInputs> {
  return await makeInputs(engine, inputs, batch ?? undefined);
}

export function medianOf(values: readonly number[]): number {
  return median(values);
}
