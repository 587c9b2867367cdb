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
import { releaseOf } from './versions';

export interface LoadChoice {
  readonly found: Discovery;
  /** The plan's, from its header. */
  readonly flavour: Flavour;
  /** The plan's, from its header: `10.6.0` or `10.6.0.26`; the build number is not compared. */
  readonly version: string;
}

/** The first library of the plan's flavour and exact release. Throws a TrtError that says what the plan needs. */
export function chooseForLoad({ found, flavour, version }: LoadChoice): UsableLibrary {
  const given = requestedFileProblem(found);
  if (given) throw given;
  const release = releaseOf(version);
  const ofFlavour = found.libraries.filter((library) => library.flavour === flavour);
  const usable = ofFlavour.filter(isUsable).filter(({ hasRuntime }) => hasRuntime);
  const match = usable.find((library) => releaseOf(library.version) === release);
  if (match) return match;
  if (usable.length > 0) throw otherVersion(usable, flavour, release);
  const unusable = unusableLibraries(ofFlavour);
  if (unusable) throw unusable;
  const other = found.requested === null ? undefined : found.libraries.find(isUsable);
  if (other) throw otherFlavour(other, flavour, release);
  throw libraryNotFound(found, [flavour]);
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
