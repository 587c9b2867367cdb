import { TrtError } from '../errors';
import { flavourNames } from '../gpu-support';
import type { Flavour } from '../manifest-schema';
import { isUsable, type Discovery, type UsableLibrary } from './found-library';
import {
  describeLibrary,
  libraryNotFound,
  requestedFileProblem,
  unusableLibraries,
} from './refusals';
import type { SearchGoal } from './search-goal';
import { compareVersions, isVersionOf, releaseOf } from './versions';

export interface LoadChoice {
  readonly found: Discovery;
  /** The plan's, from its header. */
  readonly flavour: Flavour;
  /** The plan's, from its header: `10.6.0` or `10.6.0.26`; the build number is not compared. */
  readonly version: string;
  /** The plan was built to run on later releases of its major too. */
  readonly versionCompatible?: boolean;
}

/**
 * The first library of the plan's flavour and exact release, or else, for a version-compatible plan, the first of a later release of
 * its major. Throws a TrtError that says what the plan needs.
 */
export function chooseForLoad(choice: LoadChoice): UsableLibrary {
  const { found, flavour, version } = choice;
  const given = requestedFileProblem(found);
  if (given) throw given;
  const release = releaseOf(version);
  const ofFlavour = found.libraries.filter((library) => library.flavour === flavour);
  const usable = ofFlavour.filter(isUsable).filter(({ hasRuntime }) => hasRuntime);
  const match =
    usable.find((library) => loads(library, flavour, release)) ??
    usable.find((library) => choice.versionCompatible === true && isLater(library, release));
  if (match) return match;
  if (usable.length > 0) throw otherVersion(usable, flavour, release);
  const unusable = unusableLibraries(ofFlavour);
  if (unusable) throw unusable;
  const other = found.requested === null ? undefined : found.libraries.find(isUsable);
  if (other) throw otherFlavour(other, flavour, release);
  throw libraryNotFound(found, [flavour]);
}

/** The search that a load needs: files whose names tell of another release are opened last, when nothing else was it. */
export function goalOfLoad({ flavour, version }: Omit<LoadChoice, 'found'>): SearchGoal {
  const release = releaseOf(version);
  return {
    rank: (candidate) => {
      const told = [candidate.namedVersion, versionOfFolder(candidate.files.core)];
      return told.every((version) => version === null || isVersionOf(version, release)) ? 0 : 1;
    },
    isMetBy: (library) => loads(library, flavour, release),
  };
}

/** `trt-node setup` and NVIDIA's archives name it, `TensorRT-10.6.0.26`; files in there often tell their major alone. */
function versionOfFolder(file: string): string | null {
  return /\/tensorrt-(?:rtx-)?(\d+\.\d+\.\d+)[^/]*\//i.exec(file)?.[1] ?? null;
}

function loads(library: UsableLibrary, flavour: Flavour, release: string): boolean {
  return (
    library.flavour === flavour && library.hasRuntime && releaseOf(library.version) === release
  );
}

function isLater({ version }: UsableLibrary, release: string): boolean {
  const major = (of: string): string => of.slice(0, of.indexOf('.'));
  return major(version) === major(release) && compareVersions(version, release) > 0;
}

function otherVersion(
  usable: readonly UsableLibrary[],
  flavour: Flavour,
  release: string,
): TrtError {
  const name = flavourNames[flavour];
  return new TrtError(
    'ERR_TRT_ENGINE_VERSION',
    `the plan was built by ${name} ${release} and runs on that version alone; found ${usable.map(describeLibrary).join(', ')}. ` +
      `Install ${name} ${release} and name its folder in TRT_NODE_LIBRARY_PATH, or build the plan again from its ONNX model with this machine's version.`,
    {
      details: {
        flavour,
        planVersion: release,
        libraryVersions: usable.map((library) => library.version),
      },
    },
  );
}

function otherFlavour(library: UsableLibrary, flavour: Flavour, release: string): TrtError {
  return new TrtError(
    'ERR_TRT_ENGINE_FLAVOUR',
    `the plan was built by ${flavourNames[flavour]} ${release}, but \`library\` is ${describeLibrary(library)}; their plans do not run on each other. ` +
      'Leave `library` out to search this machine for the right one, or build the plan again with this library.',
    { details: { planFlavour: flavour, libraryFlavour: library.flavour } },
  );
}
