import path from 'node:path';
import type { NativeBinding } from '../binding';
import { invalidArgument, TrtError } from '../errors';
import { inspectPlan, type PlanInspection } from '../inspect-onnx/inspect-plan';
import { checkPluginFiles } from '../plugin-files';

/** A plan that goes into a bundle, looked at and found to be its manifest's. */
export interface CheckedPlan extends PlanInspection {
  /** Its name in the bundle, which is its file's. */
  readonly name: string;
  /** Needs TensorRT's standard plugins; null: it has no manifest that could tell. */
  readonly standardPlugins: boolean | null;
  readonly versionCompatible: boolean;
}

/**
 * Rejects with `ERR_TRT_ENGINE_NOT_FOUND`, `ERR_TRT_ENGINE_INVALID`, `ERR_TRT_MANIFEST_INVALID`, `ERR_TRT_ENGINE_DIGEST` (the plan is
 * not its manifest's), `ERR_TRT_PLUGIN` (a plugin library that it was built with is not among `plugins`) and
 * `ERR_TRT_INVALID_ARG` (two plans of one name).
 */
export async function checkPlans(
  files: readonly string[],
  plugins: readonly string[],
  binding: Pick<NativeBinding, 'hashFile'>,
): Promise<readonly CheckedPlan[]> {
  const plans: CheckedPlan[] = [];
  for (const file of new Set(files.map((each) => path.resolve(each)))) {
    const name = path.basename(file);
    const same = plans.find((plan) => plan.name === name);
    if (same !== undefined) {
      throw invalidArgument('plans', `plans of different names (${same.path} is there)`, file);
    }
    const plan = await inspectPlan(file);
    if (plan.described === false) throw notOfManifest(plan);
    await checkPluginFiles(plan.manifest?.plugins ?? [], plugins, binding);
    plans.push({ ...plan, name, ...needsOf(plan) });
  }
  return plans;
}

function needsOf({
  manifest,
}: PlanInspection): Pick<CheckedPlan, 'standardPlugins' | 'versionCompatible'> {
  return {
    standardPlugins: manifest === null ? null : manifest.options['standardPlugins'] === true,
    versionCompatible: manifest?.options['versionCompatible'] === true,
  };
}

function notOfManifest({ path: file, sha256 }: PlanInspection): TrtError {
  return new TrtError(
    'ERR_TRT_ENGINE_DIGEST',
    `the plan ${file} (SHA-256 ${sha256}) is not the one that its manifest ${file}.json describes: it was replaced or damaged. ` +
      'Build it again, or copy plan and manifest together.',
    { details: { path: file, got: sha256 } },
  );
}
