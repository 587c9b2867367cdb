import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { NativeGpu } from './binding';
import { chooseForLoad, goalOfLoad, type Discovery, type FindLibrariesOptions } from './discovery';
import { compareVersions } from './discovery/versions';
import { TrtError } from './errors';
import { flavourNames, planRunsOn } from './gpu-support';
import { manifestPathOf, readManifest } from './manifest';
import type { Manifest } from './manifest-schema';
import { isPlanFile } from './own-files';

/** What a choice among plans depends on. */
export interface PlanFolderMachine {
  /** Asked once there are plans to choose from. */
  readonly gpu: () => Promise<NativeGpu>;
  /** As `LoadOptions.library`. */
  readonly library: string | undefined;
  readonly findLibraries: (options: FindLibrariesOptions) => Promise<Discovery>;
}

/** A plan of a folder, and why it is not to be loaded here; null: it is. */
interface Candidate {
  readonly path: string;
  readonly manifest: Manifest | null;
  readonly refusal: TrtError | null;
}

/** Whether `path` is a folder, so that `planInFolder` says which plan is meant. */
export async function isFolder(file: string): Promise<boolean> {
  return await stat(file).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

/**
 * The plan of a folder that fits this GPU and a TensorRT of this machine: of those with a manifest (`<plan>.json`) the one
 * that was built on the same kind of GPU, before one for several kinds; then TensorRT's before TensorRT-RTX's, the newer
 * TensorRT's, the one that was built last. Folders below it are not looked at.
 *
 * @throws TrtError (as a rejection) `ERR_TRT_ENGINE_NOT_FOUND` where there is none, or where several do not fit for different
 * reasons; else the code of the reason that all of them share. `details.plans` lists each with its reason.
 */
export async function planInFolder(folder: string, machine: PlanFolderMachine): Promise<string> {
  const files = await plansIn(folder);
  if (files.length === 0) {
    throw new TrtError(
      'ERR_TRT_ENGINE_NOT_FOUND',
      `expected plans with their manifests (<plan>.json) in ${folder}, but there are none. Name a plan's file, or build one into ` +
        'that folder.',
      { details: { path: folder, plans: [] } },
    );
  }
  const gpu = await machine.gpu();
  const candidates: Candidate[] = [];
  // One after another: each release is looked for once, and discovery remembers what it opened.
  for (const file of files) candidates.push(await candidateAt(file, gpu, machine));
  const fitting = candidates.filter(isFitting).sort((a, b) => byFit(a, b, gpu));
  const [best] = fitting;
  if (best !== undefined) return best.path;
  throw noneFits(folder, candidates);
}

/** Plans that have a manifest beside them, by name. */
async function plansIn(folder: string): Promise<readonly string[]> {
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    throw new TrtError(
      'ERR_TRT_ENGINE_NOT_FOUND',
      `expected plans in ${folder}, but it cannot be read: ${(cause as Error).message}. Check its permissions.`,
      { cause, details: { path: folder, errno: (cause as NodeJS.ErrnoException).code ?? null } },
    );
  }
  const all = new Set(names);
  // A name with a dot in front is a file of a publication that is going on.
  const paired = names.filter((name) => !name.startsWith('.') && all.has(manifestPathOf(name)));
  const plans: string[] = [];
  for (const name of paired.sort()) {
    const file = path.join(folder, name);
    if (await isPlanFile(file)) plans.push(file);
  }
  return plans;
}

async function candidateAt(
  file: string,
  gpu: NativeGpu,
  machine: PlanFolderMachine,
): Promise<Candidate> {
  let manifest: Manifest | null = null;
  try {
    manifest = await readManifest(manifestPathOf(file));
    // Removed since the folder was read.
    if (manifest === null) throw gone(file);
    const refusal = planRunsOn(manifest, gpu);
    if (refusal !== null) throw refusal;
    const { flavour, version } = manifest;
    const goal = goalOfLoad({ flavour, version });
    const { library } = machine;
    const found = await machine.findLibraries({ library, flavour, goal });
    const versionCompatible = manifest.options['versionCompatible'] === true;
    chooseForLoad({ found, flavour, version, versionCompatible });
    return { path: file, manifest, refusal: null };
  } catch (error) {
    if (error instanceof TrtError) return { path: file, manifest, refusal: error };
    throw error;
  }
}

function gone(file: string): TrtError {
  return new TrtError('ERR_TRT_ENGINE_NOT_FOUND', `${file} was removed meanwhile.`, {
    details: { path: file },
  });
}

interface Fitting extends Candidate {
  readonly manifest: Manifest;
}

function isFitting(candidate: Candidate): candidate is Fitting {
  return candidate.refusal === null && candidate.manifest !== null;
}

/** Negative when `a` is the better one. */
function byFit(a: Fitting, b: Fitting, gpu: NativeGpu): number {
  return (
    distance(a.manifest, gpu) - distance(b.manifest, gpu) ||
    rankOf(a.manifest) - rankOf(b.manifest) ||
    compareVersions(b.manifest.version, a.manifest.version) ||
    Date.parse(b.manifest.builtAt) - Date.parse(a.manifest.builtAt) ||
    // Names never are equal.
    (a.path < b.path ? -1 : 1)
  );
}

/** How far what a plan was tuned for is from this GPU. */
function distance({ gpu, computeCapabilities }: Manifest, here: NativeGpu): number {
  const { computeCapability } = here;
  if (gpu?.name === here.name && gpu.computeCapability === computeCapability) return 0;
  if (gpu?.computeCapability === computeCapability) return 1;
  if (computeCapabilities.length === 1 && computeCapabilities[0] === computeCapability) return 2;
  return computeCapabilities.includes(computeCapability) ? 3 : 4;
}

function rankOf({ flavour }: Manifest): number {
  return flavour === 'tensorrt' ? 0 : 1;
}

function noneFits(folder: string, candidates: readonly Candidate[]): TrtError {
  const refusals = candidates.flatMap(({ refusal }) => refusal ?? []);
  const codes = new Set(refusals.map(({ code }) => code));
  const [shared] = codes;
  const lines = candidates.map(
    ({ path: file, manifest, refusal }) =>
      `  ${path.basename(file)}${manifest === null ? '' : ` (${describe(manifest)})`}: ${refusal?.message ?? ''}`,
  );
  return new TrtError(
    codes.size === 1 && shared !== undefined ? shared : 'ERR_TRT_ENGINE_NOT_FOUND',
    `none of the ${candidates.length} plans in ${folder} can be loaded here:\n${lines.join('\n')}`,
    {
      ...(refusals.length === 1 ? { cause: refusals[0] } : {}),
      details: {
        path: folder,
        plans: candidates.map(({ path: file, refusal }) => ({
          path: file,
          code: refusal?.code ?? null,
        })),
      },
    },
  );
}

function describe({ flavour, version, computeCapabilities }: Manifest): string {
  return `${flavourNames[flavour]} ${version}, compute capability ${computeCapabilities.join(', ')}`;
}
