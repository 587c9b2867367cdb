import path from 'node:path';
import { chooseForLoad, findLibraries, type UsableLibrary } from '../discovery';
import { isUsable, type Discovery } from '../discovery/found-library';
import {
  builderMissing,
  describeLibrary,
  libraryNotFound,
  requestedFileProblem,
  unusableLibraries,
} from '../discovery/refusals';
import { TrtError } from '../errors';
import { flavours } from '../manifest-schema';
import type { CheckedPlan } from './bundled-plan';

/** What a bundle needs to know to choose. */
export interface LibraryWish {
  readonly plans: readonly CheckedPlan[];
  /** A builder and a parser must be there. */
  readonly builder: boolean;
}

/**
 * One TensorRT for each flavour and release that the plans need; without plans the only one that is found.
 *
 * @throws TrtError the code that `loadEngine` would give for a plan that nothing here loads; `ERR_TRT_BUILDER_MISSING`;
 * `ERR_TRT_INVALID_ARG` (several are found, and no plan tells which)
 */
export async function chooseLibraries(
  wish: LibraryWish,
  library: string | undefined,
): Promise<readonly UsableLibrary[]> {
  return librariesOf(await findLibraries({ library }), wish);
}

/** The choice itself. Pure. */
export function librariesOf(
  found: Discovery,
  { plans, builder }: LibraryWish,
): readonly UsableLibrary[] {
  const chosen =
    plans.length === 0
      ? [onlyLibrary(found)]
      : plans.map(({ flavour, version, versionCompatible }) =>
          chooseForLoad({ found, flavour, version, versionCompatible }),
        );
  const distinct = [...new Set(chosen)];
  const lacking = builder ? distinct.find(({ hasBuilder }) => !hasBuilder) : undefined;
  if (lacking !== undefined) {
    const { code, message, details } = builderMissing(lacking);
    throw new TrtError(code, `${message} Without a builder: --no-builder.`, { details });
  }
  return distinct;
}

function onlyLibrary(found: Discovery): UsableLibrary {
  const given = requestedFileProblem(found);
  if (given) throw given;
  const usable = found.libraries.filter(isUsable);
  const [first, ...others] = usable;
  if (first === undefined) {
    throw unusableLibraries(found.libraries) ?? libraryNotFound(found, [...flavours].reverse());
  }
  if (others.length === 0) return first;
  throw new TrtError(
    'ERR_TRT_INVALID_ARG',
    `expected \`library\` (--library) or a plan (--plan), as there are ${usable.length} TensorRTs here: ` +
      `${usable.map(describeLibrary).join('; ')}. Name the one that the bundle is for.`,
    { details: { argument: 'library', libraries: usable.map(({ files }) => files.core) } },
  );
}

/** `libnvinfer_plugin.so.10`, where TensorRT's standard plugins lie beside it. */
export function standardPluginsOf({ files, flavour, version }: UsableLibrary): string | null {
  if (flavour === 'tensorrt-rtx') return null;
  const major = version.split('.')[0] ?? '';
  return path.join(path.dirname(files.core), `libnvinfer_plugin.so.${major}`);
}
